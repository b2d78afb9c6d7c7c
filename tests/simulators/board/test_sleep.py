"""What ends a board's sleep, and what its watchdog ends."""

import asyncio
import time

import pytest

from simulators.board.board import Board
from simulators.board.life import (
    DEEPSLEEP_RESET,
    EXT0_WAKE,
    EXT1_WAKE,
    PWRON_RESET,
    SOFT_RESET,
    WDT_RESET,
)
from simulators.gpio import physics
from simulators.gpio.records import LOW
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
HOUR_MS = 3_600_000


def test_a_short_deep_sleep_ends_by_itself(firmware: Firmware) -> None:
    async def scenario() -> float:
        main = "import machine\nif machine.reset_cause() == 1:\n    machine.deepsleep(150)\n"
        async with Board(firmware(main)) as board:
            first, second = board.boots[0], await board.booted(2)
            return (second.at_ns - first.at_ns) / 1e6

    assert asyncio.run(scenario()) >= 150


@pytest.mark.parametrize(
    ("arming", "wake"),
    [
        ("esp32.wake_on_ext0(Pin(4, Pin.IN, Pin.PULL_UP), esp32.WAKEUP_ALL_LOW)", EXT0_WAKE),
        ("esp32.wake_on_ext1((Pin(4, Pin.IN, Pin.PULL_UP),), esp32.WAKEUP_ALL_LOW)", EXT1_WAKE),
    ],
)
def test_a_pin_ends_a_deep_sleep(firmware: Firmware, arming: str, wake: int) -> None:
    main = f"import esp32, machine\nfrom machine import Pin\nif machine.reset_cause() == 1:\n    {arming}\n    machine.deepsleep()\n"

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            assert await board.asleep() is None
            board.skip(1000 * HOUR_MS)
            board.set_pin(5, LOW)  # another pin
            await asyncio.sleep(0.05)
            assert board.state == "asleep"
            await board.press(4, 20)
            boot = await board.booted(2)
            assert (boot.cause, boot.wake) == (DEEPSLEEP_RESET, wake)

    asyncio.run(scenario())


def test_a_pin_that_is_at_its_level_already_ends_the_sleep_at_once(firmware: Firmware) -> None:
    main = """
        import esp32, machine
        from machine import Pin
        if machine.reset_cause() == 1:
            esp32.wake_on_ext1([Pin(n, Pin.IN, Pin.PULL_DOWN) for n in (4, 5)], esp32.WAKEUP_ANY_HIGH)
            machine.deepsleep()
    """

    async def scenario() -> int:
        async with Board(firmware(main)) as board:
            await board.asleep()
            board.set_pin(5, 1)
            return (await board.booted(2)).wake

    assert asyncio.run(scenario()) == EXT1_WAKE


def test_light_sleep_ends_with_its_time_or_a_pin_and_handlers_run(firmware: Firmware) -> None:
    main = """
        import esp32, machine, time
        from machine import Pin
        pin = Pin(4, Pin.IN, Pin.PULL_UP)
        pin.irq(lambda p: print("edge"), Pin.IRQ_FALLING)
        began = time.ticks_ms()
        machine.lightsleep(60)
        print("first", 60 <= time.ticks_ms() - began < 5000)
        esp32.wake_on_ext0(pin, 0)
        print("sleeping")
        machine.lightsleep(60000)
        print("awake")
    """

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("sleeping")
            await board.hold(4, bounce=physics.CLEAN)
            await board.printed("awake")
            await board.taken()
            return board.console.of_boot(1)[:4]

    lines = asyncio.run(scenario())
    assert lines[:2] == ["first True", "sleeping"]
    assert sorted(lines[2:]) == ["awake", "edge"]


def test_an_unfed_watchdog_resets_and_a_fed_one_does_not(firmware: Firmware) -> None:
    main = """
        import machine, time
        watchdog = machine.WDT(timeout=200)
        print("cause", machine.reset_cause())
        for _ in range(20):
            time.sleep_ms(30)
            watchdog.feed()
        print("fed")
        while True:
            time.sleep_ms(30)
    """

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("fed")
            assert len(board.boots) == 1
            assert (await board.booted(2)).cause == WDT_RESET
            await board.printed("cause 3")

    asyncio.run(scenario())


def test_the_watchdog_stays_armed_over_ctrl_c_and_a_soft_reset(firmware: Firmware) -> None:
    main = """
        import machine, time
        cause = machine.reset_cause()
        if cause == machine.PWRON_RESET:
            machine.WDT(timeout=1500)
        print("cause", cause)
        while cause != machine.SOFT_RESET:
            time.sleep_ms(30)
    """

    async def scenario() -> list[int]:
        async with Board(firmware(main)) as board:
            await board.printed("cause 1")
            board.type(b"\x03\x04")  # Ctrl-C, Ctrl-D
            await board.printed("cause 3")
            return [boot.cause for boot in board.boots]

    assert asyncio.run(scenario()) == [PWRON_RESET, SOFT_RESET, WDT_RESET]


def test_a_hang_is_ended_by_the_watchdog_only(firmware: Firmware) -> None:
    async def scenario(watchdog_ms: int) -> list[int]:
        main = f"""
            import machine, time
            watchdog = machine.WDT(timeout={watchdog_ms})
            print("up")
            while True:
                time.sleep_ms(10)
                watchdog.feed()
        """
        async with Board(firmware(main)) as board:
            await board.printed("up")
            board.hang()
            if watchdog_ms < 1000:
                await board.booted(2)
                await board.printed("up")
            else:
                await asyncio.sleep(0.4)
            board.hang()
            await board.power_cut()  # ends a process that stands still, too
            return [boot.cause for boot in board.boots]

    assert asyncio.run(scenario(150)) == [PWRON_RESET, WDT_RESET, PWRON_RESET]
    assert asyncio.run(scenario(100_000)) == [PWRON_RESET, PWRON_RESET]


def test_a_host_that_was_busy_does_not_reset_a_board_that_fed_its_watchdog(firmware: Firmware) -> None:
    main = """
        import machine, time
        watchdog = machine.WDT(timeout=150)
        print("up")
        while True:
            time.sleep_ms(5)
            watchdog.feed()
    """

    async def scenario() -> int:
        async with Board(firmware(main)) as board:
            await board.printed("up")
            time.sleep(0.6)  # noqa: ASYNC251  the loop stands still
            await asyncio.sleep(0.1)
            return len(board.boots)

    assert asyncio.run(scenario()) == 1
