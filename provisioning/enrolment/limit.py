"""How often somebody may try: a number of attempts that fills up again with time. Pure and bounded."""

from collections import OrderedDict

from provisioning.enrolment.errors import TooOftenError

_KNOWN_MAX = 10_000


class Limit:
    """``burst`` attempts at once for each key, and one more every ``every_ms``.

    It remembers those who tried last; who tries under ever new keys makes it forget, and has to be held by a limit on another key.
    """

    def __init__(self, burst: int, every_ms: int) -> None:
        self._burst = burst
        self._every_ms = every_ms
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def check(self, key: str, now_ms: int) -> None:
        """Make sure that ``key`` may try now.

        Raises:
            TooOftenError: not yet.
        """
        wait_ms = self._full_at.get(key, now_ms) - now_ms - (self._burst - 1) * self._every_ms
        if wait_ms > 0:
            raise TooOftenError(-(-wait_ms // 1000))

    def spend(self, key: str, now_ms: int) -> None:
        """One attempt of ``key`` is used up."""
        self._full_at[key] = max(self._full_at.get(key, now_ms), now_ms) + self._every_ms
        self._full_at.move_to_end(key)
        if len(self._full_at) > _KNOWN_MAX:
            self._full_at.popitem(last=False)
