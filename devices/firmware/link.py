"""A board's link: keeps a connection to one of the brokers, feeds it from the outbox, and hands up what arrives.

It never gives up and never blocks the loop. The callbacks and methods are those of ``agent.link.link``, so that the same code stands above
both.
"""

import asyncio
import binascii
import gc
import os

from agent.link.errors import LinkError
from agent.link.feed import Feed
from agent.link.path import Path
from agent.mqtt.packets import V5, V311
from agent.wire import topics
from devices.firmware.connection import Connection
from devices.firmware.dial import dial, why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agent.clock import Clock
    from agent.link.outbox import Outbox
    from agent.seal import Sealed

PRESENCE_EVERY_MS = 600_000
LOOK_MS = 500
"""While there is a connection, it is looked at least this often what is due."""
_PAUSE_LOOK_MS = 100
_NO_MEMORY = "no memory"


class Link:
    """The device's link. Callbacks:

    * ``presence(session, online)`` returns the signed presence to send, or raises LinkError if none can be signed now;
    * ``on_message(leaf, payload)``: a message arrived on this device's ``receipt`` or ``command`` topic;
    * ``on_change(up)``: the connection came up or went away;
    * ``on_quarantine(boot, seq, size)``: the broker refuses this event for its size in bytes; it is not sent any more.

    ``brokers`` are (host, port) in order of preference, ``tls`` is from ``devices.firmware.dial.context``, ``random`` returns an int below
    1000, and ``settings`` are those of ``[link]`` in an agent's configuration.
    """

    def __init__(
        self,
        device: str,
        brokers: "list[tuple[str, int]]",
        tls: "Any",
        settings: "dict[str, int]",
        outbox: "Outbox",
        clock: "Clock",
        log: "Any",
        random: "Callable[[], int]",
        presence: "Callable[[int, bool], bytes]",
        on_message: "Callable[[str, bytes], None]",
        on_change: "Callable[[bool], None]",
        on_quarantine: "Callable[[int, int, int], None]",
    ) -> None:
        self._device = device
        self._brokers = brokers
        self._tls = tls
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
        self._connection: "Connection | None" = None
        self._doubted = False
        self._hurried = False
        self._expected_ms = 0
        self._announced_ms = 0
        self.session = 0
        self.up = False

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            wait_ms = await self._attempt()
            if wait_ms:
                await self._pause(wait_ms)

    def express(self, sealed: "Sealed") -> "int | None":
        """Send a new event from memory; its packet identifier, or None if it has to queue. An alarm goes to the network at once."""
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
        self._hurried = True

    def announce(self) -> None:
        """Send a presence, if connected. A connection for which none can be signed is given up, and tried again later."""
        if not self.up or self._connection is None:
            return
        try:
            presence = self._presence(self.session, True)
        except LinkError as error:
            self._close(str(error))
            return
        if self._connection.publish(self._topic, presence, True) is not None:  # else at the next look
            self._announced_ms = self._clock.up()
            self._connection.flush()

    def pause(self) -> None:
        """Leave for a while, without goodbye: DISCONNECT, after which the broker sends no will, so that what presence says still stands."""
        if self._connection is not None:
            self._connection.close("paused", True)

    async def stop(self) -> None:
        """Say goodbye: a signed presence that this was meant, then DISCONNECT."""
        connection = self._connection
        if not self.up or connection is None:
            return
        try:
            connection.publish(self._topic, self._presence(self.session, False), True)
        except LinkError as error:
            self._close(str(error))  # the broker sends the will, which is signed already
            return
        connection.close("stopped", True)

    @property
    def broker(self) -> int:
        """Number of the broker in use or tried, from 1, in order of preference."""
        return self._path.index + 1

    @property
    def behind_ms(self) -> int:
        """How long the link is overdue with what it meant to do next: 0 while it makes progress."""
        late_ms = self._feed.stalled_ms if self.up else self._clock.up() - self._expected_ms
        return max(0, late_ms)

    async def _attempt(self) -> int:
        """One attempt, and the connection that came of it. Returns the milliseconds to wait before the next one."""
        timeout_s = self._settings["connect_timeout_s"]
        started_ms = self._clock.up()
        self._expected_ms = started_ms + timeout_s * 1000
        host, port = self._brokers[self._path.index]
        name = "%s:%d" % (host, port)
        gc.collect()  # TLS needs the largest piece of memory that there is
        error = None
        try:
            connection = await asyncio.wait_for(self._connect(host, port), timeout_s)
        except asyncio.TimeoutError:
            error = LinkError("no answer in time")
        except LinkError as failure:
            error = failure
        except MemoryError:
            error = LinkError(_NO_MEMORY)
        if error is not None:
            self._close("attempt ended")
            return self._failed(name, error)
        self._log.info("connected", broker=name, session=self.session)
        looks = asyncio.create_task(self._looks(connection))
        try:
            await connection.run()
        except MemoryError:
            connection.close(_NO_MEMORY)
        finally:
            looks.cancel()
        wait_ms = self._path.doubted() if self._doubted else self._path.ended(self._clock.up() - started_ms)
        self._log.warning("connection lost", broker=name, reason=connection.lost, retry_ms=wait_ms)
        return wait_ms

    def _failed(self, name: str, error: LinkError) -> int:
        if error.version and self._path.wrong_version():
            self._log.info("the broker does not speak MQTT 5, trying 3.1.1", broker=name)
            return 0
        wait_ms = self._path.failed(error.refused)
        self._log.warning("no connection", broker=name, reason=str(error), retry_ms=wait_ms)
        return wait_ms

    async def _connect(self, host: str, port: int) -> Connection:
        will = self._presence(self.session + 1, False)
        stream, close = await dial(host, port, self._tls)
        self.session += 1
        self._doubted = False
        self._connection = connection = Connection(
            stream, stream, close, why, self._clock.up, self._arrived, self._feed_acknowledged, self._over
        )
        # Nobody can throw this session out by guessing its name.
        client_id = self._device + "-" + binascii.hexlify(os.urandom(8)).decode()
        listened = [topics.topic(self._device, leaf) for leaf in (topics.RECEIPT, topics.COMMAND)]
        version = V311 if self._path.old_version else V5
        try:
            await connection.open(version, client_id, self._settings["keepalive_s"], (self._topic, will), listened)
        except LinkError as error:
            # Some brokers answer version 5 by hanging up. If 3.1.1 fares no better, it was not the version.
            if connection.shaken and not connection.answered and not error.refused:
                raise LinkError(str(error), version=True)
            raise
        self.up = True
        self._hurried = False
        self._feed.begin(connection)
        self.announce()
        if not self.up:
            raise LinkError("no presence could be signed")
        self._on_change(True)
        self.pump()
        return connection

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
        if self._feed.stalled_ms >= 0:
            connection.close("the broker acknowledges nothing")
        elif self._outbox.doubtful and len(self._brokers) > 1:
            self._doubted = True
            connection.close("no receipt for an alarm comes over this broker")
        else:
            connection.look()
            if self._clock.up() - self._announced_ms >= PRESENCE_EVERY_MS:
                self.announce()
            self.pump()

    async def _pause(self, wait_ms: int) -> None:
        """Wait, but not past an alarm: it may skip the wait, once a least wait is over."""
        start_ms = self._clock.up()
        self._expected_ms = start_ms + wait_ms
        least_ms = min(wait_ms, self._settings["retry_min_ms"])
        while True:
            waited_ms = self._clock.up() - start_ms
            if waited_ms >= wait_ms or (self._hurried and waited_ms >= least_ms):
                break
            await asyncio.sleep_ms(min(_PAUSE_LOOK_MS, wait_ms - waited_ms))  # type: ignore[attr-defined]
        self._hurried = False  # not before: an alarm that came during the attempt has its skip still to come

    def _arrived(self, topic: str, payload: bytes) -> None:
        self._feed.heard()
        leaf = topic.rsplit("/", 1)[-1]
        if leaf in (topics.RECEIPT, topics.COMMAND):
            self._on_message(leaf, payload)

    def _feed_acknowledged(self, acknowledged: "list[tuple[int, int]]") -> None:
        self._feed.acknowledged(acknowledged)
        self.pump()

    def _close(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(reason)

    def _over(self, _reason: str) -> None:
        self._connection = None
        if self.up:
            self.up = False
            self._feed.end()
            self._on_change(False)
