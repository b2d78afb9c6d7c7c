"""gpiozero's pins come without its device classes, which are still there for whoever asks."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from devices import gpio
from simulators.gpio.hardware import Hardware

LATER = {"importlib.metadata", "importlib_metadata", "statistics"} | {
    f"gpiozero.{name}" for name in ("boards", "internal_devices", "input_devices")
}
REST = f"print(sorted({LATER} & set(sys.modules)))\n"


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import sys\n" + code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PATH": "/usr/bin", **environment},
    )
    return done.stdout


def test_a_factory_is_had_without_the_device_classes() -> None:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gpio-"))  # short, for a socket's path has 107 bytes at most
    code = "from devices.gpio import pin_factory\nprint(type(pin_factory()).__name__)\n" + REST
    with Hardware(folder / "board"):
        found = run(code, GPIOZERO_PIN_FACTORY="dabyl", DABYL_GPIO_SOCKET=str(folder / "board"))
    shutil.rmtree(folder)
    assert found == "SimulatedFactory\n[]\n"


def test_a_foreign_kind_still_finds_every_device_class() -> None:
    code = (
        "from devices.gpio import pin_factory\nfactory = pin_factory()\n"
        "import gpiozero\nfrom gpiozero import Button, Device\n"
        "print(Button.__name__, Device.pin_factory is factory, gpiozero.LED.__name__)\n"
    )
    assert run(code, GPIOZERO_PIN_FACTORY="mock") == "Button True LED\n"


def test_a_median_is_had_by_whoever_asks_for_one() -> None:
    code = (
        "from devices.gpio import pin_factory\npin_factory()\n"
        "from gpiozero import mixins\nprint(mixins.median([1, 5, 3]), 'statistics' in sys.modules)\n"
        "import statistics\nprint(statistics.mean([1, 3]))\n"
    )
    assert run(code, GPIOZERO_PIN_FACTORY="mock") == "3 True\n2\n"


def test_factories_of_other_packages_are_found_as_ever() -> None:
    code = (
        "from devices.gpio import pin_factory\nprint(type(pin_factory()).__name__)\n"
        "print('importlib.metadata' in sys.modules, 'importlib_metadata' in sys.modules)\n"
    )
    assert run(code, GPIOZERO_PIN_FACTORY="mock") == "MockFactory\nTrue False\n"


def test_a_factory_that_nobody_has_is_named() -> None:
    code = (
        "from devices.gpio import pin_factory\n"
        "try:\n    pin_factory()\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    assert run(code, GPIOZERO_PIN_FACTORY="nonesuch") == "BadPinFactory Unable to find pin factory 'nonesuch'\n"


def test_gpiozero_loaded_before_stays_as_it_is() -> None:
    code = "import gpiozero\nbefore = gpiozero\n"
    code += "from devices.gpio import pin_factory\npin_factory()\nprint(sys.modules['gpiozero'] is before)\n"
    assert run(code, GPIOZERO_PIN_FACTORY="mock") == "True\n"


def test_without_gpiozero_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gpiozero", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ImportError, match=r"pip install 'dabyl\[gpio\]'"):
        gpio.pin_factory()
