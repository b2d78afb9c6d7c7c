"""A link over a list of events, and a broker of a few lines that does what the test wants."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from agent.clock import Clock
from agent.link.link import Link
from agent.link.outbox import Outbox
from agent.seal import Sealed
from agent.wire import event
from tests.agent.link.scripted_broker import packet

DEVICE = "pillar-017"
SETTINGS = {
    "keepalive_s": 60,
    "connect_timeout_s": 5,
    "window": 5,
    "backlog_rate": 1000,
    "retry_min_ms": 20,
    "retry_max_ms": 300_000,
    "alarm_retry_ms": 60,
    "event_retry_ms": 60_000,
}


class Broker:
    """Takes everything and acknowledges, unless told otherwise. ``hangs_up`` looks at each message and says when to break off.

    ``acknowledges`` may be a reason code to answer with. Who says DISCONNECT is hung up on, unless ``stays``.
    """

    def __init__(
        self,
        *,
        answers: bool = True,
        acknowledges: bool | int = True,
        properties: bytes = b"",
        hangs_up: Any = None,
        stays: bool = False,
    ) -> None:
        self.answers = answers
        self.acknowledges = acknowledges
        self.properties = properties
        self.hangs_up: Callable[[bytes], bool] = hangs_up or (lambda _payload: False)
        self.stays = stays
        self.left = 0
        """How often it was told DISCONNECT."""
        self.versions: list[int] = []
        self.messages: list[tuple[str, bytes]] = []
        self._mids: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, connect = await packet(reader)
        self.versions.append(connect[6])
        self._writer, self._mids = writer, []
        if not self.answers:
            return
        writer.write(bytes([0x20, 3 + len(self.properties), 0, 0, len(self.properties)]) + self.properties)
        _, subscribe = await packet(reader)
        writer.write(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        while True:
            first, body = await packet(reader)
            if first == 0xE0:
                self.left += 1
                if not self.stays:
                    return
            if first & 0xF0 != 0x30:
                continue
            end = 2 + int.from_bytes(body[:2])
            topic, mid, payload = body[2:end].decode(), body[end : end + 2], body[end + 3 :]
            if self.hangs_up(payload):
                return
            self.messages.append((topic, payload))
            self._mids.append(mid)
            if self.acknowledges is True:
                self.acknowledge(1)
            elif self.acknowledges:
                writer.write(b"\x40\x03" + mid + bytes([self.acknowledges]))

    def acknowledge(self, count: int) -> None:
        """Acknowledge the oldest ``count`` messages that are not yet."""
        assert self._writer is not None
        self._writer.write(b"".join(b"\x40\x02" + mid for mid in self._mids[:count]))
        del self._mids[:count]

    def events(self) -> list[bytes]:
        return [payload for topic, payload in self.messages if not topic.endswith("presence")]


class Notes:
    """What the link logs."""

    tracing = False

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stages: list[tuple[str, int]] = []

    def info(self, message: str, **_facts: object) -> None:
        self.said.append(message)

    warning = info

    def stage(self, name: str, *, boot: int, seq: int) -> None:
        assert boot == 1
        self.stages.append((name, seq))


class Rig:
    """A link, its outbox over a list of events, and what it calls back."""

    def __init__(self, ports: list[int], authority: Any, **settings: int) -> None:
        self.entries: list[tuple[int, int, int, int, bytes]] = []
        self.reads = True
        """Whether the journal gives anything; if not, whatever goes out comes from memory."""
        self.later_ms = 0
        """How far the link's clock is ahead of the machine's."""
        self.quarantined: list[tuple[int, int, int]] = []
        self.changes: list[bool] = []
        self.log = Notes()
        chosen = {**SETTINGS, **settings}
        certificate, key = authority.leaf(DEVICE, "device", host="", server=False)
        files = {"ca": str(authority.root), "certificate": certificate, "key": key}
        clock = Clock(
            lambda: self.later_ms + time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000, lambda: True
        )
        self.outbox = Outbox(
            self._next,
            lambda: len(self.entries),
            chosen["window"],
            chosen["backlog_rate"],
            chosen["alarm_retry_ms"],
            chosen["event_retry_ms"],
        )
        self.link = Link(
            DEVICE,
            [{"host": "127.0.0.1", "port": port, **files} for port in ports],
            chosen,
            self.outbox,
            clock,
            self.log,  # type: ignore[arg-type]  # says as much as the link needs
            lambda: 500,
            lambda session, online: f"presence {session} {online}".encode(),
            lambda _leaf, _payload: None,
            self.changes.append,
            lambda boot, seq, size: self.quarantined.append((boot, seq, size)),
        )

    def _next(self, lane: int, after: int) -> Any:
        owed = self.entries[after:] if self.reads else []
        return next((entry for entry in owed if (entry[1] > 0) == (lane == 1)), None)

    def emit(self, envelope: bytes, *, alarm: bool = False) -> bool:
        """A new event on its way through link and journal, as ``agent.outgoing`` sends it; whether it went from memory."""
        at = len(self.entries) + 1
        type_ = "alarm.raised" if alarm else "test.passed"
        sealed = Sealed(1, at, event.ALARM if alarm else event.STATE, type_, b"", envelope)
        mid = self.link.express(sealed)
        self.entries.append((at, sealed.rank, 1, at, envelope))
        if mid is None:
            self.link.queue(at, sealed)
        else:
            self.link.adopt(mid, at, sealed)
        return mid is not None

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110  the condition is about plain lists
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    task = asyncio.create_task(rig.link.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await rig.link.stop()
