"""The recorder when something is wrong: the encoder, the card, its room, a restart in the middle, a defect."""

import contextlib
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator

import pytest

from agent.recording import manifest
from agent.recording.manifest import FIRST_PREV
from agent.recording.seal import CHUNK
from agent.wire import cose, event
from devices.video_badge import recorder
from devices.video_badge.media import Item, Picture
from devices.video_badge.reports import Card, Ended, Frames, Gap, Room, Stored
from tests.devices.video_badge.conftest import Desk, before, recorded
from tests.devices.video_badge.footage import BEGIN_US, UNIX_MS, opened, played
from tests.integration.test_full_disk import small_disk


def test_junk_from_the_encoder_ends_no_recording(desk: Desk, film: list[Item]) -> None:
    at = before(film, 1.0)
    junk = Picture(b"no start code", False, BEGIN_US + 990_000, UNIX_MS)
    made = recorded(desk, [*film[:at], junk, *film[at:]])
    assert made[-1].last
    assert made[-1].contents is not None
    assert [one.prev for one in made] == [FIRST_PREV, *(manifest.digest(one.data()) for one in made[:-1])]


def test_without_a_key_frame_nothing_is_recorded_until_one_comes(desk: Desk, film: list[Item]) -> None:
    made = recorded(desk, film[5:])
    known = made[0].contents
    assert known is not None
    assert known.at == UNIX_MS + 1000


def test_a_disk_that_cannot_be_written_is_told_and_the_recording_goes_on_when_it_can(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failing = os.write, [True]

    def broken(descriptor: int, data: bytes) -> int:
        if failing[0] and len(data) > CHUNK:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", broken)
    desk.recorder.start("button")
    begin = before(film, 3.5)
    desk.take(film[:begin])
    desk.until(lambda: bool(desk.all(Card)) and len(desk.all(Frames)) == 4)
    failing[0] = False
    desk.take(film[begin:])
    desk.recorder.stop("press")
    desk.until(lambda: bool(desk.all(Ended)))
    assert [one.trouble for one in desk.all(Card)] == ["No space left on device", None]
    made = desk.manifests()
    assert made[-1].last
    assert [one.n for one in made] == list(range(1, len(made) + 1))
    assert desk.all(Gap)[0].input == "storage"


def test_a_full_spool_ends_the_recording_and_overwrites_nothing(small_desk: Desk, film: list[Item]) -> None:
    desk = small_desk
    desk.recorder.start("button")
    desk.take(film)
    desk.until(lambda: bool(desk.all(Ended)))
    [ended] = desk.all(Ended)
    assert ended.by == "storage"
    made = desk.manifests()
    assert len(made) == ended.segments
    for one in made:
        assert played(opened(desk.folder, one, desk.custodian)).numbers
    desk.until(lambda: any(one.percent >= 0 for one in desk.all(Room)))
    desk.recorder.start("button")
    desk.take(film)
    desk.until(lambda: len(desk.all(Ended)) == 2)
    assert desk.all(Ended)[1].segments == 0
    assert len(list(desk.folder.rglob("*.seg"))) == len(made)


@contextlib.contextmanager
def desk_with_card(folder: pathlib.Path, size: str) -> Iterator[Desk]:
    """A desk that records onto a disk of its own."""
    folder.mkdir()
    with small_disk(folder, size):
        desk = Desk(folder, 2, 10**9)
        desk.recorder.start("button")
        try:
            yield desk
        finally:
            desk.recorder.close()


def test_a_disk_that_is_really_full_ends_the_recording_and_all_that_is_on_it_plays(
    tmp_path: pathlib.Path, film: list[Item]
) -> None:
    with desk_with_card(tmp_path / "spool", "500k") as desk:
        desk.take(film)
        desk.until(lambda: bool(desk.all(Ended)))
        assert desk.all(Ended)[0].by == "storage"
        assert len(desk.manifests()) >= 2
        assert {len(played(opened(desk.folder, one, desk.custodian)).numbers) for one in desk.manifests()} == {60}


def test_a_card_that_goes_read_only_is_told_and_the_recording_goes_on_when_it_is_well(
    tmp_path: pathlib.Path, film: list[Item]
) -> None:
    folder = tmp_path / "spool"
    with desk_with_card(folder, "8m") as desk:
        desk.take(film[: before(film, 2.5)])
        desk.until(lambda: len(desk.all(Stored)) == 1)
        # Forced, as a kernel does it that finds the card's file system damaged: the file that is open cannot be written either.
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)
        subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "ro,size=8m,mode=0700", "dabyl-test", str(folder)], check=True
        )
        desk.take(film[before(film, 2.5) : before(film, 5.5)])
        desk.until(lambda: "Read-only file system" in [one.trouble for one in desk.all(Card)])
        subprocess.run(["/bin/mount", "-o", "remount,rw", str(folder)], check=True)
        desk.take(film[before(film, 5.5) :])
        desk.recorder.stop("press")
        desk.until(lambda: bool(desk.all(Ended)))
    assert desk.all(Card)[-1].trouble is None
    assert desk.manifests()[-1].last


def test_what_waits_for_the_recorder_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WAITING_MAX", 1000)
    with desk.recorder._lock:
        desk.recorder._waiting = 1001
    desk.recorder.take(Picture(bytes(500), True, 1, 1))
    assert desk.recorder._waiting == 1001
    desk.recorder._waiting = 0


def test_a_recording_that_a_restart_cut_is_found_told_and_resumed(desk: Desk, film: list[Item]) -> None:
    desk.recorder.start("button")
    desk.take(film)
    desk.until(lambda: len(desk.all(Stored)) >= 3)
    desk.recorder.close()
    first = desk.manifests()
    assert not any(one.last for one in first)
    # What a kill would have left: the last segment without its manifest, the others signed or not.
    folder = desk.folder / first[0].recording.hex()
    (folder / f"{len(first):06d}.manifest").unlink()
    desk.told.clear()
    desk.open()
    desk.until(lambda: bool(desk.all(Ended)))
    again = desk.manifests()
    assert again[:-1] == first[:-1], "told again as it was"
    assert again[-1].trigger == "recovered"
    assert (again[-1].n, again[-1].sha256, again[-1].prev) == (first[-1].n, first[-1].sha256, first[-1].prev)
    [ended] = desk.all(Ended)
    assert (ended.by, ended.segments, ended.resume) == ("restart", len(first), True)
    desk.recorder.close()
    desk.told.clear()
    desk.open()
    desk.until(lambda: bool(desk.all(Room)))
    assert desk.all(Ended) == [], "that it was cut is told once"


def test_a_signed_manifest_is_kept_beside_its_segment(desk: Desk, film: list[Item]) -> None:
    [one, *_] = recorded(desk, film)
    made = event.Event("badge-0001", "video-badge", manifest.TYPE, 1, 2, 3, 2, 1, bytes(16), one.data())
    envelope = cose.sign(made.encode(), event.CONTEXT, desk.key)
    desk.recorder.keep(envelope)
    desk.recorder.keep(b"no envelope")
    desk.recorder.close()
    folder: pathlib.Path = desk.folder / one.recording.hex()
    assert (folder / "000001.cose").read_bytes() == envelope
    assert not (folder / "000001.manifest").exists()
    assert (folder / "000002.manifest").exists()


def test_a_defect_is_told_and_does_not_end_the_recorder(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(recorder.Recorder, "_at_keyframe", broken)
        desk.recorder.start("button")
        desk.take(film[:5])
        desk.until(lambda: bool(desk.all(Card)))
    assert "defect: ZeroDivisionError" in str(desk.all(Card)[0].trouble)
    desk.until(lambda: bool(desk.all(Ended)))
    assert (desk.all(Ended)[0].by, desk.all(Ended)[0].resume) == ("defect", True)
    desk.told.clear()
    made = recorded(desk, film)
    assert made[-1].last
    assert [one.trouble for one in desk.all(Card)] == [None], "it is well again"


def test_a_defect_that_stays_is_not_tried_for_ever(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(recorder.Recorder, "_at_keyframe", broken)
    for _ in range(3):
        desk.recorder.start("button")
        desk.take(film[:5])
    desk.until(lambda: len(desk.all(Ended)) == 3)
    assert [one.resume for one in desk.all(Ended)] == [True, False, False]


def test_a_sync_that_fails_is_told_and_the_chain_stays_whole(
    desk: Desk, film: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    made = recorded(desk, film)
    assert [one.n for one in made] == [1, 2, 3, 4]
    assert [one.prev for one in made] == [FIRST_PREV, *(manifest.digest(one.data()) for one in made[:-1])]
    assert desk.all(Card)[0].trouble == "Input/output error"


def test_what_two_threads_tell_of_the_card_comes_in_the_order_in_which_it_was_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    other = threading.Thread(target=desk.recorder._card_well)

    def slowly(report: object) -> None:
        if report == Card("Input/output error"):
            other.start()
            other.join(0.1)  # it must wait for its turn
        told.append(report)

    monkeypatch.setattr(desk.recorder, "_report", slowly)
    desk.recorder._card_failed(OSError(5, "Input/output error"))
    other.join()
    assert told == [Card("Input/output error"), Card(None)]
