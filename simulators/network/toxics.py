"""What a bad network does to one direction of one connection, and nothing else: no socket, no clock of its own.

Names and meanings follow toxiproxy. A toxic is a frozen description; `Line` applies all of them to the bytes of one direction: bytes
and the present go in, the instant of their delivery comes out. Order is kept, as TCP keeps it: what is late makes all after it late.
"""

import dataclasses
import random

SEGMENT_BYTES = 1448  # what one Ethernet frame carries of TCP over IPv4 with timestamps


@dataclasses.dataclass(frozen=True, slots=True)
class Latency:
    """Every chunk arrives `latency_ms` later, give or take `jitter_ms` (uniform)."""

    latency_ms: float
    jitter_ms: float = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Bandwidth:
    """At most `rate_kb_s` kilobytes (1000 bytes) pass a second."""

    rate_kb_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """Segments get lost, which TCP shows to nobody but by being late.

    Args:
        probability: of losing one segment of 1448 bytes, each time it is sent.
        timeout_ms: until a lost segment is sent again (RFC 6298: at least the round trip; Linux: at least 200 ms); doubles each time.
    """

    probability: float
    timeout_ms: float


@dataclasses.dataclass(frozen=True, slots=True)
class Timeout:
    """A black hole: nothing arrives. After `timeout_ms` the connection is closed; 0 never closes it.

    What was sent into the hole is delivered when the toxic is removed, for TCP would have kept sending it.
    """

    timeout_ms: float = 0


@dataclasses.dataclass(frozen=True, slots=True)
class ResetPeer:
    """The connection is reset (TCP RST), at once or `timeout_ms` after the toxic finds it."""

    timeout_ms: float = 0


@dataclasses.dataclass(frozen=True, slots=True)
class SlowClose:
    """One side's end of the stream reaches the other `delay_ms` late."""

    delay_ms: float


@dataclasses.dataclass(frozen=True, slots=True)
class LimitData:
    """After `count_bytes` of one connection it is closed, in the middle of whatever passes then."""

    count_bytes: int


Toxic = Latency | Bandwidth | Loss | Timeout | ResetPeer | SlowClose | LimitData


class Line:
    """One direction of one connection.

    Args:
        rng: seeded; draws jitter and loss.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last_s = 0.0
        self._free_s = 0.0
        self._passed = 0

    def due(self, size: int, toxics: tuple[Toxic, ...], now_s: float) -> float:
        """When `size` bytes that entered at `now_s` come out, in the same seconds; never before what entered earlier."""
        at_s = now_s
        for toxic in toxics:
            if isinstance(toxic, Bandwidth):
                self._free_s = max(self._free_s, at_s) + size / (toxic.rate_kb_s * 1000)
                at_s = self._free_s
            elif isinstance(toxic, Latency):
                at_s += max(0.0, toxic.latency_ms + self._rng.uniform(-toxic.jitter_ms, toxic.jitter_ms)) / 1000
            elif isinstance(toxic, Loss):
                at_s += self._resent_ms(size, toxic) / 1000
        self._last_s = max(self._last_s, at_s)
        return self._last_s

    def allowed(self, size: int, toxics: tuple[Toxic, ...]) -> int:
        """How many of `size` bytes may still pass; fewer means that the connection ends after them."""
        limits = [toxic.count_bytes for toxic in toxics if isinstance(toxic, LimitData)]
        passed = min([size, *(max(0, limit - self._passed) for limit in limits)])
        self._passed += passed
        return passed

    def _resent_ms(self, size: int, loss: Loss) -> float:
        """The delay of the segment that was lost most often; the others wait for it."""
        worst_ms = 0.0
        for _ in range(0, size, SEGMENT_BYTES):
            late_ms, timeout_ms = 0.0, loss.timeout_ms
            while self._rng.random() < loss.probability and late_ms < 120_000:  # beyond, a TCP gives up
                late_ms += timeout_ms
                timeout_ms *= 2
            worst_ms = max(worst_ms, late_ms)
        return worst_ms


def slow_link(latency_ms: float = 300, loss: float = 0.02) -> tuple[Toxic, ...]:
    """The slow link of the acceptance figures, for *each* direction: 300 ms with 30 ms of jitter, 2 % of segments lost.

    The round trip is thus 600 ms, and a lost segment costs a retransmission timeout of the round trip and 200 ms on top.
    """
    return (Latency(latency_ms, latency_ms / 10), Loss(loss, 2 * latency_ms + 200))
