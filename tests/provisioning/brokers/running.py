"""A broker started from the directory that ``dabyl provision broker`` wrote, and one MQTT connection to it, as an attacker holds it."""

import os
import pathlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.broker.engines import Mosquitto, Nats
from simulators.broker.process import ChildProcess

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_S = 60.0
PATIENCE_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """The engine's process, as DIR/README says to start it."""

    def __init__(self, engine: str, directory: pathlib.Path, port: int) -> None:
        self.engine = engine
        self.directory = directory
        self.port = port
        self.log = directory / "engine.log"
        self._helper: ChildProcess | None = None
        if engine == "rabbitmq":
            names = str(free_port())  # an epmd of our own, which ends with us
            self._helper = ChildProcess(
                ["/usr/bin/epmd", "-address", "127.0.0.1", "-port", names], directory / "epmd.log"
            )
            environment = {
                "HOME": directory,  # for the Erlang cookie
                "RABBITMQ_CONF_ENV_FILE": directory / "rabbitmq-env.conf",
                "RABBITMQ_DIST_PORT": free_port(),
                "RUNNING_UNDER_SYSTEMD": "true",  # no shell stays between us and the broker
                "ERL_EPMD_PORT": names,
            }
            command = ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), RABBITMQ]
        else:
            program = (Mosquitto if engine == "mosquitto" else Nats).program_path()
            assert program is not None
            command = [program, "-c", os.fspath(next(directory.glob("*.conf")))]
        self.child = ChildProcess(command, self.log)
        deadline = time.monotonic() + START_S
        while not self._is_up():
            assert self.child.running, self.child.log_tail()
            assert time.monotonic() < deadline, self.child.log_tail()
            time.sleep(0.05)

    def _is_up(self) -> bool:
        """RabbitMQ opens its port before it is ready: what it takes in between may go nowhere."""
        if self.engine == "rabbitmq":
            return b"Server startup complete" in self.log.read_bytes()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.child.end(signal.SIGKILL, 10)
        if self._helper is not None:
            self._helper.end(signal.SIGKILL, 10)


class Client:
    """One connection with one certificate. It never comes back by itself: being thrown out is an answer."""

    def __init__(
        self, port: int, context: ssl.SSLContext, client_id: str, *, clean: bool = True, will: str | None = None
    ) -> None:
        self.received: list[bytes] = []
        self.ended = False
        self.entered = False
        self._news = threading.Condition()
        self._acknowledged: set[int] = set()
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean, reconnect_on_failure=False
        )
        self.mqtt.tls_set_context(context)
        if will is not None:
            self.mqtt.will_set(will, b"forged", qos=1)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_disconnect = self._on_disconnect
        self.mqtt.on_message = self._on_message
        self.mqtt.on_publish = lambda _client, _data, mid, _reason, _properties: self._answered(mid)
        self.mqtt.on_subscribe = lambda _client, _data, mid, _reasons, _properties: self._answered(mid)
        try:
            self.mqtt.connect("127.0.0.1", port, keepalive=30)
        except (ssl.SSLError, ConnectionError):
            self.ended = True
        else:
            self.mqtt.loop_start()
        self.wait(lambda: self.entered or self.ended)

    def _change(self, change: Callable[[], object]) -> None:
        with self._news:
            change()
            self._news.notify_all()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        def change() -> None:
            self.entered = not reason.is_failure
            self.ended = self.ended or reason.is_failure

        self._change(change)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        def change() -> None:
            self.ended = True

        self._change(change)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._change(lambda: self.received.append(bytes(message.payload)))

    def _answered(self, mid: int) -> None:
        self._change(lambda: self._acknowledged.add(mid))

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE_S), f"did not happen; received {self.received}"

    def subscribe(self, topic: str) -> None:
        """Asks, and waits for the broker's answer, whichever."""
        mid = self.mqtt.subscribe(topic, 1)[1]
        self.wait(lambda: mid in self._acknowledged or self.ended)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 1, and waits for the broker's answer, whichever."""
        mid = self.mqtt.publish(topic, payload, 1).mid
        self.wait(lambda: mid in self._acknowledged or self.ended)

    def until(self, payload: bytes) -> list[bytes]:
        """Waits for this message; all that came."""
        self.wait(lambda: payload in self.received)
        return self.received

    def break_off(self) -> None:
        """Without a DISCONNECT, as a dead device does; the will goes out."""
        self.mqtt.loop_stop()
        connection = self.mqtt.socket()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.mqtt._reset_sockets()  # paho closes its pair of sockets only when it is collected
