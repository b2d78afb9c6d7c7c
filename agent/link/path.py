"""Which broker to try next, and how long to wait before. Pure: time and randomness are passed in.

Brokers stand in order of preference. After a failure the next one is tried; after a round through all of them the wait doubles, from
``least_ms`` to ``most_ms``, with ±50 % jitter so that a thousand devices do not come back in the same second. The wait falls back only
after a connection that stayed for minutes. A refusal (certificate, authorisation) waits longer: hammering does not mend it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STABLE_MS = 120_000
"""A connection that stayed this long was a good one."""
REFUSED_ROUNDS = 4
"""A refusal counts like so many rounds."""


class Path:
    """The brokers' order and the waits between attempts. ``random`` returns thousandths, 0 to 999."""

    def __init__(self, brokers: int, least_ms: int, most_ms: int, random: "Callable[[], int]") -> None:
        self._brokers = brokers
        self._least_ms = least_ms
        self._most_ms = most_ms
        self._random = random
        self._rounds = 0
        self.index = 0
        """The broker to try, or in use."""
        self._old_version = [False] * brokers

    @property
    def old_version(self) -> bool:
        """Whether this broker is to be spoken to in MQTT 3.1.1, having refused version 5."""
        return self._old_version[self.index]

    def wrong_version(self) -> bool:
        """The broker may not speak the version that was tried. True if the other one should be tried at once."""
        if self._old_version[self.index]:
            self._old_version[self.index] = False
            return False
        self._old_version[self.index] = True
        return True

    def failed(self, refused: bool = False) -> int:
        """No connection came about; milliseconds to wait before the next attempt."""
        self.index += 1
        if refused:
            self._rounds = max(self._rounds, REFUSED_ROUNDS)
        if self.index < self._brokers:
            return self._jittered(self._least_ms)
        self.index = 0
        self._rounds += 1
        return self._jittered(min(self._most_ms, self._least_ms << min(self._rounds - 1, 20)))

    def ended(self, lasted_ms: int) -> int:
        """A connection ended after ``lasted_ms``; milliseconds to wait before the next attempt.

        After a good connection that is at the preferred broker, else at the next one: a broker that takes every connection and drops
        it again must not keep the device from the others.
        """
        if lasted_ms >= STABLE_MS:
            self._rounds = 0
            self.index = 0
        else:
            self.index = (self.index + 1) % self._brokers
        wait = self._jittered(min(self._most_ms, self._least_ms << min(self._rounds, 20)))
        self._rounds += 1
        return wait

    def doubted(self) -> int:
        """A connection was given up because no receipts come over it; milliseconds to wait before the next broker."""
        self.index = (self.index + 1) % self._brokers
        return self._jittered(self._least_ms)

    def _jittered(self, wait_ms: int) -> int:
        return wait_ms * (500 + self._random()) // 1000
