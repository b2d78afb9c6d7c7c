"""A plain MQTT client with any certificate of the site: listens to raw topics, and sends whatever it is told to, honest or not."""

import base64
import json
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.wire import cose, event
from agent.wire.event import Event
from provisioning.authority.identity import IdentityFiles

RAW = ("dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence")
TIMEOUT_S = 20.0


class Heard(NamedTuple):
    """One message."""

    topic: str
    payload: bytes
    retained: bool


class Voice:
    """A connection that lasts until it is closed."""

    def __init__(self, port: int, identity: IdentityFiles, name: str, topics: tuple[str, ...] = ()) -> None:
        self.heard: list[Heard] = []
        self._topics = topics
        self._up = threading.Event()
        tls = ssl.create_default_context(cafile=str(identity.root))
        tls.load_cert_chain(identity.chain, identity.key)
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.tls_set_context(tls)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._up.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port, keepalive=20)
        self._client.loop_start()
        assert self._up.wait(TIMEOUT_S), f"the broker did not let {name} in"

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the broker's acknowledgement."""
        info = self._client.publish(topic, payload, 1, retain)
        info.wait_for_publish(TIMEOUT_S)
        assert info.is_published(), f"the broker did not acknowledge a message on {topic}"

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, device: str, leaf: str) -> list[bytes]:
        """Payloads heard on one topic of a device."""
        return [one.payload for one in list(self.heard) if one.topic == f"dabyl/v1/{device}/{leaf}"]

    def capture(self, path: Path, device: str) -> int:
        """Write what was heard of a device as lines of JSON, as ``dabyl verify`` reads them; how many lines."""
        mine = [one for one in list(self.heard) if one.topic.split("/")[2] == device]
        lines = [
            json.dumps({"topic": one.topic, "payload": base64.b64encode(one.payload).decode()}) + "\n" for one in mine
        ]
        path.write_text("".join(lines), encoding="ascii")
        return len(mine)

    def _connected(self, client: Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])
        else:
            self._up.set()

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, bytes(message.payload), message.retain))


def told(envelope: bytes) -> Event:
    """The event in a message, its signature not looked at."""
    return event.decode(cose.parse(envelope).payload)
