"""A crossing in real time: its ports and pins, as a controller's process finds them."""

import os
import pathlib
import time
from collections.abc import Callable, Iterator

import pytest

from devices.crosswalk.settings import completed
from devices.sensors import modbus
from devices.sensors.readings import Charge, Health, Presence, Reading, Status, Targets
from devices.sensors.sensor import MODELS, Sensor
from devices.sensors.serial_line import Heard, Opened, SerialLine, monotonic_ms
from simulators.gpio.records import HIGH
from simulators.gpio.wiring import Output
from simulators.street.street import PIR_PIN, Street, changes_after
from simulators.street.world import Plan

BUSY = Plan(7, groups_h=600, vehicles_h=200)
PATIENCE_S = 10


@pytest.fixture
def flashes() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def street(tmp_path: pathlib.Path, flashes: list[tuple[str, int]]) -> Iterator[Street]:
    with Street(tmp_path, BUSY, flashed=lambda lamp, at_ns: flashes.append((lamp, at_ns))) as made:
        yield made


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Listener:
    """One sensor on its port, as the controller has it."""

    def __init__(self, street: Street, name: str, model: str) -> None:
        self.line = SerialLine(str(street.settings[f"{name}_port"]), MODELS[model].baud, lambda: None)
        self.sensor = Sensor(name, MODELS[model], self.line.write, monotonic_ms())
        self.found: list[Reading | Status] = []
        self.line.start()

    def heard(self, kind: type) -> list[Reading | Status]:
        for happening in self.line.take():
            self.found += self.sensor.take(happening)
        self.found += self.sensor.tick(monotonic_ms())
        return [one for one in self.found if isinstance(one, kind)]


def test_its_settings_are_those_of_a_controller(street: Street) -> None:
    whole = completed(street.settings)
    assert all(os.path.exists(whole[f"{name}_port"]) for name in ("tracker", "presence", "speed", "charger", "io"))  # noqa: PTH110
    assert street.environment.keys() == {"GPIOZERO_PIN_FACTORY", "DABYL_GPIO_SOCKET"}


def test_sensors_speak_at_their_pace(street: Street) -> None:
    listeners = {
        kind: Listener(street, name, model)
        for kind, name, model in (
            (Targets, "tracker", "ld2450"),
            (Presence, "presence", "ld2410"),
            (Charge, "charger", "vedirect"),
        )
    }
    began = time.monotonic()
    until(lambda: all(len(one.heard(kind)) >= (2 if kind is Charge else 8) for kind, one in listeners.items()))
    assert len(listeners[Targets].heard(Targets)) <= (time.monotonic() - began) * 10 + 3
    for one in listeners.values():
        one.line.close()


def test_an_unplugged_sensor_is_lost_and_heals(street: Street) -> None:
    tracker = Listener(street, "tracker", "ld2450")
    until(lambda: len(tracker.heard(Targets)) > 1)
    street.break_it("tracker", "unplugged")
    until(lambda: [one.state for one in tracker.heard(Status) if isinstance(one, Status)] == [Health.LOST])
    assert not pathlib.Path(str(street.settings["tracker_port"])).exists()
    street.break_it("tracker", "well")
    before = len(tracker.heard(Targets))
    until(lambda: len(tracker.heard(Targets)) > before)
    tracker.line.close()


def test_a_lamp_lights_with_supply_and_pin_and_goes_dark_by_the_relays_timer(
    street: Street, flashes: list[tuple[str, int]]
) -> None:
    line = SerialLine(str(street.settings["io_port"]), modbus.BAUD, lambda: None)
    line.start()
    until(lambda: any(isinstance(one, Opened) for one in line.take()))
    decoder = modbus.Decoder()
    request = modbus.pulse(street.units["relays"], 0, 700)
    street.rig.drive("left", 1.0, 0.0)  # as the pin would
    decoder.expect(request)
    line.write(request.frame)
    answers: list[modbus.Answer] = []

    def answered() -> bool:
        for happening in line.take():
            if isinstance(happening, Heard):
                answers.extend(decoder.feed(happening.data, happening.at_ms))
        return bool(answers and flashes)

    until(answered)
    assert flashes[0][0] == "left"
    until(lambda: not street.rig.relays.closed(0))
    until(lambda: street.dark_for_ms() > 100)
    assert len(flashes) == 1
    line.close()


def test_the_pir_moves_its_pin(street: Street) -> None:
    street.break_it("pir", "haunted")
    until(lambda: street.board.level(PIR_PIN) == HIGH)


def test_a_late_look_at_the_pins_finds_every_flash() -> None:
    history = [Output(duty=float(number % 2), since_ns=number, frequency_hz=None) for number in range(6)]
    assert changes_after(None, history) == history
    assert changes_after(history[1], history) == history[2:]
    assert changes_after(history[-1], history) == []


def test_it_stops_twice_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    street = Street(tmp_path, BUSY)
    street.start()
    street.stop()
    street.stop()
    assert [*tmp_path.iterdir()] == []
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
