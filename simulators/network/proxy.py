"""A TCP proxy on asyncio with toxics, to stand between an unmodified agent and an unmodified broker.

It owns one port on 127.0.0.1 from `start` to `stop`, also while it is down, so the agent's configuration never changes. It reads no
byte of what passes. Toxics act on connections already open. Everything random comes from one seed. Methods without ``async`` may be
called from the loop's thread only.
"""

import asyncio
import dataclasses
import random
import socket
from types import TracebackType
from typing import Literal, Self

from simulators.errors import NetworkStateError
from simulators.network.link import Link, Way, reset_end
from simulators.network.toxics import Toxic

Stream = Literal["upstream", "downstream", "both"]


@dataclasses.dataclass(slots=True)
class Counters:
    """What the proxy saw since its start."""

    accepted: int = 0
    refused: int = 0
    upstream_bytes: int = 0
    downstream_bytes: int = 0


class Network:
    """One proxied port.

    Args:
        upstream_port: the broker's.
        upstream_host: the broker's.
        seed: of jitter and loss.
    """

    def __init__(self, upstream_port: int, *, upstream_host: str = "127.0.0.1", seed: int = 0) -> None:
        self._upstream = (upstream_host, upstream_port)
        self._rng = random.Random(seed)  # noqa: S311 - reproducible weather, no secrets
        self._toxics: dict[str, tuple[Stream, Toxic]] = {}
        self._changed = asyncio.Event()
        self._reservation: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._dropping = False
        self._cuts = 0
        self.counters = Counters()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that the agent is told.

        Raises:
            NetworkStateError: it was not started.
        """
        if self._reservation is None:
            raise NetworkStateError("the network has no port yet: start it first")
        return int(self._reservation.getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    @property
    def is_up(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    async def start(self) -> int:
        """Takes a port and listens on it. Returns the port."""
        if self._reservation is None:
            # Bound for the proxy's life and never listening: keeps the port while the proxy is down.
            self._reservation = _bound(0)
            await self.up()
        return self.port

    async def stop(self) -> None:
        """Resets all connections and gives the port back."""
        await self.down()
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    async def down(self) -> None:
        """Cuts: open connections are reset, new ones refused. For a silent cut, add a `Timeout` instead."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.reset()

    async def up(self) -> None:
        """Listens again after `down`, on the same port."""
        if self._server is None:
            listener = _bound(self.port)
            try:
                self._server = await asyncio.start_server(self._serve, sock=listener)
            except BaseException:
                listener.close()
                raise

    async def reset(self) -> None:
        """Resets the connections that are open now."""
        self._cuts += 1
        links = list(self._links)
        for link in links:
            link.end(reset=True)
        await asyncio.gather(*(link.ended.wait() for link in links))

    def accept_then_drop(self, active: bool) -> None:
        """While active, new connections are accepted and closed before a byte passes, as by a broker without room."""
        self._dropping = active

    def add(self, name: str, toxic: Toxic, stream: Stream = "both") -> None:
        """Adds a toxic; upstream is agent to broker.

        Raises:
            NetworkStateError: the name is taken.
        """
        if name in self._toxics:
            raise NetworkStateError(f"there is already a toxic {name!r}: remove it first or take another name")
        self._toxics[name] = (stream, toxic)
        self._wake()

    def add_all(self, name: str, toxics: tuple[Toxic, ...], stream: Stream = "both") -> None:
        """Adds several, named `<name>-0`, `<name>-1` …"""
        for index, toxic in enumerate(toxics):
            self.add(f"{name}-{index}", toxic, stream)

    def remove(self, name: str) -> None:
        """Removes a toxic, or all of an `add_all`.

        Raises:
            NetworkStateError: there is none of that name.
        """
        gone = [known for known in self._toxics if known == name or known.rpartition("-")[0] == name]
        if not gone:
            raise NetworkStateError(f"there is no toxic {name!r}; there are {sorted(self._toxics)}")
        for known in gone:
            del self._toxics[known]
        self._wake()

    def clear(self) -> None:
        """Removes all toxics and lets new connections through."""
        self._toxics.clear()
        self._dropping = False
        self._wake()

    def toxics(self, way: Way) -> tuple[Toxic, ...]:
        """Those that act on one direction, in the order in which they were added."""
        return tuple(toxic for where, toxic in self._toxics.values() if where in (way, "both"))

    async def toxics_change(self) -> None:
        """Returns when a toxic is added or removed."""
        await self._changed.wait()

    def passed(self, way: Way, size: int) -> None:
        """Counts bytes that a connection let in."""
        if way == "upstream":
            self.counters.upstream_bytes += size
        else:
            self.counters.downstream_bytes += size

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counters.accepted += 1
        if self._dropping:
            self.counters.refused += 1
            writer.close()
            return
        cuts = self._cuts
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            self.counters.refused += 1
            reset_end(writer)  # the broker is not there: the agent sees its connection break
            return
        if cuts != self._cuts:  # cut while it was being made
            reset_end(writer)
            reset_end(far_writer)
            return
        link = Link(self, random.Random(self._rng.random()))  # noqa: S311 - as above
        self._links.add(link)
        try:
            await link.run((reader, writer), (far_reader, far_writer))
        except asyncio.CancelledError:
            return  # the program ends; asyncio would report a cancelled connection as an error of its own
        finally:
            self._links.discard(link)


def _bound(port: int) -> socket.socket:
    """A socket bound to a port of 127.0.0.1 that this process alone shares with itself."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(("127.0.0.1", port))
    except BaseException:
        bound.close()
        raise
    return bound
