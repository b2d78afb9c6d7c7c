"""Damage, torn tails and left-overs: what a start makes of them, and that it never raises."""

from collections.abc import Callable
from errno import EIO
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.journal import records
from agent.journal.log import Journal
from simulators.storage import SimulatedDisk

Open = Callable[..., Journal]
Append = Callable[..., int]


def filled(disk: SimulatedDisk, count: int = 30) -> Journal:
    journal = Journal(disk, max_bytes=65536, segment_bytes=1024)
    journal.open()
    journal.note("boot", 4)
    for seq in range(1, count + 1):
        journal.append(seq % 4, 4, seq, bytes([seq]) * 16, b"envelope %d " % seq * 6)
        journal.sync()
    return journal


def numbers(journal: Journal) -> list[int]:
    out = []
    for lane in (0, 1):
        position = 0
        while (entry := journal.next(lane, position)) is not None:
            position = entry[0]
            assert entry[4] == b"envelope %d " % entry[3] * 6
            out.append(entry[3])
    return sorted(out)


def test_a_torn_tail_is_cut_off_and_told(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    newest = max(name for name in disk.names() if name.endswith(".seg"))
    size = disk.size(newest)
    disk.append(newest, b"\x00\x01torn")
    report = opened(disk).report
    assert (report.bytes_cut, report.damaged, report.events) == (6, [], 30)
    assert disk.size(newest) == size


def test_what_was_not_synced_behind_a_torn_record_goes_with_it(disk: SimulatedDisk, opened: Open) -> None:
    journal = filled(disk, 3)
    start = disk.size("00000001.seg")
    for seq in (4, 5):
        journal.append(0, 4, seq, bytes(16), b"envelope %d " % seq * 6)
    disk.damage("00000001.seg", start + 20, b"\xff")
    assert numbers(opened(disk)) == [1, 2, 3]


def test_damage_to_what_had_been_durable_costs_only_the_damaged_event(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk, 4)
    place = disk.content()["00000001.seg"].index(b"envelope 2")
    disk.damage("00000001.seg", place, b"\xff")
    journal = opened(disk)
    assert numbers(journal) == [1, 3, 4]
    assert journal.report.damaged == ["00000001.seg"]
    assert journal.report.bytes_cut == 0


def test_damage_in_an_older_segment_keeps_what_is_before_and_after(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    place = disk.content()["00000002.seg"].index(b"envelope 9")
    disk.damage("00000002.seg", place, bytes(3))
    journal = opened(disk)
    assert numbers(journal) == [seq for seq in range(1, 31) if seq != 9]
    assert journal.report.damaged == ["00000002.seg"]
    assert journal.notes == {"boot": 4}


@pytest.mark.parametrize("seq", range(1, 31))
def test_damage_in_an_older_segment_that_was_made_durable_at_once_costs_one_event(
    disk: SimulatedDisk, opened: Open, append: Append, seq: int
) -> None:
    journal = opened(disk)
    for number in range(1, 41):
        append(journal, 0, 4, number, b"envelope %d " % number * 6)
    assert journal.sync()
    name, place = next(
        (name, content.index(b"envelope %d " % seq))
        for name, content in disk.content().items()
        if b"envelope %d " % seq in content
    )
    assert name != max(disk.content())
    disk.damage(name, place, b"\xff")
    assert numbers(opened(disk)) == [number for number in range(1, 41) if number != seq]


def test_a_damaged_header_costs_no_event_and_no_note(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    for name in disk.names():
        if name.endswith(".seg"):
            disk.damage(name, 20, b"\xff\xff")
    journal = opened(disk)
    assert numbers(journal) == list(range(1, 31))
    assert journal.notes == {"boot": 4}


def test_damage_that_shows_after_the_start_is_passed_over_and_counted(disk: SimulatedDisk) -> None:
    journal = filled(disk)
    disk.damage("00000002.seg", disk.content()["00000002.seg"].index(b"envelope 9"), bytes(3))
    assert numbers(journal) == [seq for seq in range(1, 31) if seq != 9]
    assert journal.damaged == 1


def test_left_overs_of_an_interrupted_compaction_are_removed(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    disk.create("00000001.new")
    disk.append("00000001.new", b"half")
    report = opened(disk).report
    assert report.removed == ["00000001.new"]
    assert "00000001.new" not in disk.names()


def test_a_segment_cut_off_while_it_was_made_is_removed(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    disk.create("00000050.seg")
    disk.append("00000050.seg", b"\x01\x02")
    journal = opened(disk)
    assert journal.report.removed == ["00000050.seg"]
    assert numbers(journal) == list(range(1, 31))


def test_what_a_failed_sync_at_the_start_leaves_in_doubt_is_written_again(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = filled(disk, 3)
    for seq in (4, 5):
        journal.append(0, 4, seq, bytes([seq]) * 16, b"envelope %d " % seq * 6)
    disk.faults["sync"] = [EIO]
    restarted = opened(disk, max_bytes=65536)
    assert restarted.last == (4, 3, bytes([3]) * 16)
    assert restarted.kept_position == 3
    assert numbers(restarted) == [1, 2, 3, 4, 5]
    assert restarted.sync()
    assert restarted.last == (4, 5, bytes([5]) * 16)
    after = opened(disk.after_power_cut("none", Random(1)), max_bytes=65536)
    assert numbers(after) == [1, 2, 3, 4, 5]


def test_files_of_others_are_left_alone(disk: SimulatedDisk, opened: Open) -> None:
    filled(disk)
    for name in ("lost+found", "notes.txt", "1.seg", "abcdefgh.seg"):
        disk.create(name)
    assert numbers(opened(disk)) == list(range(1, 31))
    assert {"lost+found", "notes.txt", "1.seg", "abcdefgh.seg"} <= set(disk.names())


def test_a_segment_of_a_later_version_is_left_alone_and_told(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    filled(disk)
    body = b"\x00\x02" + bytes(60)
    disk.create("00000099.seg")
    disk.append("00000099.seg", records.record(99, records.SEGMENT, 0, 0, body))
    before = disk.content()["00000099.seg"]
    journal = opened(disk)
    assert journal.report.unreadable == ["00000099.seg"]
    append(journal, 0, 5, 1, b"alarm")
    assert journal.sync()
    assert disk.content()["00000099.seg"] == before
    assert disk.size("00000100.seg") > 0


@pytest.mark.parametrize("before", [3, 4])  # an older segment, and the newest
def test_an_unreadable_segment_does_not_stop_the_start_and_comes_back_whole(
    disk: SimulatedDisk, opened: Open, append: Append, before: int
) -> None:
    filled(disk)
    count = len(disk.names())
    disk.faults["read"] = [0] * before + [EIO]
    journal = opened(disk, max_bytes=65536)
    assert journal.trouble is not None
    assert journal.report.unreadable
    disk.faults = {}
    append(journal, 0, 5, 1, b"alarm")
    assert journal.sync()
    assert len(disk.names()) >= count
    again = opened(disk, max_bytes=65536)
    assert again.report.events == 31
    assert again.get(5, 1) is not None


def test_a_folder_that_cannot_be_read_is_read_later_and_nothing_is_mixed_up(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    filled(disk, 10)
    disk.faults["names"] = [EIO]
    journal = opened(disk)
    assert journal.trouble is not None
    position = append(journal, 0, 5, 1, b"alarm")
    journal.note("boot", 5)
    assert journal.next(0, 0) == (position, 0, 5, 1, b"alarm")
    assert journal.sync()
    assert journal.kept_position == position
    again = opened(disk)
    assert again.report.events == 11
    assert again.notes == {"boot": 5}
    assert again.last is not None
    assert again.last[:2] == (5, 1)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), hits=st.integers(1, 40))
def test_random_damage_never_raises_and_never_invents_an_event(seed: int, hits: int) -> None:
    random = Random(seed)
    disk = SimulatedDisk()
    filled(disk, 20)
    for _ in range(hits):
        name = random.choice([name for name in disk.names() if name.endswith(".seg")])
        place = random.randrange(disk.size(name))
        disk.damage(name, place, random.randbytes(min(random.choice((1, 1, 16, 300)), disk.size(name) - place)))
    journal = Journal(disk, max_bytes=65536, segment_bytes=1024)
    journal.open()
    assert set(numbers(journal)) <= set(range(1, 21))
    journal.append(0, 6, 1, bytes(16), b"envelope 1 " * 6)
    assert journal.sync()
    again = Journal(disk, max_bytes=65536, segment_bytes=1024)
    again.open()
    assert again.get(6, 1) is not None


@settings(max_examples=100, deadline=None)
@given(content=st.lists(st.binary(max_size=200), max_size=3))
def test_files_of_rubbish_never_raise(content: list[bytes]) -> None:
    disk = SimulatedDisk()
    for number, data in enumerate(content):
        disk.create("%08d.seg" % (number + 1))  # noqa: UP031 - the format of the name
        disk.append("%08d.seg" % (number + 1), data)  # noqa: UP031 - as above
    journal = Journal(disk)
    journal.open()
    journal.append(0, 1, 1, bytes(16), b"x")
    assert journal.sync()


@pytest.mark.parametrize("chunk", [64, 100, 4096])
def test_the_size_of_the_reads_changes_nothing(disk: SimulatedDisk, opened: Open, chunk: int) -> None:
    filled(disk)
    disk.damage("00000002.seg", 300, bytes(3))
    whole = opened(disk.snapshot())
    small = opened(disk.snapshot(), scan_bytes=chunk)
    assert numbers(small) == numbers(whole)
    assert small.last == whole.last
