"""What the lamps of all buttons say, so that people learn it once, and which duty a pattern has at a moment.

A pattern is a tuple of (duration_ms, duty in percent) that repeats for ever; a single step of duration 0 is steady. It drives nothing.
Runs on MicroPython and CPython alike.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pattern = tuple[tuple[int, int], ...]

LAMP: "dict[str, Pattern]" = {
    "offline": ((100, 60), (3900, 0)),
    "pressed": ((60, 100), (60, 0)),
    "sending": ((250, 100), (250, 0)),
    "sending-no-link": ((100, 100), (100, 0)),
    "received": ((1600, 100), (400, 0)),
    "acknowledged": ((0, 100),),
    "dispatched": ((1700, 100), (100, 20), (100, 100), (100, 20)),
    "closed": ((500, 60), (500, 20)),
    "test-armed": ((100, 100), (100, 0), (100, 100), (700, 0)),
    "test-passed": ((150, 20), (150, 60), (150, 100), (150, 60)),
    "identify": ((100, 100), (100, 0), (100, 100), (100, 0), (100, 100), (500, 0)),
    "fault": ((100, 60), (200, 0), (100, 60), (2600, 0)),
    "tamper": ((100, 60), (200, 0), (100, 60), (200, 0), (100, 60), (2300, 0)),
}


def lamp(own: "dict[str, Pattern]") -> "dict[str, Pattern]":
    """The lamp's language with a kind's own words."""
    words = dict(LAMP)
    words.update(own)
    return words


def duty_at(pattern: "Pattern", elapsed_ms: int) -> "tuple[int, int | None]":
    """Return the duty in percent ``elapsed_ms`` after the pattern began, and the milliseconds until the next step (None: steady)."""
    cycle_ms = 0
    for duration_ms, _duty in pattern:
        cycle_ms += duration_ms
    if cycle_ms == 0:
        return pattern[0][1], None
    left_ms = elapsed_ms % cycle_ms
    for duration_ms, duty in pattern:
        if left_ms < duration_ms:
            return duty, duration_ms - left_ms
        left_ms -= duration_ms
    raise AssertionError("a moment lies within its cycle")
