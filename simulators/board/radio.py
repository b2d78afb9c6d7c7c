"""The air around a board: access points, and where its connections go through them.

The board's name resolution asks here, so that every connection runs through a `simulators.network` proxy of its own, which goes silent
when the access point goes, as the air does: nothing is reset, nothing arrives.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Literal

from simulators.board import records
from simulators.errors import WiringError
from simulators.network.proxy import Network
from simulators.network.toxics import Timeout

HERE = ("127.0.0.1", "localhost")
Portal = Literal["refuses", "hijacks"]
PORTAL_PAGE = b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n"


@dataclasses.dataclass(frozen=True, slots=True)
class AccessPoint:
    """One network in the air.

    Args:
        ssid: its name, 1 to 32 bytes.
        key: its password, empty for an open network.
        rssi: how strong the board hears it, in dBm.
        channel: 1 to 13.
        join_ms: how long an attempt to join it takes, without an address.
        dhcp_ms: how long it takes to get one, unless the board has a fixed one.
        network: what addresses in it begin with.
    """

    ssid: str
    key: str = ""
    rssi: int = -55
    channel: int = 6
    join_ms: int = 30
    dhcp_ms: int = 0
    network: str = "192.168.4."

    def __post_init__(self) -> None:
        if not 1 <= len(self.ssid.encode()) <= 32:
            raise WiringError(f"a network's name has 1 to 32 bytes, not {self.ssid!r}")
        if self.key and not 8 <= len(self.key.encode()) <= 64:
            raise WiringError(f"the password of {self.ssid} has 8 to 64 bytes, or none at all")
        if min(self.join_ms, self.dhcp_ms) < 0 or not -120 <= self.rssi <= 0 or not 1 <= self.channel <= 14:
            raise WiringError(f"{self.ssid}: join_ms and dhcp_ms from 0, rssi -120 to 0 dBm, channel 1 to 14")


class Radio:
    """What a board receives.

    Args:
        points: in the air at first.
        hosts: name -> port of 127.0.0.1, beside ``127.0.0.1`` and ``localhost`` themselves, whose ports are meant as they are.
        send: takes a record's bytes to the running board, and drops them if none runs.

    Attributes:
        joins: how often an access point took the board in.
        dhcp_requests: in how many of these it asked for an address.
    """

    def __init__(
        self, points: tuple[AccessPoint, ...], hosts: Mapping[str, int], send: Callable[[bytes], None]
    ) -> None:
        self._points = points
        self._hosts = dict(hosts)
        self._send = send
        self._on_air = True
        self._portal: Portal | None = None
        self._portal_server: asyncio.Server | None = None
        self._routes: dict[int, Network] = {}
        self.joins = self.dhcp_requests = 0

    def joined(self, *, dhcp: bool) -> None:
        """Take note that an access point took the board in."""
        self.joins += 1
        self.dhcp_requests += dhcp

    @property
    def air(self) -> list[dict[str, object]]:
        """What the board is told of the access points."""
        return [dataclasses.asdict(point) for point in self._points] if self._on_air else []

    def down(self) -> None:
        """All access points are gone, and what is under way in the air is lost for now."""
        if self._on_air:
            self._on_air = False
            for route in self._routes.values():
                route.add("air", Timeout())
            self._tell()

    def up(self) -> None:
        """They are back; connections that both sides still believe in go on."""
        if not self._on_air:
            self._on_air = True
            for route in self._routes.values():
                route.remove("air")
            self._tell()

    def change(self, *points: AccessPoint) -> None:
        """From now on exactly these access points are in the air."""
        self._points = points
        self._tell()

    async def portal(self, kind: Portal | None) -> None:
        """Put a captive portal behind the access points, or take it away.

        Args:
            kind: "refuses": names resolve, and nobody listens; "hijacks": each connection reaches the portal's web server, whatever it
                speaks; None: the way is open.
        """
        for route in self._routes.values():
            if kind is not None and self._portal is None:
                await route.down()
            elif kind is None and self._portal is not None:
                await route.up()
        self._portal = kind

    async def route(self, host: str, port: int) -> int:
        """The port of 127.0.0.1 on which the board reaches a host's port; 0 if the name is not known."""
        if self._portal == "hijacks":
            return await self._portal_port()
        if host in self._hosts:
            port = self._hosts[host]
        elif host not in HERE:
            return 0
        route = self._routes.get(port)
        if route is None:
            route = self._routes[port] = Network(port)
            await route.start()
            if not self._on_air:
                route.add("air", Timeout())
            if self._portal is not None:
                await route.down()
        return route.port

    @property
    def connections(self) -> int:
        """How many connections the board has open."""
        return sum(route.connections for route in self._routes.values())

    def network(self, port: int) -> Network:
        """The proxy towards a port, once the board has looked it up: for latency, loss, resets.

        Raises:
            WiringError: the board never did.
        """
        if port not in self._routes:
            raise WiringError(f"the board has not looked up port {port}; it did {sorted(self._routes)}")
        return self._routes[port]

    async def close(self) -> None:
        """End all connections."""
        for route in self._routes.values():
            await route.stop()
        if self._portal_server is not None:
            self._portal_server.close()
            await self._portal_server.wait_closed()

    def _tell(self) -> None:
        self._send(records.packed(records.AIR, payload=json.dumps(self.air).encode()))

    async def _portal_port(self) -> int:
        if self._portal_server is None:
            self._portal_server = await asyncio.start_server(_login_page, "127.0.0.1", 0)
        return int(self._portal_server.sockets[0].getsockname()[1])


async def _login_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        if await reader.read(1024):
            writer.write(PORTAL_PAGE)
            await writer.drain()
    writer.close()
