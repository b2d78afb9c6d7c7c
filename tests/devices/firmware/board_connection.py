"""One connection, driven for tests on either interpreter: says what happens as lines of JSON.

``python board_connection.py <folder> <settings>``, the last a file of JSON. It opens the connection,
publishes ``payloads`` (a text each, or a size), and goes on
until it has received ``wanted`` acknowledgements and ``messages`` messages, or the connection is over.
"""

# ruff: noqa: T201, UP031, PTH123, PERF401, PLC0415, C901, ASYNC110  it runs on MicroPython
import asyncio
import json
import sys
import time

from agent.link.errors import LinkError
from devices.firmware.connection import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BOARD = sys.implementation.name == "micropython"
TOPIC = "dabyl/v1/sos-0001/"


def say(what: str, **facts: object) -> None:
    """A line for the test."""
    facts["what"] = what
    print(json.dumps(facts))


def now_ms() -> int:
    """Monotonic milliseconds."""
    return time.ticks_ms() if BOARD else time.monotonic_ns() // 1_000_000  # type: ignore[attr-defined]


def read(path: str) -> bytes:
    """A file."""
    with open(path, "rb") as file:
        return file.read()


async def streams(folder: str, settings: "Any") -> "Any":
    """Reader, writer, what closes them, and what tells of errors."""
    if BOARD:
        from devices.firmware import dial

        chain = []
        for n in range(settings["chain"]):
            chain.append(read("%s/chain%d.der" % (folder, n)))
        tls = dial.context(read(folder + "/root.der"), chain, read(folder + "/key.der"))
        address = dial.resolve(settings["host"], settings["port"])
        stream, close = await dial.dial(settings["host"], address, tls)
        return stream, stream, close, dial.why
    from agent.link.dial import context

    made = context(folder + "/root.pem", folder + "/chain.pem", folder + "/key.pem")
    reader, writer = await asyncio.open_connection(settings["host"], settings["port"], ssl=made)
    return reader, writer, writer.close, str


async def main() -> None:
    """The whole of it."""
    settings = json.loads(read(sys.argv[2]))
    acknowledged = []
    heard = []

    def arrived(topic: str, payload: bytes) -> None:
        heard.append(topic)
        say("message", topic=topic, payload=payload[:40].decode(), size=len(payload))

    def taken(batch: "list[tuple[int, int]]") -> None:
        for mid, code in batch:
            acknowledged.append(mid)
            say("acknowledged", mid=mid, code=code)

    async def looks() -> None:
        while connection.lost is None:
            await asyncio.sleep(settings.get("look_s", 1))
            connection.look()

    async def ends() -> None:
        while len(acknowledged) < settings["wanted"] or len(heard) < settings.get("messages", 0):
            await asyncio.sleep(0)
        if settings.get("polite", True):
            connection.leave()
        else:
            connection.close("done")

    reader, writer, close, why = await streams(sys.argv[1], settings)
    connection = Connection(
        reader, writer, close, why, now_ms, arrived, taken, lambda reason: say("lost", reason=reason)
    )
    try:
        await connection.open(
            settings["version"],
            "sos-0001-x",
            settings["keepalive_s"],
            (TOPIC + "presence", b"will"),
            [TOPIC + "receipt", TOPIC + "command"],
        )
    except LinkError as error:
        say("failed", reason=str(error), refused=error.refused, version=error.version, answered=connection.answered)
        return
    say("open", receive_max=connection.receive_max, takes=connection.takes(3800), wide=connection.takes(65000))
    for payload in settings["payloads"]:
        large = isinstance(payload, int)
        mid = connection.publish(TOPIC + "event", bytes([65 + payload % 26]) * payload if large else payload.encode())
        say("published", mid=mid)
        if not settings.get("together"):
            connection.flush()
    if settings.get("together"):
        connection.flush()
    tasks = [asyncio.create_task(looks()), asyncio.create_task(ends())]
    await connection.run()
    say("over", reason=connection.lost, publishes=connection.publish(TOPIC + "event", b"late"))
    for task in tasks:
        task.cancel() if not BOARD else None


asyncio.run(main())
