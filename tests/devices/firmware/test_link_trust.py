"""A board's link and whom it must not trust or wait for: wrong certificates, servers that say nothing or something else."""

import contextlib
import pathlib
import socket
import ssl
import threading
from typing import Any

import pytest

from simulators.site import HOST
from tests.agent.link.conftest import Authority
from tests.clocks import clock_at
from tests.devices.firmware.boards import serving
from tests.devices.firmware.link_side import OLD_VERSION, Broker, Start

pytestmark = pytest.mark.micropython


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        ({"host": "elsewhere.example"},
         "the broker's certificate is not believed: The certificate Common Name (CN) does not match with the expected CN"),
        ({"begins": -3, "ends": -1}, "the broker's certificate is not believed: The certificate validity has expired"),
        ({"begins": 1, "ends": 3}, "the broker's certificate is not believed: The certificate validity starts in the future"),
        ({"role": "device"}, "the certificate is not a broker's (no name urn:dabyl:broker:)"),
        ({"role": "center"}, "the certificate is not a broker's (no name urn:dabyl:broker:)"),
    ],
    ids=["wrong name", "expired", "not yet valid", "a device's", "a center's"],
)  # fmt: skip
def test_a_certificate_that_is_not_the_brokers_is_refused_before_anything_is_told(
    start: Start, authority: Authority, identity: pathlib.Path, leaf: dict[str, Any], reason: str
) -> None:
    broker = Broker()
    tls = authority.server(*authority.leaf("posing-1", **leaf))
    with serving(broker, tls) as port:
        board = start(identity, port, retry_min_ms=100)
        told = board.until("log", said="no connection")
        assert told["reason"] == "no connection: " + reason
        assert told["retry_ms"] == 1600, "it waits longer after a refusal"
        assert board.status()["up"] is False, "the loop goes on meanwhile"
        board.kill()
        board = start(identity, port, retry_min_ms=1, retry_max_ms=1)
        board.until("log", 4, said="no connection")
        assert board.sockets() <= 1, "nothing of the attempts is left"
    assert (broker.versions, broker.messages) == ([], [])


def test_a_broker_of_a_foreign_authority_is_refused(start: Start, stranger: Authority, identity: pathlib.Path) -> None:
    broker = Broker()
    tls = stranger.server(*stranger.leaf("broker-1"))
    tls.verify_mode = ssl.CERT_NONE
    with serving(broker, tls) as port:
        told = start(identity, port, retry_min_ms=100).until("log", said="no connection")
    assert "the broker's certificate is not believed: " in told["reason"]
    assert "not correctly signed by the trusted CA" in told["reason"]
    assert told["retry_ms"] == 1600
    assert broker.versions == []


@pytest.mark.faketime
def test_a_board_at_the_year_2000_believes_no_certificate_and_says_why(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    with serving(Broker(), tls) as port:
        board = start(identity, port, environment=clock_at("@2000-01-01 00:00:00"))
        told = board.until("log", said="no connection")
        assert told["reason"].endswith("The certificate validity starts in the future")
        assert "up" in board.status()


@pytest.mark.parametrize("secured", [True, False], ids=["after TLS", "before TLS"])
def test_a_server_that_accepts_and_says_nothing_costs_one_timeout(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path, secured: bool
) -> None:
    gone = threading.Event()

    def mutely(connection: Any) -> None:
        while connection.recv(1000):
            pass
        gone.set()

    with (
        serving(mutely, tls if secured else None) as mute,
        serving(Broker(), tls) as port,
    ):
        board = start(identity, mute, port, connect_timeout_s=2)
        board.until("started")
        assert board.status()["up"] is False, "the loop goes on while it waits"
        assert board.until("log", said="no connection")["reason"] == "no answer in time"
        board.until("log", said="connected", broker=f"{HOST}:{port}")
        assert (board.status()["broker"], board.status()["session"]) == (2, 2)
        gone.clear()
        start(identity, mute, connect_timeout_s=1, retry_min_ms=60_000)
        assert gone.wait(10), "it is over with the timeout, not with the next attempt"


def test_a_server_that_hangs_up_during_the_handshake_has_refused_nothing(start: Start, identity: pathlib.Path) -> None:
    with serving(lambda connection: connection.recv(5000), None) as port:
        board = start(identity, port, retry_min_ms=100)
        told = board.until("log", said="no connection")
    assert (told["reason"], told["retry_ms"]) == ("no connection: the broker hung up", 100)


def test_an_address_that_answers_nothing_at_all_costs_one_timeout_and_no_socket(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    with socket.socket() as full, contextlib.ExitStack() as kept, serving(Broker(), tls) as port:
        full.bind((HOST, 0))
        full.listen(0)
        for _ in range(3):  # after which the kernel answers no SYN any more
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        board = start(identity, full.getsockname()[1], port, connect_timeout_s=1)
        assert board.until("log", said="no connection")["reason"] == "no answer in time"
        board.until("change", up=True)
        assert board.sockets() == 1


def test_a_server_that_speaks_no_tls_or_is_not_there_is_passed_over(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    with (
        serving(
            lambda connection: connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"), None
        ) as portal,
        serving(Broker(), tls) as port,
    ):
        board = start(identity, 1, ("no-such-host.invalid", 8883), portal, ("255.255.255.255", 8883), port)
        board.until("change", up=True)
        assert board.sockets() == 1
        reasons = [one["reason"] for one in board.of("log", said="no connection")]
        assert reasons[0] == "no connection: ECONNREFUSED"
        assert reasons[1] == "no-such-host.invalid: the name cannot be resolved"
        assert reasons[2].startswith("no connection: ")
        assert reasons[3].startswith("no connection: ")
        assert board.status()["broker"] == 5
        assert not board.of("log", said=OLD_VERSION), "that is no matter of MQTT"
