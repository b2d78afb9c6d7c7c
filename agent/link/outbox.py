"""What to send next, and when again. Pure: the journal is asked, the time is passed in, nothing is sent here.

Two lanes: alarms overtake everything. In each lane the unsettled events go out in their order, at most ``window`` under way to the
broker at once; what was there before the connection (the backlog, alarms excepted) goes at a limited rate. Whatever was sent and not
settled by a receipt goes out again, with a wait that doubles from round to round until receipts come.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Entry = tuple[int, int, int, int, bytes]
    """An unsettled event as the journal hands it out: position, rank, boot, seq, envelope."""
    Next = Callable[[int, int], "Entry | None"]

ALARMS = 0
OTHERS = 1
MAX_DOUBLINGS = 5
DOUBTFUL_ROUNDS = 3
"""After so many rounds in which no alarm was receipted, the path itself is in doubt: brokers that accept and drop exist."""


class Lane:
    """One lane: a pass over what is new, and rounds over what was sent and is still unsettled."""

    def __init__(self, lane: int, first_wait_ms: int, next_entry: "Next") -> None:
        self.lane = lane
        self.rounds = 0
        self._first_wait_ms = first_wait_ms
        self._next = next_entry
        self._fresh = 0
        self._newest = 0
        self._marker = 0
        self._again: int | None = None
        self._due: int | None = None

    def restart(self, head: int) -> None:
        """A new connection: everything unsettled, up to the position ``head``, is to be sent once more, in order."""
        self.rounds = 0
        self._fresh = 0
        self._newest = head
        self._due = None  # a round begins anew once all of it is out

    def nothing_waits(self) -> bool:
        """Whether everything in this lane was sent at least once, so that a new event may go out at once."""
        return self._fresh >= self._newest

    def appended(self, position: int) -> None:
        """A new event waits in the journal."""
        self._newest = position

    def sent_directly(self, position: int) -> None:
        """A new event went out past the journal, and has this position there."""
        self._fresh = position

    def settled(self) -> None:
        """A receipt settled events of this lane: the path works."""
        self.rounds = 0

    def peek(self, now_ms: int) -> "Entry | None":
        """The next event to send now, or None."""
        if self._fresh < self._newest:
            entry = self._next(self.lane, self._fresh)
            if entry is not None:
                return entry
            self._newest = self._fresh  # the rest was of the other lane, or is settled
        if self._due is None:
            self._begin_round(now_ms)
        elif self._again is None and now_ms >= self._due:
            late = self._next(self.lane, self._fresh)
            if late is not None:  # the disk could not give it when its turn came
                self._newest = late[0]
                return late
            first = self._next(self.lane, 0)
            if first is None or first[0] > self._marker:
                self._begin_round(now_ms)  # nothing of the last round is left: what went out since gets its first wait
            else:
                self.rounds += 1
                self._again = 0
        if self._again is not None:
            entry = self._next(self.lane, self._again)
            if entry is not None and entry[0] <= self._marker:
                return entry
            self._begin_round(now_ms)
        return None

    def took(self, entry: "Entry") -> None:
        """``entry``, as peeked, was handed to the connection."""
        if entry[0] > self._fresh:
            self._fresh = entry[0]
        else:
            self._again = entry[0]

    def due_ms(self) -> int | None:
        """When the next round begins, None if nothing is out."""
        return self._due if self._next(self.lane, 0) is not None else None

    def _begin_round(self, now_ms: int) -> None:
        self._again = None
        self._marker = self._fresh
        self._due = now_ms + (self._first_wait_ms << min(self.rounds, MAX_DOUBLINGS))


class Outbox:
    """Both lanes, the window and the rate."""

    def __init__(
        self,
        next_entry: "Next",
        head: "Callable[[], int]",
        window: int,
        backlog_rate: int,
        alarm_wait_ms: int,
        event_wait_ms: int,
    ) -> None:
        self._next_entry = next_entry
        self.alarms = Lane(ALARMS, alarm_wait_ms, self._sendable)
        self.others = Lane(OTHERS, event_wait_ms, self._sendable)
        self.window = window
        self._most = window
        self._head = head
        self._rate = backlog_rate
        self._backlog = 0
        self._tokens_milli = 0
        self._tokens_at = 0
        self.throttled = False
        """The rate of the backlog holds the next event back, for milliseconds."""
        self._under_way: set[int] = set()
        self._filled = False
        self._quarantined: set[int] = set()

    def connected(self, now_ms: int, limit: int = 65535) -> None:
        """A connection is up: send everything unsettled again, older events at the limited rate.

        Args:
            now_ms: the time.
            limit: how many the broker takes at once.
        """
        self.window = max(1, min(self._most, limit))
        self._backlog = self._head()
        self.alarms.restart(self._backlog)
        self.others.restart(self._backlog)
        self._tokens_milli = self.window * 1000
        self._tokens_at = now_ms
        self._filled = False

    def lost(self) -> set[int]:
        """The connection ended; the positions that were under way."""
        under_way, self._under_way = self._under_way, set()
        return under_way

    def quarantine(self, position: int) -> None:
        """Do not send this event any more while this process lives: the broker refuses it for its size."""
        self._quarantined.add(position)

    def free(self, alarm: bool) -> bool:
        """Whether a new event may go out at once: there is room, and nothing that goes before it waits."""
        if not self.room or not self.alarms.nothing_waits():
            return False
        return alarm or (not self._filled and self.others.nothing_waits())

    def appended(self, alarm: bool, position: int) -> None:
        """A new event waits in the journal."""
        (self.alarms if alarm else self.others).appended(position)

    def sent_directly(self, alarm: bool, position: int) -> None:
        """A new event went out past the journal, and has this position there."""
        (self.alarms if alarm else self.others).sent_directly(position)

    def begin(self, position: int) -> None:
        """An event was handed to the connection."""
        self._under_way.add(position)
        if not self.room:
            self._filled = True

    def acknowledged(self, position: int) -> None:
        """The broker has it (which is not delivery)."""
        self._under_way.discard(position)
        if len(self._under_way) <= self.window >> 1:
            self._filled = False

    @property
    def room(self) -> bool:
        """Whether one more may be under way."""
        return len(self._under_way) < self.window

    @property
    def under_way(self) -> int:
        """Events handed to the connection that the broker has not acknowledged."""
        return len(self._under_way)

    @property
    def doubtful(self) -> bool:
        """Alarms go out and no receipt comes back: another path should be tried."""
        return self.alarms.rounds >= DOUBTFUL_ROUNDS

    def next(self, now_ms: int) -> "Entry | None":
        """The next event to hand to the connection now (then call ``begin``), or None if there is none or no room."""
        self.throttled = False
        while self.room:
            lane = self.alarms
            entry = lane.peek(now_ms)
            if entry is None and not self._filled:
                lane = self.others
                entry = lane.peek(now_ms)
                if entry is not None and entry[0] <= self._backlog and not self._token(now_ms):
                    self.throttled = True
                    return None
            if entry is None:
                return None
            lane.took(entry)
            if entry[0] not in self._under_way:
                return entry
        return None

    def wake_ms(self, now_ms: int) -> int | None:
        """When to ask again although nothing happened: a round that is due, or the rate's next event.

        None without room, or if ordinary events wait for the window to empty: then the broker's next acknowledgement is what to wait for.
        """
        if not self.room:
            return None
        dues = [due for due in (self.alarms.due_ms(), self._others_due_ms()) if due is not None]
        return max(now_ms + 1, min(dues)) if dues else None

    def _others_due_ms(self) -> int | None:
        if self._filled:
            return None  # it is the broker's turn
        if self.throttled:  # a round that is due as well has to wait for the same rate
            return self._tokens_at - (self._tokens_milli - 1000) // self._rate  # rounded up
        return self.others.due_ms()

    def _sendable(self, lane: int, after: int) -> "Entry | None":
        entry = self._next_entry(lane, after)
        while entry is not None and entry[0] in self._quarantined:
            entry = self._next_entry(lane, entry[0])
        return entry

    def _token(self, now_ms: int) -> bool:
        gained = (now_ms - self._tokens_at) * self._rate
        self._tokens_milli = min(self._tokens_milli + gained, max(self.window, self._rate // 10) * 1000)
        self._tokens_at = now_ms
        if self._tokens_milli < 1000:
            return False
        self._tokens_milli -= 1000
        return True
