"""A site on loopback: a real broker with mutual TLS, the center as a process of its own, and scripted devices that send until receipted."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.keys.p256 import verifier
from agent.wire import cose, receipt, topics
from agent.wire.receipt import Receipt
from provisioning.brokers.model import Certificates, Identities
from simulators.broker.engines import embedded
from tests.center.scripted import Message, Pki

_RUN = "import sys; from center.cli import main; sys.exit(main(sys.argv[1:]))"


def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for ``condition``; it is asked often, and failure says what did not happen."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"did not happen within {seconds} s: {what}"
        time.sleep(0.005)


ALARMS = "center-1-alarms"


class Site:
    """Broker, center, and what they need on disk. ``close`` ends every process.

    ``lane``: whether the center has an alarm lane; ``known``: whether the broker knows that for a center's.
    """

    def __init__(
        self, directory: Path, engine: str, devices: tuple[str, ...], *, lane: bool = True, known: bool = True
    ) -> None:
        self.directory = directory
        self.pki = Pki(directory / "pki", time.time_ns() // 1_000_000)
        self.devices = {name: self.pki.device(name) for name in devices}
        broker = self.pki.leaf("broker", "broker-1")
        certificate, key = self.pki.leaf("center", "center-1")
        tap = self.pki.leaf("consumer", "tap-1")
        alarms = self.pki.leaf("center", ALARMS)
        centers = ("center-1", ALARMS) if known else ("center-1",)
        identities = Identities.of(devices=devices, centers=centers, consumers=("tap-1",))
        self.broker = embedded(directory / "broker", Certificates(self.pki.root, *broker), identities, prefer=engine)
        self.database = directory / "center.sqlite"
        self.config = directory / "center.toml"
        self.port = self.broker.port
        self.config.write_text(
            f"""
[center]
id = "center-1"
database = "center.sqlite"
roots = ["{self.pki.root}"]
crls = ["{self.pki.crl}"]
certificate = "{certificate}"
key = "{key}"

[broker]
hosts = ["127.0.0.1:{self.port}"]
ca = "{self.pki.root}"
certificate = "{certificate}"
key = "{key}"

[tap]
certificate = "{tap[0]}"
key = "{tap[1]}"
"""
        )
        self._lane = f'\n[alarms]\ncertificate = "{alarms[0]}"\nkey = "{alarms[1]}"\n'
        if lane:
            self.add_lane()
        self.log = directory / "center.log"
        self.center: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []
        self._others: list[subprocess.Popen[str]] = []

    def add_lane(self) -> None:
        """Have the center, when it starts, have an alarm lane."""
        self.config.write_text(self.config.read_text() + self._lane)

    def start_center(self) -> None:
        """Start the center; returns once it is connected."""
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            command = [sys.executable, "-c", _RUN, "run", "--config", str(self.config), "--log", "json"]
            self.center = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        center = self.center

        def connected() -> bool:
            assert center.poll() is None, self.log.read_text()[-2000:]
            return b'"connected"' in self.log.read_bytes()[before:]

        until(connected, "the center connects")

    def end_center(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit code."""
        assert self.center is not None
        self.center.send_signal(number)
        code = self.center.wait(20)
        self.center = None
        return code

    def told(self) -> list[dict[str, object]]:
        """The lines that the center has told; one that it is at is not whole."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``dabyl center …`` to its end."""
        return subprocess.run(
            [sys.executable, "-c", _RUN, *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def follow(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run ``dabyl center tap …`` beside."""
        command = [sys.executable, "-c", _RUN, "tap", *arguments, "--config", str(self.config)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._others.append(child)
        return child

    def join(self, name: str, key_of: Pki | None = None) -> "Client":
        """Connect with the certificate of ``name``."""
        client = Client(self, name, key_of or self.pki)
        self._clients.append(client)
        return client

    def take_over(self, name: str) -> None:
        """Connect with this certificate and client id, which ends the session's connection, and leave again."""
        entered = threading.Event()
        mqtt = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        mqtt.tls_set_context(self._context(name))
        mqtt.on_connect = lambda *_: entered.set()
        mqtt.connect("127.0.0.1", self.port, 20)
        mqtt.loop_start()
        assert entered.wait(10), f"{name} is not let in"
        mqtt.disconnect()
        mqtt.loop_stop()

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.pki.root))
        context.load_cert_chain(str(self.pki.directory / f"{name}.pem"), str(self.pki.directory / f"{name}.key"))
        return context

    def close(self) -> None:
        """End everything."""
        for client in self._clients:
            client.close()
        for child in self._others:
            if child.poll() is None:
                child.kill()
            child.communicate()
        if self.center is not None:
            self.center.kill()
            self.center.wait(10)
        self.broker.stop()


class Client:
    """A scripted device's connection: publishes, and keeps the verified receipts that it gets."""

    def __init__(self, site: Site, name: str, pki: Pki) -> None:
        self.name = name
        self.receipts: list[Receipt] = []
        self.settled: set[tuple[int, int]] = set()
        self.alarms: dict[tuple[int, int], int] = {}
        self.verified: list[dict[str, object]] = []
        signer = site.pki.signer("center-1")
        check = verifier(signer.public_der)
        self._key_of = lambda kid: check if kid == signer.kid else None
        self._up = threading.Event()
        context = ssl.create_default_context(cafile=str(site.pki.root))
        context.load_cert_chain(str(pki.directory / f"{name}.pem"), str(pki.directory / f"{name}.key"))
        self.mqtt = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        self.mqtt.tls_set_context(context)
        self.mqtt.reconnect_delay_set(1, 1)
        topic = "dabyl/verified/v1/+/+" if name.startswith("tap") else topics.topic(name, topics.RECEIPT)
        self.mqtt.on_socket_open = _send_at_once
        self.mqtt.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.mqtt.on_subscribe = lambda *_: self._up.set()
        self.mqtt.on_message = self._on_message
        self.mqtt.connect("127.0.0.1", site.port, 20)
        self.mqtt.loop_start()
        assert self._up.wait(10), f"{name} is not let in"

    def send(self, *messages: Message) -> None:
        """Publish as soon as there is a connection, and wait for the broker (not for the center)."""
        until(self.mqtt.is_connected, f"{self.name} is connected")
        for info in [self.mqtt.publish(message.topic, message.envelope, 1) for message in messages]:
            info.wait_for_publish(20)

    def close(self) -> None:
        """Disconnect."""
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.startswith("dabyl/verified/"):
            self.verified.append(json.loads(message.payload))
            return
        told = receipt.decode(cose.verify(bytes(message.payload), receipt.CONTEXT, self._key_of).payload)
        self.receipts.append(told)
        for boot, first, last in told.settled:
            self.settled.update((boot, seq) for seq in range(first, last + 1))
        for boot, seq, state in told.alarms:
            self.alarms[boot, seq] = max(state, self.alarms.get((boot, seq), 0))


def _send_at_once(_client: paho.Client, _data: object, sock: object) -> None:
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
