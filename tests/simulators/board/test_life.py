"""Why a board starts, what it remembers then, and what ends it."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from simulators.board.board import Board
from simulators.board.errors import BoardError, BoardStateError
from simulators.board.life import (
    DEEPSLEEP_RESET,
    EXT0_WAKE,
    EXT1_WAKE,
    HARD_RESET,
    PWRON_RESET,
    SOFT_RESET,
    TIMER_WAKE,
    WDT_RESET,
)
from simulators.gpio import physics
from simulators.gpio.records import LOW, OPEN
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
ROOT = pathlib.Path(__file__).parents[3]
HOUR_MS = 3_600_000

KEEPER = """
    import machine, esp32, os
    from machine import Pin
    rtc = machine.RTC()
    kept = esp32.NVS("kept")
    loose = esp32.NVS("loose")
    def number(nvs):
        try:
            return nvs.get_i32("n")
        except OSError as error:
            return error.errno
    print("memory", rtc.memory(), "kept", number(kept), "loose", number(loose), "cause", machine.reset_cause(), machine.wake_reason())
    rtc.memory(b"memory")
    kept.set_i32("n", 7)
    kept.commit()
    loose.set_i32("n", 8)
    Pin(2, Pin.OUT, value=1)
    {then}
"""


def test_what_lives_through_which_reset(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        lines = []
        go = "Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda p: machine.reset(), Pin.IRQ_FALLING); print('armed')"
        async with Board(firmware(KEEPER.format(then=go))) as board:
            await board.printed("armed")
            lines.append(await board.printed("memory"))
            await board.press(4, 5, bounce=physics.CLEAN)
            await board.booted(2)
            lines.append(await board.printed("memory"))
            await board.printed("armed")
            board.type(b"\x04")  # Ctrl-D
            await board.booted(3)
            lines.append(await board.printed("memory"))
            await board.printed("armed")
            await board.power_cut()
            lines.append(await board.printed("memory"))
            assert [boot.cause for boot in board.boots] == [PWRON_RESET, HARD_RESET, SOFT_RESET, PWRON_RESET]
        return lines

    first, reset, soft, cut = asyncio.run(scenario())
    assert first == "memory b'' kept -4354 loose -4354 cause 1 0"
    assert reset == "memory b'memory' kept 7 loose -4354 cause 2 0"
    assert soft == "memory b'memory' kept 7 loose -4354 cause 5 0"
    assert cut == "memory b'' kept 7 loose -4354 cause 1 0"


def test_deep_sleep_ends_with_its_time_and_keeps_its_memory(firmware: Firmware) -> None:
    async def scenario() -> str:
        async with Board(firmware(KEEPER.format(then=f"machine.deepsleep({HOUR_MS})"))) as board:
            await board.printed("memory")
            left_ms = await board.asleep()
            assert left_ms is not None
            assert HOUR_MS - 20_000 < left_ms <= HOUR_MS
            lamp = board.output(2)
            assert lamp is not None
            assert not lamp.lit  # no pin drives anything in deep sleep
            board.skip(HOUR_MS - 30_000)
            assert board.state == "asleep"
            board.skip(30_000)
            boot = await board.booted(2)
            assert (boot.cause, boot.wake) == (DEEPSLEEP_RESET, TIMER_WAKE)
            return await board.printed("memory")

    assert asyncio.run(scenario()) == "memory b'memory' kept 7 loose -4354 cause 4 4"


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


def test_a_brown_out_resets_again_and_again(firmware: Firmware) -> None:
    async def scenario() -> list[int]:
        async with Board(firmware("print('up')")) as board:
            await board.brown_out(times=3, up_ms=5)
            await board.printed("up")
            return [boot.cause for boot in board.boots]

    assert asyncio.run(scenario()) == [PWRON_RESET] * 4


def test_the_clock_begins_at_2000_is_set_and_goes_on_through_deep_sleep(firmware: Firmware) -> None:
    main = """
        import machine, time
        print("clock", time.time(), time.gmtime()[:3], machine.reset_cause())
        if machine.reset_cause() == 1:
            machine.RTC().datetime((2026, 11, 22, 0, 7, 30, 15, 0))
            print("set", machine.RTC().datetime()[:7], time.gmtime()[:6])
            machine.deepsleep(7200000)
        if machine.reset_cause() == 4:
            machine.reset()
    """

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            lines = [await board.printed("set"), board.console.of_boot(1)[0]]
            await board.asleep()
            board.skip(2 * HOUR_MS)
            await board.booted(3)
            await board.printed("clock")
            lines += [board.console.of_boot(2)[0], board.console.of_boot(3)[0]]
            await board.power_cut()
            lines.append(await board.printed("clock"))
            return lines

    set_, first, woken, reset, cut = asyncio.run(scenario())
    assert set_ == "set (2026, 11, 22, 6, 7, 30, 15) (2026, 11, 22, 7, 30, 15)"
    assert first == cut == "clock 0 (2000, 1, 1) 1"
    due = 848_647_815 + 7200  # 2026-11-22 09:30:15 in seconds since 2000
    for line, cause in ((woken, 4), (reset, 2)):
        word, seconds, *rest = line.split(maxsplit=2)
        assert word == "clock"
        assert 0 <= int(seconds) - due < 60
        assert rest == [f"(2026, 11, 22) {cause}"]


def test_the_calendar_is_that_of_mktime(firmware: Firmware) -> None:
    main = """
        import time
        wrong = [s for s in range(0, 3_000_000_000, 7_654_321) if time.mktime(time.gmtime(s)) != s]
        print("wrong", wrong, time.gmtime(0)[:6], time.mktime((2024, 2, 29, 12, 0, 0, 0, 0)), type(time.time()))
    """

    async def scenario() -> str:
        async with Board(firmware(main)) as board:
            return await board.printed("wrong")

    assert asyncio.run(scenario()) == "wrong [] (2000, 1, 1, 0, 0, 0) 762523200 <class 'int'>"


def test_non_volatile_storage_keeps_numbers_and_blobs_and_says_what_is_wrong(firmware: Firmware) -> None:
    main = """
        from esp32 import NVS
        def tried(call, *arguments):
            try:
                return call(*arguments)
            except (OSError, OverflowError) as error:
                return error.errno
        nvs = NVS("keys")
        buffer = bytearray(4)
        print("before", tried(nvs.get_blob, "b", buffer), buffer)
        nvs.set_i32("n", -5)
        nvs.set_blob("b", b"abc")
        nvs.set_i32("gone", 1)
        nvs.erase_key("gone")
        print("errors", tried(nvs.get_i32, "b"), tried(nvs.get_blob, "b", bytearray(2)), tried(nvs.erase_key, "gone"),
            tried(nvs.set_i32, "sixteen-letters-", 1), tried(nvs.set_i32, "n", 1 << 31), tried(nvs.set_blob, "b", bytes(4001)),
            tried(NVS, "sixteen-letters-"))
        nvs.commit()
        nvs.set_i32("n", 6)
        print("again", NVS("keys").get_i32("n"), nvs.get_i32("n"))
    """

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("again")
            lines = board.console.of_boot(1)[:3]
            await board.power_cut()
            lines.append(await board.printed("before"))
            return lines

    before, errors, again, after = asyncio.run(scenario())
    assert before == r"before -4354 bytearray(b'\x00\x00\x00\x00')"
    assert errors == "errors -4354 -4364 -4354 -4361 None -4364 -4361"
    assert again == "again -5 6"
    assert after == r"before 3 bytearray(b'abc\x00')"


def test_a_main_that_ends_in_an_error_leaves_a_board_that_serves_its_interrupts(firmware: Firmware) -> None:
    main = """
        from machine import Pin
        Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda p: print("edge"), Pin.IRQ_FALLING)
        raise RuntimeError("broken")
    """

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("RuntimeError: broken")
            await board.press(4)
            await board.printed("edge")
            assert len(board.boots) == 1

    asyncio.run(scenario())


def test_sys_exit_is_a_soft_reset_and_boot_runs_before_main(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        main = "import machine, sys\nprint('main', ready)\nif machine.reset_cause() == 1:\n    sys.exit()\n"
        async with Board(firmware(main, boot="ready = 'after boot'")) as board:
            await board.booted(2)
            await board.printed("main")
            assert [boot.cause for boot in board.boots] == [PWRON_RESET, SOFT_RESET]
            return [board.console.of_boot(number)[0] for number in (1, 2)]

    assert asyncio.run(scenario()) == ["main after boot"] * 2


def test_main_finds_nothing_of_the_simulator_in_its_namespace(firmware: Firmware) -> None:
    main = "print('names', sorted(n for n in globals() if not n.startswith('__')))\nimport sys\nprint('path', sys.path)"

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("path")
            return board.console.of_boot(1)[:2]

    assert asyncio.run(scenario()) == ["names ['_run']", "path ['', '.frozen', '/lib']"]


def test_the_heap_is_what_was_asked_for(firmware: Firmware) -> None:
    async def scenario(kb: int) -> int:
        async with Board(firmware("import gc\ngc.collect()\nprint('free', gc.mem_free())"), heap_kb=kb) as board:
            await board.printed("free")
            return board.boots[0].free_heap

    for kb in (110, 220):
        assert kb * 1024 - 3000 <= asyncio.run(scenario(kb)) <= kb * 1024 + 3000


def test_an_interpreter_that_dies_is_told_as_a_crash(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("import os\nprint('up')\nos.system('kill -9 $PPID')")) as board:
            with pytest.raises(BoardError, match=r"crashed(.|\n)*up"):
                await board.booted(2)
            await board.power_on()
            assert len(board.boots) == 2

    asyncio.run(scenario())


def test_what_needs_a_running_or_a_sleeping_board_says_so(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('up')")) as board:
            with pytest.raises(BoardStateError, match="running"):
                board.skip(1)
            await board.power_off()
            assert board.state == "off"
            with pytest.raises(BoardStateError, match="off"):
                board.hang()
            await board.press(4, 1, bounce=physics.CLEAN)  # nobody feels it
            await board.power_on()
            await board.power_on()
            assert len(board.boots) == 2

    asyncio.run(scenario())


def test_a_board_that_takes_nothing_is_told_of_before_memory_runs_full(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('up')")) as board:
            await board.printed("up")
            board.hang()

            def wiggle() -> None:
                for number in range(400_000):
                    board.set_pin(4, LOW if number % 2 else OPEN)

            with pytest.raises(BoardStateError, match="hangs"):
                wiggle()

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_board_outlives_its_host(firmware: Firmware, number: signal.Signals) -> None:
    folder = firmware("print('up')\nwhile True:\n    pass")
    host = (
        "import asyncio, pathlib, sys\n"
        "from simulators.board.board import Board\n"
        "async def main():\n"
        "    async with Board(pathlib.Path(sys.argv[1])) as board:\n"
        "        await board.printed('up')\n"
        "        print(board._life.run.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", host, os.fspath(folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(number)
        process.wait(20)
    deadline = time.monotonic() + 10
    while (
        pathlib.Path(f"/proc/{pid}/cmdline").exists()
        and b"sim_start" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    ):
        assert time.monotonic() < deadline, "the board's process lives on"
        time.sleep(0.01)


def test_closing_ends_the_process_and_the_files(firmware: Firmware) -> None:
    async def scenario() -> tuple[int, pathlib.Path]:
        async with Board(firmware("print('up')")) as board:
            run = board._life.run
            assert run is not None
            pid, path = run.pid, board.flash.path
            assert path.exists()
        await board.close()
        return pid, path

    pid, path = asyncio.run(scenario())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not path.parent.exists()
