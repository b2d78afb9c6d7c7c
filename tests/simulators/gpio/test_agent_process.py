"""A program that knows only gpiozero, in its own process, on a simulated board."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from simulators.gpio import physics
from simulators.gpio.hardware import Hardware

BUTTON = 17
LAMP = 18
PROGRAM = textwrap.dedent("""
    import signal, time
    import gpiozero
    lamp = gpiozero.PWMLED(18, frequency=200)
    button = gpiozero.Button(17)
    def pressed():
        lamp.value = 0.5
    def released():
        lamp.value = 0.25
    button.when_pressed = pressed
    button.when_released = released
    if button.is_pressed:
        pressed()
    print("ready", flush=True)
    signal.pause()
""")


class Program:
    """Starts the program on a board, as often as asked."""

    def __init__(self, hardware: Hardware) -> None:
        self._environment = os.environ | {"GPIOZERO_PIN_FACTORY": "dabyl", "DABYL_GPIO_SOCKET": str(hardware.path)}
        self.running: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=self._environment, stdout=subprocess.PIPE, text=True
        )
        self.running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process


@pytest.fixture
def program(hardware: Hardware) -> Iterator[Program]:
    starter = Program(hardware)
    yield starter
    for process in starter.running:
        process.kill()
        process.communicate()


def test_the_entry_point_leads_a_plain_program_to_the_board(hardware: Hardware, program: Program) -> None:
    process = program.start()
    hardware.wait_connected()
    assert hardware.agent_pid == process.pid
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    assert hardware.wait_output(LAMP, lambda output: output.lit).frequency_hz == 200
    hardware.release(BUTTON, bounce=physics.CLEAN)
    hardware.wait_output(LAMP, lambda output: 0.2 < output.duty < 0.3)


def test_a_killed_program_leaves_its_pwm_stopped_and_its_next_start_finds_the_button_held(
    hardware: Hardware, program: Program
) -> None:
    process = program.start()
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.wait_output(LAMP, lambda output: output.lit)
    process.send_signal(signal.SIGKILL)
    left = hardware.wait_output(LAMP, lambda output: output.frequency_hz is None)
    assert left.duty in (0, 1)
    assert hardware.agent_pid is None
    program.start()
    hardware.wait_output(LAMP, lambda output: 0.4 < output.duty < 0.6)
    assert hardware.connections == 2


def test_a_program_that_ends_in_order_leaves_its_outputs_dark(hardware: Hardware, program: Program) -> None:
    process = program.start()
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.wait_output(LAMP, lambda output: output.lit)
    process.send_signal(signal.SIGINT)
    hardware.wait_output(LAMP, lambda output: not output.lit)


def test_without_a_board_the_program_is_told_what_to_do(tmp_path: pathlib.Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DABYL_GPIO_SOCKET"}
    environment["GPIOZERO_PIN_FACTORY"] = "dabyl"
    done = subprocess.run(
        [sys.executable, "-c", "import gpiozero; gpiozero.LED(4)"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "DABYL_GPIO_SOCKET is not set" in done.stderr


def test_a_socket_without_a_board_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gpiozero  # noqa: PLC0415 - only for its error

    from simulators.gpio import factory  # noqa: PLC0415 - to shorten its patience

    monkeypatch.setattr(factory, "FIRST_CONNECT_S", 0.05)
    with pytest.raises(gpiozero.BadPinFactory, match="no simulated board answers on"):
        factory.SimulatedFactory(str(tmp_path / "nothing"))


def test_the_factory_adds_nothing_to_what_gpiozero_loads() -> None:
    count = (
        "import sys, gpiozero, gpiozero.pins.pi; import socket; before = set(sys.modules);"
        "import simulators.gpio.factory; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(
        ["simulators", "simulators.gpio", "simulators.gpio.factory", "simulators.gpio.records"]
    )
