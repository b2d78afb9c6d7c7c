"""The spool: names, room, and what is found after the power went."""

import dataclasses
import os
import pathlib
import random

import pytest

from agent.recording import manifest
from agent.recording.manifest import Contents, Manifest
from agent.wire import cose, event
from devices.video_badge.spool import TOLD_AGAIN, Spool, recovered
from tests.devices.video_badge.conftest import Desk

RECORDING = bytes(range(16))
CONTENTS = Contents(1, 2000, bytes(32), 60, 0, {})
ONE = Manifest(RECORDING, 1, 10, bytes(32), bytes(32), "button", bytes(8), b"k", CONTENTS)
NOW_S = 1_800_000_000.0


def written(spool: Spool, n: int, data: bytes = b"x" * 100) -> pathlib.Path:
    descriptor = spool.create(RECORDING, n)
    os.write(descriptor, data)
    os.close(descriptor)
    path = pathlib.Path(spool.path(RECORDING, n, ".seg"))
    os.utime(path, (NOW_S, NOW_S))
    return path


@pytest.fixture
def spool(tmp_path: pathlib.Path) -> Spool:
    return Spool(str(tmp_path / "deep" / "spool"), 1000)


def test_nothing_is_overwritten(spool: Spool) -> None:
    written(spool, 1)
    with pytest.raises(FileExistsError):
        spool.create(RECORDING, 1)


def test_others_cannot_read_it(spool: Spool) -> None:
    path = written(spool, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_room_is_what_the_quota_leaves(spool: Spool) -> None:
    assert spool.room() == (0, 1000)
    for n in range(1, 9):
        written(spool, n)
    assert spool.room() == (800, 200)
    written(spool, 9, b"x" * 300)
    assert spool.room() == (1100, 0)


def test_a_recording_of_which_nothing_is_left_leaves_no_folder(spool: Spool) -> None:
    path = written(spool, 1)
    path.unlink()
    spool.room()
    assert path.parent.exists(), "it has not ended"
    spool.ended(RECORDING)
    spool.room()
    assert not path.parent.exists()


def test_what_is_not_signed_is_told_and_the_last_signed_ones_again(spool: Spool, desk: Desk) -> None:
    signed = range(1, 9)
    for n in range(1, 11):
        written(spool, n)
        one = dataclasses.replace(ONE, n=n)
        spool.keep_manifest(one)
        if n in signed:
            made = event.Event("badge-0001", "video-badge", manifest.TYPE, 1, n, 3, 2, 1, bytes(16), one.data())
            spool.keep_signed(cose.sign(made.encode(), event.CONTEXT, desk.key))
    [left] = spool.left_behind(NOW_S)
    assert [one.n for one in left.manifests] == list(range(11 - TOLD_AGAIN, 11))
    assert all(one.contents == CONTENTS for one in left.manifests)
    assert left.segments == 10


@pytest.mark.parametrize(("seconds", "resume"), [(0, True), (59, True), (-59, True), (61, False), (-3600, False)])
def test_a_recording_goes_on_if_it_was_cut_a_moment_ago(spool: Spool, seconds: float, resume: bool) -> None:
    written(spool, 1)
    [left] = spool.left_behind(NOW_S + seconds)
    assert left.cut
    assert left.resume == resume
    spool.ended(RECORDING)
    [left] = spool.left_behind(NOW_S + seconds)
    assert not left.cut
    assert not left.resume


def test_leftovers_of_segments_that_are_gone_are_removed(spool: Spool) -> None:
    path = written(spool, 1)
    spool.keep_manifest(ONE)
    path.unlink()
    [left] = spool.left_behind(NOW_S)
    assert left.manifests == []
    assert not path.with_suffix(".manifest").exists()


def test_a_signed_manifest_whose_segment_is_gone_is_not_kept(spool: Spool, desk: Desk) -> None:
    made = event.Event("badge-0001", "video-badge", manifest.TYPE, 1, 1, 3, 2, 1, bytes(16), ONE.data())
    spool.keep_signed(cose.sign(made.encode(), event.CONTEXT, desk.key))
    assert spool.left_behind(NOW_S) == []


def test_a_segment_that_was_only_begun_is_none(spool: Spool) -> None:
    written(spool, 1)
    path = written(spool, 2, b"DABYLSEG")
    [left] = spool.left_behind(NOW_S)
    assert left.segments == 1
    assert not path.exists()


def test_junk_in_the_folder_harms_nothing(spool: Spool, tmp_path: pathlib.Path) -> None:
    rng = random.Random(1)
    written(spool, 1, rng.randbytes(500))
    path = written(spool, 2, bytes(200))
    path.with_suffix(".cose").write_bytes(rng.randbytes(300))
    path.with_suffix(".manifest").write_bytes(rng.randbytes(300))
    (path.parent / "000003.seg.new").write_bytes(b"")
    (path.parent.parent / "lost+found").mkdir()
    (path.parent.parent / ("a" * 32)).write_bytes(b"a file")
    [left] = spool.left_behind(NOW_S)
    assert left.manifests == [], "files without a header can never be read by anybody"
    assert spool.room()[0] >= 500
    assert recovered(str(path)) is None
