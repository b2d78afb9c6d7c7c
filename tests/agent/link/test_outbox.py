"""The outbox over a journal in memory: what goes out, in which order, how often, and when again."""

import bisect
import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.link.outbox import ALARMS, DOUBTFUL_ROUNDS, MAX_DOUBLINGS, OTHERS, Outbox

ALARM_WAIT_MS = 2000
EVENT_WAIT_MS = 10_000
Entry = tuple[int, int, int, int, bytes]


class FakeJournal:
    """Unsettled positions by lane, as the journal hands them out; counts how often it is asked."""

    def __init__(self) -> None:
        self.lanes: tuple[list[int], list[int]] = ([], [])
        self.head = 0
        self.asked = 0

    def add(self, lane: int) -> int:
        self.head += 1
        self.lanes[lane].append(self.head)
        return self.head

    def settle(self, position: int) -> None:
        for lane in self.lanes:
            if position in lane:
                lane.remove(position)

    def unsettled(self) -> set[int]:
        return set(self.lanes[0]) | set(self.lanes[1])

    def lane_of(self, position: int) -> int:
        return ALARMS if position in self.lanes[ALARMS] else OTHERS

    def next(self, lane: int, after: int) -> Entry | None:
        self.asked += 1
        positions = self.lanes[lane]
        at = bisect.bisect_right(positions, after)
        if at == len(positions):
            return None
        return positions[at], 0 if lane == ALARMS else 2, 1, positions[at], b"envelope"


def outbox_of(journal: FakeJournal, window: int = 20, rate: int = 500) -> Outbox:
    return Outbox(journal.next, lambda: journal.head, window, rate, ALARM_WAIT_MS, EVENT_WAIT_MS)


def pump(outbox: Outbox, now_ms: int, *, acknowledge: bool = True) -> list[int]:
    """Hands out everything that may go now, as the link does; the broker acknowledges at once unless told otherwise."""
    sent = []
    while (entry := outbox.next(now_ms)) is not None:
        outbox.begin(entry[0])
        sent.append(entry[0])
        if acknowledge:
            outbox.acknowledged(entry[0])
    return sent


def times_sent(outbox: Outbox, position: int, until_ms: int) -> list[int]:
    """When a position goes out until ``until_ms``, following nothing but ``wake_ms``."""
    times = []
    now_ms: int | None = 0
    while now_ms is not None and now_ms <= until_ms:
        if position in pump(outbox, now_ms):
            times.append(now_ms)
        now_ms = outbox.wake_ms(now_ms)
    return times


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


def test_alarms_overtake_everything(journal: FakeJournal) -> None:
    for _ in range(5):
        journal.add(OTHERS)
    alarms = [journal.add(ALARMS) for _ in range(3)]
    outbox = outbox_of(journal, window=4)
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [*alarms, 1]
    outbox.acknowledged(1)
    late = journal.add(ALARMS)
    assert pump(outbox, 1, acknowledge=False) == [late]


def test_the_window_is_never_exceeded_nor_the_brokers_own(journal: FakeJournal) -> None:
    for _ in range(30):
        journal.add(OTHERS)
    outbox = outbox_of(journal, window=7)
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


def test_a_backlog_is_sent_at_the_limited_rate_and_wakes_for_it(journal: FakeJournal) -> None:
    for _ in range(1000):
        journal.add(OTHERS)
    outbox = outbox_of(journal, window=20, rate=100)
    outbox.connected(0)
    assert len(pump(outbox, 0)) == 20, "a window's worth may go at once"
    sent, now_ms = 20, 0
    while now_ms < 5000:
        wake_ms = outbox.wake_ms(now_ms)
        assert wake_ms is not None
        now_ms = wake_ms
        sent += len(pump(outbox, now_ms))
    assert 510 <= sent <= 521


def test_neither_alarms_of_the_backlog_nor_live_events_wait_for_the_rate(journal: FakeJournal) -> None:
    backlog = [journal.add(ALARMS) for _ in range(100)]
    outbox = outbox_of(journal, window=5, rate=1)
    outbox.connected(0)
    live = [journal.add(OTHERS) for _ in range(100)]
    assert pump(outbox, 0) == backlog + live


def test_an_idle_hour_saves_up_no_flood(journal: FakeJournal) -> None:
    for _ in range(1000):
        journal.add(OTHERS)
    outbox = outbox_of(journal, window=20, rate=100)
    outbox.connected(0)
    pump(outbox, 0)
    assert len(pump(outbox, 3_600_000)) <= 20


@pytest.mark.parametrize(("lane", "first_ms"), [(ALARMS, ALARM_WAIT_MS), (OTHERS, EVENT_WAIT_MS)])
def test_what_no_receipt_settles_goes_out_again_with_doubling_waits(
    journal: FakeJournal, lane: int, first_ms: int
) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    position = journal.add(lane)
    times = times_sent(outbox, position, first_ms * 2 ** (MAX_DOUBLINGS + 3))
    waits = [after - before for before, after in itertools.pairwise(times)]
    expected = [first_ms << min(n, MAX_DOUBLINGS) for n in range(len(waits))]
    assert len(waits) > MAX_DOUBLINGS + 1
    assert all(0 <= wait - want <= 2 for wait, want in zip(waits, expected, strict=True)), waits


def test_the_first_wait_of_a_later_alarm_is_as_short_as_that_of_the_first(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    first = journal.add(ALARMS)
    pump(outbox, 0)
    outbox.wake_ms(0)
    journal.settle(first)
    outbox.alarms.settled()
    second = journal.add(ALARMS)
    assert pump(outbox, 100_000) == [second]
    assert pump(outbox, 100_000 + ALARM_WAIT_MS - 1) == []
    assert pump(outbox, 100_000 + ALARM_WAIT_MS) == [second]
    assert outbox.alarms.rounds == 1


def test_a_receipt_ends_the_doubling(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    position = journal.add(ALARMS)
    assert len(times_sent(outbox, position, 31_000)) >= 4
    outbox.alarms.settled()
    assert outbox.alarms.rounds == 0


def test_what_is_settled_is_not_sent(journal: FakeJournal) -> None:
    outbox = outbox_of(journal, window=1)
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


def test_a_new_connection_sends_everything_unsettled_again_in_order(journal: FakeJournal) -> None:
    for lane in (OTHERS, ALARMS, OTHERS, ALARMS, OTHERS):
        journal.add(lane)
    outbox = outbox_of(journal)
    outbox.connected(0)
    assert pump(outbox, 0, acknowledge=False) == [2, 4, 1, 3, 5]
    journal.settle(4)
    assert outbox.lost() == {1, 2, 3, 4, 5}
    outbox.connected(50)
    assert pump(outbox, 50) == [2, 1, 3, 5]


def test_an_alarm_may_go_ahead_of_its_writing_only_if_no_older_one_waits(journal: FakeJournal) -> None:
    outbox = outbox_of(journal, window=1)
    outbox.connected(0)
    assert outbox.alarms.nothing_waits()
    first = journal.add(ALARMS)
    assert not outbox.alarms.nothing_waits()
    pump(outbox, 0, acknowledge=False)
    assert outbox.alarms.nothing_waits()
    assert not outbox.room
    waiting = journal.add(ALARMS)
    outbox.acknowledged(first)
    assert not outbox.alarms.nothing_waits()
    assert pump(outbox, 1) == [waiting]


def test_an_alarm_sent_directly_is_not_sent_twice_but_again_when_no_receipt_comes(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    pump(outbox, 0)
    position = journal.add(ALARMS)
    outbox.alarms.sent_directly(position)
    outbox.begin(position)
    assert pump(outbox, 1) == []
    assert pump(outbox, ALARM_WAIT_MS * 2) == [], "still under way"
    outbox.acknowledged(position)
    assert position in pump(outbox, ALARM_WAIT_MS * 20)


def test_three_rounds_without_a_receipt_make_the_path_doubtful(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    position = journal.add(ALARMS)
    now_ms: int | None = 0
    sent = 0
    while not outbox.doubtful:
        assert now_ms is not None
        sent += position in pump(outbox, now_ms)
        now_ms = outbox.wake_ms(now_ms)
    assert sent == 1 + DOUBTFUL_ROUNDS
    outbox.connected(0)
    assert not outbox.doubtful


def test_events_that_are_no_alarms_never_make_the_path_doubtful(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    assert len(times_sent(outbox, journal.add(OTHERS), 1_000_000)) > DOUBTFUL_ROUNDS + 1
    assert not outbox.doubtful


def test_what_is_quarantined_is_not_sent_any_more_and_leaves_no_doubt(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    bad, good = journal.add(ALARMS), journal.add(ALARMS)
    outbox.quarantine(bad)
    outbox.connected(0)
    assert pump(outbox, 0) == [good]
    journal.settle(good)
    assert outbox.wake_ms(0) is None
    assert pump(outbox, 10_000_000) == []
    assert not outbox.doubtful
    outbox.lost()
    outbox.connected(20_000_000)
    assert pump(outbox, 20_000_000) == []


def test_a_full_window_with_a_round_due_does_not_wake_in_a_spin(journal: FakeJournal) -> None:
    outbox = outbox_of(journal, window=2)
    outbox.connected(0)
    pump(outbox, 0)
    for _ in range(3):
        journal.add(ALARMS)
    assert len(pump(outbox, 0, acknowledge=False)) == 2
    assert outbox.wake_ms(100_000) is None, "the broker's acknowledgement is what there is to wait for"


def test_a_round_that_is_overdue_wakes_in_the_future(journal: FakeJournal) -> None:
    outbox = outbox_of(journal)
    outbox.connected(0)
    journal.add(ALARMS)
    pump(outbox, 0)
    assert outbox.wake_ms(0) == ALARM_WAIT_MS
    assert outbox.wake_ms(1_000_000) == 1_000_001


def test_a_hundred_thousand_events_cost_a_few_questions_each(journal: FakeJournal) -> None:
    count = 100_000
    journal.lanes[OTHERS].extend(range(1, count + 1))
    journal.head = count
    outbox = outbox_of(journal, window=20, rate=100_000)
    outbox.connected(0)
    sent, now_ms = 0, 0
    while sent < count:
        now_ms += 1
        for position in pump(outbox, now_ms):
            sent += 1
            assert position == sent
        outbox.wake_ms(now_ms)
    assert journal.asked < 6 * count


class Sending(RuleBasedStateMachine):
    """Any order of events, receipts, acknowledgements and breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = FakeJournal()
        self.window = 3
        self.outbox = outbox_of(self.journal, self.window, 10)
        self.now_ms = 0
        self.up = False
        self.under_way: list[int] = []
        self.out_at: dict[int, int] = {}
        self.passed: list[int] = []

    def pump(self) -> None:
        while self.up and (entry := self.outbox.next(self.now_ms)) is not None:
            position = entry[0]
            assert position in self.journal.unsettled(), "settled, but sent"
            assert position not in self.under_way, "under way, but sent"
            lane = self.journal.lane_of(position)
            waiting = [p for p in self.journal.lanes[ALARMS] if p not in self.passed]
            if lane == OTHERS:
                assert not waiting, "overtook an alarm"
            elif position not in self.passed:
                assert position == waiting[0], "overtook an older alarm"
            self.outbox.begin(position)
            self.under_way.append(position)
            self.passed.append(position)
            self.out_at[position] = self.now_ms
            assert len(self.under_way) <= self.window

    @rule(lane=st.sampled_from([ALARMS, ALARMS, OTHERS]))
    def happen(self, lane: int) -> None:
        if lane == ALARMS and self.up and self.outbox.room and self.outbox.alarms.nothing_waits():
            assert all(p in self.passed for p in self.journal.lanes[ALARMS])
            position = self.journal.add(lane)
            self.outbox.alarms.sent_directly(position)
            self.outbox.begin(position)
            self.under_way.append(position)
            self.passed.append(position)
            self.out_at[position] = self.now_ms
        else:
            self.journal.add(lane)
        self.pump()

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up = True
        self.passed = []
        self.outbox.connected(self.now_ms)
        self.pump()

    @precondition(lambda self: self.up)
    @rule()
    def lose(self) -> None:
        assert self.outbox.lost() == set(self.under_way)
        self.up, self.under_way = False, []

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(position)
        self.outbox.acknowledged(position)
        self.pump()

    @precondition(lambda self: self.out_at)
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.out_at)))
        if position in self.journal.unsettled():
            lane = self.journal.lane_of(position)
            self.journal.settle(position)
            (self.outbox.alarms if lane == ALARMS else self.outbox.others).settled()
        self.pump()

    @rule(ms=st.integers(1, 5000))
    def later(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        while self.up and (wake_ms := self.outbox.wake_ms(self.now_ms)) is not None and wake_ms <= end_ms:
            assert wake_ms > self.now_ms, "woken in the past"
            self.now_ms = wake_ms
            self.pump()
        self.now_ms = end_ms

    @invariant()
    def whatever_is_out_and_unsettled_is_woken_for(self) -> None:
        if self.up and self.outbox.room and self.journal.unsettled():
            assert self.outbox.wake_ms(self.now_ms) is not None

    def teardown(self) -> None:
        """With a broker that acknowledges, everything unsettled goes out again within the longest round."""
        if not self.up:
            self.connect()
        start_ms = self.now_ms
        owed = self.journal.unsettled()
        while self.now_ms < start_ms + 2 * (EVENT_WAIT_MS << MAX_DOUBLINGS) + 1000:
            for position in self.under_way:
                self.outbox.acknowledged(position)
            self.under_way = []
            self.pump()
            if self.under_way:
                continue
            wake_ms = self.outbox.wake_ms(self.now_ms)
            if wake_ms is None:
                break
            self.now_ms = wake_ms
            if all(self.out_at.get(position, -1) > start_ms for position in owed):
                break
        assert all(self.out_at.get(position, -1) > start_ms for position in owed) or not owed


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
