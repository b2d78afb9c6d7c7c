"""What the stored events prove: the verdict is exact, whatever order, repetition or loss the deliveries had."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.chain import ZERO, link
from center.continuity import RESET, Entry, Gap, Last, examine, ranges


class Tale:
    """A device's true history: boots with events, power cuts that forget a tail, and evictions."""

    def __init__(self) -> None:
        self.boots: dict[int, list[Entry]] = {}
        self.kept: dict[int, int] = {}

    def entry(
        self, boot: int, kind: str = "health.report", last: Last | None = None, gaps: tuple[Gap, ...] = ()
    ) -> Entry:
        events = self.boots.setdefault(boot, [])
        seq = len(events) + 1
        prev = events[-1].link if events else (last.link if last else ZERO)
        made = Entry(boot, seq, link(b"%d/%d" % (boot, seq)), prev, kind, last, gaps)
        events.append(made)
        return made

    def boot(self, number: int, after: Entry | None) -> Entry:
        last = Last(after.boot, after.seq, after.link) if after else None
        if after:
            self.kept[after.boot] = after.seq
        return self.entry(number, "device.booted", last)

    @property
    def all(self) -> list[Entry]:
        return [entry for events in self.boots.values() for entry in events]


@st.composite
def tales(draw: st.DrawFn) -> Tale:
    tale = Tale()
    kept: Entry | None = None
    for number in range(1, draw(st.integers(1, 4)) + 1):
        tale.boot(number, kept)
        for _ in range(draw(st.integers(0, 8))):
            tale.entry(number)
        kept = tale.boots[number][draw(st.integers(0, len(tale.boots[number]) - 1))]
    return tale


@settings(max_examples=200, deadline=None)
@given(tales(), st.data())
def test_the_verdict_is_exact_whatever_is_shuffled_repeated_or_dropped(tale: Tale, data: st.DataObject) -> None:
    dropped = data.draw(st.sets(st.sampled_from(range(len(tale.all)))))
    arrived = [entry for index, entry in enumerate(tale.all) if index not in dropped]
    repeated = data.draw(st.lists(st.sampled_from(arrived))) if arrived else []
    verdict = examine(data.draw(st.permutations(arrived + repeated)))
    there = {(entry.boot, entry.seq) for entry in arrived}
    assert not verdict.broken
    for boot in verdict.boots:
        seqs = {seq for number, seq in there if number == boot.boot}
        following = [entry for entry in arrived if entry.last and entry.last.boot == boot.boot]
        kept = following[0].last.seq if following and following[0].last else None
        top = max(*seqs, kept or 0)
        absent = set(range(1, top + 1)) - seqs
        assert boot.present == ranges(seqs)
        assert boot.missing == ranges(seq for seq in absent if kept is None or seq <= kept)
        assert boot.forgotten == ranges(seq for seq in absent if kept is not None and seq > kept)
        assert boot.unkept == ranges(seq for seq in seqs if kept is not None and seq > kept)
        first = next((entry for entry in arrived if (entry.boot, entry.seq) == (boot.boot, 1)), None)
        if first is None or (first.last and (first.last.boot, first.last.seq) not in there):
            assert boot.linked is None
        else:
            assert boot.linked is True
    named = {entry.last.boot for entry in arrived if entry.last}
    assert verdict.absent == tuple(sorted(named - {number for number, _ in there}))


def test_a_complete_history_is_whole_and_a_late_fill_makes_it_whole() -> None:
    tale = Tale()
    tale.boot(1, None)
    for _ in range(4):
        tale.entry(1)
    assert examine(tale.all).whole
    partial = [entry for entry in tale.all if entry.seq != 3]
    assert examine(partial).boots[0].missing == ((3, 3),)
    assert not examine(partial).whole
    assert examine([*partial, tale.all[2]]).whole


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_two_payloads_under_one_number_are_a_fork(seq: int) -> None:
    tale = Tale()
    tale.boot(1, None)
    tale.entry(1)
    tale.entry(1)
    true = tale.all[seq - 1]
    clone = Entry(true.boot, true.seq, link(b"clone"), true.prev, true.type)
    verdict = examine([*tale.all, clone])
    assert verdict.broken
    assert verdict.boots[0].forks == (seq,)
    assert verdict.boots[0].breaks == ()


def test_an_event_that_continues_another_than_the_one_stored_is_a_break() -> None:
    tale = Tale()
    tale.boot(1, None)
    tale.entry(1)
    stray = Entry(1, 3, link(b"x"), link(b"something else"), "health.report")
    verdict = examine([*tale.all, stray])
    assert verdict.boots[0].breaks == (3,)
    assert verdict.broken


def test_what_a_gap_declares_is_not_missing_and_its_link_is_checked() -> None:
    tale = Tale()
    tale.boot(1, None)
    evicted = [tale.entry(1) for _ in range(3)]
    after = tale.entry(1)
    gap = Gap(1, 2, 4, evicted[-1].link)
    told = tale.entry(1, "journal.gap", gaps=(gap,))
    kept = [tale.all[0], after, told]
    verdict = examine(kept)
    assert verdict.whole
    assert verdict.boots[0].declared == ((2, 4),)
    late = examine([*kept, evicted[0]])
    assert late.boots[0].declared == ((3, 4),)
    lie = Entry(told.boot, told.seq, told.link, told.prev, told.type, None, (Gap(1, 2, 4, link(b"lie")),))
    assert examine([tale.all[0], after, lie]).boots[0].breaks == (5,)


def test_a_boot_that_claims_another_past_than_the_stored_one_is_not_linked() -> None:
    tale = Tale()
    first = tale.boot(1, None)
    lie = Last(1, 1, link(b"lie"))
    verdict = examine([first, Entry(2, 1, link(b"2/1"), lie.link, "device.booted", lie)])
    assert verdict.boots[1].linked is False
    other = Entry(2, 1, link(b"2/1"), link(b"other"), "device.booted", Last(1, 1, first.link))
    assert examine([first, other]).boots[1].linked is False


def test_a_new_beginning_is_linked_only_if_it_says_reset_or_is_volatile() -> None:
    tale = Tale()
    first = tale.boot(1, None)
    plain = Entry(2, 1, link(b"2"), ZERO, "device.booted")
    assert examine([first, plain]).boots[1].linked is False
    assert examine([first, Entry(2, 1, link(b"2"), ZERO, RESET)]).boots[1].linked is True
    volatile = Entry(2**31 + 7, 1, link(b"v"), ZERO, "device.booted")
    assert examine([first, volatile]).whole


def test_volatile_boots_have_no_order() -> None:
    tale = Tale()
    low, high = 2**31 + 5, 2**32 - 1
    tale.boot(high, None)
    tale.boot(low, tale.boots[high][0])
    tale.boot(1, tale.boots[low][0])
    shuffled = tale.all
    random.Random(1).shuffle(shuffled)
    assert examine(shuffled).whole


def test_a_hostile_number_costs_nothing() -> None:
    entry = Entry(1, 2**32 - 1, link(b"x"), ZERO, "journal.gap", None, (Gap(1, 1, 2**32 - 2, ZERO),))
    verdict = examine([entry])
    assert verdict.boots[0].missing == ()
    assert verdict.boots[0].declared == ((1, 2**32 - 2),)
