"""What every link does, on Linux as on a board: attempt after attempt, a connection fed from the outbox, and what arrives handed up.

How a connection is made, and how it is waited for, is the platform's: ``agent.link.link`` and ``devices.firmware.link``.
"""

import asyncio

from agent.link.errors import LinkError
from agent.link.feed import Feed
from agent.link.path import Path
from agent.wire import topics

LEAVE_MS = 1000
"""A broker that was told DISCONNECT has so long to hang up."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from agent.clock import Clock
    from agent.link.outbox import Outbox
    from agent.parts import Log
    from agent.seal import Sealed


class Carrier:
    """A link without its connections. It never gives up and never blocks the loop.

    What it says of itself (``up``, ``session``, ``broker``) goes into presence and health; what a broker acknowledges settles nothing.

    Args:
        device: the device's identity.
        brokers: in order of preference, as the platform describes them.
        settings: those of ``[link]`` in the configuration.
        outbox: what is owed.
        clock: the time.
        log: what people are told.
        random: an integer from 0 to 999.
        presence: ``presence(session, online)``: the signed presence to send; it raises LinkError if none can be signed now.
        on_message: ``on_message(leaf, payload)``: a message arrived on this device's ``receipt`` or ``command`` topic.
        on_change: ``on_change(up)``: the connection came up or went away.
        on_quarantine: ``on_quarantine(boot, seq, size)``: the broker refuses this event for its size; it is not sent any more.

    All callbacks are called in the loop's thread.
    """

    def __init__(
        self,
        device: str,
        brokers: "list[Any]",
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
        self._listened = [topics.topic(device, leaf) for leaf in (topics.RECEIPT, topics.COMMAND)]
        self._connection: "Any" = None
        self._doubted = False
        self._unannounced = False
        self._hurry = asyncio.Event()
        self._expected_ms = 0
        self.session = 0
        self.up = False

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            wait_ms = await self._attempt()
            if wait_ms:
                await self._pause(wait_ms)

    def express(self, sealed: "Sealed") -> "int | None":
        """Send a new event from memory; its packet identifier, or None if it has to queue.

        An alarm goes to the network at once, ahead of its being kept; other events go with what is sent next.
        """
        return self._feed.express(sealed) if self.up else None

    def adopt(self, mid: int, position: int, sealed: "Sealed") -> None:
        """The event sent by ``express`` has this position in the journal."""
        self._feed.adopt(mid, position, sealed)
        self.pump()

    def queue(self, position: int, sealed: "Sealed") -> None:
        """The event, which ``express`` did not send, is in the journal at this position: send it when its turn comes."""
        self._feed.queue(position, sealed)
        self.pump()

    def pump(self) -> None:
        """Send what the outbox has to send now. Called whenever something may have changed."""
        if self.up:
            self._feed.pump()

    def hurry(self) -> None:
        """An alarm waits: skip the wait before the next attempt, if there is one."""
        self._hurry.set()

    def announce(self) -> None:
        """Send a presence, if connected. A connection for which none can be signed is given up, and tried again later."""
        if not self.up or self._connection is None:
            return
        try:
            presence = self._presence(self.session, True)
        except LinkError as error:
            self._drop(str(error))
            return
        # A broker that takes one message at a time may have it already: then presence goes as soon as that is acknowledged.
        self._unannounced = self._connection.publish(self._topic, presence, True) is None
        self._connection.flush()

    @property
    def broker(self) -> int:
        """Number of the broker in use or tried, from 1, in order of preference."""
        return self._path.index + 1

    @property
    def behind_ms(self) -> int:
        """How long the link is overdue with what it meant to do next: 0 while it makes progress."""
        late_ms = self._feed.stalled_ms if self.up else self._clock.up() - self._expected_ms
        return max(0, late_ms)

    # The platform's part

    async def _connect(self, broker: "Any") -> None:
        """Make a connection, set ``_connection``, and call ``_begin`` once it is open. Raises LinkError."""
        raise NotImplementedError

    async def _lasting(self) -> str:
        """Wait while the connection lasts; why it ended."""
        raise NotImplementedError

    async def _within(self, work: "Coroutine[Any, Any, object]", timeout_ms: int) -> None:
        """Await ``work``. Raises asyncio.TimeoutError if that takes longer."""
        raise NotImplementedError

    async def _sleep(self, ms: int) -> None:
        """Wait so long."""
        raise NotImplementedError

    def _name(self, broker: "Any") -> str:
        """Host and port, for people."""
        raise NotImplementedError

    # One attempt

    async def _attempt(self) -> int:
        """One attempt, and the connection that came of it. Returns the milliseconds to wait before the next one."""
        started_ms = self._clock.up()
        timeout_ms = self._settings["connect_timeout_s"] * 1000
        self._expected_ms = started_ms + timeout_ms
        broker = self._brokers[self._path.index]
        name = self._name(broker)
        self._doubted = False
        try:
            await self._within(self._connect(broker), timeout_ms)
        except asyncio.TimeoutError:
            return self._failed(name, LinkError("no answer in time"))
        except LinkError as error:
            return self._failed(name, error)
        finally:
            if not self.up:
                self._drop("attempt ended")
        self._log.info("connected", broker=name, session=self.session)
        reason = await self._lasting()
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

    def _begin(self) -> None:
        """The connection is open.

        Raises:
            LinkError: no presence can be signed.
        """
        self.up = True
        self._hurry.clear()
        self._feed.begin(self._connection)
        self.announce()
        if not self.up:
            raise LinkError("no presence could be signed")
        self._on_change(True)
        self.pump()

    async def _pause(self, wait_ms: int) -> None:
        """Wait, but not past an alarm: it may skip the wait, once a least wait is over."""
        self._expected_ms = self._clock.up() + wait_ms
        least_ms = min(wait_ms, self._settings["retry_min_ms"])
        await self._sleep(least_ms)
        try:
            await self._within(self._hurry.wait(), wait_ms - least_ms)
        except asyncio.TimeoutError:
            pass
        self._hurry.clear()  # not before: an alarm that came during the attempt has its skip still to come

    # What the connection says

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

    def _over(self, _reason: str) -> None:
        was_up, self.up = self.up, False
        self._connection = None
        self._feed.end()
        if was_up:
            self._on_change(False)

    def _doubt(self) -> str:
        """Why the connection should be given up, empty while it works."""
        if self._feed.stalled_ms >= 0:
            return "the broker acknowledges nothing"
        if self._outbox.doubtful and len(self._brokers) > 1:
            self._doubted = True
            return "no receipt for an alarm comes over this broker"
        return ""

    def _drop(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(reason)
