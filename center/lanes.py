"""The center's sessions at the broker: one for everything, and beside it, where it is configured, the alarm lane: alarms only.

The first session brings alarms too, behind all that came before them; so each alarm comes twice, and either way is enough. The second copy
is told by its bytes: it costs a hash, and no second receipt. What is not recognised as a copy is a repetition, which is harmless, so
nothing here is kept over a restart, and memory is bounded.
"""

import hashlib
import math
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paho.mqtt.client as paho

from agent.wire import topics
from center.link import Link, Received

ALARMS = (f"dabyl/v1/+/{topics.ALARM}",)
EVERYTHING = (*ALARMS, f"dabyl/v1/+/{topics.EVENT}", f"dabyl/v1/+/{topics.PRESENCE}")
MEMORY = 10_000
"""Alarms at most whose second copy is waited for. The copy of one that is forgotten is a repetition."""
LATE_S = 10.0
"""So long after an alarm came over the first session, it is told that none has come over the lane."""

Ticket = tuple[paho.Client, int]
"""What the broker will answer for: connection and number. Never the same twice, for each connection is a new client."""


class Copies:
    """What has come over one session and not yet over the other: the more often over the lane, the higher its balance."""

    def __init__(self, most: int = MEMORY) -> None:
        self._balance: OrderedDict[bytes, int] = OrderedDict()
        self._most = most

    def is_second(self, topic: str, payload: bytes, *, over_lane: bool) -> bool:
        """Whether this is the copy of one that came over the other session. What a device sends again comes twice, and counts, anew."""
        digest = hashlib.sha256(topic.encode() + b"\0" + payload).digest()
        before = self._balance.pop(digest, 0)
        after = before + (1 if over_lane else -1)
        if after:
            self._balance[digest] = after
            if len(self._balance) > self._most:
                self._balance.popitem(last=False)
        return abs(after) < abs(before)


@dataclass(frozen=True, slots=True)
class Batch:
    """What has come. All of it is to be acknowledged, once ``fresh`` is stored."""

    fresh: list[Received]
    copies: list[Received]


class Lanes:
    """The sessions together.

    Nothing is sent over the lane before it has brought an alarm: Mosquitto lets anybody subscribe and shows nothing to who may not read,
    and brokers of MQTT 3.1.1 acknowledge what they drop, so a lane without the center's rights would look like one with them.

    Args:
        main: for everything.
        alarms: for alarms only; None where there is no alarm lane.
        news: what both links set.
        doubt: told True of a connection of the lane that brings nothing, once, and False if it does after all.
    """

    def __init__(
        self,
        main: Link,
        alarms: Link | None,
        news: threading.Event,
        doubt: Callable[[bool], object] = lambda _doubtful: None,
    ) -> None:
        self.main = main
        self.links: tuple[Link, ...] = (main,) if alarms is None else (alarms, main)
        self._alarms = alarms
        self._news = news
        self._doubt = doubt
        self._copies = Copies()
        self._heard: paho.Client | None = None
        """The lane's connection, once it has brought an alarm."""
        self._mute: paho.Client | None = None
        """The lane's connection, once the broker has declined what was sent over it."""
        self._awaited: tuple[paho.Client | None, float] = (None, 0.0)
        """The lane's connection that was to bring an alarm, and by when; infinity: it has not, which is told."""

    @property
    def connections(self) -> list[paho.Client | None]:
        """The connections that stand, None for a session that has none."""
        return [link.client for link in self.links]

    @property
    def can_send(self) -> bool:
        """Whether there is a session to send over."""
        return any(self._senders(alarm=True))

    def start(self) -> None:
        """Begin to connect."""
        for link in self.links:
            link.start()

    def stop(self) -> None:
        """Disconnect, both at once; the broker keeps the sessions."""
        for link in self.links:
            link.end()
        for link in self.links:
            link.stop()

    def gather(self, most: int, wait_s: float) -> Batch:
        """What has come, alarms first; waits where there is nothing. A batch with alarms is short, so that they are stored soon; but it
        always has room for others, or a flood of alarms would hold up the presences, which bring keys.
        """
        if all(link.received.empty() for link in self.links):
            self._news.wait(wait_s)
        self._news.clear()  # before looking: what comes from now on is news for the next time
        batch = Batch([], [])
        if self._alarms is None:
            batch.fresh.extend(_taken(self.main, most))
            return batch
        for message in _taken(self._alarms, most - most // 4):
            self._sort(message, batch, over_lane=True)
        self._watch_lane(self._alarms)
        for message in _taken(self.main, most // 4 if batch.fresh else most):
            if message.topic.endswith("/" + topics.ALARM):
                self._sort(message, batch, over_lane=False)
            else:
                batch.fresh.append(message)
        return batch

    def acknowledge(self, batch: Batch) -> None:
        """PUBACK for all of it, each on the connection that it came on."""
        for message in (*batch.fresh, *batch.copies):
            for link in self.links:
                link.acknowledge(message)

    def publish(self, topic: str, payload: bytes, *, alarm: bool) -> Ticket | None:
        """Publish with QoS 1, over the session for it, or the other one while that is away; None if both are."""
        for link, client in self._senders(alarm=alarm):
            mid = link.publish(client, topic, payload)
            if mid is not None:
                return client, mid
        return None

    def declined(self, ticket: Ticket) -> None:
        """The broker does not take this. What it declines over the lane, it may take over the first session."""
        if ticket[0] is self._heard:
            self._mute = ticket[0]

    def answers(self) -> Iterator[tuple[Ticket, bool]]:
        """For which messages the broker has answered since the last call, and whether it has taken them."""
        for link in self.links:
            while True:
                try:
                    client, mid, taken = link.published.get_nowait()
                except queue.Empty:
                    break
                yield (client, mid), taken

    def _senders(self, *, alarm: bool) -> list[tuple[Link, paho.Client]]:
        """The sessions that may send, the one for it first."""
        found: list[tuple[Link, paho.Client]] = []
        if self._alarms is not None:
            client = self._alarms.client
            if client is not None and client is self._heard and client is not self._mute:
                found.append((self._alarms, client))
        if (client := self.main.client) is not None:
            found.insert(len(found) if alarm else 0, (self.main, client))
        return found

    def _sort(self, message: Received, batch: Batch, *, over_lane: bool) -> None:
        second = self._copies.is_second(message.topic, message.payload, over_lane=over_lane)
        (batch.copies if second else batch.fresh).append(message)
        if over_lane:
            self._heard = message.client
            if self._awaited == (message.client, math.inf):
                self._awaited = message.client, 0.0
                self._doubt(False)
        elif self._alarms is not None and self._alarms.client is not self._awaited[0]:
            self._awaited = self._alarms.client, time.monotonic() + LATE_S

    def _watch_lane(self, lane: Link) -> None:
        client, limit = self._awaited
        if client is not None and client is lane.client and client is not self._heard and time.monotonic() >= limit:
            self._awaited = client, math.inf
            self._doubt(True)


def _taken(link: Link, most: int) -> Iterator[Received]:
    """Up to ``most`` of what waits."""
    for _ in range(most):
        try:
            yield link.received.get_nowait()
        except queue.Empty:
            return
