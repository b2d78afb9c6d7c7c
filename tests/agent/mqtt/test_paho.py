"""The same packets from paho-mqtt, which somebody else wrote: for the same parameters, the same bytes."""

import socket
import time
from collections.abc import Iterator

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.mqtt.session import Session
from tests.agent.mqtt.broker_side import COMMAND, RECEIPT, V5, V311, WILL, connack, message, suback

EVENT = "dabyl/v1/sos-0001/event"
CLIENT_ID = "sos-0001-5f3a90"
KEEPALIVE_S = 60
MAX_RECEIVED = 131072
PAYLOADS = (b"", b"\x00", bytes(range(256)) * 235)


class Peer:
    """A paho client, and the test's end of its connection."""

    def __init__(self, version: int) -> None:
        self.version = version
        protocol = MQTTProtocolVersion.MQTTv5 if version == V5 else MQTTProtocolVersion.MQTTv311
        clean = None if version == V5 else True
        self.client = Client(CallbackAPIVersion.VERSION2, CLIENT_ID, clean_session=clean, protocol=protocol)
        self.client.will_set(*WILL, qos=1, retain=True)
        properties = None
        if version == V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
            properties.MaximumPacketSize = MAX_RECEIVED
        with socket.create_server(("127.0.0.1", 0)) as server:
            host, port = server.getsockname()
            self.client.connect(host, port, KEEPALIVE_S, properties=properties)
            self.line, _ = server.accept()
        self.line.settimeout(10)

    def says(self, size: int) -> bytes:
        """The next ``size`` bytes from paho, and then nothing."""
        got = b""
        while len(got) < size:
            self.client.loop(0.01)
            self.line.setblocking(False)
            try:
                got += self.line.recv(size + 1 - len(got))
            except BlockingIOError:
                continue
        return got

    def hears(self, b: bytes) -> None:
        """Hand ``b`` to paho."""
        self.line.setblocking(True)
        self.line.sendall(b)
        self.client.loop(10)


@pytest.fixture(params=[V311, V5], ids=["3.1.1", "5"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    made = Peer(request.param)
    yield made
    made.line.close()
    made.client.loop(0.01)  # so that it sees the end and closes its side


def test_a_whole_conversation_is_the_same_byte_for_byte(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    version = peer.version
    ours = Session(version, MAX_RECEIVED, 0)

    def same() -> None:
        expected = ours.to_send(0)
        assert expected
        assert peer.says(len(expected)) == expected

    def both_hear(b: bytes) -> None:
        peer.hears(b)
        ours.receive(b, 0)

    ours.connect(CLIENT_ID, KEEPALIVE_S, *WILL)
    same()
    both_hear(connack(version))

    ours.subscribe([RECEIPT, COMMAND])
    peer.client.subscribe([(RECEIPT, 1), (COMMAND, 1)])
    same()
    both_hear(suback(version, 1, b"\x01\x01"))

    for payload in PAYLOADS:
        for retain in (False, True):
            peer.client.publish(EVENT, payload, 1, retain)
            ours.publish(EVENT, payload, retain)
            same()

    both_hear(message(version, RECEIPT.encode(), b"signed", mid=0xABCD))
    same()  # the PUBACK

    now = time.monotonic()
    monkeypatch.setattr("paho.mqtt.client.time_func", lambda: now + KEEPALIVE_S)
    peer.client.loop_misc()
    ours.keepalive(KEEPALIVE_S * 1000)
    same()

    peer.client.disconnect()
    ours.disconnect()
    same()
