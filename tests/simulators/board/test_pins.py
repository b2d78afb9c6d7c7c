"""Fingers, voltages and lamps of a board, as its firmware meets them."""

import asyncio
import random
import time

import pytest

from simulators.board.board import Board
from simulators.board.pins import Pins
from simulators.errors import HardwareTimeoutError, WiringError
from simulators.gpio import physics
from simulators.gpio.records import HIGH, LOW, OPEN
from simulators.gpio.wiring import MAINS, TAMPER
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython

COUNTER = """
    import asyncio, gc
    from machine import Pin

    count = wrong = 0
    last = 1
    def edge(pin):
        global count, wrong, last
        count += 1
        level = pin.value()
        wrong += level == last
        last = level
    Pin(4, Pin.IN, Pin.PULL_UP).irq(edge)

    async def churn():
        while True:
            kept = [bytes(50) for _ in range(200)]
            names = {i: str(i) for i in range(100)}
            await asyncio.sleep_ms(0)

    async def main():
        asyncio.create_task(churn())
        print("ready")
        while True:
            await asyncio.sleep_ms(5)
            if count == 60000:
                print("count", count, "wrong", wrong)
                break
    asyncio.run(main())
"""

JOURNAL = """
    from machine import Pin
    pin = Pin({pin}, Pin.IN{pull})
    pin.irq(lambda p: print("edge", p.id, p.value(), p is pin), {trigger})
    print("ready", pin.value())
"""


def test_sixty_thousand_edges_arrive_while_the_heap_churns(firmware: Firmware) -> None:
    async def scenario() -> str:
        async with Board(firmware(COUNTER)) as board:
            await board.printed("ready")
            for number in range(60_000):
                board.set_pin(4, number % 2)
                if number % 500 == 0:
                    await board.drained()
            await board.taken(60)
            assert len(board.boots) == 1
            return await board.printed("count 60000")

    assert asyncio.run(scenario()) == "count 60000 wrong 0"


def test_a_press_arrives_edge_for_edge_with_the_pin_itself(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        main = JOURNAL.format(pin=4, pull=", Pin.PULL_UP", trigger="Pin.IRQ_RISING | Pin.IRQ_FALLING")
        async with Board(firmware(main), seed=5) as board:
            await board.printed("ready 1")
            await board.press(4, 20, bounce=physics.POOR)
            await board.taken()
            return [line for line in board.console.of_boot(1) if line.startswith("edge")]

    wave = physics.press(20_000, physics.POOR, random.Random(5))
    assert len(wave) > 4
    assert asyncio.run(scenario()) == [f"edge 4 {1 - closed} True" for _, closed in wave]


@pytest.mark.parametrize(("trigger", "levels"), [("Pin.IRQ_RISING", "1"), ("Pin.IRQ_FALLING", "0")])
def test_a_trigger_sees_its_own_edges_only(firmware: Firmware, trigger: str, levels: str) -> None:
    async def scenario() -> list[str]:
        main = JOURNAL.format(pin=4, pull=", Pin.PULL_UP", trigger=trigger)
        async with Board(firmware(main)) as board:
            await board.printed("ready 1")
            await board.press(4, 5, bounce=physics.CLEAN)
            await board.press(4, 5, bounce=physics.CLEAN)
            await board.taken()
            return [line.split()[2] for line in board.console.of_boot(1) if line.startswith("edge")]

    assert asyncio.run(scenario()) == [levels, levels]


def test_pulls_and_contacts_at_rest_give_the_level_at_start(firmware: Firmware) -> None:
    main = """
        from machine import Pin
        print("levels", *[Pin(n, Pin.IN, pull).value() for n, pull in
            ((4, Pin.PULL_UP), (5, Pin.PULL_DOWN), (18, Pin.PULL_UP), (19, None), (21, None), (22, Pin.PULL_UP), (23, None))])
    """

    async def scenario() -> str:
        async with Board(firmware(main), contacts={18: TAMPER, 19: MAINS}) as board:
            return await board.printed("levels")

    assert asyncio.run(scenario()) == "levels 1 0 0 0 0 1 0"


def test_a_key_held_while_the_board_starts_is_seen_as_held(firmware: Firmware) -> None:
    async def scenario() -> None:
        main = JOURNAL.format(pin=4, pull=", Pin.PULL_UP", trigger="3")
        async with Board(firmware(main)) as board:
            await board.hold(4, bounce=physics.CLEAN)
            await board.power_cut()
            await board.printed("ready 0")
            await board.release(4, bounce=physics.CLEAN)
            await board.printed("edge 4 1 True")

    asyncio.run(scenario())


def test_drives_move_a_floating_pin_and_open_leaves_it(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        main = JOURNAL.format(pin=4, pull="", trigger="3")
        async with Board(firmware(main)) as board:
            await board.printed("ready 0")
            for drive in (HIGH, OPEN, LOW, OPEN, HIGH):
                board.set_pin(4, drive)
            await board.taken()
            return [line.split()[2] for line in board.console.of_boot(1) if line.startswith("edge")]

    assert asyncio.run(scenario()) == ["1", "0", "1"]


def test_a_later_movement_ends_the_bounce_of_an_earlier_one(firmware: Firmware) -> None:
    async def scenario() -> str:
        main = JOURNAL.format(pin=4, pull=", Pin.PULL_UP", trigger="3")
        async with Board(firmware(main)) as board:
            await board.printed("ready 1")
            press = asyncio.create_task(board.press(4, 60, bounce=physics.CLEAN))
            await asyncio.sleep(0.02)
            await board.hold(4, bounce=physics.CLEAN)
            await press
            await asyncio.sleep(0.06)
            await board.taken()
            return board.console.of_boot(1)[-1]

    assert asyncio.run(scenario()) == "edge 4 0 True"


def test_a_press_is_not_shortened_by_a_machine_that_stands_still_in_its_bounce() -> None:
    async def scenario() -> list[int]:
        sent: list[int] = []
        pins = Pins({}, 0, lambda _record: sent.append(time.monotonic_ns()), lambda: None)
        asyncio.get_running_loop().call_later(0.002, time.sleep, 0.1)
        await pins.press(4, 0, [(0, 1), (5, 0), (10, 1), (60, 0)])
        return sent

    _touched, _open, closed_ns, released_ns = asyncio.run(scenario())
    assert released_ns - closed_ns >= 48_000_000


def test_outputs_show_levels_pwm_and_times(firmware: Firmware) -> None:
    main = """
        from machine import PWM, Pin, Signal
        from time import sleep_ms
        lamp = Pin(2, Pin.OUT, value=1)
        sleep_ms(30)
        lamp.off()
        buzzer = PWM(Pin(5), freq=2700, duty_u16=0)
        buzzer.duty_u16(32768)
        buzzer.duty(0)
        buzzer.init(freq=1000, duty_ns=500_000)
        buzzer.deinit()
        Signal(Pin(18, Pin.OUT), invert=True).off()
        drain = Pin(19, Pin.OPEN_DRAIN, Pin.PULL_UP, value=0)
        low = drain.value()
        drain.on()
        print("done", low, drain.value())
    """

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("done 0 1")
            await board.until(lambda: board.output(19) is not None, 20, "the last output, told beside the console")
            on, off = board.history(2)
            assert (on.duty, on.frequency_hz, off.duty) == (1, None, 0)
            assert off.since_ns - on.since_ns >= 29_000_000
            assert on.since_ns >= board.boots[0].at_ns
            shown = [(round(one.duty, 2), one.frequency_hz) for one in board.history(5)]
            assert shown == [(0, 2700), (0.5, 2700), (0, 2700), (0.5, 1000), (0, None)]
            signal = board.output(18)
            assert signal is not None
            assert signal.lit
            assert board.output(21) is None
            await board.power_off()
            signal = board.output(18)
            assert signal is not None
            assert not signal.lit

    asyncio.run(scenario())


def test_voltages_are_measured_as_the_converter_does(firmware: Firmware) -> None:
    main = """
        import network
        from machine import ADC, Pin
        from time import sleep_ms
        battery = ADC(Pin(34), atten=ADC.ATTN_11DB)
        small = ADC(35)
        second = ADC(Pin(27))
        print("first", battery.read_uv(), battery.read_u16(), second.read_uv())
        while battery.read_uv() < 1_000_000:
            sleep_ms(2)
        network.WLAN().active(True)
        try:
            second.read_u16()
        except OSError as error:
            print("then", battery.read_uv(), battery.read(), small.read_uv(), small.read_u16(), error.errno)
    """

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("first 0 0 0")
            board.adc(35, 3000)
            board.adc(34, 2100)
            line = await board.printed("then")
            await board.power_cut()
            return [line, await board.printed("first")]

    then, first = asyncio.run(scenario())
    assert then == f"then 2100000 {2100 * 4095 // 3903} 950000 65535 263"
    assert first.startswith("first 2100000 ")


def test_timers_call_once_or_again_and_again_and_stop(firmware: Firmware) -> None:
    main = """
        from machine import Timer
        from time import sleep_ms
        calls = [0, 0, 0]
        def called(timer):
            calls[timers.index(timer)] += 1
            if calls[1] == 3:
                timers[1].deinit()
        timers = [Timer(0), Timer(1), Timer(2)]
        timers[0].init(mode=Timer.ONE_SHOT, period=10, callback=called)
        timers[1].init(mode=Timer.PERIODIC, freq=100, callback=called)
        timers[2].init(period=5, callback=called)
        timers[2].deinit()
        while calls[1] < 3:
            sleep_ms(5)
        sleep_ms(60)
        print("calls", calls)
    """

    async def scenario() -> str:
        async with Board(firmware(main)) as board:
            return await board.printed("calls")

    assert asyncio.run(scenario()) == "calls [1, 3, 0]"


def test_masked_interrupts_wait_and_none_is_lost(firmware: Firmware) -> None:
    main = """
        import machine
        from machine import Pin
        from time import sleep_ms
        count = 0
        def edge(pin):
            global count
            count += 1
        Pin(4, Pin.IN, Pin.PULL_UP).irq(edge)
        go = Pin(5, Pin.IN, Pin.PULL_UP)
        state = machine.disable_irq()
        print("masked")
        sleep_ms(150)
        early = count
        machine.enable_irq(state)
        for _ in range(500):
            sleep_ms(10)
            if count >= 300:
                break
        sleep_ms(20)
        print("early", early, "late", count)
    """

    async def scenario() -> str:
        async with Board(firmware(main)) as board:
            await board.printed("masked")
            for _ in range(150):
                board.set_pin(4, LOW)
                board.set_pin(4, OPEN)
            return await board.printed("early")

    assert asyncio.run(scenario()) == "early 0 late 300"


def test_a_handlers_error_is_printed_and_the_next_edge_is_handled(firmware: Firmware) -> None:
    main = """
        from machine import Pin
        def edge(pin):
            print("edge", pin.value())
            if not pin.value():
                raise ValueError("no lamp")
        Pin(4, Pin.IN, Pin.PULL_UP).irq(edge)
        print("ready")
    """

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("ready")
            await board.press(4, 5, bounce=physics.CLEAN)
            await board.printed("ValueError: no lamp")
            await board.printed("edge 1")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Pin(40)", "ValueError: invalid pin"),
        ("Pin(30)", "ValueError: invalid pin"),
        ("Pin(34, Pin.OUT)", "ValueError: pin can only be input"),
        ("machine.PWM(Pin(35))", "ValueError: pin can only be input"),
        ("machine.PWM(Pin(2), duty_u16=70000)", "ValueError: duty_u16"),
        ("machine.PWM(Pin(2), freq=0)", "ValueError: frequency"),
        ("machine.ADC(Pin(5))", "ValueError: invalid pin"),
        ("machine.Timer(7)", "ValueError: invalid Timer number"),
        ("machine.freq(1)", "ValueError: frequency"),
        ("machine.RTC().memory(bytes(2049))", "ValueError: buffer too long"),
        ("machine.WDT(timeout=0)", "ValueError: WDT timeout too short"),
    ],
)
def test_the_board_refuses_what_an_esp32_refuses(firmware: Firmware, line: str, error: str) -> None:
    async def scenario() -> None:
        async with Board(firmware(f"import machine\nfrom machine import Pin\n{line}\n")) as board:
            await board.printed(error)

    asyncio.run(scenario())


def test_wrong_wiring_is_refused() -> None:
    async def scenario() -> None:
        with pytest.raises(WiringError, match="GPIO24"):
            Board(contacts={24: TAMPER})
        board = Board()
        try:
            with pytest.raises(WiringError):
                board.set_pin(41, LOW)
            with pytest.raises(WiringError):
                board.set_pin(4, 9)
            with pytest.raises(WiringError):
                board.adc(34, 5000)
            with pytest.raises(WiringError):
                board.output(-1)
        finally:
            await board.close()

    asyncio.run(scenario())


def test_waiting_in_vain_tells_what_the_console_says(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('here I am')")) as board:
            await board.printed("here I am")
            with pytest.raises(HardwareTimeoutError, match=r"in vain for GPIO2 to change.*running(.|\n)*here I am"):
                await board.output_becomes(2, lambda output: output.lit, 0.01)

    asyncio.run(scenario())
