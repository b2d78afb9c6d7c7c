"""A board's link, on MicroPython, against real brokers over mutual TLS and servers that misbehave: it never gives up and never blocks."""

import contextlib
import os
import pathlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simulators.broker.model import Limits
from simulators.site import CENTER, HOST, Site
from tests.agent.link.conftest import Authority
from tests.devices.firmware.boards import Program, lay_out, lay_out_identity, packet, serving, until
from tests.integration.mqtt import Voice

pytestmark = pytest.mark.micropython

DEVICES = ("sos-0001", "sos-0002")
SETTINGS: dict[str, Any] = {
    "device": DEVICES[0],
    "chain": 1,
    "window": 8,
    "alarm_retry_ms": 60_000,
    "event_retry_ms": 60_000,
    "retry_min_ms": 50,
    "retry_max_ms": 60_000,
    "connect_timeout_s": 10,
    "keepalive_s": 30,
}
OLD_VERSION = "the broker does not speak MQTT 5, trying 3.1.1"
mosquitto = pytest.mark.mosquitto
Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the link of ``board_link.py`` with the identity in a folder, for brokers given by port or (host, port)."""
    boards: list[Program] = []

    def run(
        folder: pathlib.Path, *brokers: int | tuple[str, int], before: tuple[str, ...] = (), **settings: Any
    ) -> Program:
        listed = [(HOST, broker) if isinstance(broker, int) else broker for broker in brokers]
        board = Program("board_link.py", folder, {**SETTINGS, "brokers": listed, **settings}, before=before)
        boards.append(board)
        return board

    yield run
    for board in boards:
        board.kill()


# With a real broker


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), DEVICES, prefer="mosquitto", limits=Limits(packet_bytes=8192))
    yield made
    made.broker.stop()


@pytest.fixture
def broker(site: Site) -> Any:
    """The site's broker, running."""
    if not site.broker.running:
        site.broker.start()
    return site.broker


@pytest.fixture(scope="module")
def board_of(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pathlib.Path]:
    """The identity of a device of the site, as a board holds it: its certificate and the issuing authority's."""

    def folder(name: str) -> pathlib.Path:
        made = tmp_path_factory.mktemp(name)
        assert lay_out_identity(made, site.devices[name].identity) == 2
        return made

    return folder


@pytest.fixture
def voice(site: Site, broker: Any) -> Iterator[Voice]:
    made = Voice(
        broker.port, site.center_identity, CENTER, ("dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence")
    )
    yield made
    made.close()


@mosquitto
def test_a_board_is_present_sends_hears_and_says_goodbye(
    start: Start, board_of: Any, site: Site, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2)
    board.until("change", up=True)
    board.tell("event one", "alarm two", "event three")
    until(lambda: len(voice.of(DEVICES[0], "event")) == 2, "events arrive")
    until(lambda: voice.of(DEVICES[0], "alarm") == [b"two"], "the alarm arrives")
    assert voice.of(DEVICES[0], "event") == [b"one", b"three"]
    assert [one["direct"] for one in board.of("emitted")] == [True] * 3
    voice.send(f"dabyl/v1/{DEVICES[0]}/receipt", b"signed receipt")
    voice.send(f"dabyl/v1/{DEVICES[0]}/command", b"signed command")
    assert board.until("message", leaf="receipt")["starts"] == "signed receipt"
    assert board.until("message", leaf="command")["starts"] == "signed command"
    until(lambda: board.status()["under_way"] == 0, "everything is acknowledged")
    told = board.status()
    assert (told["up"], told["session"], told["broker"], told["behind_ms"]) == (True, 1, 1, 0)
    board.tell("stop")
    board.until("stopped")
    assert board.finish() == 0
    until(lambda: len(voice.of(DEVICES[0], "presence")) == 2, "presence and goodbye")
    assert voice.of(DEVICES[0], "presence") == [b"presence 1 True", b"presence 1 False"]
    late = Voice(broker.port, site.center_identity, CENTER, (f"dabyl/v1/{DEVICES[0]}/presence",))
    until(lambda: late.heard, "it is retained")
    assert (late.heard[0].payload, late.heard[0].retained) == (b"presence 1 False", True)
    late.close()


@mosquitto
def test_the_signed_will_follows_a_power_cut(start: Start, board_of: Any, voice: Voice, broker: Any) -> None:
    board = start(board_of(DEVICES[1]), broker.port, chain=2, device=DEVICES[1])
    until(lambda: voice.of(DEVICES[1], "presence") == [b"presence 1 True"], "presence")
    board.kill()
    until(lambda: voice.of(DEVICES[1], "presence")[1:] == [b"presence 1 False"], "the will")


@mosquitto
def test_an_alarm_is_with_the_network_while_the_flash_is_still_being_written(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, flash_ms=4000)
    board.until("change", up=True)
    until(lambda: board.status()["under_way"] == 0, "nothing is under way")
    board.tell("alarm first")
    until(lambda: voice.of(DEVICES[0], "alarm") == [b"first"], "the alarm arrives")
    assert not board.of("emitted"), "the flash is not done"
    board.until("emitted", direct=True)


@mosquitto
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_broker_that_went_away_is_found_again_and_everything_unsettled_sent_again(
    start: Start, board_of: Any, site: Site, broker: Any, how: str
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2)
    board.tell("event one")
    board.until("change", up=True)
    if how == "kill":
        broker.kill()
        board.until("log", said="connection lost", reason="the broker hung up")
        board.tell("alarm two")
        assert board.until("emitted", 2)["direct"] is False
        board.until("log", said="no connection")
        broker.start()
    else:
        broker.restart()
        board.until("log", said="connection lost")
        board.tell("alarm two")
    voice = Voice(broker.port, site.center_identity, CENTER, ("dabyl/v1/+/alarm", "dabyl/v1/+/event"))
    board.until("change", 2, up=True)
    board.tell("event three")
    until(lambda: b"three" in voice.of(DEVICES[0], "event"), "it sends again")
    told = board.status()
    assert told["up"]
    assert told["session"] >= 2
    assert [one["up"] for one in board.of("change")] == [True, False, True]
    voice.close()


@mosquitto
def test_a_frozen_broker_is_noticed_and_an_alarm_meanwhile_arrives_afterwards(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, keepalive_s=2, connect_timeout_s=2)
    board.until("change", up=True)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        board.tell("alarm one")
        board.until("log", said="connection lost", reason="the broker is silent")
        board.until("log", said="no connection", reason="no answer in time")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    board.until("change", 2, up=True)
    until(lambda: b"one" in voice.of(DEVICES[0], "alarm"), "the alarm")


@mosquitto
def test_what_mosquitto_is_told_not_to_take_is_quarantined_and_the_rest_goes_on(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, look_ms=60_000)
    board.until("change", up=True)
    board.tell("event before")
    until(
        lambda: voice.of(DEVICES[0], "event") == [b"before"] and not board.status()["under_way"], "nothing is awaited"
    )
    board.tell("large 7937")
    assert board.until("quarantined")["size"] == 7937
    board.tell("event after")
    until(lambda: voice.of(DEVICES[0], "event")[1:] == [b"after"], "what came after it")
    assert board.status()["session"] == 1


@mosquitto
def test_a_revoked_device_is_refused_and_does_not_hammer(start: Start, board_of: Any, tmp_path: pathlib.Path) -> None:
    made = Site(tmp_path / "site", DEVICES, prefer="mosquitto")
    (tmp_path / "board").mkdir()
    lay_out_identity(tmp_path / "board", made.devices[DEVICES[0]].identity)
    with made.broker:
        board = start(tmp_path / "board", made.broker.port, chain=2, retry_min_ms=200)
        board.until("change", up=True)
        record = next(one for one in made.authority.issued() if one.identity == DEVICES[0])
        made.broker.revoke(DEVICES[0], made.authority.revoke(record.serial, time.time_ns() // 1_000_000).encode())
        made.broker.restart()
        board.until("log", said="connection lost")
        told = board.until("log", 3, said="no connection")
        assert told["reason"] == "no connection: the broker hung up"
        assert board.status()["up"] is False


@mosquitto
def test_a_device_of_a_foreign_authority_is_refused(
    start: Start, site: Site, broker: Any, authority: Authority, tmp_path: pathlib.Path
) -> None:
    certificate, key = authority.leaf("foreign-1", "device", host="", server=False)
    lay_out(tmp_path / "board", site.root, pathlib.Path(certificate), pathlib.Path(key))
    board = start(tmp_path / "board", broker.port)
    told = board.until("log", said="no connection")
    assert told["reason"].startswith("no connection: ")
    assert not board.of("log", said=OLD_VERSION)
    assert not board.of("change")


def test_a_broker_that_speaks_only_3_1_1_is_spoken_to_in_it(start: Start, tmp_path: pathlib.Path) -> None:
    made = Site(tmp_path / "site", DEVICES, prefer="nats")
    lay_out_identity(tmp_path / "board", made.devices[DEVICES[0]].identity)
    with made.broker:
        voice = Voice(made.broker.port, made.center_identity, CENTER, ("dabyl/v1/+/alarm",))
        board = start(tmp_path / "board", made.broker.port, chain=2)
        board.until("log", said=OLD_VERSION)
        board.until("change", up=True)
        board.tell("alarm one")
        until(lambda: voice.of(DEVICES[0], "alarm") == [b"one"], "the alarm")
        voice.close()


@mosquitto
def test_a_board_that_has_no_memory_for_a_moment_connects_anew(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, presence_ms=300, look_ms=10)
    board.until("change", up=True)
    voice.send(f"dabyl/v1/{DEVICES[0]}/command", b"greedy")
    board.until("log", said="connection lost", reason="no memory")
    board.until("change", 2, up=True)
    board.tell("greedy")
    board.until("log", 2, said="connection lost", reason="no memory")
    board.until("change", 3, up=True)
    board.tell("event after")
    until(lambda: b"after" in voice.of(DEVICES[0], "event"), "it works again")


# With brokers that nobody should trust


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "theirs")


@pytest.fixture(scope="module")
def identity(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("identity")
    certificate, key = authority.leaf(DEVICES[0], "device", host="", server=False)
    lay_out(folder, authority.root, pathlib.Path(certificate), pathlib.Path(key))
    return folder


class Broker:
    """Answers CONNECT and SUBSCRIBE, acknowledges what ``acknowledges`` says, hangs up on what ``hangs_up`` says. One at a time."""

    def __init__(self, properties: bytes = b"") -> None:
        self.properties = properties
        self.acknowledges: Callable[[bytes], int | None] = lambda _payload: 0
        self.hangs_up: Callable[[bytes], bool] = lambda _payload: False
        self.versions: list[int] = []
        self.wills: list[bytes] = []
        self.messages: list[tuple[str, bytes]] = []
        self.goodbyes = 0

    def __call__(self, connection: Any) -> None:
        _, connect = packet(connection)
        self.versions.append(connect[6])
        self.wills.append(connect)
        connection.sendall(bytes([0x20, 3 + len(self.properties), 0, 0, len(self.properties)]) + self.properties)
        _, subscribe = packet(connection)
        connection.sendall(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        while True:
            first, body = packet(connection)
            if first == 0xE0:
                self.goodbyes += 1
            if first & 0xF0 != 0x30:
                continue
            end = 2 + int.from_bytes(body[:2])
            payload = body[end + 3 :]
            if self.hangs_up(payload):
                return
            self.messages.append((body[2:end].decode().rsplit("/", 1)[1], payload))
            code = self.acknowledges(payload)
            if code is not None:
                connection.sendall(b"\x40\x03" + body[end : end + 2] + bytes([code]))

    def of(self, *leaves: str) -> list[bytes]:
        """Payloads on these topics."""
        return [payload for leaf, payload in list(self.messages) if leaf in leaves]


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.server(*authority.leaf("broker-1"))


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
        board = start(identity, port, before=("faketime", "-f", "@2000-01-01 00:00:00"))
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


# What it does on a connection


def test_a_broker_that_hangs_up_on_version_5_is_tried_in_the_old_one_at_once_and_then_anew(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    versions: list[int] = []
    with serving(lambda connection: versions.append(packet(connection)[1][6]), tls) as port:
        board = start(identity, port, retry_min_ms=1)
        until(lambda: len(versions) >= 4, "four attempts")
        board.until("log", said="no connection")
    assert versions[:4] == [5, 4, 5, 4]


def test_a_broker_that_hangs_up_after_its_answer_is_not_asked_for_another_version(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    versions: list[int] = []

    def broker(connection: Any) -> None:
        versions.append(packet(connection)[1][6])
        connection.sendall(b"\x20\x03\x00\x00\x00")

    with serving(broker, tls) as port:
        start(identity, port, retry_min_ms=1).until("log", 2, said="no connection")
    assert set(versions) == {5}


def test_a_broker_that_acknowledges_nothing_is_left_and_everything_sent_again(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    broker.acknowledges = lambda payload: None if payload in (b"one", b"two") else 0
    with serving(broker, tls) as port:
        board = start(identity, port, stalled_ms=300, window=2)
        board.tell("event one", "event two", "event three")
        board.until("log", said="connection lost", reason="the broker acknowledges nothing")
        board.until("change", 2, up=True)
        until(lambda: broker.of("event").count(b"two") == 2, "sent again")
    assert b"three" not in broker.of("event"), "the window is kept"


def test_an_alarm_without_receipts_moves_to_the_next_broker(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    first, second = Broker(), Broker()
    with serving(first, tls) as one, serving(second, tls) as two:
        board = start(identity, one, two, alarm_retry_ms=30, stable_ms=0)
        board.tell("alarm help")
        board.until("log", said="connection lost", reason="no receipt for an alarm comes over this broker")
        until(lambda: b"help" in second.of("alarm"), "over the second broker")
        assert board.status()["broker"] == 2
    assert len(first.of("alarm")) in (3, 4)


def test_an_alarm_without_receipts_stays_where_there_is_no_other_broker(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port, alarm_retry_ms=10)
        board.tell("alarm help")
        until(lambda: len(broker.of("alarm")) >= 6, "it is sent again and again")
        assert board.status()["session"] == 1


def test_a_large_message_on_which_the_broker_breaks_off_is_suspected_and_the_rest_goes_on(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    broker.hangs_up = lambda payload: len(payload) >= 4096
    with serving(broker, tls) as port:
        board = start(identity, port, window=1, retry_min_ms=10, retry_max_ms=20)
        board.tell("large 4096", "event after")
        assert board.until("quarantined")["size"] == 4096
        until(lambda: broker.of("event") == [b"after"], "what came after it")
    assert len(broker.versions) == 4


def test_an_alarm_skips_one_wait(start: Start, tls: ssl.SSLContext, identity: pathlib.Path) -> None:
    board = start(identity, 1, retry_min_ms=60_000, retry_max_ms=60_000)
    board.until("log", said="no connection")
    assert board.status()["behind_ms"] == 0, "waiting is progress"
    hurried = start(identity, 1, least_ms=60_000, retry_min_ms=20)
    hurried.until("log", said="no connection", retry_ms=60_000)
    hurried.tell("hurry")
    hurried.until("log", 2, said="no connection")
    time.sleep(0.3)
    assert len(hurried.of("log")) == 2
    hurried.tell("hurry")
    hurried.until("log", 3, said="no connection")
    assert len(board.of("log")) == 1


def test_presence_is_said_again_from_time_to_time_and_on_demand(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port, presence_ms=500, look_ms=10)
        started = time.monotonic()
        until(lambda: len(broker.of("presence")) >= 4, "by itself")
        assert time.monotonic() - started > 1, "and not all the time"
        quiet = start(identity, port)
        quiet.until("change", up=True)
        count = len(broker.messages)
        quiet.tell("announce", "announce")
        board.kill()
        until(lambda: len(broker.messages) >= count + 2, "when asked")
    assert set(broker.of("presence")) == {b"presence 1 True"}
    assert all(will.endswith(b"presence 1 False") for will in broker.wills)


def test_without_a_signature_there_is_no_connection_and_it_comes_back_by_itself(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port)
        board.until("change", up=True)
        board.tell("mute", "announce")
        board.until("log", said="connection lost", reason="the key does not sign")
        board.until("log", said="no connection", reason="the key does not sign")
        board.tell("unmute", "hurry")
        board.until("change", 2, up=True)
        assert broker.goodbyes == 0


def test_what_arrives_on_another_topic_is_nothing_to_it(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    def broker(connection: Any) -> None:
        packet(connection)
        connection.sendall(b"\x20\x03\x00\x00\x00")
        subscribe = packet(connection)[1]
        connection.sendall(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        for leaf in (b"presence", b"receipt"):
            topic = b"dabyl/v1/sos-0001/" + leaf
            connection.sendall(bytes([0x30, len(topic) + 4]) + len(topic).to_bytes(2) + topic + b"\x00x")
        while True:
            packet(connection)

    with serving(broker, tls) as port:
        board = start(identity, port)
        board.until("message")
    assert [one["leaf"] for one in board.of("message")] == ["receipt"]
