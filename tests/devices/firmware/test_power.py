"""What a board's battery has, what a badge keeps while it sleeps, and when it sleeps."""

from binascii import crc32
from random import Random
from types import SimpleNamespace

import pytest

from devices.firmware import power
from devices.firmware.power import Kept, battery_mv, decode, deep_sleep, sleep_ms

HOUR_MS = 3_600_000


class FakeAdc:
    """Gives its readings one after the other."""

    def __init__(self, readings: list[int]) -> None:
        self.readings = readings

    def read_uv(self) -> int:
        return self.readings.pop(0)


def test_the_battery_is_read_through_its_divider_and_one_odd_reading_counts_nothing() -> None:
    assert battery_mv(FakeAdc([1_650_000, 0, 3_100_000, 1_650_500, 1_649_000]), 100_000, 100_000) == 3300
    assert battery_mv(FakeAdc([2_999_999] * 5), 0, 1) == 2999
    assert battery_mv(FakeAdc([1_000_000] * 5), 220_000, 100_000) == 3200


ADDRESS = ("192.168.4.2", "255.255.255.0", "192.168.4.1", "9.9.9.9")
KEPT = Kept(ADDRESS, True, 1_790_000_000_123, 1_234_567, 86_000_000, 40_000_000, 3, 1)


def test_what_is_kept_comes_back() -> None:
    assert vars(decode(KEPT.encode(), KEPT.at_ms)) == vars(KEPT)
    overdue = decode(Kept((), False, 0, -1, -1, -1, 0, 0).encode(), 0)
    assert overdue is not None
    assert vars(overdue) == vars(Kept((), False, 0, 0, 0, 0, 0, 0))


def test_its_bytes_are_as_the_page_says() -> None:
    data = Kept(ADDRESS, True, 0x0102030405060708, 0x11121314, 0x21222324, 0x31323334, 9, 6).encode()
    assert data[:24].hex() == "0201" + "0102030405060708" + "11121314" + "21222324" + "31323334" + "0906"
    assert data[24:-4] == b"192.168.4.2 255.255.255.0 192.168.4.1 9.9.9.9"
    assert data[-4:] == crc32(data[:-4]).to_bytes(4, "big")


@pytest.mark.parametrize(("slept_ms", "gone_ms"), [(0, 0), (1000, 1000), (HOUR_MS, HOUR_MS), (-5000, 0)])
def test_what_was_slept_is_taken_off_by_the_clock(slept_ms: int, gone_ms: int) -> None:
    kept = decode(KEPT.encode(), KEPT.at_ms + slept_ms)
    assert kept is not None
    assert [kept.report_ms, kept.test_ms, kept.lease_ms] == [
        then_ms - gone_ms for then_ms in (KEPT.report_ms, KEPT.test_ms, KEPT.lease_ms)
    ]


def test_no_rubbish_is_taken_for_a_record() -> None:
    data = KEPT.encode()
    assert decode(b"", 0) is None
    assert decode(b"\2" + crc32(b"\2").to_bytes(4, "big"), 0) is None
    for place in range(len(data)):
        assert decode(data[:place], 0) is None
        for bit in range(8):
            assert decode(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :], 0) is None
    assert decode(data + b"\0", 0) is None
    assert decode(bytes(len(data)), 0) is None
    random = Random(3)
    assert not any(decode(random.randbytes(len(data)), 0) for _ in range(1000))


def test_a_record_of_another_version_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "_VERSION", 1)
    other = KEPT.encode()
    monkeypatch.undo()
    assert decode(other, 0) is None


def plan(**facts: int) -> int:
    ordinary = {
        "awake_ms": 5000,
        "heartbeat_ms": HOUR_MS,
        "alarms": 0,
        "waiting": 0,
        "pressed_ms": 0,
        "settling": False,
    }
    return sleep_ms(**{**ordinary, **facts})  # type: ignore[arg-type]


def test_with_nothing_to_do_it_sleeps_until_the_next_heartbeat() -> None:
    assert plan() == HOUR_MS
    assert plan(heartbeat_ms=power.SHORTEST_MS) == power.SHORTEST_MS
    for soon_ms in (power.SHORTEST_MS - 1, 0, -5):
        assert plan(heartbeat_ms=soon_ms) == 0


@pytest.mark.parametrize(
    ("facts", "same_but_asleep"),
    [
        ({"awake_ms": power.GRACE_MS - 1}, {"awake_ms": power.GRACE_MS}),
        ({"settling": True}, {}),
        ({"pressed_ms": 1}, {"pressed_ms": 0}),
        ({"pressed_ms": power.PRESSED_MS - 1}, {"pressed_ms": power.PRESSED_MS}),
        ({"waiting": 1, "awake_ms": power.GIVE_UP_MS - 1}, {"waiting": 1, "awake_ms": power.GIVE_UP_MS}),
    ],
)
def test_it_stays_awake_as_long_as_it_is_of_use(facts: dict[str, int], same_but_asleep: dict[str, int]) -> None:
    assert plan(**facts) == 0
    assert plan(**same_but_asleep) == HOUR_MS


def test_an_open_alarm_is_tried_longer_and_again_soon() -> None:
    assert plan(alarms=1, awake_ms=power.ALARM_TRY_MS - 1) == 0
    assert plan(alarms=1, awake_ms=power.ALARM_TRY_MS) == power.ALARM_RETRY_MS
    assert plan(alarms=1, awake_ms=power.ALARM_TRY_MS, heartbeat_ms=20_000) == 20_000
    assert plan(alarms=1, awake_ms=power.ALARM_TRY_MS, heartbeat_ms=-1) == power.SHORTEST_MS


@pytest.mark.parametrize("active_low", [True, False])
def test_it_keeps_its_record_and_wakes_on_time_or_on_the_pin_unless_that_is_stuck(active_low: bool) -> None:
    done: list[tuple[object, ...]] = []
    machine = SimpleNamespace(
        RTC=lambda: SimpleNamespace(memory=lambda data: done.append(("memory", data))),
        deepsleep=lambda ms: done.append(("sleep", ms)),
    )
    esp32 = SimpleNamespace(
        WAKEUP_ALL_LOW="low", WAKEUP_ANY_HIGH="high", wake_on_ext1=lambda pins, level: done.append((pins, level))
    )
    at_rest = SimpleNamespace(value=lambda: int(active_low))
    deep_sleep(machine, esp32, at_rest, active_low, False, 777, KEPT)
    assert done == [("memory", KEPT.encode()), ((at_rest,), "low" if active_low else "high"), ("sleep", 777)]
    done.clear()
    pressed = SimpleNamespace(value=lambda: int(not active_low))
    deep_sleep(machine, esp32, pressed, active_low, False, 777, KEPT)
    assert done[1][0] == (pressed,), "who presses at the last moment wakes it at once"
    deep_sleep(machine, esp32, pressed, active_low, True, 777, KEPT)
    assert done[4:] == [((), "high"), ("sleep", 777)]
