"""The link on Linux: TLS sockets in an asyncio loop."""

import asyncio
import os

from agent.link.carrier import LEAVE_MS, Carrier
from agent.link.connection import V5, V311, Connection
from agent.link.dial import context, dial
from agent.link.errors import LinkError
from agent.wire import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine
    from typing import Any

    from agent.seal import Sealed

PRESENCE_EVERY_S = 600
LOOK_MS = 500
"""While anything is owed, the link looks at least this often what is due: cheaper than a timer for each message."""


class Link(Carrier):
    """The device's link, see ``Carrier``. ``brokers`` are tables: ``host``, ``port``, and the files ``ca``, ``certificate`` and ``key``."""

    _lost: "asyncio.Future[str] | None" = None
    _trial: "tuple[str, str, asyncio.Future[str]] | None" = None
    _timer: "asyncio.TimerHandle | None" = None
    _pumping = False

    async def run(self) -> None:
        """See ``Carrier``."""
        self._contexts: dict[int, ssl.SSLContext] = {}
        await super().run()

    def adopt(self, mid: int, position: int, sealed: "Sealed") -> None:
        """See ``Carrier``."""
        self._feed.adopt(mid, position, sealed)
        self._pump_soon()

    def queue(self, position: int, sealed: "Sealed") -> None:
        """See ``Carrier``."""
        self._feed.queue(position, sealed)
        self._pump_soon()

    def pump(self) -> None:
        """See ``Carrier``."""
        self._pumping = False
        super().pump()
        self._schedule()

    async def stop(self) -> None:
        """Say goodbye: a signed presence that this was meant, then DISCONNECT. Without room for it the broker sends the will instead."""
        connection, lost = self._connection, self._lost
        if not self.up or connection is None or lost is None:
            return
        try:
            said = connection.publish(self._topic, self._presence(self.session, False), True)
        except LinkError as error:
            self._drop(str(error))
            return
        if said is None:
            self._drop("no room for a goodbye")
            return
        connection.leave()
        try:
            async with asyncio.timeout(LEAVE_MS / 1000):
                await lost
        except TimeoutError:
            self._drop("stopped")

    @property
    def busy(self) -> bool:
        """Whether events are under way."""
        return bool(self._outbox.under_way)

    def try_identity(self, certificate: str, key: str) -> "asyncio.Future[str]":
        """Connect anew with this certificate and key (PEM files), once. The answer is why that failed, or nothing.

        Afterwards the files that the brokers' tables name are read again for every connection that is made.
        """
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._trial = certificate, key, told
        self._make_way()
        return told

    def _name(self, broker: "dict[str, Any]") -> str:
        return f"{broker['host']}:{broker['port']}"

    async def _connect(self, broker: "dict[str, Any]") -> None:
        if self._trial is not None and await self._tried(broker, *self._trial):
            return
        index = self._path.index
        tls = self._contexts.get(index)
        if tls is None:
            tls = context(broker["ca"], broker["certificate"], broker["key"])
            self._contexts[index] = tls
        await self._open(broker, tls)
        if self._has_trial():  # it came while this connection was being made
            self._make_way()

    async def _tried(self, broker: "dict[str, Any]", certificate: str, key: str, told: "asyncio.Future[str]") -> bool:
        """Connect with a new certificate; False if that failed: then with what has served so far, at once."""
        self._trial = None
        self._contexts.clear()
        problem = "no answer in time"
        try:
            tls = context(broker["ca"], certificate, key)
            try:
                await self._open(broker, tls)
            except LinkError as error:
                self._drop("a new certificate was tried")
                if not error.version or not self._path.wrong_version():
                    raise
                await self._open(broker, tls)  # in 3.1.1: in version 5 the broker may not have looked at it
            problem = ""
        except LinkError as error:
            problem = str(error)
            self._drop("a new certificate was tried")
            if error.version:
                self._path.wrong_version()
        finally:
            if not told.done():
                told.set_result(problem)
        return not problem

    def _has_trial(self) -> bool:
        return self._trial is not None

    def _make_way(self) -> None:
        """Leave the connection, if there is one, and have the next one soon."""
        if self._connection is not None and self.up:
            self._connection.leave()
            asyncio.get_running_loop().call_later(LEAVE_MS / 1000, self._connection.close, "a new certificate is tried")
        self.hurry()

    async def _open(self, broker: "dict[str, Any]", tls: "ssl.SSLContext") -> None:
        quality = self._clock.now()[1]
        floor_ms = self._clock.floor_ms if quality == event.CLOCK_UNSET else None
        will = self._presence(self.session + 1, False)
        sock = await dial(broker["host"], broker["port"], tls, floor_ms)
        self.session += 1
        self._lost = asyncio.get_running_loop().create_future()
        self._connection = connection = Connection(
            sock,
            f"{self._device}-{os.urandom(8).hex()}",  # nobody can throw this session out by guessing its name
            V311 if self._path.old_version else V5,
            self._settings["keepalive_s"],
            (self._topic, will),
            self._arrived,
            self._acknowledged,
            self._over,
        )
        try:
            await connection.open(self._listened)
        except LinkError as error:
            if not connection.answered and not error.refused:
                # Some brokers answer version 5 by hanging up. If 3.1.1 fares no better, it was not the version.
                raise LinkError(str(error), version=True) from None
            raise
        self._begin()

    async def _within(self, work: "Coroutine[Any, Any, object]", timeout_ms: int) -> None:
        async with asyncio.timeout(
            timeout_ms / 1000
        ):  # which, unlike wait_for in Python 3.11, never swallows a cancellation
            await work

    async def _sleep(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)

    async def _lasting(self) -> str:
        assert self._lost is not None
        return await asyncio.shield(self._lost)  # whose end is not the connection's: there is a goodbye to say

    def _pump_soon(self) -> None:
        """Pump once for all events that are made in one turn of the loop."""
        if self.up and not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self.pump)

    def _over(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)
        super()._over(reason)

    def _schedule(self) -> None:
        """Look again when something is due, and anyway within ``LOOK_MS`` while anything is owed: a timer that runs is soon enough."""
        if not self.up or (self._timer is not None and not self._outbox.throttled):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._clock.up()
        wake_ms = self._outbox.wake_ms(now_ms)
        if wake_ms is None and not self._outbox.under_way:
            return
        look_ms = now_ms + LOOK_MS
        wake_ms = look_ms if wake_ms is None else min(wake_ms, look_ms)
        self._timer = asyncio.get_running_loop().call_later(max(0, wake_ms - now_ms) / 1000, self._wake)

    def _wake(self) -> None:
        self._timer = None
        reason = self._doubt()
        if reason:
            self._drop(reason)
        else:
            self.pump()
