"""The outbox over a journal in memory: what goes out, in which order, how often, and when again."""

import itertools

import pytest

from agent.link.outbox import ALARMS, DOUBTFUL_ROUNDS, MAX_DOUBLINGS, OTHERS, Outbox
from tests.agent.link.memory_journal import ALARM_WAIT_MS, EVENT_WAIT_MS, MemoryJournal, pump, wakes


def times_sent(outbox: Outbox, position: int, until_ms: int) -> list[int]:
    """When a position goes out until ``until_ms``, following nothing but ``wake_ms``."""
    return [now_ms for now_ms, sent in wakes(outbox, 0, until_ms) if position in sent]


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def test_alarms_overtake_everything(journal: MemoryJournal) -> None:
    for _ in range(5):
        journal.add(OTHERS)
    alarms = [journal.add(ALARMS) for _ in range(3)]
    outbox = journal.feed(window=4)
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [*alarms, 1]
    outbox.acknowledged(1)
    late = journal.add(ALARMS)
    assert pump(outbox, 1, acknowledge=False) == [late]


def test_the_window_is_never_exceeded_nor_the_brokers_own(journal: MemoryJournal) -> None:
    for _ in range(30):
        journal.add(OTHERS)
    outbox = journal.feed(window=7)
    outbox.connected(0)
    assert len(pump(outbox, 0, acknowledge=False)) == 7
    assert not outbox.room
    outbox.lost()
    outbox.connected(0, 3)
    assert len(pump(outbox, 0, acknowledge=False)) == 3
    outbox.lost()
    outbox.connected(0, 0)
    assert len(pump(outbox, 0, acknowledge=False)) == 1, "one at a time is the least that makes progress"
    outbox.lost()
    outbox.connected(0)
    assert len(pump(outbox, 0, acknowledge=False)) == 7


@pytest.mark.parametrize(("lane", "first_ms"), [(ALARMS, ALARM_WAIT_MS), (OTHERS, EVENT_WAIT_MS)])
def test_what_no_receipt_settles_goes_out_again_with_doubling_waits(
    journal: MemoryJournal, lane: int, first_ms: int
) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    position = journal.add(lane)
    times = times_sent(outbox, position, first_ms * 2 ** (MAX_DOUBLINGS + 3))
    waits = [after - before for before, after in itertools.pairwise(times)]
    expected = [first_ms << min(n, MAX_DOUBLINGS) for n in range(len(waits))]
    assert len(waits) > MAX_DOUBLINGS + 1
    assert all(0 <= wait - want <= 2 for wait, want in zip(waits, expected, strict=True)), waits


def test_a_new_connection_begins_with_the_first_wait_again(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    position = journal.add(ALARMS)
    assert times_sent(outbox, position, ALARM_WAIT_MS << MAX_DOUBLINGS)
    assert outbox.alarms.rounds >= MAX_DOUBLINGS
    outbox.lost()
    now_ms = ALARM_WAIT_MS << MAX_DOUBLINGS
    outbox.connected(now_ms)
    assert [at - now_ms for at, sent in wakes(outbox, now_ms, now_ms + 4 * ALARM_WAIT_MS) if sent] == [
        0,
        ALARM_WAIT_MS,
        3 * ALARM_WAIT_MS,
    ]


def test_the_first_wait_of_a_later_alarm_is_as_short_as_that_of_the_first(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    first = journal.add(ALARMS)
    pump(outbox, 0)
    outbox.wake_ms(0)
    journal.settle(first)
    second = journal.add(ALARMS)
    assert pump(outbox, 100_000) == [second]
    assert pump(outbox, 100_000 + ALARM_WAIT_MS - 1) == []
    assert pump(outbox, 100_000 + ALARM_WAIT_MS) == [second]
    assert outbox.alarms.rounds == 1


def test_a_receipt_ends_the_doubling_of_its_lane(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    for lane in (ALARMS, OTHERS, ALARMS, OTHERS):
        journal.add(lane)
    wakes(outbox, 0, EVENT_WAIT_MS * 10)
    assert outbox.alarms.rounds >= 4
    others = outbox.others.rounds
    assert others >= 3
    journal.settle(1)
    assert (outbox.alarms.rounds, outbox.others.rounds) == (0, others)
    journal.settle(2)
    assert outbox.others.rounds == 0


def test_what_is_settled_is_not_sent(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=1)
    for lane in (OTHERS, ALARMS, ALARMS):
        journal.add(lane)
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [2]
    journal.settle(2)
    journal.settle(3)
    outbox.acknowledged(2)
    assert pump(outbox, 1) == [1]
    journal.settle(1)
    assert outbox.wake_ms(1) is None
    assert pump(outbox, 10_000_000) == []


def test_a_new_connection_sends_everything_unsettled_again_in_order(journal: MemoryJournal) -> None:
    for lane in (OTHERS, ALARMS, OTHERS, ALARMS, OTHERS):
        journal.add(lane)
    outbox = journal.feed()
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [2, 4, 1, 3, 5]
    journal.settle(4)
    assert outbox.lost() == {1, 2, 3, 4, 5}
    assert outbox.under_way == 0
    journal.add(ALARMS)
    journal.add(OTHERS)
    outbox.connected(50)
    assert pump(outbox, 50) == [2, 6, 1, 3, 5, 7]


def test_three_rounds_without_a_receipt_make_the_path_doubtful(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    position = journal.add(ALARMS)
    now_ms: int | None = 0
    sent = 0
    while not outbox.doubtful:
        assert now_ms is not None
        sent += position in pump(outbox, now_ms)
        assert sent <= 1 + DOUBTFUL_ROUNDS
        now_ms = outbox.wake_ms(now_ms)
    assert sent == 1 + DOUBTFUL_ROUNDS
    outbox.connected(0)
    assert not outbox.doubtful


def test_events_that_are_no_alarms_never_make_the_path_doubtful(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    assert len(times_sent(outbox, journal.add(OTHERS), 1_000_000)) > DOUBTFUL_ROUNDS + 1
    assert not outbox.doubtful


def test_what_is_quarantined_is_not_sent_any_more_and_leaves_no_doubt(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    bad, worse, good = journal.add(ALARMS), journal.add(ALARMS), journal.add(ALARMS)
    outbox.quarantine(bad)
    outbox.quarantine(worse)
    outbox.connected(0)
    assert pump(outbox, 0) == [good]
    journal.settle(good)
    assert outbox.wake_ms(0) is None
    assert pump(outbox, 10_000_000) == []
    assert not outbox.doubtful
    outbox.lost()
    outbox.connected(20_000_000)
    assert pump(outbox, 20_000_000) == []


@pytest.mark.parametrize(("lane", "first_ms"), [(ALARMS, ALARM_WAIT_MS), (OTHERS, EVENT_WAIT_MS)])
def test_what_the_disk_could_not_give_goes_out_once_it_can(journal: MemoryJournal, lane: int, first_ms: int) -> None:
    for _ in range(3):
        journal.add(lane)
    outbox = journal.feed()
    journal.unreadable = {2, 3}
    outbox.connected(0)
    assert pump(outbox, 0) == [1]
    journal.unreadable = set()
    assert pump(outbox, first_ms) == [2, 3, 1], "though nothing was appended since, and another one is due again"
    assert pump(outbox, first_ms) == []


def test_what_is_found_late_does_not_go_past_the_rate(journal: MemoryJournal) -> None:
    for _ in range(10):
        journal.add(OTHERS)
    outbox = journal.feed(window=4, rate=1)
    journal.unreadable = set(range(1, 11))
    outbox.connected(0)
    assert pump(outbox, 0) == []
    journal.unreadable = set()
    assert pump(outbox, EVENT_WAIT_MS) == [1, 2, 3, 4]
    assert not outbox.free(alarm=False)
    assert pump(outbox, EVENT_WAIT_MS + 1000) == [5]


def test_a_full_window_with_a_round_due_does_not_wake_in_a_spin(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=2)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(3):
        journal.add(ALARMS)
    assert len(pump(outbox, 0, acknowledge=False)) == 2
    assert outbox.wake_ms(100_000) is None, "the broker's acknowledgement is what there is to wait for"


def test_a_round_that_is_overdue_wakes_in_the_future(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    journal.add(ALARMS)
    pump(outbox, 0)
    assert outbox.wake_ms(0) == ALARM_WAIT_MS
    assert outbox.wake_ms(1_000_000) == 1_000_001


def test_the_earlier_of_two_rounds_is_woken_for(journal: MemoryJournal) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    journal.add(OTHERS)
    pump(outbox, 0)
    assert outbox.wake_ms(0) == EVENT_WAIT_MS
    journal.add_sent(ALARMS)
    assert outbox.wake_ms(0) == ALARM_WAIT_MS


def test_a_hundred_thousand_events_cost_a_few_questions_each(journal: MemoryJournal) -> None:
    count = 100_000
    journal.lanes[OTHERS].extend(range(1, count + 1))
    journal.head = count
    outbox = journal.feed(window=20, rate=100_000)
    outbox.connected(0)
    sent, now_ms = 0, 0
    while sent < count:
        now_ms += 1
        for position in pump(outbox, now_ms):
            sent += 1
            assert position == sent
        outbox.wake_ms(now_ms)
    assert journal.asked < 6 * count
