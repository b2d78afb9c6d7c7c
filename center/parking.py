"""Events that arrived before their device's key: a broker may deliver a device's first event ahead of the presence that brings its key.

They wait in memory for a bounded time, number and bytes. What has to go is given up, the oldest first, and is a refusal from then on;
nothing is lost by it, for what was not receipted is sent again. Pure; times are passed in.
"""

from collections import deque
from dataclasses import dataclass

MAX_PARKED = 1_000
MAX_PARKED_BYTES = 8 * 1024 * 1024
PARKED_MS = 60_000
"""Topics overtake each other by milliseconds, or by seconds on a slow link. A device whose key comes later sends again anyway."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits for the key ``kid``, which it only claims to be signed with."""

    kid: bytes
    topic: str
    payload: bytes
    since_ms: int


class Parking:
    """All that waits, in the order of its coming."""

    def __init__(self) -> None:
        self._waiting: deque[Parked] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, parked: Parked) -> list[Parked]:
        """Let a message wait; returns those that are given up for want of room."""
        self._waiting.append(parked)
        self._bytes += len(parked.payload)
        given_up = []
        while len(self._waiting) > MAX_PARKED or self._bytes > MAX_PARKED_BYTES:
            given_up.append(self._pop())
        return given_up

    def take(self, kid: bytes) -> list[Parked]:
        """What waits for this key, in order, and no longer waits."""
        found = [parked for parked in self._waiting if parked.kid == kid]
        if found:
            self._waiting = deque(parked for parked in self._waiting if parked.kid != kid)
            self._bytes -= sum(len(parked.payload) for parked in found)
        return found

    def overdue(self, now_ms: int) -> list[Parked]:
        """What has waited for too long, and is given up. A clock that was set by more than that gives up everything."""
        given_up = []
        while self._waiting and abs(now_ms - self._waiting[0].since_ms) > PARKED_MS:
            given_up.append(self._pop())
        return given_up

    def _pop(self) -> Parked:
        parked = self._waiting.popleft()
        self._bytes -= len(parked.payload)
        return parked
