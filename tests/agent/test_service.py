"""What the agent tells systemd, through a real socket."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.service import Service


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def test_the_manager_hears_of_readiness_life_status_and_the_end(manager: socket.socket) -> None:
    service = Service({"NOTIFY_SOCKET": manager.getsockname()})
    service.ready("pillar-017: boot 3")
    service.alive()
    service.status("connected")
    service.stopping()
    heard = [manager.recv(1024) for _ in range(4)]
    assert heard == [b"READY=1\nSTATUS=pillar-017: boot 3", b"WATCHDOG=1", b"STATUS=connected", b"STOPPING=1"]


def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0dabyl-test-" + str(os.getpid()))
        listening.settimeout(5)
        Service({"NOTIFY_SOCKET": "@dabyl-test-" + str(os.getpid())}).alive()
        assert listening.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "x" * 300, "@"])
def test_without_a_manager_that_listens_nothing_happens(address: str) -> None:
    service = Service({"NOTIFY_SOCKET": address} if address else {})
    service.ready("up")
    service.alive()
    service.stopping()


def test_a_manager_with_a_full_queue_does_not_hold_the_agent_up(manager: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood:
        flood.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                flood.sendto(b"x", manager.getsockname())
    Service({"NOTIFY_SOCKET": manager.getsockname()}).alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time_and_only_by_the_process_meant(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert Service(environment).watchdog_s == seconds


def test_the_systems_journal_is_known_by_its_environment() -> None:
    assert Service({"JOURNAL_STREAM": "8:1"}).journald
    assert not Service({}).journald
