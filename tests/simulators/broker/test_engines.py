"""The broker as a process: it keeps messages, its port and its promises, and never outlives its parent."""

import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent import futures
from typing import Any

import psutil
import pytest

from provisioning.brokers.model import Certificates, Identities
from simulators.broker.engines import Mosquitto, Nats, embedded
from simulators.errors import BrokerMissingError, BrokerStartError
from simulators.network.link import RESET

Engine = Mosquitto | Nats
Join = Callable[..., Any]
Until = Callable[[Callable[[], bool]], None]
TRIES = 1000
"""A reset comes at the worst moment once in some hundreds."""


def certificates_of(authority: Any) -> Certificates:
    return Certificates(authority.root_file, *authority.leaf("broker"))


def test_what_was_acknowledged_outlasts_a_restart_in_order(broker: Engine, join: Join) -> None:
    center = join("center-ingest", clean=False).online()
    center.subscribe("dabyl/v1/+/alarm")
    center.close()
    device = join("device-a").online()
    for number in range(50):
        device.publish("dabyl/v1/device-a/alarm", b"%d" % number)
    device.close()
    port = broker.port
    assert broker.restart() == port
    center = join("center-ingest", clean=False).online()
    assert center.got(b"49") == [b"%d" % number for number in range(50)]


def test_clients_find_it_on_the_same_port_after_a_kill(broker: Engine, join: Join) -> None:
    port, pid = broker.port, broker.pid
    broker.kill()
    assert not broker.running
    assert broker.start() == port
    assert broker.pid != pid
    join("device-a").online()


def test_the_largest_message_passes(broker: Engine, join: Join) -> None:
    center, device = join("center-ingest").online(), join("device-a").online()
    center.subscribe("dabyl/v1/+/event")
    payload = bytes(128 * 1024)
    device.publish("dabyl/v1/device-a/event", payload)
    assert center.got(payload) == [payload]


def test_starting_twice_and_stopping_twice_is_harmless(broker: Engine) -> None:
    pid = broker.pid
    broker.start()
    assert broker.pid == pid
    broker.stop()
    broker.stop()
    assert broker.pid is None


def test_its_files_are_nobody_elses_and_its_log_is_where_it_says(broker: Engine) -> None:
    assert broker.log.stat().st_size > 0
    assert broker.directory.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in broker.directory.glob("*.conf"))


@pytest.mark.parametrize("engine", [Mosquitto, Nats])
def test_it_dies_with_a_parent_that_is_killed(
    engine: type[Engine], authority: Any, tmp_path: pathlib.Path, until: Until
) -> None:
    certificate, key = authority.leaf("broker")
    program = textwrap.dedent(f"""
        import pathlib, signal, threading
        from simulators.broker.engines import embedded
        from provisioning.brokers.model import Certificates, Identities
        files = [pathlib.Path(name) for name in {[str(authority.root_file), str(certificate), str(key)]!r}]
        broker = embedded(pathlib.Path({str(tmp_path / "orphan")!r}), Certificates(*files), Identities(), prefer={engine.engine!r})
        starter = threading.Thread(target=broker.start)
        starter.start()
        starter.join()
        print(broker.pid, flush=True)
        signal.pause()
    """)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.Process(pid).is_running()  # though the thread that started it has ended
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_stopping_leaves_no_process_behind(broker: Engine) -> None:
    pid = broker.pid
    assert pid is not None
    broker.stop()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("engine", [Mosquitto, Nats])
def test_a_broker_that_cannot_start_says_why(engine: type[Engine], authority: Any, tmp_path: pathlib.Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    certificates = Certificates(authority.root_file, broken, broken)
    with pytest.raises(BrokerStartError, match=r"(?s)ended at once; end of .*(broken.pem|in certificate input)"):
        engine(tmp_path / "broker", certificates, Identities()).start()


def test_a_port_that_resets_whom_it_accepts_is_no_broker_yet(authority: Any, tmp_path: pathlib.Path) -> None:
    """As that of a broker that ends while it starts. No socket is left over, which Python would warn of."""
    broker = Nats(tmp_path / "broker", certificates_of(authority), Identities())
    with socket.create_server(("127.0.0.1", broker.port)) as server:

        def reset() -> None:
            for _ in range(TRIES):
                accepted, _ = server.accept()
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                accepted.close()

        with futures.ThreadPoolExecutor() as pool:
            resets = pool.submit(reset)
            assert not any(broker._answers() for _ in range(TRIES))
            resets.result()


def test_a_broker_certificate_of_a_foreign_root_is_noticed(authority: Any, tmp_path: pathlib.Path) -> None:
    stranger = type(authority)(tmp_path / "stranger")
    certificates = Certificates(authority.root_file, *stranger.leaf("broker"))
    broker = embedded(tmp_path / "broker", certificates, Identities())
    with pytest.raises(BrokerStartError, match="does not lead to"):
        broker.start()
    assert not broker.running


def test_an_engine_that_is_not_there_is_named(authority: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BrokerMissingError, match="no broker rabbitmq: install"):
        embedded(tmp_path / "broker", certificates_of(authority), Identities(), prefer="rabbitmq")


@pytest.mark.mosquitto
def test_mosquitto_is_taken_where_it_is_installed(
    authority: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(embedded(tmp_path / "one", certificates_of(authority), Identities()), Mosquitto)
    monkeypatch.setattr(Mosquitto, "program_path", classmethod(lambda _cls: None))
    assert isinstance(embedded(tmp_path / "two", certificates_of(authority), Identities()), Nats)
