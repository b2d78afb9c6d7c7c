"""The link on a board: TLS streams in MicroPython's asyncio, and whatever goes wrong for want of memory."""

import asyncio
import gc
import os
from binascii import hexlify

from agent.link.carrier import LEAVE_MS, Carrier
from agent.link.errors import LinkError
from agent.mqtt.packets import V5, V311
from devices.firmware.connection import Connection
from devices.firmware.dial import dial, resolve, why
from devices.firmware.wifi import JOINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

PRESENCE_EVERY_MS = 600_000
"""How often presence is said at least; more often where the keepalive is shorter, for the center misses a device that is silent for 1.5 of
them, MQTT's own pings end at the broker, and a board reports more seldom."""
LOOK_MS = 500
"""While there is a connection, it is looked at least this often what is due."""
LEAVE_LOOK_MS = 5
"""How often it is looked whether the broker has hung up."""
JOIN_MS = 10_000
"""So long it is waited for a network without saying so again."""
_NO_MEMORY = "no memory"


class Link(Carrier):
    """The device's link, see ``Carrier``.

    ``brokers`` are (host, port), ``tls`` is from ``devices.firmware.dial.context``, ``patiently`` calls what takes seconds, with its
    arguments, ``wifi`` has a ``state`` and ``hurry``: without a network no broker is tried, so none is thought bad for it.
    """

    def __init__(
        self,
        device: str,
        brokers: "list[tuple[str, int]]",
        tls: "Any",
        patiently: "Callable[..., Any]",
        wifi: "Any",
        settings: "dict[str, int]",
        *parts: "Any",
    ) -> None:
        super().__init__(device, brokers, settings, *parts)
        self._tls = tls
        self._patiently = patiently
        self._wifi = wifi
        self._announced_ms = 0

    def hurry(self) -> None:
        """An alarm waits, or a network is there: skip the waits before the next attempts at either."""
        self._wifi.hurry()
        super().hurry()

    async def pause(self) -> None:
        """Leave for a while, without goodbye: DISCONNECT, after which the broker sends no will, so that what presence says still stands."""
        connection = self._connection
        if connection is None:
            return
        connection.leave()
        for _ in range(LEAVE_MS // LEAVE_LOOK_MS):
            if connection.lost is not None:
                return
            await self._sleep(LEAVE_LOOK_MS)
        connection.close("paused")

    def _name(self, broker: "tuple[str, int]") -> str:
        return "%s:%d" % broker

    async def _attempt(self) -> int:
        while self._wifi.state != JOINED:
            self._expected_ms = self._clock.up() + JOIN_MS
            try:
                await self._within(self._hurry.wait(), JOIN_MS)
            except asyncio.TimeoutError:
                pass
            self._hurry.clear()
        return await super()._attempt()

    async def _connect(self, broker: "tuple[str, int]") -> None:
        gc.collect()  # TLS needs the largest piece of memory that there is
        will = self._presence(self.session + 1, False)
        address = self._patiently(resolve, broker[0], broker[1])
        stream, close = await dial(broker[0], address, self._tls)
        self.session += 1
        self._connection = connection = Connection(
            stream, stream, close, why, self._clock.up, self._arrived, self._acknowledged, self._over
        )
        # Nobody can throw this session out by guessing its name.
        client_id = self._device + "-" + hexlify(os.urandom(8)).decode()
        version = V311 if self._path.old_version else V5
        will_message = (self._topic, will)
        try:
            await connection.open(version, client_id, self._settings["keepalive_s"], will_message, self._listened)
        except LinkError as error:
            # Some brokers answer version 5 by hanging up. If 3.1.1 fares no better, it was not the version.
            if connection.shaken and not connection.answered and not error.refused:
                raise LinkError(str(error), version=True)
            raise
        self._announced_ms = self._clock.up()
        self._begin()

    async def _within(self, work: "Coroutine[Any, Any, object]", timeout_ms: int) -> None:
        try:
            await asyncio.wait_for_ms(work, timeout_ms)  # type: ignore[attr-defined]  # MicroPython's own
        except MemoryError:
            raise LinkError(_NO_MEMORY)

    async def _sleep(self, ms: int) -> None:
        await asyncio.sleep_ms(ms)  # type: ignore[attr-defined]  # MicroPython's own

    async def _lasting(self) -> str:
        connection = self._connection
        if connection is None:
            return "it ended at once"
        looks = asyncio.create_task(self._looks(connection))
        try:
            await connection.run()
        except MemoryError:
            connection.close(_NO_MEMORY)
        finally:
            looks.cancel()
        return str(connection.lost)

    async def _looks(self, connection: Connection) -> None:
        """While ``connection`` lasts: send what is due, and give it up where it does not work."""
        while connection.lost is None:
            now_ms = self._clock.up()
            wake_ms = self._outbox.wake_ms(now_ms)
            wait_ms = LOOK_MS if wake_ms is None else max(1, min(LOOK_MS, wake_ms - now_ms))
            await asyncio.sleep_ms(wait_ms)  # type: ignore[attr-defined]  # MicroPython's own
            try:
                self._look(connection)
            except MemoryError:
                connection.close(_NO_MEMORY)

    def _look(self, connection: Connection) -> None:
        reason = self._doubt()
        if reason:
            connection.close(reason)
            return
        connection.look()
        if self._clock.up() - self._announced_ms >= min(PRESENCE_EVERY_MS, self._settings["keepalive_s"] * 1000):
            self._announced_ms = self._clock.up()
            self.announce()
        self.pump()
