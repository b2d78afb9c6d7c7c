"""What the laptop hears of devices: the center's verified events, from the broker, for as long as devices are being enrolled."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.keys.certificate import read_pem
from agent.keys.errors import KeysError
from provisioning.errors import Cause, ContactError, SetupError

TOPIC = "dabyl/verified/v1/+/+"
CONNECT_S = 10.0
KEPT = 10_000
"""Events kept at most; the oldest go first."""
_CLOCK = (9, 10)
"""OpenSSL's reasons for a certificate that is not valid yet, or not any more."""
_BYTES_MAX = 65536
_UNKNOWN_THERE = (134, 135)
"""MQTT's reasons of a broker that does not know the name: bad user name, not authorized."""

Event = dict[str, Any]


class Listener:
    """A subscription to all verified events.

    Args:
        host: the broker.
        port: its port.
        root_pem: the authority's root.
        certificate: the laptop's chain (role consumer).
        key: its private key.
    """

    def __init__(self, host: str, port: int, root_pem: str, certificate: Path, key: Path) -> None:
        self._where = f"{host}:{port}"
        self._address = host, port
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._dropped = 0
        self._up = False
        self._refused: Cause | None = None
        self._tls = _context(root_pem, certificate, key)
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=_name(certificate), protocol=MQTTProtocolVersion.MQTTv311
        )
        client.tls_set_context(self._tls)
        client.reconnect_delay_set(1, 2)
        client.on_connect = self._connected
        client.on_disconnect = self._lost
        client.on_subscribe = self._granted
        client.on_message = self._arrived
        self._client = client

    def __enter__(self) -> Self:
        self._reach()
        try:
            self._client.connect(*self._address, keepalive=20)
        except OSError as error:
            raise ContactError("broker-away", broker=self._where, reason=Cause.of(error)) from None
        self._client.loop_start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._up or self._refused, CONNECT_S) or self._refused:
                refused = self._refused or Cause("silent")
                self.close()
                raise ContactError("broker-refuses", broker=self._where, reason=refused)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def now(self) -> int:
        """How many events there have been: what `wait` takes for a beginning."""
        with self._changed:
            return self._dropped + len(self._events)

    def wait(
        self, wanted: Callable[[Event], bool], seconds: float, *, since: int, look: Callable[[], bool] = lambda: True
    ) -> Event | None:
        """The first event since a beginning that is wanted; None if there is none in time, or ``look()`` says that waiting is in vain."""
        until = time.monotonic() + seconds
        while True:
            with self._changed:
                found = next((event for event in self._events[max(0, since - self._dropped) :] if wanted(event)), None)
                if found is None:
                    self._changed.wait(0.02)
            if found is not None or time.monotonic() > until or not look():
                return found

    def latest(self, wanted: Callable[[Event], bool]) -> Event | None:
        """The last of the events that are kept which is wanted."""
        with self._changed:
            return next((event for event in reversed(self._events) if wanted(event)), None)

    def _reach(self) -> None:
        """Shake hands once by hand, for paho tells nobody why TLS failed.

        Raises:
            ContactError: the broker is away.
            SetupError: TLS fails: the laptop's clock, or its certificate.
        """
        try:
            with (
                socket.create_connection(self._address, CONNECT_S) as plain,
                self._tls.wrap_socket(plain, server_hostname=self._address[0]),
            ):
                return
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in _CLOCK:
                raise SetupError("clock", now=time.strftime("%Y-%m-%d %H:%M"), reason=error.verify_message) from None
            raise ContactError("broker-foreign", broker=self._where, reason=error.verify_message) from None
        except OSError as error:
            raise ContactError("broker-away", broker=self._where, reason=Cause.of(error)) from None

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._tell(refused=_refusal(reason))
        else:
            client.subscribe(TOPIC, 1)

    def _granted(self, _client: Client, _data: Any, _number: int, reasons: Any, _properties: Any) -> None:
        refused = any(reason.is_failure for reason in reasons)
        self._tell(refused=Cause("unread") if refused else None, up=not refused)

    def _lost(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure and not self._up:
            self._tell(refused=_refusal(reason))

    def _tell(self, *, refused: Cause | None, up: bool = False) -> None:
        with self._changed:
            self._refused = self._refused or refused  # what follows a refusal, as that it hung up, says less
            self._up = up or self._up
            self._changed.notify_all()

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            event = json.loads(message.payload)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return
        with self._changed:
            self._events.append(event)
            if len(self._events) > KEPT:
                del self._events[: -KEPT // 2]
                self._dropped += KEPT + 1 - len(self._events)
            self._changed.notify_all()


def _refusal(reason: Any) -> Cause:
    return Cause("unknown-there" if reason.value in _UNKNOWN_THERE else "refusal", str(reason))


def _context(root_pem: str, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=root_pem)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError("listener-key", certificate=certificate, reason=Cause.of(error)) from None
    return context


def _name(certificate: Path) -> str:
    """Brokers know a client by its certificate's name, and take it for its identifier."""
    try:
        with certificate.open("rb") as file:
            found = read_pem(file.read(_BYTES_MAX).decode("ascii"), str(certificate))
    except (OSError, UnicodeDecodeError, KeysError) as error:
        raise SetupError("listener-key", certificate=certificate, reason=str(error)) from None
    return found[0].identity or ""
