"""The recorder: every picture in its segment, each segment playable, sealed, chained and told."""

import dataclasses
import hashlib
import io
import itertools
import os
import pathlib
import random
import threading
import time

import av
import pytest

from agent.recording import manifest
from agent.recording.manifest import FIRST_PREV
from agent.recording.seal import CHUNK
from agent.recording.stream import content
from agent.recording.unseal import open_segment
from devices.video_badge.media import Item, Picture, Sound
from devices.video_badge.reports import Began, Ended, Frames, Gap, Room, Stored
from devices.video_badge.segment import parameters
from simulators.camera import footage as camera
from tests.devices.video_badge.conftest import Desk, before, recorded
from tests.devices.video_badge.footage import BEGIN_US, FPS, SOUND, UNIX_MS, opened, played

SIGNATURE = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
"""How a SEI of ONVIF Media Signing begins."""


def test_every_picture_is_in_a_segment_that_plays_by_itself(desk: Desk, film: list[Item]) -> None:
    made = recorded(desk, film)
    shown = [played(opened(desk.folder, one, desk.custodian)) for one in made]
    assert [len(one.numbers) for one in shown] == [60, 60, 60, 45]
    assert [number for one in shown for number in one.numbers] == list(range(225))
    assert [time for one in shown for time in one.times] == [3000 * n for n in range(225)]
    assert sum(one.sounds for one in shown) == sum(isinstance(one, Sound) for one in film), "none is lost at a cut"
    assert {one.sound_rate for one in shown} == {SOUND[0]}


def test_pictures_of_a_clock_that_trembles_follow_each_other_without_overlap(desk: Desk, film: list[Item]) -> None:
    rng = random.Random(2)
    shaken = [
        dataclasses.replace(one, at_us=one.at_us + rng.randrange(-3000, 3000)) if isinstance(one, Picture) else one
        for one in film
    ]
    end = 0
    for one in recorded(desk, shaken):
        with av.open(io.BytesIO(opened(desk.folder, one, desk.custodian)), "r") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets:
            assert packet.pts is not None
            assert packet.pts >= end - 90 * 3 * 2, "segments begin where the camera says"
        for packet, following in itertools.pairwise(packets):
            assert (packet.pts or 0) + (packet.duration or 0) <= (following.pts or 0)
        end = (packets[-1].pts or 0) + (packets[-1].duration or 0)


def test_the_manifest_says_what_is_in_the_file(desk: Desk, film: list[Item]) -> None:
    for n, one in enumerate(recorded(desk, film), 1):
        data = (desk.folder / one.recording.hex() / f"{n:06d}.seg").read_bytes()
        plain = open_segment(data, desk.custodian)
        assert (plain.recording, plain.n, plain.whole) == (one.recording, n, True)
        assert (one.size, one.sha256) == (len(data), hashlib.sha256(data).digest())
        known = one.contents
        assert known is not None
        assert known.plain_sha256 == hashlib.sha256(plain.plaintext).digest()
        assert known.at == UNIX_MS + 2000 * (n - 1)
        assert known.duration_ms == (2000 if n < 4 else 1499)
        assert known.missing == 0
        told = content.read(known.content)
        assert told.video.samples == known.frames
        assert told.audio is not None
        assert told.position is not None


def test_every_fragment_ends_with_its_signature_and_parameter_sets_stand_in_the_header(
    desk: Desk, film: list[Item]
) -> None:
    first = next(one for one in film if isinstance(one, Picture))
    sps, pps = parameters(first.data)
    for one in recorded(desk, film):
        plain = opened(desk.folder, one, desk.custodian)
        assert one.contents is not None
        fragments = plain.count(b"moof")
        assert fragments >= len(range(0, one.contents.frames, 6))
        assert plain.count(SIGNATURE) == len(range(0, one.contents.frames, 6))
        assert plain.count(sps) == plain.count(pps) == 1


def test_segments_are_chained_and_the_last_one_says_so(desk: Desk, film: list[Item]) -> None:
    made = recorded(desk, film)
    assert [one.n for one in made] == [1, 2, 3, 4]
    assert [one.last for one in made] == [False, False, False, True]
    assert [one.prev for one in made] == [FIRST_PREV, *(manifest.digest(one.data()) for one in made[:-1])]
    assert len({one.key for one in made}) == 4
    [ended] = desk.all(Ended)
    assert (ended.recording, ended.by, ended.segments, ended.duration_ms) == (made[0].recording, "press", 4, 7466)
    assert isinstance(desk.told[-1], Ended), "the end is told after the last segment"


def test_what_was_before_goes_ahead_of_it(desk: Desk, film: list[Item]) -> None:
    begin = before(film, 5.5)
    desk.take(film[:begin])
    made = recorded(desk, film[begin:])
    [began] = desk.all(Began)
    assert began.pre_ms == 2466, "from the key frame of second 3, for it keeps two"
    shown = [played(opened(desk.folder, one, desk.custodian)).numbers for one in made]
    assert [number for one in shown for number in one] == list(range(90, 225))


def test_nothing_is_on_the_disk_before_it_begins(desk: Desk, film: list[Item]) -> None:
    desk.take(film)
    desk.until(lambda: sum(one.count for one in desk.all(Frames)) >= 200)
    assert list(desk.folder.rglob("*.seg")) == []


def test_whole_fragments_are_in_the_file_before_the_segment_ends(desk: Desk, film: list[Item]) -> None:
    desk.recorder.start("button")
    desk.take(film[: before(film, 1.5)])
    path = desk.folder / "*/000001.seg"

    def size() -> int:
        return max((one.stat().st_size for one in desk.folder.glob("*/000001.seg")), default=0)

    until = time.monotonic() + 10
    numbers: list[int | None] = []
    while len(numbers) < 42 and time.monotonic() < until:
        if size() > CHUNK:
            [found] = desk.folder.glob("*/000001.seg")
            numbers = played(open_segment(found.read_bytes(), desk.custodian).plaintext).numbers
        time.sleep(0.01)
    assert numbers[:42] == list(range(42)), f"seven fragments of six pictures each, in {path}"


def shown_in_first(desk: Desk, count: int) -> list[int | None]:
    """The pictures in the first segment as it is on the disk, once there are so many, or after ten seconds."""
    until = time.monotonic() + 10
    numbers: list[int | None] = []
    while len(numbers) < count and time.monotonic() < until:
        for found in desk.folder.glob("*/000001.seg"):
            if found.stat().st_size > CHUNK:
                numbers = played(open_segment(found.read_bytes(), desk.custodian).plaintext).numbers
        time.sleep(0.02)
    return numbers


def test_pictures_do_not_wait_in_memory_for_a_camera_that_stands_still(desk: Desk, film: list[Item]) -> None:
    desk.recorder.start("button")
    desk.take(film[: before(film, 1.5)])
    for sound in (one for one in film[before(film, 1.5) :] if isinstance(one, Sound)):
        desk.take([sound])
        if desk.recorder._waiting > 10_000:
            time.sleep(0.001)
    desk.recorder.stop("press")
    desk.until(lambda: bool(desk.all(Ended)))
    [made] = desk.manifests()
    assert made.contents is not None
    plain = opened(desk.folder, made, desk.custodian)
    fragments = plain.count(b"moof")
    assert fragments == 9, "eight with pictures, the last of which was not full, and one with the rest of the sound"


def test_what_is_held_back_is_written_when_nothing_comes_any_more(desk: Desk, film: list[Item]) -> None:
    desk.recorder.start("button")
    desk.take([one for one in film[: before(film, 1.5)] if isinstance(one, Picture)])
    assert shown_in_first(desk, 45) == list(range(45))


def test_another_size_of_picture_begins_another_segment(desk: Desk, film: list[Item]) -> None:
    at = before(film, 1.0)
    other = camera.footage(1.0, (320, 240), FPS, 200_000, begin_us=BEGIN_US + 1_000_000, unix_ms=UNIX_MS + 1000)
    made = recorded(desk, [*film[:at], *other, *film[before(film, 2.0) :]])
    known = [content.read(one.contents.content) for one in made if one.contents is not None]
    assert len(made) == 5
    assert known[0].parameters != known[1].parameters
    assert [one.video.samples for one in known[:3]] == [30, 30, 60]


def test_the_disk_is_synced_with_each_group_of_pictures(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, synced = os.fdatasync, []

    def watched(descriptor: int) -> None:
        synced.append(str(pathlib.Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", watched)
    desk.recorder.start("button")
    for second in range(4):
        desk.take(film[before(film, second) : before(film, second + 1)])
        desk.until(lambda second=second: len(desk.all(Frames)) > second and desk.recorder._card.idle)  # type: ignore[misc]
    desk.recorder.stop("press")
    desk.until(lambda: bool(desk.all(Ended)))
    assert sum(one.endswith("000001.seg") for one in synced) == 2, "in the middle, and at its end"


def test_the_names_of_segments_are_durable_too(desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    sync, synced = os.fsync, []

    def watched(descriptor: int) -> None:
        synced.append(pathlib.Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    [one, *_] = recorded(desk, film)
    spool = desk.folder.resolve()
    folder = spool / one.recording.hex()
    assert [path for path in synced if path.is_dir()] == [folder, folder, spool, *[folder, folder] * 3]


def test_a_recording_that_was_ended_is_not_told_again_by_the_next_start(desk: Desk, film: list[Item]) -> None:
    recorded(desk, film)
    desk.recorder.close()
    desk.told.clear()
    desk.open()
    desk.until(lambda: bool(desk.all(Room)))
    assert desk.all(Ended) == []


def test_a_segment_is_told_only_once_it_is_on_the_disk(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    sync = os.fdatasync

    def held(descriptor: int) -> None:
        assert slow.wait(20)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", held)
    desk.recorder.start("button")
    desk.take(film)
    desk.until(lambda: sum(one.count for one in desk.all(Frames)) >= 200)
    assert desk.all(Stored) == [], "and the recorder has not waited for it"
    slow.set()
    desk.until(lambda: len(desk.all(Stored)) >= 3)


def test_frames_that_the_camera_lost_are_counted_and_a_long_gap_is_told(desk: Desk, film: list[Item]) -> None:
    lost = {10, 11, 47, 59}
    cut = range(95, 140)
    kept = [one for one in film if not isinstance(one, Picture) or number(one) not in {*lost, *cut}]
    made = recorded(desk, kept)
    known = [one.contents for one in made]
    assert sum(one.missing for one in known if one is not None) == 4 + 45
    [gap] = desk.all(Gap)
    assert gap.input == "camera"
    assert 1500 <= gap.for_ms <= 1600
    assert sum(one.missing for one in desk.all(Frames)) >= 3


def number(picture: Picture) -> int:
    return round((picture.at_us - BEGIN_US) * 30 / 1e6)
