"""A board on a socket, its pins in this process, and a way to wait for what another thread does."""

import pathlib
import time
from collections.abc import Callable, Iterator

import pytest

from simulators.gpio.factory import SimulatedFactory
from simulators.gpio.hardware import MAINS, TAMPER, Hardware

TAMPER_PIN = 22
MAINS_PIN = 23


@pytest.fixture
def socket_path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "board"


@pytest.fixture
def hardware(socket_path: pathlib.Path) -> Iterator[Hardware]:
    with Hardware(socket_path, contacts={TAMPER_PIN: TAMPER, MAINS_PIN: MAINS}, seed=7) as board:
        yield board


@pytest.fixture
def factory(hardware: Hardware) -> Iterator[SimulatedFactory]:
    pins = SimulatedFactory(str(hardware.path))
    yield pins
    pins.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            time.sleep(0.001)

    return wait
