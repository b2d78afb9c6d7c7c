"""How long a badge's cells last, by a model: what an ESP32 draws in each part of its day, times how long each part takes. Pure.

Nothing is measured here but arithmetic: no board was. The currents are the chip maker's; the times are estimates for one wake-up with a
full TLS handshake and a signature in Python, and others' measurements of joining. Each is told, so that a measured one can take its place.

MicroPython's ``connect`` cannot be told the channel: it makes the station's settings anew, with channel 0, and so does ``bssid=``, which
only restricts the choice. ESP-IDF then scans from channel 1 upwards until it finds the access point. The address is asked for by DHCP,
or is fixed in the board's configuration.
"""

import dataclasses

from benchmarks.figures import Figure
from benchmarks.scene import Context
from devices.firmware.power import GRACE_MS

HOURS_A_YEAR = 24 * 365
YEARS = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part of a wake-up.

    Args:
        seconds: how long it takes.
        milliamperes: drawn meanwhile, on average.
    """

    seconds: float
    milliamperes: float


# ESP32 datasheet v4.x, "Current consumption": modem-sleep at 160 MHz dual core 27 to 44 mA; receiving 95 to 100 mA; transmitting 802.11b at
# 19.5 dBm 240 mA, 802.11n 180 mA. Mean while the radio is on: receiving, one part in eight transmitting.
RADIO_MA = (7 * 100 + 200) / 8
COMPUTING_MA = 44.0
# glenn20's "upy-esp32-experiments", MicroPython on an ESP32 from deep sleep on: 70 ms to its start, 734 ms until it has joined with a fixed
# address, 1626 ms with DHCP (whose client looks for half a second or more whether anybody has the address). The channel is not told: taken
# for the first, which is the worst for us.
JOIN_S = 0.734 - 0.070
DHCP_S = 1.626 - 0.734
CHECK_S = 0.5  # of that, at least; an image that is built without LWIP_DHCP_DOES_ARP_CHECK does not wait for it
# ESP-IDF waits up to 120 ms on each channel (wifi_scan_config_t). Most access points are on 1, 6 or 11: the mean is five channels more.
SCAN_S = 5 * 0.120
PRESS = Part(60.0, RADIO_MA)  # on the network until somebody has acknowledged
# Datasheet: deep sleep with RTC timer and RTC memory 10 uA. A low-drop regulator draws 2 uA more, the wake pin's pull-up nothing at rest.
SLEEP_MA = 0.012
# Three AA lithium cells (IEC FR14505) in series above the regulator: 3,500 mAh to 0.8 V at 25 mA by Energizer's L91 datasheet, which is
# 3,000 mAh at the 1.1 V a cell where 3.3 V ends; four fifths of that are counted, for cold and age.
USABLE_MAH = 3000 * 0.8


def wake_up(join_s: float) -> dict[str, Part]:
    """The parts of a wake-up that takes so long to join its network."""
    parts = {
        "start": Part(0.5, COMPUTING_MA),  # MicroPython and the compiled modules, journal opened
        "join": Part(join_s, RADIO_MA),
        "handshake": Part(1.6, RADIO_MA),  # TLS 1.2, two ECDHE/ECDSA P-256 operations each way
        "report": Part(0.4, RADIO_MA),  # signature 0.1 s, publish, receipt
    }
    # Then a board stays awake for what is left of its grace, which commands may use.
    parts["grace"] = Part(max(0.0, GRACE_MS / 1000 - sum(part.seconds for part in parts.values())), RADIO_MA)
    return parts


def years(wake_ups_a_day: float, presses_a_day: float, join_s: float = JOIN_S + SCAN_S + DHCP_S) -> float:
    """How long the cells last."""
    wake_up_mas = sum(part.seconds * part.milliamperes for part in wake_up(join_s).values())
    awake_mas = wake_ups_a_day * wake_up_mas + presses_a_day * PRESS.seconds * PRESS.milliamperes
    mean_ma = awake_mas / 86_400 + SLEEP_MA
    return USABLE_MAH / mean_ma / HOURS_A_YEAR


def measure(context: Context) -> list[Figure]:
    """The figures."""
    context.say("the battery life of a badge, by its model")
    parts = wake_up(JOIN_S + SCAN_S + DHCP_S).values()
    awake_s = sum(part.seconds for part in parts)
    details = {
        "awake_s": awake_s,
        "join_s": JOIN_S + SCAN_S + DHCP_S,
        "awake_mean_ma": sum(part.seconds * part.milliamperes for part in parts) / awake_s,
        "sleep_ma": SLEEP_MA,
        "usable_mah": USABLE_MAH,
        "presses_a_week": 1,
    }
    return [
        Figure("battery.years_at_hourly_heartbeat", years(24, 1 / 7), "years", at_least=YEARS, details=details),
        Figure("battery.years_with_fixed_address", years(24, 1 / 7, JOIN_S + SCAN_S), "years", at_least=YEARS),
        Figure("battery.years_with_unchecked_dhcp", years(24, 1 / 7, JOIN_S + SCAN_S + DHCP_S - CHECK_S), "years"),
        Figure("battery.years_with_known_channel", years(24, 1 / 7, JOIN_S + DHCP_S), "years"),
        Figure("battery.years_with_fixed_address_and_channel", years(24, 1 / 7, JOIN_S), "years"),
        Figure("battery.years_at_two_hourly_heartbeat", years(12, 1 / 7), "years"),
        Figure("battery.years_at_six_hourly_heartbeat", years(4, 1 / 7), "years"),
        Figure("battery.years_with_a_press_a_day", years(24, 1), "years"),
    ]
