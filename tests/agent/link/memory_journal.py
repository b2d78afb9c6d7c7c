"""A journal in memory with an outbox over it, and the two ways in which an event comes into both."""

import bisect

from agent.link.outbox import ALARMS, OTHERS, Outbox

ALARM_WAIT_MS = 2000
EVENT_WAIT_MS = 10_000
Entry = tuple[int, int, int, int, bytes]


class MemoryJournal:
    """Unsettled positions by lane, as the journal hands them out; counts how often it is asked. Some may be unreadable for now."""

    def __init__(self) -> None:
        self.lanes: tuple[list[int], list[int]] = ([], [])
        self.head = 0
        self.asked = 0
        self.unreadable: set[int] = set()
        self.outbox: Outbox | None = None

    def feed(
        self, window: int = 20, rate: int = 500, alarm_wait_ms: int = ALARM_WAIT_MS, event_wait_ms: int = EVENT_WAIT_MS
    ) -> Outbox:
        """The outbox that from now on is told of every event, as the link tells it."""
        self.outbox = Outbox(self.next, lambda: self.head, window, rate, alarm_wait_ms, event_wait_ms)
        return self.outbox

    def add(self, lane: int) -> int:
        """A new event that waits for its turn."""
        position = self._append(lane)
        if self.outbox is not None:
            self.outbox.appended(lane == ALARMS, position)
        return position

    def add_sent(self, lane: int) -> int:
        """A new event that was sent from memory."""
        assert self.outbox is not None
        assert self.outbox.free(lane == ALARMS)
        position = self._append(lane)
        self.outbox.sent_directly(lane == ALARMS, position)
        self.outbox.begin(position)
        return position

    def _append(self, lane: int) -> int:
        self.head += 1
        self.lanes[lane].append(self.head)
        return self.head

    def settle(self, position: int) -> None:
        """A receipt names this one."""
        assert self.outbox is not None
        for positions, lane in zip(self.lanes, (self.outbox.alarms, self.outbox.others), strict=True):
            if position in positions:
                positions.remove(position)
                lane.settled()

    def unsettled(self) -> set[int]:
        return set(self.lanes[ALARMS]) | set(self.lanes[OTHERS])

    def lane_of(self, position: int) -> int:
        return ALARMS if position in self.lanes[ALARMS] else OTHERS

    def next(self, lane: int, after: int) -> Entry | None:
        self.asked += 1
        positions = self.lanes[lane]
        for at in range(bisect.bisect_right(positions, after), len(positions)):
            if positions[at] not in self.unreadable:
                return positions[at], 0 if lane == ALARMS else 2, 1, positions[at], b"envelope"
        return None


def pump(outbox: Outbox, now_ms: int, *, acknowledge: bool = True) -> list[int]:
    """Hands out everything that may go now, as the link does; the broker acknowledges at once unless told otherwise."""
    sent = []
    while (entry := outbox.next(now_ms)) is not None:
        outbox.begin(entry[0])
        sent.append(entry[0])
        if acknowledge:
            outbox.acknowledged(entry[0])
    return sent


def wakes(outbox: Outbox, now_ms: int, until_ms: int) -> list[tuple[int, list[int]]]:
    """When the outbox wants to be asked until ``until_ms``, beginning now, and what goes out then; the broker acknowledges at once."""
    found = []
    due_ms: int | None = now_ms
    while due_ms is not None and due_ms <= until_ms:
        found.append((due_ms, pump(outbox, due_ms)))
        due_ms = outbox.wake_ms(due_ms)
    return found
