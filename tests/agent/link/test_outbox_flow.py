"""How fast the outbox lets events go, and which ones may go from memory: the backlog's rate, the window's hysteresis, ``free``."""

import pytest

from agent.link.outbox import ALARMS, OTHERS, Outbox
from tests.agent.link.memory_journal import ALARM_WAIT_MS, EVENT_WAIT_MS, MemoryJournal, pump, wakes


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def free(outbox: Outbox) -> tuple[bool, bool]:
    """Whether an alarm, and whether another event, may go out at once."""
    return outbox.free(alarm=True), outbox.free(alarm=False)


def throttled(outbox: Outbox) -> bool:
    """Whether the rate holds the next event back."""
    return outbox.throttled


# The backlog's rate


def test_a_backlog_is_sent_at_the_limited_rate_and_wakes_for_it(journal: MemoryJournal) -> None:
    for _ in range(1000):
        journal.add(OTHERS)
    outbox = journal.feed(window=20, rate=100)
    outbox.connected(0)
    first, *later = wakes(outbox, 0, 5000)
    assert len(first[1]) == 20, "a window's worth may go at once"
    assert 490 <= sum(len(sent) for _, sent in later) <= 501
    assert all(sent for _, sent in later), "woken for nothing"


def test_neither_alarms_of_the_backlog_nor_live_events_wait_for_the_rate(journal: MemoryJournal) -> None:
    backlog = [journal.add(ALARMS) for _ in range(100)]
    outbox = journal.feed(window=5, rate=1)
    outbox.connected(0)
    live = [journal.add(OTHERS) for _ in range(100)]
    assert pump(outbox, 0) == backlog + live


def test_what_was_there_when_the_connection_came_is_backlog_to_the_last_event(journal: MemoryJournal) -> None:
    for _ in range(3):
        journal.add(OTHERS)
    outbox = journal.feed(window=2, rate=1)
    outbox.connected(0)
    assert pump(outbox, 0) == [1, 2]
    assert throttled(outbox)


def test_live_events_queue_behind_a_backlog_that_the_rate_holds_back_and_alarms_pass(journal: MemoryJournal) -> None:
    for _ in range(4):
        journal.add(OTHERS)
    outbox = journal.feed(window=2, rate=1)
    assert not throttled(outbox)
    outbox.connected(0)
    assert pump(outbox, 0) == [1, 2]
    assert throttled(outbox)
    live = journal.add(OTHERS)
    assert free(outbox) == (True, False)
    alarm = journal.add(ALARMS)
    assert pump(outbox, 500) == [alarm]
    assert throttled(outbox)
    assert pump(outbox, 1000) == [3]
    assert pump(outbox, 2000) == [4, live], "the live one waits for its turn, not for the rate"
    assert not throttled(outbox)
    assert free(outbox) == (True, True)


def test_a_backlog_that_is_held_back_wakes_when_the_rate_has_one_more_and_not_before(journal: MemoryJournal) -> None:
    for _ in range(3):
        journal.add(OTHERS)
    outbox = journal.feed(window=1, rate=10)
    outbox.connected(0)
    assert pump(outbox, 0) == [1]
    assert outbox.wake_ms(0) == 100
    assert outbox.wake_ms(60) == 100, "asking does not put it off"
    assert pump(outbox, 99) == []
    assert pump(outbox, 100) == [2]


def test_a_round_that_is_due_while_the_rate_holds_back_does_not_wake_in_a_spin(journal: MemoryJournal) -> None:
    for _ in range(40):
        journal.add(OTHERS)
    outbox = journal.feed(window=1, rate=1)
    outbox.connected(0)
    assert [now_ms for now_ms, _ in wakes(outbox, 0, 3 * EVENT_WAIT_MS)] == list(range(0, 3 * EVENT_WAIT_MS + 1, 1000))


@pytest.mark.parametrize("rate", [3, 7, 300])
def test_each_wake_for_a_backlog_finds_something_to_send(journal: MemoryJournal, rate: int) -> None:
    for _ in range(1000):
        journal.add(OTHERS)
    outbox = journal.feed(window=1, rate=rate)
    outbox.connected(0)
    times = wakes(outbox, 0, 3000)
    assert all(sent for _, sent in times)
    assert 3 * rate - 1 <= len(times) <= 3 * rate + 1


def test_an_alarms_round_is_woken_for_while_the_rate_holds_back(journal: MemoryJournal) -> None:
    for _ in range(3):
        journal.add(OTHERS)
    outbox = journal.feed(window=1, rate=1)
    outbox.connected(0)
    assert pump(outbox, 0) == [1]
    journal.add_sent(ALARMS)
    outbox.acknowledged(4)
    assert pump(outbox, ALARM_WAIT_MS - 500) == [2]
    assert pump(outbox, ALARM_WAIT_MS - 500) == []
    assert outbox.wake_ms(ALARM_WAIT_MS - 500) == ALARM_WAIT_MS


def test_an_idle_hour_saves_up_no_flood(journal: MemoryJournal) -> None:
    for _ in range(1000):
        journal.add(OTHERS)
    outbox = journal.feed(window=20, rate=100)
    outbox.connected(0)
    pump(outbox, 0)
    assert len(pump(outbox, 3_600_000)) == 20


def test_a_fast_rate_is_reached_with_a_look_every_tenth_of_a_second(journal: MemoryJournal) -> None:
    for _ in range(5000):
        journal.add(OTHERS)
    outbox = journal.feed(window=20, rate=10_000)
    outbox.connected(1_000_000)
    assert len(pump(outbox, 1_000_000)) == 20
    assert [len(pump(outbox, 1_000_000 + later_ms)) for later_ms in (100, 200, 300, 3_600_000)] == [1000] * 4


# What may go from memory


def test_a_new_event_may_go_at_once_if_nothing_that_goes_before_it_waits(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=3)
    outbox.connected(0)
    assert free(outbox) == (True, True)
    journal.add(OTHERS)
    assert free(outbox) == (True, False), "an alarm goes before what is none"
    pump(outbox, 0)
    assert free(outbox) == (True, True)
    journal.add(ALARMS)
    assert free(outbox) == (False, False)
    pump(outbox, 0)
    assert free(outbox) == (True, True)


def test_nothing_goes_from_memory_before_what_a_new_connection_owes(journal: MemoryJournal) -> None:
    journal.add(OTHERS)
    journal.add(ALARMS)
    outbox = journal.feed(window=1)
    outbox.connected(0)
    assert free(outbox) == (False, False)
    assert pump(outbox, 0, acknowledge=False) == [2]
    outbox.acknowledged(2)
    pump(outbox, 0)
    assert free(outbox) == (True, True)
    outbox.lost()
    outbox.connected(1)
    assert free(outbox) == (False, False), "both are owed again"


def test_without_room_not_even_an_alarm_goes_from_memory(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=2)
    outbox.connected(0)
    pump(outbox, 0)
    first = journal.add_sent(ALARMS)
    assert free(outbox) == (True, True)
    journal.add_sent(ALARMS)
    assert free(outbox) == (False, False)
    waiting = journal.add(ALARMS)
    outbox.acknowledged(first)
    assert free(outbox) == (False, False), "an older alarm waits"
    assert pump(outbox, 1) == [waiting]
    assert free(outbox) == (True, True)


@pytest.mark.parametrize(("lane", "first_ms"), [(ALARMS, ALARM_WAIT_MS), (OTHERS, EVENT_WAIT_MS)])
def test_what_went_from_memory_is_not_sent_twice_but_again_when_no_receipt_comes(
    journal: MemoryJournal, lane: int, first_ms: int
) -> None:
    outbox = journal.feed()
    outbox.connected(0)
    pump(outbox, 0)
    position = journal.add_sent(lane)
    assert outbox.under_way == 1
    assert free(outbox) == (True, True)
    assert pump(outbox, 1) == []
    assert pump(outbox, first_ms * 2) == [], "still under way"
    outbox.acknowledged(position)
    assert outbox.under_way == 0
    assert pump(outbox, first_ms * 20) == [position]


def test_each_lane_keeps_its_order_however_its_events_go(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=2)
    outbox.connected(0)
    pump(outbox, 0)
    sent = [journal.add_sent(OTHERS), journal.add_sent(OTHERS)]
    for _ in range(3):
        journal.add(OTHERS)
    for position in (1, 2):
        outbox.acknowledged(position)
    assert free(outbox) == (True, False), "older ones wait, though there is room"
    sent += pump(outbox, 1)
    sent.append(journal.add_sent(OTHERS))
    outbox.acknowledged(sent[-1])
    sent.append(journal.add_sent(OTHERS))
    assert pump(outbox, 2) == []
    assert sent == [1, 2, 3, 4, 5, 6, 7]


def test_a_lane_emptied_by_receipts_is_free_again(journal: MemoryJournal) -> None:
    """Receipts may come for what waits: an earlier connection had carried it."""
    for lane in (ALARMS, ALARMS, OTHERS, OTHERS):
        journal.add(lane)
    outbox = journal.feed(window=1)
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [1]
    for position in (1, 2, 3, 4):
        journal.settle(position)
    outbox.acknowledged(1)
    assert pump(outbox, 1) == []
    assert free(outbox) == (True, True)
    assert outbox.wake_ms(1) is None
    journal.add_sent(OTHERS)
    outbox.acknowledged(5)
    last = journal.add(ALARMS)
    assert pump(outbox, 2) == [last]


def test_a_lane_that_rests_is_not_read(journal: MemoryJournal) -> None:
    """What goes from memory costs no look into the journal."""
    outbox = journal.feed()
    outbox.connected(0)
    pump(outbox, 0)
    asked = journal.asked
    for lane in (OTHERS, ALARMS) * 50:
        outbox.acknowledged(journal.add_sent(lane))
        assert outbox.next(1) is None
    assert journal.asked == asked


# The window's hysteresis


@pytest.mark.parametrize(("window", "half"), [(8, 4), (7, 3), (2, 1), (1, 0)])
def test_once_the_window_was_full_others_wait_until_half_of_it_is_acknowledged(
    journal: MemoryJournal, window: int, half: int
) -> None:
    outbox = journal.feed(window=window)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(3 * window):
        journal.add(OTHERS)
    under_way = pump(outbox, 1, acknowledge=False)
    assert len(under_way) == window
    while len(under_way) > half + 1:
        outbox.acknowledged(under_way.pop(0))
        assert outbox.room
        assert free(outbox) == (True, False)
        assert pump(outbox, 1, acknowledge=False) == []
    outbox.acknowledged(under_way.pop(0))
    under_way += pump(outbox, 1, acknowledge=False)
    assert under_way == list(range(window + 1 - half, 2 * window + 1 - half)), "full again, in order"


def test_what_goes_from_memory_fills_the_window_as_well(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=4)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(4):
        journal.add_sent(OTHERS)
    assert free(outbox) == (False, False)
    outbox.acknowledged(1)
    assert free(outbox) == (True, False)
    outbox.acknowledged(2)
    assert free(outbox) == (True, True)


def test_a_window_that_was_never_full_makes_nobody_wait(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=4)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(3):
        journal.add_sent(OTHERS)
    assert free(outbox) == (True, True)
    journal.add(OTHERS)
    assert pump(outbox, 1, acknowledge=False) == [4]


def test_alarms_do_not_wait_for_half_of_the_window(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=8)
    outbox.connected(0)
    for _ in range(9):
        journal.add(OTHERS)
    assert len(pump(outbox, 0, acknowledge=False)) == 8
    outbox.acknowledged(1)
    assert journal.add_sent(ALARMS) == 10
    outbox.acknowledged(2)
    alarm = journal.add(ALARMS)
    assert pump(outbox, 0, acknowledge=False) == [alarm]
    outbox.acknowledged(3)
    assert pump(outbox, 0, acknowledge=False) == []


def test_a_new_connection_has_an_empty_window(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=2)
    outbox.connected(0)
    for _ in range(2):
        journal.add(OTHERS)
    assert pump(outbox, 0, acknowledge=False) == [1, 2]
    outbox.lost()
    outbox.connected(1)
    assert pump(outbox, 1) == [1, 2]
    assert free(outbox) == (True, True)


def test_a_round_that_is_due_while_others_wait_for_the_window_does_not_wake_in_a_spin(journal: MemoryJournal) -> None:
    outbox = journal.feed(window=4)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(5):
        journal.add(OTHERS)
    assert pump(outbox, 0, acknowledge=False) == [1, 2, 3, 4]
    outbox.acknowledged(1)
    assert outbox.room
    assert pump(outbox, 2 * EVENT_WAIT_MS) == []
    assert outbox.wake_ms(2 * EVENT_WAIT_MS) is None, "the broker's acknowledgement is what there is to wait for"
    outbox.acknowledged(2)
    assert pump(outbox, 2 * EVENT_WAIT_MS, acknowledge=False)[0] == 5


@pytest.mark.parametrize("window", range(1, 10))
def test_nothing_stalls_with_a_broker_that_acknowledges_one_by_one(journal: MemoryJournal, window: int) -> None:
    outbox = journal.feed(window=window)
    outbox.connected(0)
    for n in range(100):
        journal.add(ALARMS if n % 7 == 0 else OTHERS)
    sent = under_way = pump(outbox, 0, acknowledge=False)
    while len(sent) < 100:
        assert under_way, "nothing is under way, nothing will be acknowledged, and something is owed"
        outbox.acknowledged(under_way[0])
        more = pump(outbox, 0, acknowledge=False)
        under_way = under_way[1:] + more
        sent = sent + more
    assert set(sent) == journal.unsettled()
