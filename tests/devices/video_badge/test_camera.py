"""The camera's keeper over the simulated picamera2: pictures and sounds with their times, and every way in which a camera is not there."""

import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devices.video_badge.media import Item, Picture, Sound
from devices.video_badge.reports import Camera
from simulators.camera.control import FOLDER, SITE, Control, Faults

SETTINGS = {"width": 160, "height": 120, "fps": 30, "bitrate_kbps": 200, "sound": True, "microphone": "default"}


class Keeper:
    """A keeper at work, and what it said."""

    def __init__(self, folder: pathlib.Path, module: Any) -> None:
        self.control = Control(folder)
        self.items: list[Item] = []
        self.sound: list[tuple[int, int]] = []
        self.reports: list[str | None] = []
        self._changed = threading.Condition()
        self._keeper = module.CameraKeeper(SETTINGS, self._take, self._heard, self._report)
        self.start, self.close = self._keeper.start, self._keeper.close

    def until(self, reached: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(reached, 20), (len(self.items), self.reports)

    def pictures(self) -> list[Picture]:
        return [one for one in self.items if isinstance(one, Picture)]

    def _take(self, item: Item) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def _heard(self, rate: int, channels: int) -> None:
        self.sound.append((rate, channels))

    def _report(self, report: Camera) -> None:
        with self._changed:
            self.reports.append(report.trouble)
            self._changed.notify_all()


@pytest.fixture
def keeper(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.syspath_prepend(os.fspath(SITE))
    monkeypatch.setenv(FOLDER, os.fspath(tmp_path))
    from devices.video_badge import camera  # noqa: PLC0415  picamera2 is found only now

    monkeypatch.setattr(camera, "AGAIN_S", (0.05,))
    monkeypatch.setattr(camera, "LOOK_S", 0.05)
    made = Keeper(tmp_path, camera)
    yield made
    made.close()


def test_pictures_and_sounds_come_with_the_times_of_the_monotonic_clock(keeper: Keeper) -> None:
    began_us = time.monotonic_ns() // 1000
    keeper.start()
    keeper.until(lambda: len(keeper.pictures()) >= 35 and None in keeper.reports)
    pictures = keeper.pictures()
    assert pictures[0].keyframe
    assert pictures[30].keyframe
    assert not pictures[29].keyframe
    assert began_us <= pictures[0].at_us <= time.monotonic_ns() // 1000
    assert [one.at_us - pictures[0].at_us for one in pictures] == [n * 1_000_000 // 30 for n in range(len(pictures))]
    assert abs(pictures[0].unix_ms - time.time() * 1000) < 60_000
    of_day = [one.unix_ms - pictures[0].unix_ms for one in pictures]
    assert all(abs(ms - (one.at_us - pictures[0].at_us) // 1000) <= 1 for ms, one in zip(of_day, pictures, strict=True))
    assert keeper.sound == [(48_000, 1)]
    sounds = [one for one in keeper.items if isinstance(one, Sound)]
    assert sounds
    assert abs(sounds[0].at_us - pictures[0].at_us) < 200_000
    assert keeper.reports == [None]


def test_the_time_of_day_follows_a_clock_that_is_set(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper.start()
    keeper.until(lambda: len(keeper.pictures()) >= 3)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_600_000_000_000)
    keeper.until(lambda: keeper.pictures()[-1].unix_ms - keeper.pictures()[0].unix_ms > 3_000_000)


def test_a_camera_that_is_not_there_is_told_and_used_once_it_is(keeper: Keeper) -> None:
    keeper.control.set(Faults(absent=True))
    keeper.start()
    keeper.until(lambda: bool(keeper.reports))
    keeper.control.set(Faults())
    keeper.until(lambda: len(keeper.reports) == 2 and bool(keeper.pictures()))
    assert keeper.reports == ["IndexError: list index out of range", None]


def test_a_camera_that_freezes_is_told_and_opened_again(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper.start()
    keeper.until(lambda: keeper.reports == [None])
    monkeypatch.setattr("devices.video_badge.camera.SILENT_S", 0.6)
    keeper.control.set(Faults(frozen=True))
    keeper.until(lambda: len(keeper.reports) == 2)
    keeper.control.set(Faults())
    keeper.until(lambda: len(keeper.reports) == 3)
    assert keeper.reports == [None, "it delivers no pictures", None]
    times = [one.at_us for one in keeper.pictures()]
    assert times == sorted(times), "its clock goes on over a new start"
