"""The alarms a button has open: which press raises one, which only escalates it, and what signed receipts have said about each.

Guarantees: at most one ``alarm.raised`` until that alarm is closed by the center or the window since the last press has passed; every
further press is an ``alarm.escalated`` of its own that names the raised event, at once, while the button's allowance lasts: 20 in a row,
one more each second. Hammering beyond that is told together, one event a second, the last count always. An alarm's state only rises, and
only by receipts. It never closes an alarm by itself. Bounded in memory: 8 open alarms, 16 closed ones remembered. Runs on MicroPython
and CPython alike.

Receipts that name other events of this boot (the escalations) change nothing. Alarms of earlier boots that the runtime or a receipt
names are adopted as open. An escalation of an earlier boot cannot be told from an alarm there, so an adopted one that the center has
only received is let go when an adopted alarm before it, of the same boot, is closed.

Where the kind has levels, an alarm's level only rises, and a rise goes out at once, whatever the allowance. An alarm is a drill's or real
for good: no press of one belongs to the other. Whether an adopted alarm was a drill's nobody knows here, so it is real.
"""

from agent.effects import EMIT

UNRECEIPTED = 0
RECEIVED = 1
ACKNOWLEDGED = 2
DISPATCHED = 3
CLOSED = 4

ESCALATIONS_AT_ONCE = 20
ESCALATION_GAP_MS = 1000  # the allowance grows by one escalation in this time
OPEN_MAX = 8
CLOSED_MAX = 16
EARLY_MAX = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Effect = tuple[Any, ...]


class Alarm:
    """One alarm. ``boot`` and ``seq`` are None until it is sealed; ``count`` is the presses it stands for, the first included."""

    def __init__(self, boot: "int | None", seq: "int | None", state: int, adopted: bool) -> None:
        self.boot = boot
        self.seq = seq
        self.state = state
        self.adopted = adopted
        self.follows_closed = False
        self.count = 1
        self.told = 1
        self.level = 0
        self.told_level = 0
        self.drill = False
        self.over = False  # its drill has ended

    @property
    def pending(self) -> bool:
        """Whether there is something to tell."""
        return self.count != self.told or self.level != self.told_level


class AlarmBook:
    """All alarms of one button. Tags of its emit effects are 1 and up; tag 0 is nobody's. ``levels`` are words, the lowest first."""

    def __init__(self, window_ms: int, levels: "tuple[str, ...]" = ()) -> None:
        self._window_ms = window_ms
        self._levels = levels
        self._open: list[Alarm] = []
        self._current: Alarm | None = None
        self._last_press_ms = 0
        self._full_ms = 0  # when the allowance will be, or was, whole again; each escalation moves it on by one gap
        self._tag = 0
        self._sealing: dict[int, Alarm] = {}
        self._boot: int | None = None
        self._closed: list[tuple[int, int]] = []
        self._early: list[tuple[int, int, int]] = []

    def state(self) -> "int | None":
        """The state to show: unreceipted if any alarm is, else that of the alarm pressed last, else of the newest; None: no alarm open."""
        for alarm in self._open:
            if alarm.state == UNRECEIPTED:
                return UNRECEIPTED
        if self._current is not None and self._current.state < CLOSED:
            return self._current.state
        return self._open[-1].state if self._open else None

    def level(self) -> int:
        """The level of the alarm that presses belong to, 0 without one."""
        return 0 if self._current is None or self._current.state >= CLOSED else self._current.level

    def real(self) -> bool:
        """Whether an alarm is open that is no drill's."""
        return any(not alarm.drill for alarm in self._open)

    def press(
        self, now_ms: int, data: "dict[str, object]", level: int = 0, drill: bool = False, presses: int = 1
    ) -> "tuple[bool, list[Effect]]":
        """Count a press. Returns whether it raised a new alarm (with ``data``), and the effects.

        ``presses`` is 0 for one that was counted before and is held: it counts again only where it raises an alarm.
        """
        alarm = self._current
        belongs = (
            alarm is not None
            and alarm.state < CLOSED
            and alarm.drill == drill
            and now_ms - self._last_press_ms <= self._window_ms
        )
        self._last_press_ms = now_ms
        if alarm is not None and belongs:
            alarm.count += presses
            alarm.level = max(alarm.level, level)
            return False, self._escalate(alarm, now_ms)
        alarm = Alarm(None, None, UNRECEIPTED, False)
        alarm.level = alarm.told_level = level
        alarm.drill = drill
        self._tag += 1
        self._sealing[self._tag] = alarm
        self._keep(alarm)
        self._current = alarm
        self._mark(alarm, data)
        return True, [(EMIT, self._tag, "alarm.raised", data)]

    def end_drill(self, now_ms: int) -> "list[Effect]":
        """Tell what the drill's alarms have not told yet, and let them go: presses from now on belong to a real one."""
        effects: list[Effect] = []
        for alarm in list(self._open):
            if alarm.drill:
                alarm.over = True
                effects.extend(self._tell(alarm))
                if alarm.seq is not None:
                    self._let_go(alarm)
        if self._current is not None and self._current.drill:
            self._current = None
            for alarm in self._open:
                if not alarm.drill and self._current is None:
                    self._current = alarm
                    self._last_press_ms = now_ms
        return effects

    def adopt(self, boot: int, seq: int, state: int, now_ms: int) -> None:
        """Take an alarm of an earlier run as open; further presses escalate the first one adopted."""
        if state >= CLOSED or self._find(boot, seq) is not None or (boot, seq) in self._closed:
            return
        alarm = Alarm(boot, seq, state, True)
        self._keep(alarm)
        if self._current is None or self._current.state >= CLOSED:
            self._current = alarm
            self._last_press_ms = now_ms

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> "list[Effect]":
        """Note an event's number: this boot, and the name of the alarm raised under ``tag``."""
        self._boot = boot
        if tag not in self._sealing:
            return []
        alarm = self._sealing.pop(tag)
        known = self._find(boot, seq)  # a receipt that came before the number
        if known is not None:
            alarm.state = known.state
            self._open.remove(known)
            if self._current is known:
                self._current = alarm
        alarm.boot = boot
        alarm.seq = seq
        effects = self._escalate(alarm, now_ms)
        if alarm.over:
            effects.extend(self._tell(alarm))
            self._let_go(alarm)
        early = self._early
        self._early = []
        for at_boot, at_seq, state in early:
            effects.extend(self.receipt(at_boot, at_seq, state, now_ms))
        return effects

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> "list[Effect]":
        """Raise an alarm to the state a signed receipt gives it; adopt an unknown one of another boot."""
        alarm = self._find(boot, seq)
        if alarm is None:
            if boot != self._boot:
                self.adopt(boot, seq, state, now_ms)
                if state >= CLOSED:
                    self._remember_closed(boot, seq)
            elif self._sealing and len(self._early) < EARLY_MAX:
                self._early.append((boot, seq, state))
            return []
        alarm.state = max(alarm.state, state)
        if alarm.follows_closed and alarm.state >= RECEIVED:
            alarm.state = CLOSED
        if alarm.state < CLOSED:
            return []
        return self._close(alarm)

    def tick(self, now_ms: int) -> "list[Effect]":
        """Send what was held back, as far as the allowance has grown."""
        effects: list[Effect] = []
        for alarm in self._open:
            effects.extend(self._escalate(alarm, now_ms))
        return effects

    def next_tick_ms(self) -> "int | None":
        """When the next held-back escalation is due, None if none is."""
        for alarm in self._open:
            if alarm.pending and alarm.seq is not None:
                return self._allowed_ms()
        return None

    def _allowed_ms(self) -> int:
        """From when on the allowance holds at least one escalation."""
        return self._full_ms - (ESCALATIONS_AT_ONCE - 1) * ESCALATION_GAP_MS

    def _find(self, boot: int, seq: int) -> "Alarm | None":
        for alarm in self._open:
            if alarm.boot == boot and alarm.seq == seq:
                return alarm
        return None

    def _keep(self, alarm: Alarm) -> None:
        self._open.append(alarm)
        if len(self._open) <= OPEN_MAX:
            return
        for old in self._open:  # rather forget one the center has than one it may not have
            if old is not self._current and old.state > UNRECEIPTED and not old.pending:
                self._open.remove(old)
                return
        for old in self._open:
            if old is not self._current and old.seq is not None and not old.pending:
                self._open.remove(old)
                return

    def _remember_closed(self, boot: int, seq: int) -> None:
        if (boot, seq) in self._closed:
            return
        self._closed.append((boot, seq))
        if len(self._closed) > CLOSED_MAX:
            self._closed.pop(0)

    def _close(self, alarm: Alarm) -> "list[Effect]":
        effects = self._tell(alarm)  # the last count goes out at once, whatever the allowance
        self._let_go(alarm)
        if alarm.adopted:
            for other in list(self._open):
                if (
                    other.adopted
                    and other.boot == alarm.boot
                    and _number(other) > _number(alarm)
                    and other.state <= RECEIVED
                ):
                    other.follows_closed = True
                    if other.state == RECEIVED and not other.pending:
                        other.state = CLOSED
                        self._let_go(other)
        return effects

    def _let_go(self, alarm: Alarm) -> None:
        self._open.remove(alarm)
        if alarm.boot is not None and alarm.seq is not None:
            self._remember_closed(alarm.boot, alarm.seq)

    def _escalate(self, alarm: Alarm, now_ms: int) -> "list[Effect]":
        if not alarm.pending or alarm.seq is None:
            return []
        if alarm.level == alarm.told_level and now_ms < self._allowed_ms():
            return []
        self._full_ms = max(self._full_ms, now_ms) + ESCALATION_GAP_MS
        return self._tell(alarm)

    def _tell(self, alarm: Alarm) -> "list[Effect]":
        if not alarm.pending or alarm.seq is None:
            return []
        alarm.told = alarm.count
        alarm.told_level = alarm.level
        data = {"alarm": [alarm.boot, alarm.seq], "count": alarm.count, "exact": not alarm.adopted}
        self._mark(alarm, data)
        return [(EMIT, 0, "alarm.escalated", data)]

    def _mark(self, alarm: Alarm, data: "dict[str, object]") -> None:
        # The level of an adopted alarm may be higher than what is known here: rather no word than one too low.
        if self._levels and (alarm.level > 0 or not alarm.adopted):
            data["level"] = self._levels[alarm.level]
        if alarm.drill:
            data["drill"] = True


def _number(alarm: Alarm) -> int:
    return -1 if alarm.seq is None else alarm.seq
