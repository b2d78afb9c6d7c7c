"""The agent as a service of systemd: it says when it is ready, that it lives, and that it stops."""

import pathlib
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.integration.ground import Ground
from tests.integration.processes import until


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
