"""A serial wire: bytes take their time on it, and a receiver with the wrong clock hears something else. Pure; times are milliseconds.

A pseudo-terminal has no baud rate and hands over at once whatever is written. So bytes wait here until a wire of that rate would have
brought them.
"""

import collections

BITS = 10
"""Of a byte on the wire: a start bit, eight of data, a stop bit."""
WAITING_MAX = 65_536


class Wire:
    """One direction of a line, 8N1, at ``baud``."""

    def __init__(self, baud: int) -> None:
        self._byte_ms = BITS * 1000 / baud
        self._waiting: collections.deque[tuple[float, bytes]] = collections.deque()
        self._free_ms = 0.0

    @property
    def ready_ms(self) -> float | None:
        """When the oldest piece is through, None if the wire is idle."""
        return self._waiting[0][0] + len(self._waiting[0][1]) * self._byte_ms if self._waiting else None

    def send(self, data: bytes, now_ms: float) -> float:
        """Put bytes on the wire behind what is on it; returns when the last one will be through."""
        if data:
            began_ms = max(now_ms, self._free_ms)
            self._waiting.append((began_ms, data))
            self._free_ms = began_ms + len(data) * self._byte_ms
        return self._free_ms

    def take(self, now_ms: float) -> bytes:
        """The bytes that have come through by now; of a piece that is under way its beginning."""
        arrived = b""
        while self._waiting:
            began_ms, data = self._waiting[0]
            count = int((now_ms - began_ms) / self._byte_ms + 1e-6)
            if count <= 0:
                break
            self._waiting.popleft()
            arrived += data[:count]
            if count < len(data):
                self._waiting.appendleft((began_ms + count * self._byte_ms, data[count:]))
                break
        return arrived

    def clear(self) -> None:
        """What is under way is lost."""
        self._waiting.clear()
        self._free_ms = 0.0


def misheard(data: bytes, sent_baud: int, heard_baud: int) -> bytes:
    """What a receiver set to ``heard_baud`` makes of bytes that come back to back at ``sent_baud``; bad stop bits are read as they are."""
    levels = [1]
    for byte in data:
        levels += [0, *((byte >> bit) & 1 for bit in range(8)), 1]
    levels += [1] * BITS
    ratio = sent_baud / heard_baud
    heard = bytearray()
    at = 0.0
    while (start := _falling(levels, at)) is not None:
        bits = [_level(levels, start + (1.5 + bit) * ratio) for bit in range(8)]
        heard.append(sum(level << bit for bit, level in enumerate(bits)))
        at = start + 9.5 * ratio
    return bytes(heard)


def _level(levels: list[int], at: float) -> int:
    return levels[int(at)] if at < len(levels) else 1


def _falling(levels: list[int], at: float) -> int | None:
    """Where the next start bit begins, at or after a place."""
    for place in range(max(1, int(at + 0.999)), len(levels)):
        if levels[place] == 0 and levels[place - 1] == 1:
            return place
    return None
