"""A consumer of the central broker, as anybody would write one: a plain MQTT client that takes what stands on the verified topics.

It keeps every delivery, repetitions included, with the instant of its arrival, so that a test can count what a consumer would see twice.
"""

import json
import pathlib
import ssl
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from simulators.errors import HardwareTimeoutError

VERIFIED = "dabyl/verified/v1/#"


class Delivery(NamedTuple):
    """One message: topic, payload, and monotonic nanoseconds of its arrival."""

    topic: str
    payload: bytes
    at_ns: int

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent in it."""
        body = json.loads(self.payload)
        assert isinstance(body, dict)
        return body


class Consumer:
    """A subscription that lasts until it is closed, across breaks of the connection and restarts of the broker (persistent session).

    Args:
        port: the broker's, on 127.0.0.1.
        root: the authority's root certificate (PEM file).
        chain: its own certificate chain (PEM file); its CN is the client identifier.
        key: its key (PEM file).
        name: the CN.
        topics: what it subscribes to, with QoS 1.
    """

    def __init__(
        self,
        port: int,
        *,
        root: pathlib.Path,
        chain: pathlib.Path,
        key: pathlib.Path,
        name: str,
        topics: tuple[str, ...] = (VERIFIED,),
    ) -> None:
        self._topics = topics
        self._changed = threading.Condition()
        self._subscribed = False
        self.deliveries: list[Delivery] = []
        tls = ssl.create_default_context(cafile=str(root))
        tls.load_cert_chain(chain, key)
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.tls_set_context(tls)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._granted
        self._client.on_message = self._arrived
        self._client.connect_async("127.0.0.1", port, keepalive=20)
        self._client.loop_start()

    def __enter__(self) -> Self:
        self.wait(lambda: self._subscribed, 30, "the subscription")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def events(self, type_: str = "") -> list[dict[str, Any]]:
        """All CloudEvents that arrived, or those of one type (``dabyl.alarm.raised``), repetitions included."""
        with self._changed:
            arrived = list(self.deliveries)
        return [event for event in (delivery.event for delivery in arrived) if not type_ or event["type"] == type_]

    def wait(self, reached: Any, timeout_s: float, what: str) -> None:
        """Block until ``reached()`` holds; it is asked again after each delivery.

        Raises:
            HardwareTimeoutError: it did not in time.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            while not reached():
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise HardwareTimeoutError(
                        f"waited {timeout_s:g} s in vain for {what}; {len(self.deliveries)} deliveries so far"
                    )
                self._changed.wait(min(left_s, 0.05))

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _granted(self, _client: Client, _data: Any, _mid: int, _reasons: Any, _properties: Any) -> None:
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        at_ns = time.monotonic_ns()
        with self._changed:
            self.deliveries.append(Delivery(message.topic, bytes(message.payload), at_ns))
            self._changed.notify_all()
