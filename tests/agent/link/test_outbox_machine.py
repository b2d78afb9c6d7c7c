"""The outbox under any order of events, receipts, acknowledgements, breaks and trouble with the disk, against a model."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.link.outbox import ALARMS, MAX_DOUBLINGS, OTHERS
from tests.agent.link.memory_journal import MemoryJournal

WINDOW = 4
RATE = 10
ALARM_WAIT_MS = 200
EVENT_WAIT_MS = 500
LATER_MS = 2000
IDLE_WAKES = 2 * LATER_MS // ALARM_WAIT_MS
"""Wakes in ``LATER_MS`` at which nothing goes out, at most: rounds that find only what is under way, in either lane."""


class Sending(RuleBasedStateMachine):
    """``waits`` is the model: by lane, what was not sent on this connection yet and can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = MemoryJournal()
        self.outbox = self.journal.feed(WINDOW, RATE, ALARM_WAIT_MS, EVENT_WAIT_MS)
        self.now_ms = 0
        self.up = False
        self.under_way: list[int] = []
        self.filled = False
        self.out_at: dict[int, int] = {}
        self.passed: set[int] = set()

    def waits(self, lane: int) -> list[int]:
        return [position for position in self.journal.lanes[lane] if position not in self.passed]

    def went(self, position: int) -> None:
        assert position not in self.under_way, "under way, but sent"
        self.under_way.append(position)
        assert len(self.under_way) <= WINDOW
        self.filled = self.filled or len(self.under_way) == WINDOW
        self.passed.add(position)
        self.out_at[position] = self.now_ms

    def pump(self) -> int:
        count = 0
        while self.up and (entry := self.outbox.next(self.now_ms)) is not None:
            position = entry[0]
            count += 1
            assert position in self.journal.unsettled(), "settled, but sent"
            lane = self.journal.lane_of(position)
            if lane == OTHERS:
                assert not self.waits(ALARMS), "overtook an alarm"
                assert not self.filled, "went before half of the window was acknowledged"
            if position not in self.passed:
                assert position == self.waits(lane)[0], "overtook an older one of its lane"
            self.outbox.begin(position)
            self.went(position)
        return count

    @rule(lane=st.sampled_from([ALARMS, OTHERS]), count=st.integers(1, 5))
    def happen(self, lane: int, count: int) -> None:
        for _ in range(count):
            if self.up and self.outbox.free(lane == ALARMS):
                self.went(self.journal.add_sent(lane))
            else:
                self.journal.add(lane)
                self.pump()

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up, self.filled = True, False
        self.passed = set(self.journal.unreadable)
        self.outbox.connected(self.now_ms)
        self.pump()

    @precondition(lambda self: self.up)
    @rule()
    def lose(self) -> None:
        assert self.outbox.lost() == set(self.under_way)
        self.up, self.under_way = False, []

    def acknowledged(self, position: int) -> None:
        self.under_way.remove(position)
        self.filled = self.filled and len(self.under_way) > WINDOW // 2
        self.outbox.acknowledged(position)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.acknowledged(data.draw(st.sampled_from(self.under_way)))
        self.pump()

    @precondition(lambda self: self.journal.unsettled())
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        """It may name what was not sent on this connection: an earlier one had carried it."""
        self.journal.settle(data.draw(st.sampled_from(sorted(self.journal.unsettled()))))
        self.pump()

    @precondition(lambda self: self.journal.unsettled() and not self.journal.unreadable)
    @rule(data=st.data())
    def spoil(self, data: st.DataObject) -> None:
        """The disk cannot give one for a while; others may go before it."""
        hit = self.waits(ALARMS) or self.waits(OTHERS) or sorted(self.journal.unsettled())
        self.journal.unreadable = {data.draw(st.sampled_from(hit))}
        self.passed |= self.journal.unreadable
        self.pump()

    @rule()
    def heal(self) -> None:
        self.journal.unreadable = set()

    @rule(ms=st.integers(1, LATER_MS))
    def later(self, ms: int) -> None:
        end_ms, idle = self.now_ms + ms, 0
        while self.up and (wake_ms := self.outbox.wake_ms(self.now_ms)) is not None and wake_ms <= end_ms:
            assert wake_ms > self.now_ms, "woken in the past"
            self.now_ms = wake_ms
            idle += not self.pump()
            assert idle <= IDLE_WAKES, "woken in a spin"
        self.now_ms = end_ms

    @invariant()
    def what_is_owed_is_woken_for_or_the_brokers_to_acknowledge(self) -> None:
        if self.up and self.journal.unsettled() - self.journal.unreadable:
            alarms = bool(set(self.journal.lanes[ALARMS]) - self.journal.unreadable)
            their_turn = len(self.under_way) == WINDOW or (self.filled and not alarms)
            assert their_turn == (self.outbox.wake_ms(self.now_ms) is None)

    @invariant()
    def a_new_event_may_go_from_memory_exactly_when_nothing_goes_before_it(self) -> None:
        if not self.up or self.journal.unreadable:
            return
        alarm = len(self.under_way) < WINDOW and not self.waits(ALARMS)
        other = alarm and not self.filled and not self.waits(OTHERS)
        assert (self.outbox.free(alarm=True), self.outbox.free(alarm=False)) == (alarm, other)

    def teardown(self) -> None:
        """With a disk that reads and a broker that acknowledges, everything unsettled goes out again within the longest round."""
        self.heal()
        if not self.up:
            self.connect()
        start_ms = self.now_ms
        owed = self.journal.unsettled()
        while any(self.out_at.get(position, -1) <= start_ms for position in owed):
            for position in self.under_way.copy():
                self.acknowledged(position)
            if not self.pump():
                wake_ms = self.outbox.wake_ms(self.now_ms)
                assert wake_ms is not None, "forgotten"
                assert wake_ms <= start_ms + 2 * (EVENT_WAIT_MS << MAX_DOUBLINGS) + 1000, "forgotten"
                self.now_ms = wake_ms


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True)
