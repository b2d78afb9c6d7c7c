"""A board's connection on MicroPython and on CPython: against a real broker, and against servers that misbehave."""

import pathlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provisioning.brokers.model import Limits
from simulators.site import CENTER, HOST, Site
from tests.devices.firmware.boards import HEAP, Program, lay_out_identity, packet, serving, until
from tests.integration.mqtt import Voice

DEVICE = "sos-0001"
TOPIC = f"dabyl/v1/{DEVICE}/"
CONNACK = {4: b"\x20\x02\x00\x00", 5: b"\x20\x03\x00\x00\x00"}
BOTH = [pytest.param(True, marks=pytest.mark.micropython, id="micropython"), pytest.param(False, id="cpython")]
Run = Callable[..., Program]


@pytest.fixture
def run(request: pytest.FixtureRequest, identity: pathlib.Path) -> Iterator[Run]:
    """Runs the connection of ``board_connection.py``."""
    programs: list[Program] = []

    def start(board: bool, port: int, heap: str = HEAP, **settings: Any) -> Program:
        chosen = {
            "host": HOST,
            "port": port,
            "chain": 1,
            "version": 5,
            "keepalive_s": 30,
            "payloads": [],
            "wanted": 1000,
        }
        folder = settings.pop("folder", identity)
        programs.append(Program("board_connection.py", folder, {**chosen, **settings}, board=board, heap=heap))
        return programs[-1]

    yield start
    for program in programs:
        program.kill()


class Broker:
    """A broker of a few lines. It says ``then`` after its two answers, and keeps what comes while ``reading`` is set."""

    def __init__(self, version: int = 5, connack: bytes = b"", code: int = 1, then: bytes = b"") -> None:
        self.version = version
        self.connack = connack or CONNACK[version]
        self.code = code
        self.then = then
        self.reading = threading.Event()
        self.reading.set()
        self.hangs_up = False
        self.acknowledges = True
        self.packets: list[tuple[int, bytes]] = []
        self.ended = threading.Event()

    def __call__(self, connection: Any) -> None:
        try:
            self.packets.append(packet(connection))
            if self.hangs_up:
                return
            connection.sendall(self.connack)
            first, subscribe = packet(connection)
            self.packets.append((first, subscribe))
            middle = b"\x00" if self.version == 5 else b""
            body = subscribe[:2] + middle + bytes([self.code, self.code])
            connection.sendall(bytes([0x90, len(body)]) + body + self.then)
            while True:
                self.reading.wait()
                first, body = packet(connection)
                self.packets.append((first, body))
                if first == 0xE0:
                    return
                if first & 0xF0 == 0x30 and self.acknowledges:
                    end = 2 + int.from_bytes(body[:2])
                    connection.sendall(b"\x40\x02" + body[end : end + 2])
        finally:
            self.ended.set()

    def payloads(self) -> list[bytes]:
        """Of the messages, in order."""
        bodies = [body for first, body in list(self.packets) if first & 0xF0 == 0x30]
        return [body[2 + int.from_bytes(body[:2]) + (3 if self.version == 5 else 2) :] for body in bodies]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(
        tmp_path_factory.mktemp("site"),
        (DEVICE,),
        prefer="mosquitto",
        limits=Limits(packet_bytes=70_000, inflight_messages=7),
    )
    with made.broker:
        yield made


@pytest.mark.mosquitto
@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize("version", [4, 5])
def test_messages_pass_whole_both_ways_through_mosquitto(
    site: Site, run: Run, tmp_path: pathlib.Path, board: bool, version: int
) -> None:
    chain = lay_out_identity(tmp_path / "board", site.devices[DEVICE].identity)
    voice = Voice(site.broker.port, site.center_identity, CENTER, (TOPIC + "event", TOPIC + "presence"))
    program = run(
        board,
        site.broker.port,
        folder=tmp_path / "board",
        chain=chain,
        version=version,
        payloads=["one", 60_000, 0, 1],
        wanted=4,
        messages=2,
    )
    told = program.until("open")
    assert (told["receive_max"], told["takes"], told["wide"]) == (
        (7, True, True) if version == 5 else (65535, True, True)
    )
    voice.send(TOPIC + "receipt", b"a receipt")
    voice.send(TOPIC + "command", b"r" * 15_000)
    assert program.until("message", topic=TOPIC + "receipt")["payload"] == "a receipt"
    assert program.until("message", topic=TOPIC + "command")["size"] == 15_000
    program.until("over", reason="the broker hung up", publishes=None)
    assert program.finish() == 0
    assert sorted(one["mid"] for one in program.of("acknowledged")) == sorted(
        one["mid"] for one in program.of("published")
    )
    until(lambda: len(voice.of(DEVICE, "event")) == 4, "the center hears all")
    assert voice.of(DEVICE, "event") == [b"one", bytes([65 + 60_000 % 26]) * 60_000, b"", b"B"]
    voice.close()


@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize("acknowledges", [True, False])
def test_a_broker_that_is_slow_to_read_gets_every_byte_in_order(
    run: Run, tls: ssl.SSLContext, board: bool, acknowledges: bool
) -> None:
    broker = Broker()
    broker.reading.clear()
    broker.acknowledges = acknowledges
    sizes = [9000 + n for n in range(60)]
    with serving(broker, tls, small=True) as port:
        # Without acknowledgements nothing but the network's readiness moves it on.
        program = run(board, port, payloads=sizes, wanted=len(sizes), look_s=0 if acknowledges else 60, heap="8M")
        program.until("published", len(sizes))
        broker.reading.set()
        until(lambda: len(broker.payloads()) == len(sizes), "all messages")
        assert broker.payloads() == [bytes([65 + size % 26]) * size for size in sizes]
        if acknowledges:
            program.until("over", reason="the broker hung up")
            assert broker.ended.wait(10)
            assert broker.packets[-1] == (0xE0, b"")


@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize("version", [4, 5])
def test_what_is_queued_together_leaves_in_one_record(run: Run, tls: ssl.SSLContext, board: bool, version: int) -> None:
    records: list[bytes] = []

    def broker(connection: Any) -> None:
        while record := connection.recv(16384):
            records.append(record)
            if records[-1][0] == 0x10:
                connection.sendall(CONNACK[version])
            elif records[-1][0] == 0x82:
                middle = b"\x00" if version == 5 else b""
                body = records[-1][2:4] + middle + b"\x01\x01"
                connection.sendall(bytes([0x90, len(body)]) + body)

    with serving(broker, tls) as port:
        run(board, port, version=version, payloads=["a", "b", "c"], together=True)
        until(lambda: len(records) >= 3, "three packets")
    assert [record[0] for record in records[:3]] == [0x10, 0x82, 0x32]
    assert records[2].count(TOPIC.encode() + b"event") == 3


@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize(
    ("broker", "reason", "refused", "version"),
    [
        (Broker(connack=b"\x20\x03\x00\x87\x00"), "the broker refused: not authorised", True, False),
        (Broker(connack=b"\x20\x03\x00\x88\x00"), "the broker refused: server unavailable", False, False),
        (Broker(connack=b"\x20\x03\x00\x84\x00"), "the broker refused: unsupported protocol version", False, True),
        (Broker(code=0x87), "the broker refused the subscription: not authorised", True, False),
        (Broker(connack=b"\x30\x00"),
         "the connection ended: the broker sent what is no MQTT: packet 0x30 before the answer to CONNECT", False, False),
    ],
    ids=["not authorised", "busy", "version", "subscription", "nonsense"],
)  # fmt: skip
def test_a_refusal_is_told_with_its_reason(
    run: Run, tls: ssl.SSLContext, board: bool, broker: Broker, reason: str, refused: bool, version: bool
) -> None:
    with serving(broker, tls) as port:
        program = run(board, port)
        told = program.until("failed")
        assert (told["reason"], told["refused"], told["version"]) == (reason, refused, version)
        assert len(program.of("lost")) == 1
        assert program.finish() == 0


@pytest.mark.parametrize("board", BOTH)
def test_a_broker_that_hangs_up_before_its_answer_has_not_answered(run: Run, tls: ssl.SSLContext, board: bool) -> None:
    broker = Broker()
    broker.hangs_up = True
    with serving(broker, tls) as port:
        told = run(board, port).until("failed")
    assert (told["answered"], told["refused"]) == (False, False)
    assert told["reason"] == "the connection ended: the broker hung up"


@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (b"\x40\x02\x00\x02\xe0\x01\x8b", "server shutting down"),
        (b"\x40\x02\x00\x02\xe0\x00", "normal disconnection"),
        (b"\x40\x02\x00\x02\x20\x03\x00\x00\x00", "the broker sent what is no MQTT: CONNACK twice"),
        (b"\x40\x02\x00\x02\x30\x81\x80\x01", "the broker sent what is no MQTT: a packet of 16389 bytes, at most 16384 are taken"),
    ],
    ids=["shutdown", "normal", "nonsense", "large"],
)  # fmt: skip
def test_the_brokers_last_words_are_the_reason_and_what_came_before_them_counts(
    run: Run, tls: ssl.SSLContext, board: bool, then: bytes, reason: str
) -> None:
    ready = threading.Event()
    broker = Broker()

    def after_one_message(connection: Any) -> None:
        broker.packets.append(packet(connection))
        connection.sendall(CONNACK[5])
        subscribe = packet(connection)[1]
        connection.sendall(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        assert packet(connection)[0] == 0x32
        connection.sendall(then)
        ready.wait(20)

    with serving(after_one_message, tls) as port:
        program = run(board, port, payloads=["one"])
        told = program.until("over")
        ready.set()
    assert told["reason"] == reason
    assert program.of("lost") == [{"what": "lost", "reason": reason}]
    assert [one["mid"] for one in program.of("acknowledged")] == [2]


@pytest.mark.parametrize("board", BOTH)
def test_a_connection_is_kept_alive_and_a_silent_broker_given_up(run: Run, tls: ssl.SSLContext, board: bool) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        program = run(board, port, keepalive_s=2)
        assert program.until("over")["reason"] == "the broker is silent"
        assert broker.packets[-1] == (0xC0, b"")
        assert program.finish() == 0


@pytest.mark.parametrize("board", BOTH)
def test_a_message_is_acknowledged_at_once(run: Run, tls: ssl.SSLContext, board: bool) -> None:
    topic = TOPIC.encode() + b"receipt"
    broker = Broker(then=bytes([0x32, len(topic) + 6]) + len(topic).to_bytes(2) + topic + b"\x00\x07\x00x")
    with serving(broker, tls) as port:
        program = run(board, port, look_s=60)
        program.until("message")
        until(lambda: (0x40, b"\x00\x07") in broker.packets, "the acknowledgement")


@pytest.mark.parametrize("board", BOTH)
@pytest.mark.parametrize("polite", [True, False])
def test_only_a_polite_end_says_goodbye(run: Run, tls: ssl.SSLContext, board: bool, polite: bool) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        program = run(board, port, payloads=["one"], wanted=1, polite=polite)
        program.until("over", reason="the broker hung up" if polite else "done")
        assert broker.ended.wait(10)
    assert ((0xE0, b"") in broker.packets) == polite
    assert broker.payloads() == [b"one"]


@pytest.mark.parametrize("board", BOTH)
def test_every_message_has_to_fit_what_the_broker_takes(run: Run, tls: ssl.SSLContext, board: bool) -> None:
    with serving(Broker(connack=b"\x20\x08\x00\x00\x05\x27\x00\x00\x0f\xd8"), tls) as port:  # 4056 bytes
        told = run(board, port).until("open")
    assert (told["takes"], told["wide"]) == (True, False)
    with serving(Broker(connack=b"\x20\x08\x00\x00\x05\x27\x00\x00\x0f\xd7"), tls) as port:
        told = run(board, port).until("open")
    assert (told["takes"], told["wide"]) == (False, False)
