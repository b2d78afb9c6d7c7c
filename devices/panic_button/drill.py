"""Whether a drill is on, and until when.

Guarantees: a drill has an end, four hours away at most, in the time of day that the command names, so that a command which comes late
starts none that was over or makes none longer; a clock that is set can only shorten it. On doubt there is none: without the time of day it
does not start, and it survives no restart. Runs on MicroPython and CPython alike.
"""

DRILL_MAX_S = 4 * 3600


class Drill:
    """The drill of one button. Times are monotonic milliseconds, ``until`` milliseconds since 1970 UTC."""

    def __init__(self) -> None:
        self._began_ms = 0
        self._until = 0
        self._clock_ms: "int | None" = None  # time of day at monotonic 0
        self.end_ms: "int | None" = None
        """When the present drill ends, None if there is none."""

    def clock(self, time_of_day: int, now_ms: int) -> None:
        """Learn the time of day (ms since 1970 UTC)."""
        self._clock_ms = time_of_day - now_ms
        if self.end_ms is not None:
            self.end_ms = min(self.end_ms, self._until - self._clock_ms)

    def start(self, until: object, now_ms: int) -> "str | None":
        """Start a drill, or give the present one another end. Returns why not, None if it is on."""
        if type(until) is not int:
            return "until must be the drill's end in milliseconds since 1970 UTC"
        if self._clock_ms is None:
            return "the device does not know the time of day"
        end_ms = until - self._clock_ms
        if end_ms <= now_ms:
            return "the drill is over already"
        if end_ms - now_ms > DRILL_MAX_S * 1000:
            return "a drill lasts %d s at most" % DRILL_MAX_S
        if self.end_ms is None:
            self._began_ms = now_ms
        self._until = until
        self.end_ms = end_ms
        return None

    def stop(self) -> None:
        """Let no drill be on."""
        self.end_ms = None

    def covers(self, at_ms: int) -> bool:
        """Whether something of that time, which is being looked at now, is part of the present drill."""
        return self.end_ms is not None and self._began_ms <= at_ms < self.end_ms
