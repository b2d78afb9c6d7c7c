"""The journal on a disk that works: order, settling, notes, segments, gaps."""

from collections.abc import Callable

import pytest

from agent.journal.errors import DuplicateEvent, InvalidRecord
from agent.journal.log import Journal
from simulators.storage import SimulatedDisk

Open = Callable[..., Journal]
Append = Callable[..., int]
Entry = tuple[int, int, int, int, bytes]


def drained(journal: Journal, lane: int) -> list[Entry]:
    entries: list[Entry] = []
    position = 0
    while (entry := journal.next(lane, position)) is not None:
        entries.append(entry)
        position = entry[0]
    return entries


def test_a_fresh_journal_is_empty(disk: SimulatedDisk, opened: Open) -> None:
    journal = opened(disk)
    assert (journal.last, journal.notes, journal.trouble) == (None, {}, None)
    assert journal.next(0, 0) is None
    assert journal.next(1, 0) is None


def test_an_event_can_be_read_before_it_is_kept_and_is_kept_after_a_sync(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    position = append(journal, 0, 1, 1, b"press")
    assert journal.next(0, 0) == (position, 0, 1, 1, b"press")
    assert journal.kept_position < position
    assert opened(disk.snapshot()).report.events == 1  # written, if not durable
    assert journal.sync()
    assert journal.kept_position == position
    assert journal.last is not None
    assert journal.last[:2] == (1, 1)
    assert journal.next(0, 0) == (position, 0, 1, 1, b"press")


def test_alarms_have_a_lane_of_their_own_and_both_lanes_are_in_order(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    for seq in range(1, 30):
        append(journal, seq % 4, 1, seq)
        if seq % 5 == 0:
            journal.sync()
    assert [entry[3] for entry in drained(journal, 0)] == [seq for seq in range(1, 30) if seq % 4 == 0]
    assert [entry[3] for entry in drained(journal, 1)] == [seq for seq in range(1, 30) if seq % 4]
    assert [entry[3] for entry in journal.unsettled_alarms()] == [4, 8, 12, 16, 20, 24, 28]


def test_everything_is_there_after_a_restart(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    for seq in range(1, 40):
        append(journal, seq % 4, 7, seq)
        journal.sync()
    journal.settle(7, 3, 9)
    expected = drained(journal, 0), drained(journal, 1), journal.last
    again = opened(disk)
    assert (drained(again, 0), drained(again, 1), again.last) == expected
    assert again.report.events == again.report.unsettled + 7
    assert again.get(7, 5) is not None


def test_only_unsettled_events_are_offered_and_unknown_numbers_are_ignored(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    for seq in range(1, 11):
        append(journal, 2, 1, seq)
    journal.sync()
    assert journal.settle(1, 4, 6) == 3
    assert journal.settle(1, 4, 6) == 0
    assert journal.settle(2, 1, 100) == 0
    assert journal.settle(1, 9, 4_000_000_000) == 2
    assert [entry[3] for entry in drained(journal, 1)] == [1, 2, 3, 7, 8]
    assert journal.unsettled_count() == journal.unsettled_count(2) == 5


def test_a_settled_range_does_not_reach_events_that_come_later(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    append(journal, 0, 1, 1)
    journal.sync()
    journal.settle(1, 1, 0xFFFFFFFF)
    append(journal, 0, 1, 2)
    journal.sync()
    assert [entry[3] for entry in opened(disk).unsettled_alarms()] == [2]


def test_an_event_settled_before_it_was_written_leaves_only_its_place_in_the_chain(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    disk.faults["append"] = [5]
    append(journal, 2, 1, 1)
    assert journal.settle(1, 1, 1) == 1
    assert journal.sync()
    again = opened(disk)
    assert again.last is not None
    assert again.last[:2] == (1, 1)
    assert again.report.events == 0


def test_settled_segments_go_and_take_neither_notes_nor_the_head_along(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk, max_bytes=65536)
    journal.note("boot", 3)
    for seq in range(1, 60):
        append(journal, 2, 3, seq)
        journal.sync()
    many = len(disk.names())
    journal.settle(3, 1, 59)
    journal.sync()
    assert len(disk.names()) <= 2 < many
    again = opened(disk)
    assert again.notes == {"boot": 3}
    assert again.last == journal.last
    assert again.unsettled_count() == 0


def test_what_a_removed_segment_said_of_older_ones_is_said_again(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk, max_bytes=65536)
    for seq in range(1, 60):
        append(journal, 2, 1, seq)
        journal.sync()
    journal.settle(1, 2, 40)  # event 1 keeps the first segment here
    journal.settle(1, 41, 59)
    journal.sync()
    again = opened(disk)
    assert [entry[3] for entry in drained(again, 1)] == [1]


def test_what_a_removed_segment_in_the_middle_said_is_said_again(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk, max_bytes=65536)
    for seq in range(1, 60):
        append(journal, 2, 1, seq)
        journal.sync()
        if seq == 20:
            journal.settle(1, 2, 20)  # the record stands in a segment that goes later; event 1 holds the first
    journal.settle(1, 21, 59)
    journal.sync()
    assert "00000003.seg" not in disk.names()
    assert [entry[3] for entry in drained(opened(disk, max_bytes=65536), 1)] == [1]


def test_gaps_after_a_restart_are_not_taken_for_declared_ones(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk)
    for seq in range(1, 120):
        append(journal, 3, 1, seq)
        journal.sync()
    for _ in range(3):
        assert journal.take_gaps() is not None
        journal.gaps_declared()
    journal.settle(1, 1, 119)
    for seq in range(120, 160):
        append(journal, 2, 1, seq)
        journal.sync()
        journal.settle(1, seq, seq)
    restarted = opened(disk)
    assert restarted.take_gaps() == []
    for seq in range(1, 60):
        append(restarted, 3, 2, seq)
        restarted.sync()
    gone = {seq for _boot, first, last, _hash in restarted.take_gaps() for seq in range(first, last + 1)}
    assert gone
    assert gone | {entry[3] for entry in drained(restarted, 1)} == set(range(1, 60))


def test_notes_are_durable_with_the_next_sync(disk: SimulatedDisk, opened: Open) -> None:
    journal = opened(disk)
    journal.note("boot", 1)
    journal.note("time_floor", 1 << 63)
    journal.note("boot", 2)
    assert journal.sync()
    assert opened(disk).notes == {"boot": 2, "time_floor": 1 << 63}


@pytest.mark.parametrize(
    ("rank", "boot", "seq", "hash16", "envelope"),
    [
        (4, 1, 1, bytes(16), b""),
        (0, 1 << 32, 1, bytes(16), b""),
        (0, 1, -1, bytes(16), b""),
        (0, 1, 1, bytes(15), b""),
        (0, 1, 1, bytes(16), bytes(65537)),
    ],
)
def test_what_the_format_cannot_hold_is_refused(
    disk: SimulatedDisk, opened: Open, rank: int, boot: int, seq: int, hash16: bytes, envelope: bytes
) -> None:
    journal = opened(disk)
    with pytest.raises(InvalidRecord):
        journal.append(rank, boot, seq, hash16, envelope)
    assert journal.unkept_count == 0


@pytest.mark.parametrize(("key", "value"), [("", 1), ("x" * 33, 1), ("boot", -1), ("boot", 1 << 64)])
def test_a_note_that_does_not_fit_is_refused(disk: SimulatedDisk, opened: Open, key: str, value: int) -> None:
    with pytest.raises(InvalidRecord):
        opened(disk).note(key, value)


def test_there_are_at_most_64_notes(disk: SimulatedDisk, opened: Open) -> None:
    journal = opened(disk)
    for number in range(64):
        journal.note(f"n{number}", number)
    with pytest.raises(InvalidRecord):
        journal.note("one more", 1)
    journal.note("n0", 5)


def test_a_number_names_one_event_for_ever(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    append(journal, 0, 1, 5)
    for seq in (5, 4):
        with pytest.raises(DuplicateEvent):
            append(journal, 0, 1, seq)
    append(journal, 0, 2, 1)
    with pytest.raises(DuplicateEvent):
        append(journal, 0, 1, 6)
    journal.sync()
    with pytest.raises(DuplicateEvent):
        append(opened(disk), 0, 2, 1)


def test_the_largest_envelope_fits_and_comes_back(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk, segment_bytes=4096, max_bytes=1 << 20)
    append(journal, 0, 1, 1, bytes(range(256)) * 256)
    append(journal, 0, 1, 2, b"")
    journal.sync()
    again = opened(disk, scan_bytes=512)
    assert [entry[4] for entry in again.unsettled_alarms()] == [bytes(range(256)) * 256, b""]


def test_sizes_that_do_not_fit_each_other_are_refused(disk: SimulatedDisk) -> None:
    with pytest.raises(ValueError, match="four segments"):
        Journal(disk, max_bytes=4095, segment_bytes=1024)


def test_the_bound_holds_telemetry_goes_first_and_what_went_is_declared(
    disk: SimulatedDisk, opened: Open, append: Append
) -> None:
    journal = opened(disk, max_bytes=16384, segment_bytes=1024)
    for seq in range(1, 201):
        append(journal, 2 if seq % 2 else 3, 1, seq)
        journal.sync()
        assert journal.bytes_used <= 16384
    gone = {seq for _boot, first, last, _hash in journal.take_gaps() for seq in range(first, last + 1)}
    left = {entry[3] for entry in drained(journal, 1)}
    assert gone | left == set(range(1, 201))
    assert not gone & left
    assert journal.unsettled_count(2) > journal.unsettled_count(3)


def test_alarms_and_kept_state_are_never_evicted(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    for seq in range(1, 301):
        append(journal, (0, 1, 2, 3)[seq % 4], 1, seq)
        journal.sync()
    expected = {seq for seq in range(1, 301) if seq % 4 < 2}
    again = opened(disk)
    assert expected <= {entry[3] for lane in (0, 1) for entry in drained(again, lane)}
    assert again.last is not None
    assert again.last[:2] == (1, 300)


def test_gaps_are_handed_out_until_they_are_declared(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk)
    for seq in range(1, 120):
        append(journal, 3, 1, seq)
        journal.sync()
    gaps = journal.take_gaps()
    assert gaps
    restarted = opened(disk, max_bytes=65536)  # nothing more has to go
    assert restarted.take_gaps() == gaps
    append(restarted, 1, 2, 1, b"journal.gap")
    restarted.sync()
    restarted.gaps_declared()
    restarted.sync()
    assert restarted.take_gaps() == []
    assert opened(disk, max_bytes=65536).take_gaps() == []


def test_a_gap_ends_with_the_hash_from_which_the_chain_goes_on(disk: SimulatedDisk, opened: Open) -> None:
    journal = opened(disk)
    for seq in range(1, 120):
        journal.append(3, 1, seq, bytes([seq]) * 16, bytes(80))
        journal.sync()
    for _boot, _first, last, hash16 in journal.take_gaps():
        assert hash16 == bytes([last]) * 16


def test_many_scattered_gaps_in_a_segment_are_joined(disk: SimulatedDisk, opened: Open, append: Append) -> None:
    journal = opened(disk, max_bytes=65536, segment_bytes=16384)
    for seq in range(1, 900):
        append(journal, 3 if seq % 2 else 1, 1, seq, bytes(20))
        journal.sync()
    gaps = journal.take_gaps()
    assert gaps
    gone = sum(1 for seq in range(1, 900) if seq % 2) - journal.unsettled_count(3)
    assert len(gaps) < gone
    assert journal.unsettled_count(1) == 449
