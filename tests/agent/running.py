"""The agent at work in one loop: its own code with a real journal on a real disk, a small device kind, and a broker in memory.

The link is the real one; only its sockets are not: ``Line`` stands where ``agent.link.connection.Connection`` does.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from agent.effects import EMIT, OUTPUT
from agent.journal.log import Journal
from agent.link.errors import LinkError
from agent.wire import command, cose, event, receipt, topics
from agent.wire.command import Command
from agent.wire.event import Event
from agent.wire.receipt import Receipt

DEVICE = "pillar-017"
NOW_MS = 1_800_000_000_000
PATIENCE = 15_000
"""Looks, each after 2 ms or more: half a minute at least."""
TOML = """\
[device]
id = "pillar-017"
kind = "tests.probe"
state = "state"
[keys]
key = "k"
certificate = "c"
[center]
keys = ["c"]
[[broker]]
host = "h"
ca = "c"
[journal]
max_mb = 1
"""


class Logic:
    """Each "button" 1 raises an alarm, each "more" escalates, "note" makes an event; remembers what it is told."""

    def __init__(self) -> None:
        self.restored: list[tuple[int, int, int]] = []
        self.receipts: list[tuple[int, int, int]] = []
        self.numbers: list[tuple[int, int]] = []
        self.links: list[bool] = []
        self.clocks: list[int] = []
        self.disks: list[int] = []
        self.reads = 0

    def started(self, open_alarms: list[tuple[int, int, int]], _now_ms: int) -> list[Any]:
        self.restored = open_alarms
        return [(OUTPUT, "lamp", "idle")]

    def input(self, name: str, value: int, _now_ms: int) -> list[Any]:
        if name == "level":
            self.reads += 1
            return []
        if name == "clock":
            self.clocks.append(value)
            return []
        if name == "disk":
            self.disks.append(value)
            return []
        if name == "many":
            return [(EMIT, 5, "test.passed", {"n": n}) for n in range(value)]
        if name == "nested":
            return [(EMIT, 5, "test.passed", {"n": n}) for n in range(value)] + [(EMIT, 6, "test.passed", {"n": value})]
        if name == "large":
            return [(EMIT, 5, "test.passed", {"text": "x" * value})]
        types = {"button": "alarm.raised", "more": "alarm.escalated", "note": "test.passed", "wrong": "Not A Type"}
        return [(EMIT, 5, types[name], {"value": value})]

    def tick(self, _now_ms: int) -> list[Any]:
        return []

    def next_tick_ms(self, _now_ms: int) -> int | None:
        return None

    def sealed(self, tag: int, boot: int, seq: int, _now_ms: int) -> list[Any]:
        assert tag in {5, 6}
        self.numbers.append((boot, seq))
        if tag == 6:  # the last of "nested" calls for as many again
            return self.input("many", len(self.numbers), 0)
        return [(OUTPUT, "lamp", "sending")]

    def receipt(self, boot: int, seq: int, state: int, _now_ms: int) -> list[Any]:
        self.receipts.append((boot, seq, state))
        return [(OUTPUT, "lamp", receipt.STATES[state - 1])]

    def command(self, name: str, args: dict[str, Any], _now_ms: int) -> tuple[dict[str, Any] | None, list[Any]]:
        return ({"echo": args}, []) if name == "echo" else (None, [])

    def link(self, up: bool, _now_ms: int) -> list[Any]:
        self.links.append(up)
        return [(OUTPUT, "lamp", "link" if up else "no-link")]


class Binding:
    """Hardware that is strict about being used after it was closed."""

    def __init__(self, on_input: Callable[[str, int, int], None]) -> None:
        self.on_input = on_input
        self.lamp: list[str] = []
        self.closed = False

    def start(self) -> None:
        """Nothing to take."""

    def read(self) -> dict[str, int]:
        return {"level": 0}

    def output(self, name: str, pattern: str, _now_ms: int) -> None:
        assert not self.closed, "output on closed hardware"
        assert name == "lamp"
        self.lamp.append(pattern)

    def next_step_ms(self, _now_ms: int) -> int | None:
        assert not self.closed
        return None

    def step(self, _now_ms: int) -> None:
        assert not self.closed

    def close(self) -> None:
        self.closed = True


class Kind:
    """The module of the kind."""

    KIND = "probe"
    SETTINGS: dict[str, Any] = {}  # noqa: RUF012  a module's table

    def __init__(self) -> None:
        self.logic = Logic()
        self.settings_error: Exception | None = None
        self.hardware_error: Exception | None = None
        self.start_error: Exception | None = None

    def make_logic(self, _settings: Any, _now_ms: int) -> Logic:
        if self.settings_error is not None:
            raise self.settings_error
        return self.logic

    def make_binding(self, _settings: Any, on_input: Any) -> Binding:
        if self.hardware_error is not None:
            raise self.hardware_error
        self.binding = Binding(on_input)
        if self.start_error is not None:
            error = self.start_error

            def fail() -> None:
                raise error

            self.binding.start = fail  # type: ignore[method-assign]  # this one's start fails
        return self.binding


class Broker:
    """Takes connections while it is plugged in, acknowledges at once what has left the device, and keeps everything."""

    def __init__(self) -> None:
        self.plugged = asyncio.Event()
        self.largest = 131_072
        """Bytes of a message that it takes."""
        self.line: Line | None = None
        self.messages: list[tuple[str, bytes]] = []
        self.ended: list[tuple[str, bool]] = []
        """Why each connection ended, and whether politely."""

    async def dial(self, host: str, _port: int, _tls: object, _floor_ms: int | None) -> "Broker":
        assert host == "h"
        await self.plugged.wait()
        return self

    def deliver(self, leaf: str, message: bytes) -> None:
        """A message for the device arrives there now."""
        assert self.line is not None
        topic = topics.topic(DEVICE, leaf)
        assert topic in self.line.topics, "not subscribed"
        self.line.on_message(topic, message)

    @property
    def sent(self) -> list[bytes]:
        """The signed events that came, as often as they came."""
        return [message for topic, message in self.messages if not topic.endswith("/presence")]


class Line:
    """One connection with the broker."""

    answered = True
    receive_max = 65535
    has_room = True

    def __init__(
        self,
        broker: Broker,
        _client_id: str,
        _version: int,
        _keepalive_s: int,
        _will: tuple[str, bytes],
        on_message: Callable[[str, bytes], None],
        on_acknowledged: Callable[[list[tuple[int, int]]], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.broker = broker
        self.on_message = on_message
        self.on_acknowledged = on_acknowledged
        self.on_lost = on_lost
        self.topics: list[str] = []
        self.queued: list[tuple[str, bytes]] = []
        self._mid = 0
        self._left = False
        self._lost = False

    async def open(self, subscribed: list[str]) -> None:
        if not self.broker.plugged.is_set():
            raise LinkError("unplugged")
        self.topics = subscribed
        self.broker.line = self

    def takes(self, size: int) -> bool:
        return size <= self.broker.largest

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int:
        assert retain == topic.endswith("/presence")
        assert self.takes(len(payload))
        self.queued.append((topic, payload))
        self._mid += 1
        return self._mid

    def flush(self) -> None:
        left, self.queued = self.queued, []
        if left and not self._lost:
            self.broker.messages += left
            mids = range(self._mid - len(left) + 1, self._mid + 1)
            asyncio.get_running_loop().call_soon(self._acknowledge, [(mid, 0) for mid in mids])

    def leave(self) -> None:
        self.flush()
        self._left = True
        asyncio.get_running_loop().call_soon(self.close, "the broker hung up")

    def close(self, reason: str) -> None:
        self.flush()
        if not self._lost:
            self._lost = True
            self.broker.line = None
            self.broker.ended.append((reason, self._left))
            self.on_lost(reason)

    def _acknowledge(self, acknowledged: list[tuple[int, int]]) -> None:
        if not self._lost:
            self.on_acknowledged(acknowledged)


class Running:
    """One run of the agent."""

    def __init__(
        self, agent: Any, kind: Kind, journal: Journal, broker: Broker, key: Any, task: "asyncio.Task[None]"
    ) -> None:
        self.agent = agent
        self.kind = kind
        self.logic = kind.logic
        self.journal = journal
        self.broker = broker
        self.link = agent._link
        self.task = task
        self._key = key

    @property
    def boot(self) -> int:
        return int(self.agent._sealer.boot)

    async def input(self, name: str, value: int = 1) -> None:
        self.kind.binding.on_input(name, value, 0)
        await self.settle()

    async def plug(self) -> None:
        self.broker.plugged.set()
        self.link.hurry()
        await self.settle()

    async def settle(self) -> None:
        """Until loop, network and disk are done with what was begun."""

        def at_rest() -> bool:
            connected = self.link.up == self.broker.plugged.is_set() and not self.agent._outbox.under_way
            return connected and not self.journal.unkept_count and not self.agent._disk.is_syncing

        await asyncio.sleep(0.002)
        await self.until(at_rest, "link and journal come to rest")

    async def until(self, reached: Callable[[], bool], what: str = "it comes about") -> None:
        """Until this is so, however slow the machine; or the agent has ended with an error."""
        for _ in range(PATIENCE):
            if self.task.done():
                self.task.result()
            if reached():
                return
            await asyncio.sleep(0.002)
        raise AssertionError(f"waited in vain until {what}")

    def receipt(self, n: int, settled: Any = (), alarms: Any = (), boots: int = 0, by: str = "center") -> None:
        made = Receipt(DEVICE, "center-1", n, NOW_MS, boots, list(settled), list(alarms))
        self.broker.deliver("receipt", cose.sign(made.encode(), receipt.CONTEXT, self._key(by)))

    def command(self, n: int, name: str, args: Any = None, *, expires: int = 60, at: int = NOW_MS) -> None:
        made = Command(DEVICE, "center-1", n, at, expires, name, args or {})
        self.broker.deliver("command", cose.sign(made.encode(), command.CONTEXT, self._key("center")))

    def events(self) -> list[Event]:
        """What the broker holds, each event once."""
        return [event.decode(cose.parse(message).payload) for message in dict.fromkeys(self.broker.sent)]

    def types(self) -> list[str]:
        return [made.type for made in self.events() if made.type != "health.report"]

    def told(self, type_: str) -> list[dict[str, Any]]:
        """The data of all events of a type."""
        return [made.data for made in self.events() if made.type == type_]


Start = Callable[..., AbstractAsyncContextManager[Running]]
"""What the fixture ``start`` is."""
