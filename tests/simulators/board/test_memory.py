"""What a board keeps of the time and of its own: clock, calendar, non-volatile storage."""

import asyncio

import pytest

from simulators.board.board import Board
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
HOUR_MS = 3_600_000


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
