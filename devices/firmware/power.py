"""A board's power: what its battery has, and what a badge does between two signs of life, which is to sleep with its radio off.

In deep sleep the memory is lost but for a record in the RTC's memory, below; the journal on flash holds all that matters, so a board that
finds no record, or a damaged one, only joins its network slower and tests itself once more. The clock goes on in deep sleep. It decides,
and leaves the sleeping itself to `deep_sleep`. MicroPython subset.
"""

from binascii import crc32
from struct import calcsize, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READINGS = 5
GRACE_MS = 3000
"""Awake at least so long after a wake-up: another press is likely, and commands come with the connection."""
GIVE_UP_MS = 30_000
"""So long is tried to reach the center for what is no alarm; then it waits in the journal for the next wake-up."""
ALARM_RETRY_MS = 60_000
"""A badge with an alarm that nobody has answered sleeps this long between two tries."""
ALARM_TRY_MS = 120_000
SHORTEST_MS = 1000
"""Below this, going to sleep and starting again takes longer than staying awake."""
PRESSED_MS = 60_000
"""A wake pin held longer than this (an object lies on the badge) no longer keeps it awake; it must be let go before it wakes again."""

_VERSION = 2
_FORMAT = ">BBQIIIBB"
_FIXED_BYTES = calcsize(_FORMAT)


def battery_mv(adc: "Any", upper_ohm: int, lower_ohm: int) -> int:
    """Millivolts above a divider, the middle one of some readings of a ``machine.ADC``.

    Args:
        adc: reads microvolts (``read_uv``, calibrated by the chip's fuses).
        upper_ohm: from the battery to the pin; 0 without a divider.
        lower_ohm: from the pin to ground.
    """
    readings = sorted([adc.read_uv() for _ in range(READINGS)])
    return int(readings[READINGS // 2] * (upper_ohm + lower_ohm) // (lower_ohm * 1000))


class Kept:
    """What a board knows across a deep sleep.

    Args:
        address: that DHCP gave, as ``ifconfig`` takes it; empty if it gave none.
        low: the battery was low.
        at_ms: of the clock, when it fell asleep.
        report_ms: to the next report.
        test_ms: to the next self-test.
        lease_ms: to where DHCP is to be asked again.
        broker: place of the broker that worked last.
        network: place of the network.
    """

    def __init__(
        self,
        address: "tuple[str, ...]",
        low: bool,
        at_ms: int,
        report_ms: int,
        test_ms: int,
        lease_ms: int,
        broker: int,
        network: int,
    ) -> None:
        self.address = address
        self.low = low
        self.at_ms = at_ms
        self.report_ms = report_ms
        self.test_ms = test_ms
        self.lease_ms = lease_ms
        self.broker = broker
        self.network = network

    def encode(self) -> bytes:
        """For ``machine.RTC().memory``, big-endian: version, low u8, time u64, report, test and lease u32, broker u8, network u8, the
        address as text with spaces between its four parts, CRC-32.
        """
        body = pack(
            _FORMAT,
            _VERSION,
            self.low,
            self.at_ms,
            max(0, self.report_ms),
            max(0, self.test_ms),
            max(0, self.lease_ms),
            self.broker,
            self.network,
        )
        body += " ".join(self.address).encode()
        return body + pack(">I", crc32(body))


def decode(memory: bytes, now_ms: int) -> "Kept | None":
    """What `Kept.encode` made, its times from now on by the clock; what is overdue is below 0. A clock that was set back changes nothing.

    None for anything else, such as the rubbish after a power cut.
    """
    if len(memory) < _FIXED_BYTES + 4 or pack(">I", crc32(memory[:-4])) != memory[-4:] or memory[0] != _VERSION:
        return None
    kept = Kept(tuple(memory[_FIXED_BYTES:-4].decode().split()), *unpack(_FORMAT, memory[:_FIXED_BYTES])[1:])
    slept_ms = max(0, now_ms - kept.at_ms)
    kept.report_ms -= slept_ms
    kept.test_ms -= slept_ms
    kept.lease_ms -= slept_ms
    return kept


def sleep_ms(awake_ms: int, heartbeat_ms: int, alarms: int, waiting: int, pressed_ms: int, settling: bool) -> int:
    """How long to sleep now; 0 to stay awake.

    Args:
        awake_ms: since the wake-up or the last press.
        heartbeat_ms: until the next heartbeat is due.
        alarms: alarms that no receipt has settled, or that were pressed since the wake-up and may still be answered.
        waiting: other events that no receipt has settled.
        pressed_ms: how long the wake pin has been active, 0 if it is not.
        settling: something is written, or an answer is being shown.
    """
    if settling or awake_ms < GRACE_MS or 0 < pressed_ms < PRESSED_MS:
        return 0
    if alarms:
        return min(ALARM_RETRY_MS, max(heartbeat_ms, SHORTEST_MS)) if awake_ms >= ALARM_TRY_MS else 0
    if waiting and awake_ms < GIVE_UP_MS:
        return 0
    return heartbeat_ms if heartbeat_ms >= SHORTEST_MS else 0


def deep_sleep(
    machine: "Any", esp32: "Any", pin: "Any", active_low: bool, stuck: bool, sleep_ms: int, kept: "Kept"
) -> None:
    """Sleep until the time is over or the pin is active; the board then starts anew. Never returns on a board.

    The EXT1 wake-up is used because it works with the RTC's peripherals off; the pin needs a pull resistor of its own (docs), for the
    internal ones are off as well. A pin that is active wakes the board at once: one that is known to be ``stuck`` does not wake it.
    """
    machine.RTC().memory(kept.encode())
    if stuck:
        esp32.wake_on_ext1((), esp32.WAKEUP_ANY_HIGH)
    else:
        esp32.wake_on_ext1((pin,), esp32.WAKEUP_ALL_LOW if active_low else esp32.WAKEUP_ANY_HIGH)
    machine.deepsleep(sleep_ms)
