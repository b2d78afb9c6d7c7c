"""The agent as a service of systemd: it says when it is ready, that it lives, and that it stops; its unit gives it little."""

import os
import pathlib
import re
import shutil
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.integration.ground import Ground
from tests.integration.processes import run, until

UNIT = pathlib.Path(__file__).resolve().parents[2] / "agent" / "systemd" / "dabyl-agent.service"
MOST_EXPOSURE = 1.5


@pytest.fixture
def manager(short_path: pathlib.Path) -> Iterator[socket.socket]:
    """The service manager's end of the notification socket."""
    path = short_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(0.1)
        yield listening
    path.unlink()


def notices(manager: socket.socket) -> list[str]:
    """What was said since the last look, a line each."""
    found: list[str] = []
    while True:
        try:
            found += manager.recv(4096).decode().splitlines()
        except TimeoutError:
            return found


def test_it_tells_the_service_manager_when_it_is_ready_alive_and_stopping(
    ground: Ground, manager: socket.socket
) -> None:
    button = ground.button()
    heard: list[str] = []

    def said(line: str, times: int = 1) -> bool:
        heard.extend(notices(manager))
        return heard.count(line) >= times

    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "1000000"}
    agent = button.start(linked=False, environment=environment)
    until(lambda: said("READY=1"), "it says that it is ready", agent)
    until(lambda: said("WATCHDOG=1", 3), "it feeds the watchdog", agent)
    until(lambda: said(f"STATUS={button.name}: connected"), "it says that it is connected", agent)
    agent.send(signal.SIGSTOP)
    notices(manager)
    assert notices(manager) == [], "one that hangs feeds nothing"
    agent.send(signal.SIGCONT)
    assert agent.end(signal.SIGTERM) == 0
    assert said("STOPPING=1")


def test_it_is_ready_without_any_network(ground: Ground, manager: socket.socket) -> None:
    button = ground.button(ports=[1])
    agent = button.start(linked=False, environment={"NOTIFY_SOCKET": manager.getsockname()})
    until(lambda: "READY=1" in notices(manager), "it says that it is ready", agent)
    button.press()
    button.wait_lamp("sending-no-link")


@pytest.mark.systemd
def test_the_unit_is_sound_and_gives_the_agent_little(tmp_path: pathlib.Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
    assert program is not None
    unit.write_text(
        text.replace(program[1], shutil.which("true") or "/bin/true"), encoding="utf-8"
    )  # not installed here
    checked = run(["systemd-analyze", "verify", "--man=no", str(unit)])
    complaints = [line for line in checked.stderr.splitlines() if UNIT.name in line]
    assert complaints == []
    judged = run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], {"SYSTEMD_COLORS": "0"})
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert exposure is not None, judged.stdout + judged.stderr
    assert float(exposure[1]) <= MOST_EXPOSURE, judged.stdout


def test_the_unit_runs_a_command_that_exists() -> None:
    found = re.search(r"^ExecStart=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    program, *arguments = found[1].split()
    assert os.path.basename(program) == "dabyl"  # noqa: PTH119  a path on the device, not here
    assert arguments[:2] == ["agent", "run"]
