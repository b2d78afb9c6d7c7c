"""What a badge that sleeps asks its logic, and tells it after a sleep."""

from collections.abc import Callable
from typing import Any

from tests.devices.panic_button.conftest import Driver

Make = Callable[..., Driver]


def busy(device: Driver) -> bool:
    return device.button.busy


def alarm_open(device: Driver) -> bool:
    return device.button.alarm_open


def test_it_is_busy_with_what_is_armed_shown_felt_or_still_to_be_told(driven: Make) -> None:
    device = driven()
    assert not busy(device)
    device.command("user-test", {"seconds": 5})
    assert busy(device)
    device.pass_ms(5000)
    assert not busy(device)
    device.command("identify", {"seconds": 2})
    assert busy(device)
    device.pass_ms(2000)
    assert not busy(device)
    raised = device.seq + 1
    device.press()
    assert busy(device), "its holder feels it"
    device.pass_ms(5000)
    assert not busy(device)
    assert alarm_open(device)
    device.receipt(raised, 4)
    assert busy(device), "that it was closed is shown"
    assert not alarm_open(device)
    device.pass_ms(10_000)
    assert not busy(device)


def test_it_is_busy_through_a_drill(driven: Make) -> None:
    device = driven()
    device.set("clock", 1_790_000_000_000)
    device.command("drill", {"until": 1_790_000_000_000 + 3_600_000})
    device.pass_ms(3_599_000)
    assert busy(device)
    device.pass_ms(2000)
    assert not busy(device)


def test_hammering_that_is_not_told_yet_keeps_it_busy(driven: Make) -> None:
    device = driven({"gestures": []})
    for _ in range(30):
        device.press()
    while busy(device):
        told = device.alarms()[-1][2]
        device.pass_ms(20)
    assert told == 30


def test_after_a_sleep_a_low_battery_is_not_told_again_and_the_self_test_keeps_its_time(driven: Make) -> None:
    settings: dict[str, Any] = {"battery_low_mv": 3000}
    device = driven(settings)
    for _ in range(3):
        device.set("battery", 2900)
    assert device.button.battery_low
    fresh = driven(settings)
    fresh.button.resume(True, fresh.now + 60_000)
    for _ in range(5):
        fresh.set("battery", 2900)
    assert fresh.events == []
    assert fresh.outputs["lamp"] == "fault"
    fresh.pass_ms(59_000)
    assert fresh.events == []
    fresh.pass_ms(1000)
    assert [name for name, _data in fresh.events] == ["test.failed"]
    for _ in range(3):
        fresh.set("battery", 4000)
    assert fresh.events[-1][0] == "battery.restored"
