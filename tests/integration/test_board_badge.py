"""A badge on its battery sleeps, reports, and is awake the moment somebody presses it."""

import asyncio
import dataclasses
import pathlib
from typing import Any

import pytest

from agent.wire import cose, presence
from simulators.board.board import HOME, Board
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.board.life import DEEPSLEEP_RESET, EXT1_WAKE, PWRON_RESET, TIMER_WAKE
from tests.integration.boards import laid_out, until, whole
from tests.integration.ground import Button, Ground

pytestmark = pytest.mark.micropython
WIRING = KINDS["panic-button"]
HOUR_S = 3600
AWAKE_MS = 60_000
"""Awake for so long at most, on a busy machine; seconds on a quiet one."""
BATTERY_PIN = 34


LEASE_S = 4 * HOUR_S


def badge(ground: Ground, bundle: pathlib.Path, folder: pathlib.Path, lease_s: int = 0) -> tuple[Board, Button]:
    """A badge that reports each hour, with two equal resistors at its battery; ``lease_s`` is what it is told of its network's DHCP."""
    device = ground.button(kind="panic-button", settings={"building": "School 5"})

    def change(told: dict[str, Any]) -> None:
        told["device"].update(sleeps=True, heartbeat_s=HOUR_S)
        told["wifi"][0]["lease_s"] = lease_s
        told["battery"] = {"pin": BATTERY_PIN, "upper_ohm": 1_000_000, "lower_ohm": 1_000_000}
        told["settings"].update(battery_low_mv=3300, tamper_pin=-1)

    flash = laid_out(folder, bundle, WIRING, ground, device, change)
    return Board(flash, heap_kb=HEAP_KB, contacts=WIRING.contacts), device


async def reports_and_power_cuts(board: Board, device: Button) -> None:
    board.adc(BATTERY_PIN, 1600)
    async with board:
        left_ms = await board.asleep()
        assert left_ms is not None
        assert HOUR_S * 1000 - AWAKE_MS < left_ms <= HOUR_S * 1000
        await until(lambda: device.events("battery.low"), "the low battery is told")
        await until(lambda: device.events("test."), "its self-test is verified")
        assert device.events("test.")[0]["data"]["battery_mv"] == 3200
        (listed,) = [one for one in device.ground.ask("devices") if one["device"] == device.name]
        assert listed["online"]
        assert listed["keepalive"] == HOUR_S

        reports = len(device.events("health.report"))
        board.radio.change(dataclasses.replace(HOME, join_ms=500))
        board.skip(left_ms)
        woken = await board.booted(2)
        assert (woken.cause, woken.wake) == (DEEPSLEEP_RESET, TIMER_WAKE)
        left_ms = await board.asleep()
        assert left_ms is not None
        assert HOUR_S * 1000 - AWAKE_MS < left_ms <= HOUR_S * 1000
        await until(lambda: len(device.events("health.report")) == reports + 1, "the next report is verified")
        assert all(one["data"]["rssi"] == HOME.rssi for one in device.events("health.report"))
        assert len(device.events("battery.low")) == len(device.events("test.")) == 1, "and not again"
        (joined,) = [line for line in board.console.of_boot(2) if "info wifi joined" in line]
        said = presence.decode(cose.parse(device.ground.ear.of(device.name, "presence")[-1]).payload)
        assert said.up < int(joined.split()[0]), "presence was signed while the radio joined"

        await board.power_cut()  # in its sleep: the record is lost
        assert board.boots[-1].cause == PWRON_RESET
        await board.printed("connected")
        await until(lambda: len(device.events("device.booted")) == 2, "it is back")
        await whole(device)


async def a_press_in_its_sleep(board: Board, device: Button) -> None:
    board.adc(BATTERY_PIN, 1800)
    async with board:
        await board.asleep()
        await board.press(WIRING.pin("button"), 60)
        woken = await board.booted(2)
        assert (woken.cause, woken.wake) == (DEEPSLEEP_RESET, EXT1_WAKE)
        await until(lambda: device.events("alarm.raised"), "the press is verified")
        assert device.events("alarm.raised")[0]["data"]["level"] == "assist-pending"
        await board.press(WIRING.pin("button"), 60)
        await until(lambda: device.events("alarm.escalated"), "the next press is verified")
        await asyncio.sleep(4)
        assert board.state == "running", "somebody may still answer"
    assert len(device.events("alarm.")) == 2


async def an_address_that_outlives_its_sleep(board: Board, device: Button) -> None:
    """DHCP is asked at the start, and when half of the lease is over; a network that has changed meanwhile is no obstacle for long."""

    async def awake_once() -> None:
        left_ms = await board.asleep()
        assert left_ms is not None
        reports = len(device.events("health.report"))
        boots = len(board.boots)
        board.skip(left_ms)
        await board.booted(boots + 1)
        await board.asleep()
        await until(lambda: len(device.events("health.report")) > reports, "the report is verified")

    board.adc(BATTERY_PIN, 1800)
    async with board:
        await board.asleep()
        asked = []
        for _ in range(2):
            await awake_once()
            asked.append(board.radio.dhcp_requests)
        assert asked == [1, 2], "not after an hour, and after two"
        board.radio.change(dataclasses.replace(HOME, network="10.7.0."))
        await awake_once()
        assert "no broker over its address" in "".join(board.console.of_boot(len(board.boots)))
        assert board.radio.dhcp_requests == 3
        assert len(board.boots) == 4
        await whole(device)


def test_a_badge_sleeps_reports_and_wakes(ground: Ground, bundle: pathlib.Path, tmp_path: pathlib.Path) -> None:
    reporting = badge(ground, bundle, tmp_path / "reporting")
    pressed = badge(ground, bundle, tmp_path / "pressed")
    leased = badge(ground, bundle, tmp_path / "leased", LEASE_S)

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(reports_and_power_cuts(*reporting))
            group.create_task(a_press_in_its_sleep(*pressed))
            group.create_task(an_address_that_outlives_its_sleep(*leased))

    asyncio.run(scenario())
