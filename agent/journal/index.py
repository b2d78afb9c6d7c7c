"""What the journal remembers of the events in one segment file: numbers and offsets in flat arrays, never the events.

About 22 bytes an event. Positions rise within a segment, and sequence numbers rise within a run of one boot, so
everything is found by bisection. Pure; MicroPython subset.
"""

from array import array

from agent.journal.records import segment_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.records import Gap

ALARM_LANE = 0
OTHER_LANE = 1
DONE = 2  # settled, or unreadable: nothing is owed any more

_LANES = (b"\x00", b"\x01")


def first_above(values: "array[int]", limit: int, low: int, high: int) -> int:
    """First index in [low, high) whose value is above `limit`; `high` if there is none."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] > limit:
            high = middle
        else:
            low = middle + 1
    return low


class Segment:
    """One file: its size and the events in it.

    Args:
        number: the segment's number.
        first: no event in it has a lower position.
    """

    def __init__(self, number: int, first: int) -> None:
        self.number = number
        self.name = segment_name(number)
        self.first = first
        self.size = 0
        self.kept = 0  # bytes known to be durable
        self.readable = True
        self.removed = False
        self.gaps: "list[Gap]" = []
        self.settles: "list[tuple[int, int, int]]" = []  # what records in here say of older segments
        self.positions = array("Q")
        self.seqs = array("I")
        self.offsets = array("I")
        self.sizes = array("I")
        self.ranks = bytearray()
        self.states = bytearray()
        self.runs: "list[tuple[int, int]]" = []  # boot, index of its first event
        self.live = [0, 0, 0, 0]  # unsettled events by rank
        self.live_bytes = [0, 0, 0, 0]

    def __len__(self) -> int:
        return len(self.positions)

    def top(self) -> int:
        """Highest position, or the one before `first` while there is none."""
        return self.positions[-1] if self.positions else self.first - 1

    def unsettled(self) -> int:
        """How many events are still owed."""
        return sum(self.live)

    def dead_bytes(self) -> int:
        """Bytes of settled events."""
        return sum(self.sizes) - sum(self.live_bytes)

    def add(self, position: int, rank: int, boot: int, seq: int, offset: int, size: int, done: bool = False) -> None:
        """Take up the next event; its position and, within the boot, its number are above all others here."""
        runs = self.runs
        if not runs or runs[-1][0] != boot:
            runs.append((boot, len(self.positions)))
        self.positions.append(position)
        self.seqs.append(seq)
        self.offsets.append(offset)
        self.sizes.append(size)
        self.ranks.append(rank)
        if done:
            self.states.append(DONE)
        else:
            self.states.append(OTHER_LANE if rank else ALARM_LANE)
            self.live[rank] += 1
            self.live_bytes[rank] += size

    def find(self, boot: int, seq: int) -> int:
        """Index of an event, or -1."""
        for low, high in self._spans(boot, seq, seq):
            if low < high:
                return low
        return -1

    def has_boot(self, boot: int) -> bool:
        """Whether an event of this boot stands here."""
        for run in self.runs:
            if run[0] == boot:
                return True
        return False

    def next_in(self, lane: int, after: int) -> int:
        """Index of the first unsettled event of a lane with a position above `after`, or -1."""
        start = first_above(self.positions, after, 0, len(self.positions))
        return self.states.find(_LANES[lane], start)

    def mark_done(self, index: int) -> None:
        """Nothing is owed for this event any more."""
        if self.states[index] != DONE:
            self.states[index] = DONE
            rank = self.ranks[index]
            self.live[rank] -= 1
            self.live_bytes[rank] -= self.sizes[index]

    def settle(self, boot: int, first: int, last: int) -> "tuple[int, int, int, int]":
        """Settle a range of a boot, however large; costs no more than the events that stand here.

        Returns:
            (events found, newly settled, lowest and highest number newly settled).
        """
        found = newly = lowest = highest = 0
        runs = self.runs
        if not runs or (len(runs) == 1 and (runs[0][0] != boot or last < self.seqs[0] or first > self.seqs[-1])):
            return 0, 0, 0, 0
        for low, high in self._spans(boot, first, last):
            found += high - low
            if high > low and self.unsettled():
                states = self.states
                for index in range(low, high):
                    if states[index] != DONE:
                        self.mark_done(index)
                        if not newly:
                            lowest = self.seqs[index]
                        highest = self.seqs[index]
                        newly += 1
        return found, newly, lowest, highest

    def cut_from(self, position: int) -> None:
        """Forget all events at or above a position."""
        count = first_above(self.positions, position - 1, 0, len(self.positions))
        if count == len(self.positions):
            return
        for index in range(count, len(self.positions)):
            self.mark_done(index)
        self.positions = self.positions[:count]
        self.seqs = self.seqs[:count]
        self.offsets = self.offsets[:count]
        self.sizes = self.sizes[:count]
        self.ranks = self.ranks[:count]
        self.states = self.states[:count]
        self.runs = [run for run in self.runs if run[1] < count]

    def note_settled(self, boot: int, first: int, last: int) -> None:
        """A record in this segment settles events of older ones; it must outlive this segment as long as they are there."""
        before = self.settles[-1] if self.settles else None
        if before is not None and before[0] == boot and before[2] + 1 == first:
            self.settles[-1] = (boot, before[1], last)
        else:
            self.settles.append((boot, first, last))

    def become(self, other: "Segment") -> None:
        """Take over the index of this segment's rewritten file; what was settled meanwhile stays settled."""
        mine = 0
        for index in range(len(other.positions)):
            while self.positions[mine] != other.positions[index]:
                mine += 1
            if self.states[mine] == DONE:
                other.mark_done(index)
        self.size = other.size
        self.kept = other.size
        self.positions = other.positions
        self.seqs = other.seqs
        self.offsets = other.offsets
        self.sizes = other.sizes
        self.ranks = other.ranks
        self.states = other.states
        self.runs = other.runs
        self.live = other.live
        self.live_bytes = other.live_bytes

    def _spans(self, boot: int, first: int, last: int) -> "list[tuple[int, int]]":
        spans: "list[tuple[int, int]]" = []
        runs = self.runs
        count = len(self.positions)
        for index in range(len(runs)):
            if runs[index][0] == boot:
                low = runs[index][1]
                high = runs[index + 1][1] if index + 1 < len(runs) else count
                spans.append((first_above(self.seqs, first - 1, low, high), first_above(self.seqs, last, low, high)))
        return spans
