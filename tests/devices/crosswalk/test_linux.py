"""The crosswalk's binding on mock pins and absent ports: levels as the logic means them, outputs on their pins, nothing left behind."""

import os
import pathlib
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from devices.common.settings import SettingsError
from devices.crosswalk import make_binding, make_logic
from devices.crosswalk.linux import Binding
from devices.crosswalk.patterns import OUTPUTS, beacon_patterns
from devices.pins import PinError, monotonic_ms
from devices.sensors.readings import Health, Status, Targets

PINS: dict[str, object] = {
    "twilight_pin": 5,
    "tamper_pin": 6,
    "supply_pin": 13,
    "flood_pin": 16,
    "locator_pin": 19,
    "speech_pin": 20,
    "button_lamp_pin": 21,
}
PATIENCE_S = 20


class Seen:
    """What the binding reports."""

    def __init__(self) -> None:
        self.inputs: list[tuple[str, Any]] = []
        self.wakes: list[str] = []
        self.calls = 0
        self._changed = threading.Condition()

    def __call__(self, name: str, value: Any, time_ms: int) -> None:
        assert abs(monotonic_ms() - time_ms) < PATIENCE_S * 1000
        with self._changed:
            self.calls += 1
            if value is None:
                self.wakes.append(name)
            else:
                self.inputs.append((name, value))
            self._changed.notify_all()

    def wait_call(self) -> None:
        """Until it says something, or only that a step is wanted."""
        with self._changed:
            before = self.calls
            self._changed.wait_for(lambda: self.calls > before, 0.1)

    def statuses(self) -> list[tuple[str, Health]]:
        return [(name, value.state) for name, value in self.inputs if isinstance(value, Status)]


class Holder:
    """Somebody else who has a pin."""

    def _conflicts_with(self, _other: object) -> bool:
        return True


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    mock = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", mock)
    yield mock
    mock.reset()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def settings(tmp_path: pathlib.Path) -> dict[str, object]:
    ports = {"tracker_port": str(tmp_path / "tracker"), "io_port": str(tmp_path / "io")}
    return {**PINS, **ports, "counts_file": str(tmp_path / "counts")}


@pytest.fixture
def bound(factory: Any, seen: Seen, settings: dict[str, object]) -> Iterator[Binding]:
    binding = make_binding(settings, seen)
    yield binding
    binding.close()


def step_until(binding: Binding, seen: Seen, reached: Any) -> None:
    """Turn the loop: step whenever it is wanted."""
    for _ in range(PATIENCE_S * 10):
        due_ms = binding.next_step_ms(monotonic_ms())
        if due_ms is not None and due_ms <= monotonic_ms():
            binding.step(monotonic_ms())
        if reached():
            return
        seen.wait_call()
    raise AssertionError(seen.inputs)


def test_starting_reports_every_level_and_cut_wires_are_somebody_and_day(bound: Binding, seen: Seen) -> None:
    bound.start()
    levels = {name: value for name, value in seen.inputs if isinstance(value, int)}
    assert levels == {"button": 0, "tamper": 1, "supply": 0, "pir": 1, "twilight": 0}
    assert bound.read() == levels


def test_levels_are_in_the_logics_sense(bound: Binding, factory: Any) -> None:
    factory.pin("GPIO27").drive_low()
    factory.pin("GPIO5").drive_low()
    factory.pin("GPIO17").drive_low()
    assert bound.read() == {"button": 1, "tamper": 1, "supply": 0, "pir": 0, "twilight": 1}


def test_outputs_are_on_their_pins(bound: Binding, factory: Any) -> None:
    for name, number in {"flood": 16, "speech": 20, "button": 21, "locator": 19}.items():
        pattern = next(pattern for pattern in OUTPUTS[name] if pattern != "off")
        bound.output(name, pattern, 0)
        assert factory.pin(f"GPIO{number}").state == 1, name
        bound.output(name, "off", 0)
        assert factory.pin(f"GPIO{number}").state == 0, name


def test_the_locator_tone_is_stepped_by_the_loop(bound: Binding, factory: Any) -> None:
    bound.output("locator", "on", 1000)
    bound.step(1149)
    assert factory.pin("GPIO19").state == 1
    bound.step(1150)
    assert factory.pin("GPIO19").state == 0


def test_everything_that_the_logic_may_ask_for_is_known(bound: Binding, settings: dict[str, object]) -> None:
    for name, table in OUTPUTS.items():
        for pattern in table:
            bound.output(name, pattern, monotonic_ms())
    for pattern in beacon_patterns("ia-21", 30):
        bound.output("beacon", pattern, monotonic_ms())
        bound.output("farside", pattern, monotonic_ms())
    for _kind, name, pattern in make_logic(settings, 0).started([], 0):
        bound.output(name, pattern, monotonic_ms())
    with pytest.raises(KeyError):
        bound.output("beacon", "red", 0)
    with pytest.raises(KeyError):
        bound.output("traffic-light", "off", 0)


def test_counts_are_kept_over_a_restart(factory: Any, seen: Seen, settings: dict[str, object]) -> None:
    for earlier, text in (("", "one"), ("one", "two")):
        seen.inputs.clear()
        binding = make_binding(settings, seen)
        binding.start()
        assert ("counts", earlier) in seen.inputs
        binding.output("counts", text, monotonic_ms())
        binding.close()
    assert pathlib.Path(str(settings["counts_file"])).read_text(encoding="utf-8") == "two"


def test_counts_that_cannot_be_kept_are_told(factory: Any, seen: Seen, settings: dict[str, object]) -> None:
    binding = make_binding({**settings, "counts_file": "/proc/counts"}, seen)
    binding.start()
    binding.output("counts", "one", monotonic_ms())
    binding.close()
    assert seen.inputs[-1] == ("counts", 1)


def test_the_lamps_currents_are_sampled_fast_while_the_beacon_is_lit(bound: Binding) -> None:
    lit = []
    for pattern in ("off", "ia-21-left", "off"):
        bound.output("beacon", pattern, monotonic_ms())
        lit.append(bound._lines._bus._lit)
    assert lit == [False, True, False]


def test_ports_that_are_not_there_are_faults_and_no_error(bound: Binding, seen: Seen) -> None:
    bound.start()
    step_until(bound, seen, lambda: len(seen.statuses()) == 4)
    assert sorted(seen.statuses()) == [
        ("current-left", Health.LOST),
        ("current-right", Health.LOST),
        ("relay", Health.LOST),
        ("tracker", Health.LOST),
    ]


def test_what_comes_over_a_line_is_taken_in_the_next_step(
    factory: Any, seen: Seen, settings: dict[str, object]
) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    binding = make_binding({**settings, "tracker_port": os.ttyname(slave)}, seen)
    binding.start()
    try:
        frame = bytes.fromhex("AAFF03000E03B18610004001" + "00" * 16 + "55CC")

        def seen_targets() -> list[Targets]:
            os.write(master, frame)  # what came before the port was open is gone
            return [value for _name, value in seen.inputs if isinstance(value, Targets)]

        while not seen.wakes:
            seen.wait_call()
        assert binding.next_step_ms(5) == 5, "what waits is due at once"
        step_until(binding, seen, seen_targets)
        (target,) = seen_targets()[0].targets
        assert (target.x_mm, target.y_mm) == (-782, 1713)
    finally:
        binding.close()
        os.close(slave)
        os.close(master)


def test_closing_leaves_nothing_on_and_nothing_taken(factory: Any, seen: Seen, settings: dict[str, object]) -> None:
    binding = make_binding(settings, seen)
    binding.start()
    binding.output("beacon", "ia-21", monotonic_ms())
    binding.output("flood", "on", monotonic_ms())
    binding.close()
    binding.close()
    assert {factory.pin(f"GPIO{number}").function for number in (16, 19, 20, 21, 23, 24)} == {"input"}
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("beacon", "serial"))]
    make_binding(settings, seen).close()


@pytest.mark.parametrize("setting", ["left_pin", "flood_pin", "pir_pin"])
def test_a_pin_that_is_not_to_be_had_is_named_and_the_others_are_free_again(
    factory: Any, seen: Seen, settings: dict[str, object], setting: str
) -> None:
    numbers = {**PINS, "left_pin": 23, "pir_pin": 27}
    holder = Holder()
    factory.reserve_pins(holder, f"GPIO{numbers[setting]}")
    with pytest.raises(PinError, match=f"{setting} GPIO{numbers[setting]} cannot be an .*choose another pin") as caught:
        make_binding(settings, seen)
    factory.release_pins(holder, f"GPIO{numbers[setting]}")
    make_binding(settings, seen).close()
    assert caught.tb is not None, "it still holds what the failed one had taken, unless that was given back"


def test_wrong_settings_take_no_pin(factory: Any, seen: Seen) -> None:
    with pytest.raises(SettingsError, match="io_port"):
        make_binding({"io_port": ""}, seen)
    assert not factory.pins
