"""A limit on how often something is said, so that no flood from outside becomes a flood of signed events. Pure."""


class Limit:
    """At most ``most`` times in any ``per_ms`` on average, ``most`` at once."""

    def __init__(self, most: int, per_ms: int) -> None:
        self._most = most
        self._per_ms = per_ms
        self._left = most * per_ms
        self._at_ms: int | None = None

    def allows(self, now_ms: int) -> bool:
        """Whether it may be said now; if so, it counts as said."""
        if self._at_ms is not None:
            self._left = min(self._most * self._per_ms, self._left + (now_ms - self._at_ms) * self._most)
        self._at_ms = now_ms
        if self._left < self._per_ms:
            return False
        self._left -= self._per_ms
        return True
