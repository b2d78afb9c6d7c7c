"""Several Modbus units on one serial line: who is asked when, what their answers say, and whether each is well.

Orders (a relay's pulse) go before regular questions; of those the one that waits longest is next. One request at a time, and before each
the line is quiet for a pause, as RTU wants it. A unit that does not answer costs its timeout and no more, and may be asked less often. An
order for a relay replaces the one that still waits.

An answer does not say which question it answers, and one may come after its timeout. So no unit is asked two things that it would answer
in the same form (function, length): what comes late is an answer to the same question, an instant older, or it is noise.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from devices.sensors.modbus import Answer, Decoder, Request
from devices.sensors.readings import Reading, Said, Status
from devices.sensors.serial_line import Closed, Happening, Opened
from devices.sensors.watch import Limits, Watch

TIMEOUT_MS = 100
GAP_MS = 5
"""3.5 characters are 4 ms at 9600 baud."""
ORDERS_MAX = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Poll:
    """A regular question. ``read`` makes readings of its answers, named by the sensor that each is of; one that was not answered is asked
    again after ``missed_ms`` at the earliest.
    """

    request: Request
    every_ms: int
    read: Callable[[Answer], Sequence[tuple[str, Reading]]]
    missed_ms: int = 0


class Bus:
    """One line with its units.

    Args:
        units: their names by number, as in ``Status``.
        limits: of the units, and of the sensors that readings are of, by name; what has none is not judged.
        polls: what is asked all the time, until ``ask`` says otherwise.
        send: takes what is to be sent.
        now_ms: monotonic.
        timeout_ms: how long a unit has for its answer.
        gap_ms: between an answer and the next request.
    """

    def __init__(
        self,
        units: Mapping[int, str],
        limits: Mapping[str, Limits],
        polls: Sequence[Poll],
        send: Callable[[bytes], object],
        now_ms: int,
        timeout_ms: int = TIMEOUT_MS,
        gap_ms: int = GAP_MS,
    ) -> None:
        self._timeout_ms = timeout_ms
        self._gap_ms = gap_ms
        self._units = units
        self._send = send
        self._decoder = Decoder()
        self._watches = {name: Watch(name, one, now_ms) for name, one in limits.items()}
        self.ask(polls, now_ms)
        self._orders: dict[tuple[int, int, int], Request] = {}
        self._asked: Request | None = None
        self._poll: Poll | None = None
        self._free_ms = now_ms  # when the next request may go, or the asked unit has had its time
        self._heard_ms = now_ms - gap_ms  # the last bytes
        self._began_ms = now_ms - gap_ms  # the first bytes after which the line was not quiet until now
        self._open = False

    def ask(self, polls: Sequence[Poll], now_ms: int) -> None:
        """From now on these are asked all the time, each of them once at once.

        Raises ValueError for two that one unit would answer in the same form.
        """
        forms: dict[tuple[bytes, int], bytes] = {}
        for poll in polls:
            form = poll.request.answer_head, poll.request.answer_bytes
            if forms.setdefault(form, poll.request.frame) != poll.request.frame:
                raise ValueError(f"unit {poll.request.unit} is asked two things whose answers look alike")
        self._polls = polls
        self._due_ms = [now_ms] * len(polls)

    def order(self, request: Request) -> bool:
        """Have this sent as soon as may be. False if too many orders wait, or the line is closed: it is not sent."""
        key = (request.unit, request.function, request.address)
        if not self._open or (key not in self._orders and len(self._orders) >= ORDERS_MAX):
            return False
        self._orders.pop(key, None)  # it waits behind what was ordered in between: the last word counts
        self._orders[key] = request
        return True

    def take(self, happening: Happening) -> list[tuple[str, Reading] | Status]:
        """What follows from what happened to the line."""
        at_ms = happening.at_ms
        if isinstance(happening, Opened | Closed):
            return [*self._turned(isinstance(happening, Opened), at_ms)]
        if at_ms >= self._heard_ms + self._gap_ms:
            self._began_ms = at_ms
        self._heard_ms = at_ms
        before = self._decoder.skipped
        asked = self._asked
        answers = self._decoder.feed(happening.data, at_ms)
        noise = self._decoder.skipped - before
        changes: list[tuple[str, Reading] | Status] = []
        for answer in answers:
            self._asked = None
            self._free_ms = at_ms + self._gap_ms
            if self._poll is not None and not answer.failure:
                for name, reading in self._poll.read(answer):
                    changes.append((name, reading))
                    changes += self._heard(name, reading, at_ms)
        unit = self._watches.get(self._units.get(asked.unit, "")) if asked else None
        if unit:
            sense = len(happening.data) - noise if answers else 0
            changes += unit.heard(at_ms, sense, noise, overran=happening.overran)
        return [*changes, *self.tick(at_ms)]

    def tick(self, now_ms: int) -> list[Status]:
        """Let time pass: ask what is due, and judge."""
        if self._open and now_ms >= self._quiet_ms():
            self._ask_next(now_ms)
        return [change for watch in self._watches.values() for change in watch.tick(now_ms)]

    def next_tick_ms(self) -> int | None:
        """When ``tick`` is wanted next, None if only the line can bring something."""
        due = [at_ms for watch in self._watches.values() if (at_ms := watch.next_tick_ms()) is not None]
        if self._open and (self._asked or self._orders):
            due.append(self._quiet_ms())
        elif self._open and self._due_ms:
            due.append(max(self._quiet_ms(), min(self._due_ms)))
        return min(due, default=None)

    def _quiet_ms(self) -> int:
        """When the line is free and quiet; one that never is gets a question all the same."""
        return max(self._free_ms, min(self._heard_ms + self._gap_ms, self._began_ms + self._timeout_ms))

    def _heard(self, name: str, reading: Reading, at_ms: int) -> list[Status]:
        watch = self._watches.get(name)
        if watch is None:
            return []
        watch.read(reading)
        return watch.heard(at_ms, 1, 0)

    def _turned(self, is_open: bool, at_ms: int) -> list[Status]:
        self._open = is_open
        self._asked = None
        self._decoder.expect(None)
        self._orders.clear()  # what was wanted before is not wanted now
        self._free_ms = at_ms
        judge = Watch.opened if is_open else Watch.closed
        return [change for watch in self._watches.values() for change in judge(watch, at_ms)]

    def _ask_next(self, now_ms: int) -> None:
        missed = self._poll if self._asked else None
        if missed is not None and missed in self._polls:
            index = self._polls.index(missed)
            self._due_ms[index] += max(0, missed.missed_ms - missed.every_ms)
        self._asked = self._poll = None
        self._decoder.expect(None)
        if self._orders:
            self._asked = self._orders.pop(next(iter(self._orders)))
        else:
            due = [index for index, due_ms in enumerate(self._due_ms) if due_ms <= now_ms]
            if not due:
                return
            index = min(due, key=self._due_ms.__getitem__)
            self._poll = self._polls[index]
            self._asked = self._poll.request
            self._due_ms[index] = now_ms + self._poll.every_ms
        self._decoder.expect(self._asked)
        self._free_ms = now_ms + self._timeout_ms
        self._send(self._asked.frame)


class OneBus:
    """A bus with its units."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def take(self, happening: Happening) -> list[Said]:
        """Readings, each under its name, and judgements, each under its unit's."""
        return [
            (one.sensor, one, one.at_ms) if isinstance(one, Status) else (*one, one[1].at_ms)
            for one in self._bus.take(happening)
        ]

    def tick(self, now_ms: int) -> list[Said]:
        """Judgements, and what is to be sent."""
        return [(one.sensor, one, one.at_ms) for one in self._bus.tick(now_ms)]

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""
        return self._bus.next_tick_ms()
