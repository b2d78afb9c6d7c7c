"""What gpiozero pins promise, held against gpiozero's own mock, our simulated board, and (where there are some) real pins.

Set DABYL_REAL_PINS to ``<input>:<output>``, two GPIO numbers joined by a wire, to run it on a Raspberry Pi as well.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from simulators.gpio.factory import SimulatedFactory
from simulators.gpio.hardware import Hardware
from simulators.gpio.records import HIGH, LOW, OPEN

REAL = os.environ.get("DABYL_REAL_PINS", "")
Edge = tuple[float, int]
Until = Callable[[Callable[[], bool]], None]


class Bench:
    """A factory, one of its pins, and a hand that connects the pin from outside: 0 ground, 1 supply, None nothing."""

    def __init__(self, factory: gpiozero.Factory, number: int, connect: Callable[[int | None], None]) -> None:
        self.factory = factory
        self.number = number
        self.pin = factory.pin(number)
        self.connect = connect


def mock() -> Iterator[Bench]:
    factory = MockFactory(pin_class=MockPWMPin)
    pin = factory.pin(17)

    def connect(level: int | None) -> None:
        if level is None:
            pin.pull = pin.pull
        elif level:
            pin.drive_high()
        else:
            pin.drive_low()

    yield Bench(factory, 17, connect)
    factory.close()


def simulated(hardware: Hardware) -> Iterator[Bench]:
    factory = SimulatedFactory(str(hardware.path))

    def connect(level: int | None) -> None:
        hardware.drive(17, OPEN if level is None else (LOW, HIGH)[level])

    yield Bench(factory, 17, connect)
    factory.close()


def real() -> Iterator[Bench]:
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - opens the machine's GPIO chip

    number, other = (int(part) for part in REAL.split(":"))
    factory = LGPIOFactory()
    hand = factory.pin(other)

    def connect(level: int | None) -> None:
        if level is None:
            hand.function = "input"
        else:
            hand.output_with_state(level)

    yield Bench(factory, number, connect)
    factory.close()


@pytest.fixture(params=["mock", "simulated", *(["real"] if REAL else [])])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "simulated":
        yield from simulated(request.getfixturevalue("hardware"))
    else:
        yield from {"mock": mock, "real": real}[request.param]()


class Ear:
    """Keeps what `when_changed` said. Pins hold their callback weakly, so somebody must hold it."""

    def __init__(self, pin: gpiozero.Pin) -> None:
        self.edges: list[Edge] = []
        self.heard = self.hear
        pin.when_changed = self.heard

    def hear(self, ticks: float, state: int) -> None:
        self.edges.append((ticks, int(state)))

    @property
    def states(self) -> list[int]:
        return [state for _, state in self.edges]


def test_a_new_pin_is_an_input_without_pwm(bench: Bench) -> None:
    assert (bench.pin.function, bench.pin.frequency) == ("input", None)


def test_the_same_number_is_the_same_pin(bench: Bench) -> None:
    assert bench.factory.pin(bench.number) is bench.pin
    assert bench.factory.pin(f"GPIO{bench.number}") is bench.pin


def test_pulls_show_at_once_on_an_open_input(bench: Bench) -> None:
    bench.connect(None)
    bench.pin.pull = "up"
    assert (bench.pin.pull, bench.pin.state) == ("up", 1)
    bench.pin.pull = "down"
    assert (bench.pin.pull, bench.pin.state) == ("down", 0)


def test_what_is_connected_overrides_the_pull(bench: Bench, until: Until) -> None:
    bench.pin.pull = "up"
    bench.connect(0)
    until(lambda: bench.pin.state == 0)
    bench.connect(None)
    until(lambda: bench.pin.state == 1)


def test_both_edges_come_in_order_with_the_ticks_of_their_instant(bench: Bench, until: Until) -> None:
    bench.pin.input_with_pull("up")
    ear = Ear(bench.pin)
    before = bench.factory.ticks()
    for level in (0, 1, 0, None):
        bench.connect(level)
    after = bench.factory.ticks()
    until(lambda: len(ear.edges) == 4)
    assert ear.states == [0, 1, 0, 1]
    ticks = [tick for tick, _ in ear.edges]
    assert ticks == sorted(ticks)
    assert bench.factory.ticks_diff(ticks[0], before) >= 0
    assert bench.factory.ticks_diff(after, ticks[-1]) >= 0


@pytest.mark.parametrize(("edges", "heard"), [("rising", [1, 1]), ("falling", [0, 0])])
def test_only_the_chosen_edges_are_heard(bench: Bench, until: Until, edges: str, heard: list[int]) -> None:
    bench.pin.input_with_pull("up")
    bench.pin.edges = edges
    ear = Ear(bench.pin)
    for level in (0, 1, 0, 1):
        bench.connect(level)
    until(lambda: len(ear.edges) == 2)
    assert ear.states == heard
    assert bench.pin.edges == edges


def test_a_level_told_twice_is_no_edge(bench: Bench, until: Until) -> None:
    bench.pin.input_with_pull("up")
    ear = Ear(bench.pin)
    for level in (1, None, 0, 0, 1, None):
        bench.connect(level)
    until(lambda: len(ear.edges) == 2)
    assert ear.states == [0, 1]


def test_no_edge_is_lost_or_doubled_under_load(bench: Bench, until: Until) -> None:
    bench.pin.input_with_pull("up")
    ear = Ear(bench.pin)
    stop = threading.Event()
    load = threading.Thread(target=lambda: [sum(range(2000)) for _ in iter(lambda: stop.wait(0.0005), True)])
    load.start()
    try:
        for index in range(20_000):
            bench.connect(index % 2)
        until(lambda: len(ear.edges) >= 20_000)
    finally:
        stop.set()
        load.join()
    assert ear.states == [0, 1] * 10_000
    ticks = [tick for tick, _ in ear.edges]
    assert ticks == sorted(ticks)


def test_nobody_is_called_after_the_callback_is_taken_away(bench: Bench, until: Until) -> None:
    bench.pin.input_with_pull("up")
    ear = Ear(bench.pin)
    bench.connect(0)
    until(lambda: len(ear.edges) == 1)
    bench.pin.when_changed = None
    bench.connect(1)
    until(lambda: bench.pin.state == 1)
    assert ear.states == [0]


def test_an_output_is_on_or_off(bench: Bench) -> None:
    bench.connect(None)
    bench.pin.function = "output"
    bench.pin.state = 1
    assert (bench.pin.function, bench.pin.state) == ("output", 1)
    bench.pin.state = 0
    assert bench.pin.state == 0


def test_output_with_state_starts_in_that_state(bench: Bench) -> None:
    bench.connect(None)
    bench.pin.output_with_state(1)
    assert (bench.pin.function, bench.pin.state) == ("output", 1)


def test_pwm_keeps_duty_and_frequency_until_it_is_ended(bench: Bench) -> None:
    bench.connect(None)
    bench.pin.function = "output"
    bench.pin.frequency = 100
    bench.pin.state = 0.25
    assert (bench.pin.frequency, bench.pin.state) == (100, 0.25)
    bench.pin.frequency = None
    assert (bench.pin.frequency, bench.pin.state) == (None, 0)


def test_an_input_cannot_be_set(bench: Bench) -> None:
    with pytest.raises(gpiozero.PinSetInput):
        bench.pin.state = 1


def test_an_output_has_no_pull_to_choose(bench: Bench) -> None:
    bench.connect(None)
    bench.pin.function = "output"
    with pytest.raises(gpiozero.PinFixedPull):
        bench.pin.pull = "up"


def test_a_fixed_pull_resistor_cannot_be_changed(bench: Bench) -> None:
    with pytest.raises(gpiozero.PinFixedPull):
        bench.factory.pin(2).pull = "down"  # GPIO2 has 1.8 kilohm to 3.3 V on every board


@pytest.mark.parametrize(
    ("attribute", "value", "error"),
    [("function", "analog", gpiozero.PinInvalidFunction), ("pull", "sideways", gpiozero.PinInvalidPull)],
)
def test_an_unknown_setting_is_refused(bench: Bench, attribute: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        setattr(bench.pin, attribute, value)


def test_a_pin_that_does_not_exist_is_refused(bench: Bench) -> None:
    with pytest.raises(gpiozero.PinInvalidPin):
        bench.factory.pin(99)


def test_two_devices_cannot_have_one_pin(bench: Bench) -> None:
    with gpiozero.Button(bench.number, pin_factory=bench.factory), pytest.raises(gpiozero.GPIOPinInUse):
        gpiozero.Button(bench.number, pin_factory=bench.factory)
    gpiozero.Button(bench.number, pin_factory=bench.factory).close()


def test_a_closed_pin_is_an_input_again_and_silent(bench: Bench, until: Until) -> None:
    bench.connect(None)
    bench.pin.output_with_state(1)
    bench.pin.close()
    assert bench.pin.function == "input"
    bench.pin.pull = "up"
    ear = Ear(bench.pin)
    bench.pin.close()
    bench.pin.pull = "up"
    bench.connect(0)
    until(lambda: bench.pin.state == 0)
    assert ear.edges == []


def test_a_gpiozero_button_sees_press_and_release(bench: Bench, until: Until) -> None:
    seen: list[str] = []
    with gpiozero.Button(bench.number, pin_factory=bench.factory) as button:
        button.when_pressed = lambda: seen.append("pressed")
        button.when_released = lambda: seen.append("released")
        bench.connect(0)
        until(lambda: len(seen) == 1)
        started = time.monotonic()
        bench.connect(None)
        until(lambda: len(seen) == 2)
        assert time.monotonic() >= started
    assert seen == ["pressed", "released"]
