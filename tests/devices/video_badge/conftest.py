"""Footage that is made once, and a recorder that says what it does."""

import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agent.keys.file import FileKey
from agent.recording.manifest import Manifest
from agent.recording.seal import Custodian
from agent.recording.stream.media_signing import MediaSigner
from agent.recording.stream.sei import Vendor
from devices.video_badge.media import Item, Picture
from devices.video_badge.recorder import Recorder
from devices.video_badge.reports import Ended, Stored
from devices.video_badge.ring import Ring
from devices.video_badge.spool import Spool
from tests.devices.video_badge.footage import BEGIN_US, FPS, SOUND, footage

Report = TypeVar("Report")


class Desk:
    """A recorder over a folder, and all its reports."""

    def __init__(self, folder: pathlib.Path, pre_s: int, quota: int) -> None:
        self.folder = folder
        self.custodian = generate_private_key(SECP256R1())
        self.key = FileKey(generate_private_key(SECP256R1()))
        self.told: list[object] = []
        self._pre_s = pre_s
        self._quota = quota
        self._changed = threading.Condition()
        self.open()

    def open(self) -> None:
        """A recorder of a new process."""
        self.recorder = Recorder(
            Spool(str(self.folder), self._quota),
            Custodian(self.custodian.public_key()),
            lambda: MediaSigner(self.key, [b"certificate"], Vendor("1", "badge-0001", "dabyl")),
            Ring(self._pre_s, 10**7),
            fps=FPS,
            positions=True,
            report=self._report,
        )
        self.recorder.sound = SOUND
        self.recorder.start_thread()

    def take(self, items: Iterable[Item]) -> None:
        for item in items:
            self.recorder.take(item)

    def until(self, reached: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(reached, 20), self.told

    def all(self, kind: type[Report]) -> list[Report]:
        return [one for one in self.told if isinstance(one, kind)]

    def manifests(self) -> list[Manifest]:
        return [Manifest.of(one.data) for one in self.all(Stored)]

    def _report(self, report: object) -> None:
        with self._changed:
            self.told.append(report)
            self._changed.notify_all()


def recorded(desk: Desk, items: list[Item], by: str = "press") -> list[Manifest]:
    """Start at once, record all, stop: the segments."""
    desk.recorder.start("button")
    desk.take(items)
    desk.recorder.stop(by)
    desk.until(lambda: bool(desk.all(Ended)))
    return desk.manifests()


def before(film: list[Item], seconds: float) -> int:
    """How many items come before the picture of this second."""
    at_us = BEGIN_US + round(seconds * 1_000_000)
    return next(n for n, one in enumerate(film) if isinstance(one, Picture) and one.at_us >= at_us)


@pytest.fixture(scope="session")
def film() -> list[Item]:
    """Seven seconds and a half."""
    return footage(7.5)


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "spool", 2, 10**9)
    yield made
    made.recorder.close()


@pytest.fixture
def small_desk(tmp_path: pathlib.Path) -> Iterator[Desk]:
    """One with room for half a megabyte."""
    made = Desk(tmp_path / "spool", 2, 500_000)
    yield made
    made.recorder.close()
