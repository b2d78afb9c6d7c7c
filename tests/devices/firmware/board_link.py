"""A link on a board, for tests: runs on MicroPython, is told what to do on standard input, and says what happens as lines of JSON.

``micropython board_link.py <folder> <settings>``, the last a file of JSON; in the folder are root.der, key.der and chain0.der, chain1.der …
"""

# ruff: noqa: T201, UP031, PTH123, SIM105, PERF401, D101, D209, ARG005, UP037  it runs on MicroPython
import asyncio
import gc
import json
import sys
import time

from agent.clock import Clock
from agent.link import feed, path
from agent.link.errors import LinkError
from agent.link.outbox import Outbox
from agent.seal import Sealed
from agent.wire import event
from devices.firmware import dial
from devices.firmware import link as linking
from devices.firmware.link import Link


def say(what: str, **facts: object) -> None:
    """A line for the test."""
    facts["what"] = what
    print(json.dumps(facts))


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Notes:
    tracing = False

    def info(self, message: str, **facts: object) -> None:
        say("log", said=message, **facts)

    warning = info


class Board:
    def __init__(self, folder: str, settings: "Any") -> None:
        self.entries: "Any" = []
        self.flash_ms = settings.get("flash_ms", 0)
        self.signs = True
        self.greedy = False
        chain = []
        for n in range(settings["chain"]):
            chain.append(read("%s/chain%d.der" % (folder, n)))
        tls = dial.context(read(folder + "/root.der"), chain, read(folder + "/key.der"))
        path.STABLE_MS = settings.get("stable_ms", path.STABLE_MS)
        feed.STALLED_MS = settings.get("stalled_ms", feed.STALLED_MS)
        linking.LOOK_MS = settings.get("look_ms", linking.LOOK_MS)
        linking.PRESENCE_EVERY_MS = settings.get("presence_ms", linking.PRESENCE_EVERY_MS)
        clock = Clock(
            time.ticks_ms,  # type: ignore[attr-defined]
            lambda: int(time.time() * 1000),
            lambda: True,
        )
        self.outbox = Outbox(
            self.next,
            lambda: len(self.entries),
            settings["window"],
            1000,
            settings["alarm_retry_ms"],
            settings["event_retry_ms"],
        )
        self.link = Link(
            settings["device"],
            [tuple(broker) for broker in settings["brokers"]],
            tls,
            lambda call, *arguments: call(*arguments),
            self,
            settings,
            self.outbox,
            clock,
            Notes(),
            lambda: 500,
            self.presence,
            self.message,
            lambda up: say("change", up=up),
            lambda boot, seq, size: say("quarantined", seq=seq, size=size),
        )
        self.link._path._least_ms = settings.get("least_ms", settings["retry_min_ms"])
        self.state = settings.get("wifi", "joined")

    def hurry(self) -> None:
        """As its Wi-Fi."""
        say("hurried")

    def message(self, leaf: str, payload: bytes) -> None:
        say("message", leaf=leaf, size=len(payload), starts=payload[:40].decode())
        if payload == b"greedy":
            bytes(1 << 30)

    def presence(self, session: int, online: bool) -> bytes:
        if self.greedy:
            self.greedy = False
            bytes(1 << 30)
        if not self.signs:
            raise LinkError("the key does not sign")
        return b"presence %d %s" % (session, online)

    def next(self, lane: int, after: int) -> "Any":
        for entry in self.entries[after:]:
            if (entry[1] > 0) == (lane == 1):
                return entry
        return None

    def emit(self, alarm: bool, payload: bytes) -> None:
        at = len(self.entries) + 1
        sealed = Sealed(
            1, at, event.ALARM if alarm else event.STATE, "alarm.raised" if alarm else "test.passed", b"", payload
        )
        mid = self.link.express(sealed)
        time.sleep_ms(self.flash_ms)  # type: ignore[attr-defined]
        self.entries.append((at, sealed.rank, 1, at, payload))
        if mid is None:
            self.link.queue(at, sealed)
        else:
            self.link.adopt(mid, at, sealed)
        say("emitted", direct=mid is not None)

    async def listen(self) -> None:
        """One command a line: ``alarm TEXT``, ``event TEXT``, ``join``, ``large SIZE``, ``hurry``, ``announce``, ``mute``,
        ``unmute``, ``greedy``, ``status``, ``stop``."""
        stdin = asyncio.StreamReader(sys.stdin.buffer)  # type: ignore[arg-type]
        while True:
            words = (await stdin.readline()).decode().split()
            if not words or words[0] == "stop":
                break
            if words[0] in ("alarm", "event"):
                self.emit(words[0] == "alarm", words[1].encode())
            elif words[0] == "join":
                self.state = "joined"
                self.link.hurry()
            elif words[0] == "large":
                self.emit(False, b"x" * int(words[1]))
            elif words[0] in ("mute", "unmute"):
                self.signs = words[0] == "unmute"
            elif words[0] == "greedy":
                self.greedy = True
            elif words[0] == "status":
                say(
                    "status",
                    up=self.link.up,
                    session=self.link.session,
                    broker=self.link.broker,
                    behind_ms=self.link.behind_ms,
                    under_way=self.outbox.under_way,
                    free=free(),
                )
            else:
                getattr(self.link, words[0])()


def free() -> int:
    """Bytes of the heap."""
    gc.collect()
    return gc.mem_free()  # type: ignore[attr-defined,no-any-return]


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


async def main() -> None:
    board = Board(sys.argv[1], json.loads(read(sys.argv[2])))
    say("started")
    running = asyncio.create_task(board.link.run())
    await board.listen()
    await board.link.pause()
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        pass
    say("stopped")


asyncio.run(main())
