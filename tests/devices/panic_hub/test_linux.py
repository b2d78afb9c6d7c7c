"""The hub's binding on mock pins and absent ports: nothing more loaded than it needs, nothing left behind."""

import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from devices.panic_button.patterns import PATTERNS
from devices.panic_hub import make_binding, make_logic
from devices.panic_hub.linux import Binding
from devices.pins import PinError, monotonic_ms
from devices.sensors.readings import Health, Status
from tests.devices.panic_hub.world import SETTINGS

PATIENCE_S = 20
PINS: dict[str, object] = {"tamper_pin": 5, "supply_pin": 6, "lamp_pin": 18}


class Seen:
    """What the binding reports."""

    def __init__(self) -> None:
        self.inputs: list[tuple[str, Any]] = []
        self._woken = threading.Semaphore(0)

    def __call__(self, name: str, value: Any, time_ms: int) -> None:
        assert abs(monotonic_ms() - time_ms) < PATIENCE_S * 1000
        if value is not None:
            self.inputs.append((name, value))
        self._woken.release()

    def wait(self) -> None:
        self._woken.acquire(timeout=0.1)


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before = Device.pin_factory
    Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


def bound(tmp_path: pathlib.Path, seen: Seen) -> Binding:
    modules = [{"port": str(tmp_path / name), "unit": 1, "channels": 2} for name in ("a", "b")]
    return make_binding({**SETTINGS, **PINS, "modules": modules}, seen)


def test_a_port_that_is_not_there_is_a_fault_and_the_pins_are_reported(
    factory: MockFactory, tmp_path: pathlib.Path
) -> None:
    seen = Seen()
    binding = bound(tmp_path, seen)
    binding.start()
    assert binding.read() == {"tamper": 1, "supply": 0}
    end_ms = monotonic_ms() + PATIENCE_S * 1000
    while len([one for _name, one in seen.inputs if isinstance(one, Status)]) < 2 and monotonic_ms() < end_ms:
        seen.wait()
        binding.step(monotonic_ms())
    told = {value.sensor: value.state for _name, value in seen.inputs if isinstance(value, Status)}
    assert told == {"module-1": Health.LOST, "module-2": Health.LOST}
    assert ("tamper", 1) in seen.inputs
    before = set(threading.enumerate())
    binding.close()
    binding.close()
    assert not [thread for thread in before & set(threading.enumerate()) if thread.name.startswith("serial")]


def test_the_lamp_plays_every_pattern_that_the_logic_may_show(factory: MockFactory, tmp_path: pathlib.Path) -> None:
    binding = bound(tmp_path, Seen())
    for pattern in PATTERNS["lamp"]:
        binding.output("lamp", pattern, 0)
    binding.output("lamp", "acknowledged", 0)
    assert factory.pin(18).state == 1
    with pytest.raises(KeyError):
        binding.output("lamp", "disco", 0)
    binding.close()
    assert factory.pin(18).state == 0


def test_the_lamps_pattern_asks_for_the_loop_although_the_ports_are_quiet(
    factory: MockFactory, tmp_path: pathlib.Path
) -> None:
    binding = bound(tmp_path, Seen())
    binding.output("lamp", "received", 0)
    assert binding.next_step_ms(0) == PATTERNS["lamp"]["received"][0][0]
    binding.close()


def test_a_pin_that_cannot_be_had_leaves_the_others_free(
    factory: MockFactory, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise ValueError("no such pin")

    with monkeypatch.context() as patched:
        patched.setattr("devices.pins.Output", refuse)
        with pytest.raises(PinError, match="lamp_pin GPIO18"):
            bound(tmp_path, Seen())
    bound(tmp_path, Seen()).close()


def test_it_needs_no_more_packages_than_its_extra_brings() -> None:
    absent = ("pynmeagps", "pyubx2", "paho", "cbor2", "sqlalchemy", "click", "rich", "cryptography.x509")
    program = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import devices.panic_hub.linux, devices.panic_hub.logic"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pathlib.Path(__file__).parents[3], env=os.environ)


def test_the_package_loads_neither_logic_nor_hardware_until_it_is_used() -> None:
    program = (
        "import sys, devices.panic_hub; assert not {'serial', 'pymodbus', 'devices.panic_hub.logic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pathlib.Path(__file__).parents[3], env=os.environ)
    assert make_logic(SETTINGS, 0).next_tick_ms(0) == 10_000
