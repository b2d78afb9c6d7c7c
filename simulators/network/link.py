"""One connection through the proxy: two directions, each with a reader that dates what enters and a writer that delivers it when due.

What is in flight is bounded; beyond it the sender has to wait, as for a TCP receive window. An end of stream travels in the queue like
bytes, so nothing sent before it is lost. It asks for the toxics anew with every chunk, so they act on connections already open.
"""

import asyncio
import collections
import contextlib
import random
import socket
import struct
from typing import Literal, Protocol

from simulators.network.toxics import Line, ResetPeer, SlowClose, Timeout, Toxic

Way = Literal["upstream", "downstream"]
End = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CHUNK_BYTES = 16 * 1024
WINDOW_BYTES = 1024 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: close() sends RST


class Weather(Protocol):
    """What a connection asks of the network it runs through."""

    def toxics(self, way: Way) -> tuple[Toxic, ...]:
        """The toxics of one direction."""

    async def toxics_change(self) -> None:
        """Returns when a toxic is added or removed."""

    def passed(self, way: Way, size: int) -> None:
        """Counts bytes."""


class Link:
    """One connection.

    Args:
        weather: the network it runs through.
        rng: draws its jitter and loss.
    """

    def __init__(self, weather: Weather, rng: random.Random) -> None:
        self._weather = weather
        self._rng = rng
        self._reset = False
        self._finished = asyncio.Event()
        self.ended = asyncio.Event()

    def end(self, *, reset: bool) -> None:
        """Ends both directions, with RST or in order."""
        self._reset = self._reset or reset
        self._finished.set()

    async def run(self, near: End, far: End) -> None:
        """Carries bytes both ways until both directions ended, one side broke, or `end`."""
        tasks = [
            asyncio.create_task(self._carry(Direction(self._weather, "upstream", self._rng), near[0], far[1])),
            asyncio.create_task(self._carry(Direction(self._weather, "downstream", self._rng), far[0], near[1])),
            asyncio.create_task(self._watch_for_reset()),
        ]
        both = asyncio.create_task(self._await_both(tasks[0], tasks[1]))
        try:
            await self._finished.wait()
        finally:
            for task in (both, *tasks):
                task.cancel()
            await asyncio.gather(both, *tasks, return_exceptions=True)
            for _, writer in (near, far):
                if self._reset:
                    reset_end(writer)
                else:
                    writer.close()
            self.ended.set()

    async def _carry(self, direction: "Direction", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not await direction.carry(reader, writer):
                self.end(reset=False)
        except OSError:
            self.end(reset=True)  # one side broke: the other sees a broken connection, not an orderly end

    async def _await_both(self, *carried: asyncio.Task[None]) -> None:
        await asyncio.gather(*carried)
        self.end(reset=False)

    async def _watch_for_reset(self) -> None:
        """Ends the connection when a `ResetPeer` of either direction strikes."""
        loop = asyncio.get_running_loop()
        since_s = loop.time()
        while True:
            toxics = self._weather.toxics("upstream") + self._weather.toxics("downstream")
            resets = [toxic.timeout_ms / 1000 for toxic in toxics if isinstance(toxic, ResetPeer)]
            if not resets:
                await self._weather.toxics_change()
                since_s = loop.time()
                continue
            left_s = since_s + min(resets) - loop.time()
            if left_s <= 0:
                self.end(reset=True)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._weather.toxics_change()


class Direction:
    """One direction of a connection."""

    def __init__(self, weather: Weather, way: Way, rng: random.Random) -> None:
        self._weather = weather
        self._way: Way = way
        self._line = Line(rng)
        self._queue: collections.deque[tuple[float, bytes]] = collections.deque()
        self._inside = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Moves bytes until the end of the stream; False if a toxic ends the whole connection instead.

        Raises:
            OSError: one of the two sides broke.
        """
        delivery = asyncio.create_task(self._deliver(writer))
        taking = asyncio.create_task(self._take_in(reader))
        try:
            await asyncio.wait({taking, delivery}, return_when=asyncio.FIRST_COMPLETED)
            if delivery.done():
                return delivery.result()
            whole = taking.result()
            return await delivery and whole
        finally:
            for task in (taking, delivery):
                task.cancel()
            await asyncio.gather(taking, delivery, return_exceptions=True)

    async def _take_in(self, reader: asyncio.StreamReader) -> bool:
        """Reads, dates and queues; returns whether the stream ended by itself."""
        loop = asyncio.get_running_loop()
        while chunk := await reader.read(CHUNK_BYTES):
            toxics = self._weather.toxics(self._way)
            passed = self._line.allowed(len(chunk), toxics)
            self._weather.passed(self._way, passed)
            if passed:
                self._push(self._line.due(passed, toxics, loop.time()), chunk[:passed])
            if passed < len(chunk):
                self._push(self._line.due(0, (), loop.time()), b"")
                return False
            while self._inside > WINDOW_BYTES:
                self._room.clear()
                await self._room.wait()
        toxics = self._weather.toxics(self._way)
        delay_ms = sum(toxic.delay_ms for toxic in toxics if isinstance(toxic, SlowClose))
        self._push(self._line.due(0, toxics, loop.time() + delay_ms / 1000), b"")
        return True

    def _push(self, due_s: float, chunk: bytes) -> None:
        self._queue.append((due_s, chunk))
        self._inside += len(chunk)
        self._news.set()

    async def _deliver(self, writer: asyncio.StreamWriter) -> bool:
        """Writes what is due; False if a toxic ends the connection."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._news.clear()
                await self._news.wait()
            due_s, chunk = self._queue[0]
            await asyncio.sleep(due_s - loop.time())
            if not await self._left_the_hole():
                return False
            self._queue.popleft()
            if not chunk:
                if writer.can_write_eof():
                    writer.write_eof()
                return True
            writer.write(chunk)
            await writer.drain()
            self._inside -= len(chunk)
            self._room.set()

    async def _left_the_hole(self) -> bool:
        """Waits while a `Timeout` swallows this direction; False if it ends the connection."""
        loop = asyncio.get_running_loop()
        since_s = loop.time()
        while holes := [toxic for toxic in self._weather.toxics(self._way) if isinstance(toxic, Timeout)]:
            limits = [toxic.timeout_ms / 1000 for toxic in holes if toxic.timeout_ms]
            try:
                async with asyncio.timeout(since_s + min(limits) - loop.time() if limits else None):
                    await self._weather.toxics_change()
            except TimeoutError:
                return False
        return True


def reset_end(writer: asyncio.StreamWriter) -> None:
    """Closes one side with RST."""
    plain = writer.get_extra_info("socket")
    if plain is not None and plain.fileno() >= 0:
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
