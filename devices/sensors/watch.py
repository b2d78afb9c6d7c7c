"""Whether a sensor is well: one judge per sensor, from what its line brings and the time alone.

A fault is said as soon as its time is full; ``well`` is said again only when something sensible comes after ``well_ms`` without any fault,
so that a loose plug is one fault and not a hundred. A line that is open again but has said nothing stays ``lost`` until one of the
other judgements is due. Nothing to be seen is never ``frozen``: an empty street stays empty.
"""

import dataclasses

from devices.sensors.readings import Health, LampCurrent, Motion, Presence, Reading, Speed, Status, Targets


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How long a sensor may be odd before it is a fault. 0 for ``silent_ms`` or ``frozen_ms`` never judges that.

    Args:
        silent_ms: without one thing that makes sense.
        frozen_ms: saying the same to the last digit, while it sees something, without a pause longer than ``window_ms``.
        window_ms: over which noise is measured.
        noise_percent: more of the window's bytes than this make no sense: babbling.
        noise_bytes: fewer than these in a window are no babble, whatever their share.
        lost_ms: the line closed.
        well_ms: all in order, before the fault is over.
    """

    silent_ms: int = 5_000
    frozen_ms: int = 0
    window_ms: int = 2_000
    noise_percent: int = 50
    noise_bytes: int = 64
    lost_ms: int = 1_000
    well_ms: int = 3_000

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be."""
        for name in ("window_ms", "noise_bytes", "well_ms"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("silent_ms", "frozen_ms", "lost_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be below 0")
        if not 0 < self.noise_percent < 100:
            raise ValueError(f"noise_percent is {self.noise_percent}; it must be within 1 and 99")


class Watch:
    """Judges one sensor; each method that moves time returns the changes of the judgement. A new sensor counts as well."""

    def __init__(self, sensor: str, limits: Limits, now_ms: int) -> None:
        self._sensor = sensor
        self._limits = limits
        self.state = Health.WELL
        self._closed_ms: int | None = now_ms
        self._heard = False
        self._sense_ms = now_ms  # the last thing that made sense, or the opening of the line
        self._said: tuple[object, ...] | None = None
        self._said_ms = now_ms  # for the first time
        self._repeated_ms = now_ms  # for the last time
        self._window_ms = now_ms
        self._sense_bytes = 0
        self._noise_bytes = 0
        self._babbling = False
        self._fault_ms = now_ms  # the last moment at which something was wrong

    def opened(self, at_ms: int) -> list[Status]:
        """The line is open."""
        changes = self.tick(at_ms)
        self._closed_ms = None
        self._heard = False
        self._sense_ms = at_ms
        self._said = None
        self._fresh_window(at_ms)
        self._babbling = False
        return changes

    def closed(self, at_ms: int) -> list[Status]:
        """The line is closed."""
        if self._closed_ms is None:
            self._closed_ms = at_ms
        return self.tick(at_ms)

    def heard(self, at_ms: int, sense_bytes: int, noise_bytes: int, *, overran: bool = False) -> list[Status]:
        """Bytes came. ``overran``: more than the line may bring, of which some were thrown away unseen."""
        changes = self.tick(at_ms)  # what was wrong until now was so until now
        self._sense_bytes += sense_bytes
        self._noise_bytes += noise_bytes
        if overran:
            self._babbling = True
        if sense_bytes > 0:
            self._heard = True
            self._sense_ms = at_ms
        return changes + self.tick(at_ms)

    def read(self, reading: Reading) -> None:
        """It said this."""
        said = None if _nothing(reading) else tuple(getattr(reading, name) for name in reading.__slots__[1:])
        if said is None or said != self._said or reading.at_ms - self._repeated_ms > self._limits.window_ms:
            self._said = said
            self._said_ms = reading.at_ms
        self._repeated_ms = reading.at_ms

    def tick(self, now_ms: int) -> list[Status]:
        """Let time pass."""
        self._pass_windows(now_ms)
        wrong = self._wrong(now_ms)
        if wrong is not None:
            self._fault_ms = now_ms
            return self._turn(wrong, now_ms)
        if self.state == Health.WELL:
            return []
        if self._closed_ms is not None or (self._limits.silent_ms and not self._heard):
            self._fault_ms = now_ms
        good_ms = self._sense_ms if self._limits.silent_ms else now_ms
        if good_ms - self._fault_ms < self._limits.well_ms:
            return []
        return self._turn(Health.WELL, now_ms)

    def next_tick_ms(self) -> int | None:
        """When a tick could bring a change, None if only the line can."""
        limits = self._limits
        if self._closed_ms is not None:
            return None if self.state == Health.LOST else self._closed_ms + limits.lost_ms
        window_ends_ms = self._window_ms + limits.window_ms
        if self._babbling:
            return window_ends_ms
        due = []
        if limits.silent_ms and self.state != Health.SILENT:
            due.append(self._sense_ms + limits.silent_ms)
        if self._noise_bytes:
            due.append(window_ends_ms)
        if self.state != Health.WELL and not limits.silent_ms:
            due.append(self._fault_ms + limits.well_ms)
        return min(due, default=None)

    def _wrong(self, now_ms: int) -> Health | None:
        limits = self._limits
        if self._closed_ms is not None:
            return Health.LOST if now_ms - self._closed_ms >= limits.lost_ms else None
        if self._babbling:
            return Health.BABBLING
        if limits.silent_ms and now_ms - self._sense_ms >= limits.silent_ms:
            return Health.SILENT
        if limits.frozen_ms and self._said is not None and self._repeated_ms - self._said_ms >= limits.frozen_ms:
            return Health.FROZEN
        return None

    def _pass_windows(self, now_ms: int) -> None:
        while now_ms - self._window_ms >= self._limits.window_ms:
            total = self._sense_bytes + self._noise_bytes
            enough = self._noise_bytes >= self._limits.noise_bytes
            self._babbling = enough and self._noise_bytes * 100 > total * self._limits.noise_percent
            quiet = total == 0 and not self._babbling
            self._fresh_window(now_ms if quiet else self._window_ms + self._limits.window_ms)

    def _fresh_window(self, at_ms: int) -> None:
        self._window_ms = at_ms
        self._sense_bytes = 0
        self._noise_bytes = 0

    def _turn(self, state: Health, at_ms: int) -> list[Status]:
        if state == self.state:
            return []
        self.state = state
        return [Status(at_ms, self._sensor, state, self._heard)]


def _nothing(reading: Reading) -> bool:
    """Whether a reading says that there is nothing to be seen."""
    match reading:
        case Targets(targets=()) | Presence(moving=False, still=False) | Speed(mm_s=0) | Motion(active=False):
            return True
        case LampCurrent(ma=0):
            return True
    return False
