"""Reading a lamp as a person does who knows the table of its patterns: by its light, and for how long. Pure: a pin's changes in."""

from collections.abc import Mapping, Sequence

from simulators.gpio.wiring import Output

RECEIVED_LIGHT_MS = 400
"""Waiting for a receipt the lamp is lit for 250 ms at most; only a receipt lights it longer (docs/devices/sos-button.md)."""
READ_STEPS = 8
"""More than a cycle of any pattern has."""
DARK_MS = 500
"""No pattern of an alarm is dark for longer."""
SLACK_MS, SLACK_SHARE = 25, 0.15
"""How far a step of a pattern may be off: a processor that is busy steps late."""
NS_PER_MS = 1_000_000

Pattern = tuple[tuple[int, int], ...]


def shown_by(history: Sequence[Output], since_ns: int, now_ns: int) -> int | None:
    """By when a light has lasted long enough to show a receipt signed at ``since_ns``; None if none has so far."""
    lit_ns: int | None = None
    for output in [*history, Output(0.0, None, now_ns)]:
        if output.lit:
            lit_ns = output.since_ns if lit_ns is None else lit_ns
        elif lit_ns is not None:
            by_ns = max(lit_ns, since_ns) + RECEIVED_LIGHT_MS * NS_PER_MS
            if output.since_ns >= by_ns:
                return by_ns
            lit_ns = None
    return None


def read(history: Sequence[Output], patterns: Mapping[str, Pattern], now_ns: int) -> str:
    """The pattern that a lamp plays, by its last steps, of which the present one is not over yet.

    The pattern that explains most of them is taken. What two explain alike is read as the one that comes first in the table, where an
    alarm's patterns stand in the order of what they claim; a light that is simply out is idle.
    """
    seen = history[-READ_STEPS:]
    ends = [*(output.since_ns for output in seen[1:]), now_ns]
    steps = [
        (round(output.duty * 100), (end_ns - output.since_ns) / NS_PER_MS)
        for output, end_ns in zip(seen, ends, strict=False)
    ]
    best, most = "", (-1, False, 0.0)
    for name, pattern in patterns.items():
        for last in range(len(pattern)):
            fitting, error = _fitting(pattern, last, steps)
            out = fitting == 0 and pattern == ((0, 0),) and (not steps or steps[-1][1] >= DARK_MS)
            if fitting >= 0 and (fitting, out, -error) > most:
                best, most = name, (fitting, out, -error)
    return best


def _fitting(pattern: Pattern, last: int, steps: Sequence[tuple[int, float]]) -> tuple[int, float]:
    """How many whole steps fit before the present one, which is the pattern's ``last``, and their error in ms; -1 if that does not fit."""
    duration_ms, duty = pattern[last]
    if not steps:
        return (0 if duty == 0 else -1), 0.0
    if abs(steps[-1][0] - duty) > 1 or (duration_ms and steps[-1][1] > duration_ms + _slack_ms(duration_ms)):
        return -1, 0.0
    error = 0.0
    for back in range(1, len(steps)):
        duration_ms, duty = pattern[(last - back) % len(pattern)]
        seen_duty, seen_ms = steps[-1 - back]
        if abs(seen_duty - duty) > 1 or abs(seen_ms - duration_ms) > _slack_ms(duration_ms):
            return back - 1, error
        error += abs(seen_ms - duration_ms) / duration_ms if duration_ms else 0.0
    return len(steps) - 1, error


def _slack_ms(duration_ms: int) -> float:
    return SLACK_MS + SLACK_SHARE * duration_ms
