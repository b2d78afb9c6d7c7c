"""The link: keeps a connection to one of the brokers, feeds it from the outbox, and hands up what arrives.

It never gives up and never blocks the loop. What it says of itself (``up``, ``describe``) goes into presence and health; what the
broker acknowledges settles nothing.
"""

import asyncio
import os

from agent.link.connection import V5, V311, Connection
from agent.link.dial import context, dial
from agent.link.errors import LinkError
from agent.link.feed import Feed
from agent.link.path import Path
from agent.wire import event, topics

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any

    from agent.clock import Clock
    from agent.link.outbox import Outbox
    from agent.parts import Log
    from agent.seal import Sealed

PRESENCE_EVERY_S = 600
LOOK_MS = 500
"""While anything is owed, the link looks at least this often what is due: cheaper than a timer for each message."""


class Link:
    """The device's link. Callbacks, all called in the loop's thread:

    * ``presence(session, online)`` returns the signed presence to send, or raises LinkError if none can be signed now;
    * ``on_message(leaf, payload)``: a message arrived on this device's ``receipt`` or ``command`` topic;
    * ``on_change(up)``: the connection came up or went away;
    * ``on_quarantine(boot, seq, size)``: the broker refuses this event for its size in bytes; it is not sent any more.
    """

    def __init__(
        self,
        device: str,
        brokers: "list[dict[str, Any]]",
        settings: "dict[str, Any]",
        outbox: "Outbox",
        clock: "Clock",
        log: "Log",
        random: "Callable[[], int]",
        presence: "Callable[[int, bool], bytes]",
        on_message: "Callable[[str, bytes], None]",
        on_change: "Callable[[bool], None]",
        on_quarantine: "Callable[[int, int, int], None]",
    ) -> None:
        self._device = device
        self._brokers = brokers
        self._settings = settings
        self._outbox = outbox
        self._clock = clock
        self._log = log
        self._presence = presence
        self._on_message = on_message
        self._on_change = on_change
        self._feed = Feed(device, outbox, clock, log, on_quarantine)
        self._path = Path(len(brokers), settings["retry_min_ms"], settings["retry_max_ms"], random)
        self._topic = topics.topic(device, topics.PRESENCE)
        self._contexts: dict[int, ssl.SSLContext] = {}
        self._connection: Connection | None = None
        self._lost: asyncio.Future[str] | None = None
        self._doubted = False
        self._hurry = asyncio.Event()
        self._expected_ms = 0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self._unannounced = False
        self.session = 0
        self.up = False

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            wait_ms = await self._attempt()
            if wait_ms:
                await self._pause(wait_ms)

    def express(self, sealed: "Sealed") -> int | None:
        """Send a new event from memory; its packet identifier, or None if it has to queue.

        An alarm goes to the network at once, ahead of its being kept. Other events go together with what is made in the same turn of the
        loop.
        """
        mid = self._feed.express(sealed) if self.up else None
        if mid is not None and not self._flushing and sealed.rank != event.ALARM:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)
        return mid

    def adopt(self, mid: int, position: int, sealed: "Sealed") -> None:
        """The event sent by ``express`` has this position in the journal."""
        self._feed.adopt(mid, position, sealed)
        self._schedule()

    def queue(self, position: int, sealed: "Sealed") -> None:
        """The event, which ``express`` did not send, is in the journal at this position: send it when its turn comes."""
        self._feed.queue(position, sealed)
        self.pump()

    def pump(self) -> None:
        """Send what the outbox has to send now. Called whenever something may have changed."""
        if self.up:
            self._feed.pump()
            self._schedule()

    def hurry(self) -> None:
        """An alarm waits: skip the wait before the next attempt, if there is one."""
        self._hurry.set()

    def announce(self) -> None:
        """Send a presence, if connected. A connection for which none can be signed is given up, and tried again later."""
        if self.up and self._connection is not None:
            try:
                presence = self._presence(self.session, True)
            except LinkError as error:
                self._drop(str(error))
                return
            # A broker that takes one message at a time may have it already: then presence goes as soon as that is acknowledged.
            self._unannounced = self._connection.publish(self._topic, presence, retain=True) is None
            self._connection.flush()

    async def stop(self) -> None:
        """Say goodbye: a signed presence that this was meant, then DISCONNECT."""
        connection = self._connection
        if not self.up or connection is None:
            return
        try:
            connection.publish(self._topic, self._presence(self.session, False), retain=True)
        except LinkError as error:
            self._drop(str(error))  # the broker sends the will, which is signed already
            return
        connection.close("stopped", polite=True)

    @property
    def broker(self) -> int:
        """Number of the broker in use or tried, from 1, in order of preference."""
        return self._path.index + 1

    @property
    def behind_ms(self) -> int:
        """How long the link is overdue with what it meant to do next: 0 while it makes progress."""
        if not self.up:
            return max(0, self._clock.up() - self._expected_ms)
        return max(0, self._feed.stalled_ms)

    async def _attempt(self) -> int:
        """One attempt, and the connection that came of it. Returns the milliseconds to wait before the next one."""
        started_ms = self._clock.up()
        self._expected_ms = started_ms + self._settings["connect_timeout_s"] * 1000
        broker = self._brokers[self._path.index]
        name = f"{broker['host']}:{broker['port']}"
        try:
            async with asyncio.timeout(self._settings["connect_timeout_s"]):
                await self._connect(broker)
        except TimeoutError:
            return self._failed(name, LinkError("no answer in time"))
        except LinkError as error:
            return self._failed(name, error)
        finally:
            if not self.up:
                self._drop("attempt ended")
        self._log.info("connected", broker=name, session=self.session)
        assert self._lost is not None
        reason = await self._lost
        lasted_ms = self._clock.up() - started_ms
        wait_ms = self._path.doubted() if self._doubted else self._path.ended(lasted_ms)
        self._log.warning("connection lost", broker=name, reason=reason, retry_ms=wait_ms)
        return wait_ms

    def _failed(self, name: str, error: LinkError) -> int:
        if error.version and self._path.wrong_version():
            self._log.info("the broker does not speak MQTT 5, trying 3.1.1", broker=name)
            return 0
        wait_ms = self._path.failed(error.refused)
        self._log.warning("no connection", broker=name, reason=str(error), retry_ms=wait_ms)
        return wait_ms

    async def _connect(self, broker: "dict[str, Any]") -> None:
        index = self._path.index
        tls = self._contexts.get(index)
        if tls is None:
            tls = context(broker["ca"], broker["certificate"], broker["key"])
            self._contexts[index] = tls
        quality = self._clock.now()[1]
        floor_ms = self._clock.floor_ms if quality == event.CLOCK_UNSET else None
        will = self._presence(self.session + 1, False)
        sock = await dial(broker["host"], broker["port"], tls, floor_ms)
        self.session += 1
        self._doubted = False
        self._lost = asyncio.get_running_loop().create_future()
        protocol = V311 if self._path.old_version else V5
        self._connection = connection = Connection(
            sock,
            f"{self._device}-{os.urandom(8).hex()}",  # nobody can throw this session out by guessing its name
            protocol,
            self._settings["keepalive_s"],
            (self._topic, will),
            self._arrived,
            self._acknowledged,
            self._over,
        )
        try:
            await connection.open(
                [topics.topic(self._device, topics.RECEIPT), topics.topic(self._device, topics.COMMAND)]
            )
        except LinkError as error:
            if not connection.answered and not error.refused:
                # Some brokers answer version 5 by hanging up. If 3.1.1 fares no better, it was not the version.
                raise LinkError(str(error), version=True) from None
            raise
        self.up = True
        self._hurry.clear()
        self._feed.begin(connection)
        self.announce()
        if not self.up:
            raise LinkError("no presence could be signed")
        self._on_change(True)
        self.pump()

    async def _pause(self, wait_ms: int) -> None:
        """Wait, but not past an alarm: it may skip the wait, once a least wait is over."""
        self._expected_ms = self._clock.up() + wait_ms
        least_ms = min(wait_ms, self._settings["retry_min_ms"])
        await asyncio.sleep(least_ms / 1000)
        try:
            async with asyncio.timeout((wait_ms - least_ms) / 1000):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._hurry.clear()  # not before: an alarm that came during the attempt has its skip still to come

    def _flush(self) -> None:
        self._flushing = False
        if self._connection is not None:
            self._connection.flush()

    def _arrived(self, topic: str, payload: bytes) -> None:
        self._feed.heard()
        leaf = topic.rsplit("/", 1)[-1]
        if leaf in (topics.RECEIPT, topics.COMMAND):
            self._on_message(leaf, payload)
            self.pump()

    def _acknowledged(self, acknowledged: "list[tuple[int, int]]") -> None:
        self._feed.acknowledged(acknowledged)
        if self._unannounced:
            self.announce()
        self.pump()

    def _over(self, reason: str) -> None:
        was_up, self.up = self.up, False
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._feed.end()
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)
        if was_up:
            self._on_change(False)

    def _drop(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(reason)

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
        if self._feed.stalled_ms >= 0:
            self._drop("the broker acknowledges nothing")
            return
        if self._outbox.doubtful and len(self._brokers) > 1:
            self._doubted = True
            self._drop("no receipt for an alarm comes over this broker")
            return
        self.pump()
