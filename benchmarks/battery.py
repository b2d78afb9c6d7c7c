"""How long a badge's cells last: what its firmware does in a day on a simulated board, times what an ESP32 takes and draws for it.

How often it wakes, joins, asks DHCP, shakes hands, and how long it waits meanwhile for others and for itself, is counted on the unmodified
firmware (`benchmarks.badge_day`). How long each of these takes a chip, and what that draws, is measured by nobody here: the currents are
the chip maker's; the times are estimates for a full TLS handshake and signatures in Python, and others' measurements of joining. Each is
told, so that a measured one can take its place. `years` is pure.

MicroPython's ``connect`` cannot be told the channel: it makes the station's settings anew, with channel 0, and so does ``bssid=``, which
only restricts the choice. ESP-IDF then scans from channel 1 upwards until it finds the access point.
"""

import asyncio
import dataclasses
import pathlib

from benchmarks import badge_day
from benchmarks.badge_day import Air, Badge, Counts
from benchmarks.figures import Detail, Figure
from benchmarks.scene import VERIFIED, Context, Scene, scene
from benchmarks.watcher import Watcher
from simulators.board.firmware import compiled

HOURS_A_YEAR = 24 * 365
YEARS = 2.0
# ESP32 datasheet v4.x, "Current consumption": modem-sleep at 160 MHz dual core 27 to 44 mA; receiving 95 to 100 mA; transmitting 802.11b at
# 19.5 dBm 240 mA, 802.11n 180 mA. Mean while the radio is on: receiving, one part in eight transmitting.
RADIO_MA = (7 * 100 + 200) / 8
COMPUTING_MA = 44.0
START_S = 0.5  # MicroPython and the compiled modules, journal opened; the radio is off
# glenn20's "upy-esp32-experiments", MicroPython on an ESP32 from deep sleep on: 70 ms to its start, 734 ms until it has joined with a fixed
# address, 1626 ms with DHCP (whose client looks for half a second or more whether anybody has the address). The channel is not told: taken
# for the first, which is the worst for us.
JOIN_S = 0.734 - 0.070
DHCP_S = 1.626 - 0.734
CHECK_S = 0.5  # of that, at least; an image that is built without LWIP_DHCP_DOES_ARP_CHECK does not wait for it
# ESP-IDF waits up to 120 ms on each channel (wifi_scan_config_t). Most access points are on 1, 6 or 11: the mean is five channels more.
SCAN_S = 5 * 0.120
HANDSHAKE_S = 1.6  # TLS 1.2, two ECDHE/ECDSA P-256 operations each way
SIGN_S = 0.1  # in Python, see `signing`
VERIFY_S = 2 * SIGN_S
PRESS_S = 60.0  # on the network until somebody has acknowledged
PRESSES_A_DAY = 1 / 7
# Datasheet: deep sleep with RTC timer and RTC memory 10 uA. A low-drop regulator draws 2 uA more, the wake pin's pull-up nothing at rest.
SLEEP_MA = 0.012
# Three AA lithium cells (IEC FR14505) in series above the regulator: 3,500 mAh to 0.8 V at 25 mA by Energizer's L91 datasheet, which is
# 3,000 mAh at the 1.1 V a cell where 3.3 V ends; four fifths of that are counted, for cold and age.
USABLE_MAH = 3000 * 0.8

ADDRESSES: dict[str, dict[str, object]] = {
    "lease": {"lease_s": 86_400},
    "fixed": {"address": "192.168.4.77", "netmask": "255.255.255.0", "gateway": "192.168.4.1"},
    "dhcp": {},
}
"""How a badge comes by its address: DHCP's, told that its leases last a day; one of its own; DHCP's at each wake-up."""
WAKE_UPS_A_DAY = 24
SIGNED = ("dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence")


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part of a day.

    Args:
        seconds: how long it takes.
        milliamperes: drawn meanwhile, on average.
    """

    seconds: float
    milliamperes: float


def day(counts: Counts) -> dict[str, Part]:
    """The parts of a badge's awake time, for so many wake-ups as were counted.

    The first connection's presence and will and what the start makes are signed while the radio joins, which takes longer. After that a
    report is signed and a receipt verified at each wake-up, one after the other.
    """
    return {
        "start": Part(counts.wake_ups * START_S, COMPUTING_MA),
        "join": Part(counts.joins * (SCAN_S + JOIN_S), RADIO_MA),
        "dhcp": Part(counts.dhcp_requests * DHCP_S, RADIO_MA),
        "handshake": Part(counts.handshakes * HANDSHAKE_S, RADIO_MA),
        "sign": Part(counts.reports * SIGN_S, RADIO_MA),
        "verify": Part(counts.handshakes * VERIFY_S, RADIO_MA),
        "wait": Part(counts.waited_s, RADIO_MA),
    }


def years(
    counts: Counts,
    wake_ups_a_day: float = WAKE_UPS_A_DAY,
    presses_a_day: float = PRESSES_A_DAY,
    *,
    saved_s: float = 0.0,
) -> float:
    """How long the cells last.

    Args:
        counts: what a badge did in some wake-ups, which are taken for all others.
        wake_ups_a_day: how many there are.
        presses_a_day: each keeps it on the network for a while.
        saved_s: by which joining is shorter each time.
    """
    awake_mas = sum(part.seconds * part.milliamperes for part in day(counts).values()) / counts.wake_ups
    awake_mas -= saved_s * RADIO_MA
    mean_ma = (wake_ups_a_day * awake_mas + presses_a_day * PRESS_S * RADIO_MA) / 86_400 + SLEEP_MA
    return USABLE_MAH / mean_ma / HOURS_A_YEAR


def measure(context: Context) -> list[Figure]:
    """The figures.

    Raises:
        BenchmarkError: a badge did not do what it is there for.
    """
    hours = context.count(WAKE_UPS_A_DAY, 3)
    names = {f"badge-{how}": wifi for how, wifi in ADDRESSES.items()}
    with scene(context, tuple(names)) as stage:
        context.say(f"{hours} hours of {len(names)} badges")
        lease, fixed, dhcp = asyncio.run(_days(stage, names, hours))
    return [
        Figure("battery.years_at_hourly_heartbeat", years(lease), "years", at_least=YEARS, details=_told(lease)),
        Figure("battery.years_with_fixed_address", years(fixed), "years", at_least=YEARS, details=_told(fixed)),
        Figure("battery.years_with_dhcp_at_each_wake_up", years(dhcp), "years", details=_told(dhcp)),
        Figure("battery.years_with_unchecked_dhcp", years(dhcp, saved_s=CHECK_S), "years"),
        Figure("battery.years_with_known_channel", years(dhcp, saved_s=SCAN_S), "years"),
        Figure("battery.years_with_fixed_address_and_channel", years(fixed, saved_s=SCAN_S), "years"),
        Figure("battery.years_at_two_hourly_heartbeat", years(lease, 12), "years"),
        Figure("battery.years_at_six_hourly_heartbeat", years(lease, 4), "years"),
        Figure("battery.years_with_a_press_a_day", years(lease, presses_a_day=1), "years"),
    ]


async def _days(stage: Scene, names: dict[str, dict[str, object]], hours: int) -> list[Counts]:
    bundle = await asyncio.to_thread(compiled, stage.site.directory / "firmware", [badge_day.KIND])
    with stage.watch(SIGNED) as signed, stage.watch(VERIFIED) as verified:
        return await asyncio.gather(
            *(_day(stage, bundle, name, names[name], hours, signed, verified) for name in names)
        )


async def _day(
    stage: Scene,
    bundle: pathlib.Path,
    name: str,
    wifi: dict[str, object],
    hours: int,
    signed: Watcher,
    verified: Watcher,
) -> Counts:
    flash = badge_day.laid_out(stage.site.directory / f"flash-{name}", bundle, stage, name, wifi)
    # The handshake takes a chip so much longer than this machine: with it, grace and giving up come as they do there.
    air = Air(SCAN_S + JOIN_S + HANDSHAKE_S, DHCP_S)
    async with badge_day.board(flash, air) as board:
        badge = Badge(board, name, stage.site.broker.port, air, signed, verified)
        did = await badge.lives(hours)
        await badge.is_pressed()
    return did


def _told(counts: Counts) -> dict[str, Detail]:
    """What was counted, and what each wake-up comes to by the model."""
    parts = {name: part.seconds / counts.wake_ups for name, part in day(counts).items()}
    return {
        **dataclasses.asdict(counts),
        **{f"{name}_s": seconds for name, seconds in parts.items()},
        "each_wake_up_s": sum(parts.values()),
        "sleep_ma": SLEEP_MA,
        "usable_mah": USABLE_MAH,
    }
