"""A journal with its newest events in memory gives what one without them gives, and reads less."""

import random

import pytest

from agent.journal import log, recent
from agent.journal.log import Journal
from agent.journal.recent import RecentJournal
from simulators.storage import SimulatedDisk

SIZES = {"max_bytes": 16384, "segment_bytes": 2048, "unkept_bytes": 3000}


def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[Journal, RecentJournal]:
    monkeypatch.setattr(recent, "RECENT_BYTES", 1500)
    plain, other = Journal(SimulatedDisk(), **SIZES), RecentJournal(SimulatedDisk(), **SIZES)
    for journal in (plain, other):
        journal.open()
    return plain, other


def test_it_gives_the_same_events_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    evicted = sum(same(random.Random(seed), *pair(monkeypatch)) for seed in range(30))
    assert evicted > 30


def same(chance: random.Random, plain: Journal, other: RecentJournal) -> int:
    """Do the same to both at random, and compare; how many ranges were evicted."""
    evicted = 0
    asked = seq = 0
    for _ in range(300):
        name, arguments = "sync", tuple[object, ...]()
        match chance.randrange(8):
            case 0 | 1 | 2:
                seq += 1
                name = "append"
                arguments = chance.randrange(4), 1, seq, bytes(16), chance.randbytes(chance.randrange(1, 300))
            case 3:
                first = chance.randint(1, seq + 1)
                name, arguments = "settle", (1, first, first + chance.randrange(6))
            case 4 | 5 | 6:
                lane, after = chance.randrange(2), chance.choice((0, asked, asked, chance.randint(0, seq + 1)))
                name, arguments = "next", (lane, after)
                found = plain.next(lane, after)
                asked = found[0] if found else asked
        assert getattr(plain, name)(*arguments) == getattr(other, name)(*arguments)
        evicted += len(plain.take_gaps())
    return evicted


def test_what_waits_for_its_turn_is_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, journal = pair(monkeypatch)
    for seq in range(1, 5):
        journal.append(log.STATE, 1, seq, bytes(16), b"%d" % seq)
    assert journal.sync()
    monkeypatch.setattr(journal, "_read", None)
    found, after = [], 0
    while (entry := journal.next(1, after)) is not None:
        found.append(entry[4])
        after = entry[0]
    assert found == [b"1", b"2", b"3", b"4"]


def test_no_more_is_in_memory_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    _, journal = pair(monkeypatch)
    for seq in range(1, 50):
        journal.append(log.STATE, 1, seq, bytes(16), bytes(100))
    assert len(journal._recent) == 15
    journal.settle(1, 1, 49)
    journal.append(log.STATE, 1, 50, bytes(16), bytes(100))
    assert len(journal._recent) == 1
