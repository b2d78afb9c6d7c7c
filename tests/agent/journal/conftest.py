"""What the journal's tests share: events to append, and a journal on a simulated disk."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from agent.journal.log import Journal
from simulators.storage import SimulatedDisk

Append = Callable[..., int]


@pytest.fixture
def disk() -> SimulatedDisk:
    return SimulatedDisk()


@pytest.fixture
def opened() -> Callable[..., Journal]:
    """An opened journal of small sizes on a disk."""

    def opened_on(disk: SimulatedDisk, **sizes: int) -> Journal:
        journal = Journal(disk, **({"max_bytes": 8192, "segment_bytes": 1024} | sizes))
        journal.open()
        return journal

    return opened_on


@pytest.fixture
def append() -> Append:
    """Append one event whose hash is that of its envelope."""

    def append_to(journal: Journal, rank: int, boot: int, seq: int, envelope: bytes | None = None) -> int:
        data = b"event %d/%d " % (boot, seq) * 8 if envelope is None else envelope
        return journal.append(rank, boot, seq, sha256(data).digest()[:16], data)

    return append_to
