"""The other side of a board's link in its tests: what it is told at its start, and a broker that acts as it is told."""

from collections.abc import Callable
from typing import Any

from tests.devices.firmware.boards import Program, packet

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
Start = Callable[..., Program]


class Broker:
    """Answers CONNECT and SUBSCRIBE, acknowledges what ``acknowledges`` says, hangs up on what ``hangs_up`` says. One at a time."""

    def __init__(self) -> None:
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
        connection.sendall(b"\x20\x03\x00\x00\x00")
        _, subscribe = packet(connection)
        connection.sendall(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        while True:
            first, body = packet(connection)
            if first == 0xC0:
                connection.sendall(b"\xd0\x00")
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
