"""Disks that fail, fill up or refuse: events wait in memory, in order, and nothing raises."""

from collections.abc import Callable
from errno import EIO, ENOSPC, EROFS
from random import Random

import pytest

from agent.journal.log import Journal
from simulators.storage import SimulatedDisk

Open = Callable[..., Journal]
Append = Callable[..., int]


def test_a_failed_sync_has_everything_written_again_into_a_new_segment(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    append(journal, 0, 1, 1, b"first")
    assert journal.sync()
    disk.faults["sync"] = [EIO]
    position = append(journal, 0, 1, 2, b"second")
    assert not journal.sync()
    assert journal.trouble is not None
    assert journal.trouble[0] == EIO
    assert journal.kept_position < position
    assert journal.next(0, position - 1) == (position, 0, 1, 2, b"second")
    assert journal.sync()
    assert journal.kept_position == position
    assert opened(disk.snapshot()).trouble is None
    after = opened(disk.after_power_cut("none", Random(1)))
    assert [entry[4] for entry in after.unsettled_alarms()] == [b"first", b"second"]
    assert disk.content()["00000002.seg"].count(b"second") == 1


def test_copies_left_in_the_segment_of_a_failed_sync_do_not_count(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    append(journal, 0, 1, 1)
    assert journal.sync()
    for seq in range(2, 5):
        append(journal, 0, 1, seq)
    disk.faults = {"sync": [EIO], "truncate": [EIO]}
    assert not journal.sync()
    journal.settle(1, 3, 3)
    assert journal.sync()
    again = opened(disk)
    assert again.report.events == 3
    assert [entry[3] for entry in again.unsettled_alarms()] == [1, 2, 4]


def test_a_torn_segment_that_cannot_be_cut_is_left_and_no_event_overtakes_another(opened: Open, append: Append) -> None:
    for takes in range(6):
        disk = SimulatedDisk()
        journal = opened(disk)
        append(journal, 0, 1, 1)
        assert journal.sync()
        disk.faults = {"append": [0] * takes + [ENOSPC], "truncate": [EIO] * 9}
        for seq in range(2, 6):
            append(journal, 0, 1, seq)
        assert journal.sync()
        again = opened(disk.snapshot())
        assert [entry[3] for entry in again.unsettled_alarms()] == [1, 2, 3, 4, 5], takes


def test_a_note_that_could_not_be_written_is_in_the_next_header(disk: SimulatedDisk, opened: Open) -> None:
    journal = opened(disk)
    journal.note("boot", 1)
    assert journal.sync()
    disk.faults["append"] = [EIO]
    journal.note("boot", 2)
    assert journal.sync()
    assert opened(disk.after_power_cut("none", Random(1))).notes == {"boot": 2}


@pytest.mark.parametrize("operation", ["create", "append", "sync", "sync_dir", "truncate"])
def test_each_operation_may_fail_again_and_again(
    disk: SimulatedDisk, opened: Open, append: Append, operation: str
) -> None:
    journal = opened(disk, max_bytes=65536)
    random = Random(operation)
    for seq in range(1, 150):
        disk.faults[operation] = [random.choice((0, 0, EIO)) for _ in range(4)]
        append(journal, seq % 4, 1, seq)
        if random.random() < 0.5:
            journal.sync()
    disk.faults = {}
    assert journal.sync()
    assert journal.trouble is None
    after = opened(disk.after_power_cut("none", Random(1)), max_bytes=65536)
    assert after.report.events == 149
    assert after.report.damaged == []


def test_a_read_only_disk_keeps_events_in_memory_and_readable(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    append(journal, 2, 1, 1)
    journal.sync()
    disk.read_only = True
    restarted = opened(disk)
    for seq in range(1, 4):
        append(restarted, 0, 2, seq)
    restarted.note("boot", 2)
    assert not restarted.sync()
    assert restarted.trouble is not None
    assert restarted.trouble[0] == EROFS
    assert [entry[3] for entry in restarted.unsettled_alarms()] == [1, 2, 3]
    assert restarted.unsettled_count() == 4
    disk.read_only = False
    assert restarted.sync()
    again = opened(disk)
    assert again.unsettled_count() == 4
    assert again.notes == {"boot": 2}


def test_memory_is_bounded_while_the_disk_is_away_and_alarms_stay(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    disk.read_only = True
    journal = opened(disk, unkept_bytes=20_000)
    for seq in range(1, 1001):
        append(journal, 0 if seq % 100 == 0 else 2 + seq % 2, 1, seq)
    assert journal.unsettled_count(0) == 10
    assert journal.unkept_count < 120
    assert 0 < journal.unsettled_count(3) + journal.unsettled_count(2) < 80
    disk.read_only = False
    assert journal.sync()
    gone = {seq for _boot, first, last, _hash in journal.take_gaps() for seq in range(first, last + 1)}
    assert gone | {seq for seq in range(1, 1001) if opened(disk.snapshot()).get(1, seq)} == set(range(1, 1001))


def test_a_full_disk_gives_the_reserve_to_alarms(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    append(journal, 2, 1, 1)
    journal.sync()
    assert "reserve" in disk.names()
    disk.capacity -= disk.free_bytes() - 100
    positions = [append(journal, 0, 1, seq) for seq in range(2, 6)]
    assert journal.sync()
    assert journal.kept_position == positions[-1]
    assert "reserve" not in disk.names()
    disk.capacity = 1 << 30
    journal.flush()
    journal.sync()
    assert "reserve" in disk.names()
    assert journal.trouble is None


def test_on_a_full_disk_telemetry_gives_way_to_an_alarm(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk, max_bytes=65536)
    for seq in range(1, 100):
        append(journal, 3, 1, seq)
        journal.sync()
    disk.capacity -= disk.free_bytes() + 10
    seq = 100
    for seq in range(100, 160):
        append(journal, 0, 1, seq)
        journal.sync()
    assert journal.kept_position == 159
    assert journal.unsettled_count(3) < 99
    assert journal.unsettled_count(0) == 60
    assert opened(disk.after_power_cut("none", Random(1)), max_bytes=65536).unsettled_count(0) == 60


def test_on_a_full_disk_nothing_is_given_up_before_an_alarm_needs_the_room(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    append(journal, 0, 1, 1)
    assert journal.sync()
    disk.remove("reserve")
    disk.capacity -= disk.free_bytes() - 10
    for seq in range(2, 7):
        append(journal, 3, 1, seq)
    assert not journal.sync()
    assert (journal.unkept_count, journal.take_gaps()) == (5, [])
    disk.capacity = 1 << 20
    assert journal.sync()
    assert opened(disk).unsettled_count(3) == 5


def test_a_disk_that_stays_full_keeps_alarms_in_memory(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    disk.capacity = 0
    journal = opened(disk)
    for seq in range(1, 20):
        append(journal, 0, 1, seq)
    assert not journal.sync()
    assert journal.trouble is not None
    assert journal.trouble[0] == ENOSPC
    assert [entry[3] for entry in journal.unsettled_alarms()] == list(range(1, 20))
    disk.capacity = 1 << 20
    assert journal.sync()
    assert opened(disk).unsettled_count(0) == 19


def test_appending_goes_on_while_a_sync_is_under_way(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    first = append(journal, 0, 1, 1)
    token = journal.begin_sync()
    assert token is not None
    assert journal.begin_sync() is None
    for seq in range(2, 40):
        append(journal, 0, 1, seq)
    journal.settle(1, 1, 3)
    journal.carry_out(token)
    journal.end_sync(token, None)
    assert journal.kept_position == first
    assert journal.sync()
    assert journal.kept_position == 39
    assert [entry[3] for entry in opened(disk).unsettled_alarms()] == list(range(4, 40))
