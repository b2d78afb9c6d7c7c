"""A throw-away authority of two levels, a running broker of each engine, and MQTT clients that show one certificate each."""

import datetime as dt
import ipaddress
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.enums import CallbackAPIVersion

from provisioning.brokers.model import Certificates, Identities
from simulators.broker.engines import Mosquitto, Nats, embedded

DEVICES = ("device-a", "device-b", "device-c")
CENTER = "center-ingest"
CONSUMER = "consumer-one"
DAY = dt.timedelta(days=1)


class Authority:
    """Root, issuing authority, leaves with the role as a SAN URI, and the issuing authority's revocation list."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.now = dt.datetime.now(dt.UTC)
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._sign("root", self.root_key, "root", self.root_key, ca=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issuing = self._sign("issuing", self.key, "root", self.root_key, ca=True)
        self.serials: dict[str, int] = {}
        self.root_file = directory / "root.pem"
        self.root_file.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))
        self.crl_file = directory / "crl.pem"
        self.crl_file.write_bytes(self.crl())

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - DAY)
            .not_valid_after(self.now + DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if not ca:
            role = "broker" if name == "broker" else name.split("-", maxsplit=1)[0]
            names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:dabyl:{role}:{name}")]
            usage = ExtendedKeyUsageOID.CLIENT_AUTH
            if name == "broker":
                names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
                usage = ExtendedKeyUsageOID.SERVER_AUTH
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(by, hashes.SHA256())

    def leaf(self, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Files of a certificate with its chain, and of its key."""
        certificate, key_file = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        if not certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            signed = self._sign(name, key, "issuing", self.key, ca=False)
            self.serials[name] = signed.serial_number
            pem = serialization.Encoding.PEM
            certificate.write_bytes(signed.public_bytes(pem) + self.issuing.public_bytes(pem))
            key_file.write_bytes(
                key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            )
        return certificate, key_file

    def crl(self, *revoked: str) -> bytes:
        """The revocation list, PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuing.subject)
            .last_update(self.now - DAY)
            .next_update(self.now + DAY)
        )
        for name in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(self.serials[name]).revocation_date(self.now).build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self, name: str | None, trust: "Authority | None" = None) -> ssl.SSLContext:
        """A client's TLS context that shows the certificate of `name`."""
        context = ssl.create_default_context(cafile=str((trust or self).root_file))
        if name is not None:
            context.load_cert_chain(*map(str, self.leaf(name)))
        return context


class Client:
    """One MQTT connection of the name in its certificate; keeps what it received as ``(topic, payload)``."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        client_id: str,
        *,
        clean: bool = True,
        will: str | None = None,
    ) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.drops = 0
        self._news = threading.Condition()
        self._connected: int | None = None
        self._granted: dict[int, list[int]] = {}
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
        self.mqtt.tls_set_context(context)
        if will is not None:
            self.mqtt.will_set(will, b"will", qos=1)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_disconnect = self._on_disconnect
        self.mqtt.on_message = self._on_message
        self.mqtt.on_subscribe = self._on_subscribe
        self.mqtt.connect("127.0.0.1", port, keepalive=30)
        self.mqtt.loop_start()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._news:
            self._connected = int(reason.value)
            self._news.notify_all()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._news:
            self.drops += 1
            self._news.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.received.append((message.topic, bytes(message.payload)))
            self._news.notify_all()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        with self._news:
            self._granted[mid] = [int(reason.value) for reason in reasons]
            self._news.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, 10), f"did not happen; received {self.received}"

    def online(self) -> "Client":
        self.wait(lambda: self._connected == 0)
        return self

    def refused_or_online(self) -> bool:
        """Waits for the broker's word; whether it let us in."""
        self.wait(lambda: self._connected is not None or self.drops > 0)
        return self._connected == 0

    def subscribe(self, topic: str) -> int:
        """The broker's answer for one filter: granted QoS, or 128."""
        result, mid = self.mqtt.subscribe(topic, 1)
        assert result == mqtt.MQTT_ERR_SUCCESS
        assert mid is not None
        self.wait(lambda: mid in self._granted or self.drops > 0)
        return self._granted.get(mid, [128])[0]

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 1 and waits for the PUBACK."""
        self.mqtt.publish(topic, payload, 1).wait_for_publish(10)

    def got(self, *payloads: bytes) -> list[bytes]:
        """Waits for the last of the payloads; returns all that came."""
        self.wait(lambda: bool(self.received) and self.received[-1][1] == payloads[-1])
        return [payload for _, payload in self.received]

    def break_off(self) -> None:
        """Breaks the connection without a DISCONNECT, as a dead device does; the will goes out."""
        self.mqtt.loop_stop()
        connection = self.mqtt.socket()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture
def identities() -> Identities:
    return Identities.of(devices=DEVICES, centers=(CENTER, "center-tap"), consumers=(CONSUMER,))


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"])
def broker(
    request: pytest.FixtureRequest, authority: Authority, identities: Identities, tmp_path: pathlib.Path
) -> Iterator[Mosquitto | Nats]:
    authority.crl_file.write_bytes(authority.crl())
    certificates = Certificates(authority.root_file, *authority.leaf("broker"), crl=authority.crl_file)
    engine = embedded(tmp_path / "broker", certificates, identities, prefer=request.param)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def join(broker: Mosquitto | Nats, authority: Authority) -> Iterator[Callable[..., Client]]:
    """Opens a connection with the certificate of a name; `client_id` is the name unless said otherwise."""
    clients: list[Client] = []

    def connect(name: str, *, client_id: str | None = None, clean: bool = True, will: str | None = None) -> Client:
        client = Client(broker.port, authority.context(name), client_id or name, clean=clean, will=will)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


CONNECT = b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0aintruder-1"
CONNACK = b"\x20\x02\x00\x00"


@pytest.fixture
def knock(broker: Mosquitto | Nats) -> Callable[[ssl.SSLContext | None], bytes]:
    """Sends a CONNECT and returns what came back until the broker hung up or answered; empty if it never answered."""

    def attempt(context: ssl.SSLContext | None) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain:
                if context is None:
                    plain.sendall(CONNECT)
                    return plain.recv(4)
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                    secured.sendall(CONNECT)
                    return secured.recv(4)
        except (ssl.SSLError, ConnectionError):
            return b""

    return attempt


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            time.sleep(0.01)

    return wait
