"""The running center: takes from the link, gives to the pipeline, acknowledges after the commit, sends receipts and verified events.

One thread does all the work and owns the database; paho's threads only move bytes. While the database cannot store, nothing is
acknowledged and no receipt goes out, and the same batch is tried again; while the broker is away, everything else goes on. Bounded
queues throughout.
"""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho

from agent.keys.errors import RevocationListError
from agent.keys.revocation import RevocationList, load_lists
from agent.wire import event
from center import inbox
from center.config import Configuration
from center.database import Database
from center.errors import CenterError, ConfigurationError, DatabaseCorruptError, DatabaseError
from center.files import read_limited
from center.link import Link, Received
from center.pipeline import Arrival, Outgoing, Pipeline, Proven, Refusal
from center.registry import Registry
from center.registry import load as load_registry
from center.report import Report
from center.watched import Content, Watched

BATCH = 200
TURN_S = 0.05
ORDERS_S = 0.1
WATCH_S = 0.5
AWAY_MS = 5_000
"""A center that has not looked for so long has heard nobody meanwhile."""
KEEP_S = 5.0
RETRY_S = 0.25
DECLINED_S = 5.0
"""What the broker has declined (its access rules, its quota) is sent again after so long."""
OUT_WINDOW = 2_000
"""Verified events that are with the broker and not acknowledged yet, at most. Its acknowledgements stand in one line with all that it has
for the center: in a flood they come seconds late."""
ALARM_ROOM = 400
"""So many alarms more, so that no flood of others holds them up."""
CRL_LIMIT = 8 * 1024 * 1024
SUBSCRIPTIONS = ("dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence")
_RANKS = (event.ALARM, 1, 2)


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Outbox:
    """What of the outbox is with the broker. ``after``: per rank, the last row handed over on this connection."""

    after: list[int]
    flying: dict[int, int]
    sent: list[int]


class Service:
    """The center at work.

    Args:
        configuration: for the revocation lists' files.
        database: open, and not used by anybody else in this process.
        pipeline: the center without its network.
        link: not started yet.
        report: where happenings are told.
        registry: as it stands in its file; None if the configuration names none.
        stop: asked between turns; True ends the service.
    """

    def __init__(
        self,
        configuration: Configuration,
        database: Database,
        pipeline: Pipeline,
        link: Link,
        report: Report,
        registry: Registry | None,
        stop: Callable[[], bool],
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._link = link
        self._report = report
        self._stop = stop
        self._outbox = _Outbox([0, 0, 0], {}, [])
        self._receipts_flying: dict[int, Outgoing] = {}
        self._receipts_declined: list[Outgoing] = []
        self._declined_again: float | None = None
        self._client: paho.Client | None = None
        self._crls = Watched(configuration.crls, load_crls)
        self._registry = registry
        self._registry_file = Watched(
            [configuration.registry] if configuration.registry else [], lambda paths: load_registry(paths[0])
        )
        self._trouble = {"crl": "", "registry": ""}
        self._strangers: set[str] = set()
        self._watched_ms = 0
        self._next_orders = self._next_watch = self._next_keep = 0.0
        self._database_told = 0.0
        self._dropped = 0

    def run(self) -> None:
        """Work until told to stop; then finish the batch in hand, and disconnect. What is not done stays in the database.

        Raises:
            DatabaseCorruptError: the database broke underneath; nothing can be promised any more.
        """
        self._link.start()
        try:
            while not self._stop():
                batch = self._gather()
                if batch:
                    self._take(batch)
                self._turn()
        finally:
            self._link.stop()
            self._attempt(self._settle_outbox)
            self._attempt(self._pipeline.keep_counts)
            self._report.flush()

    def _gather(self) -> list[Received]:
        batch: list[Received] = []
        try:
            batch.append(self._link.received.get(timeout=TURN_S))
            while len(batch) < BATCH:
                batch.append(self._link.received.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _take(self, batch: Sequence[Received]) -> None:
        """Prove, store, acknowledge. While the database does not store, nothing else happens to this batch."""
        arrivals = [Arrival(message.topic, message.payload, message.retained) for message in batch]
        proven = self._pipeline.prove(arrivals, now_ms())
        while not self._attempt(lambda: self._store(proven)):
            if self._stop():
                return  # not acknowledged, so the broker keeps it
            time.sleep(RETRY_S)  # the database is busy or full: nothing to do but to try again
        for message in batch:
            self._link.acknowledge(message)

    def _store(self, proven: Proven) -> None:
        outcome = self._pipeline.store(proven, now_ms())
        self._tell_refusals(outcome.refused)
        for topic in outcome.parked:
            self._report.parked(topic)
        for badge in outcome.started:
            self._report.say("record", f"{badge} is told to record, for an alarm of its place", device=badge)
        for one in outcome.stored:
            device, boot, seq = one.name
            if self._registry is not None and device not in self._registry.places and device not in self._strangers:
                self._strangers.add(device)
                self._report.say(
                    "unregistered", f"{device} is not in the registry: nobody knows its place", device=device
                )
            if one.new and one.conflict:
                self._report.say("incident", f"cloned device: {device} has two events {boot}/{seq}", device=device)

    def _tell_refusals(self, refusals: Iterable[Refusal]) -> None:
        for refusal in refusals:
            self._report.refused(refusal.topic, refusal.reason, refusal.text)

    def _turn(self) -> None:
        """Everything but incoming messages, each when it is its time."""
        self._follow_connection()
        now = time.monotonic()
        if now >= self._next_orders:
            self._next_orders = now + ORDERS_S
            self._attempt(lambda: self._pipeline.carry_out_orders(now_ms()))
        if self._client is not None:
            self._attempt(self._send_receipts)
            self._attempt(self._send_events)
        if now >= self._next_watch:
            self._next_watch = now + WATCH_S
            self._attempt(self._watch)
            self._tell_refusals(self._pipeline.give_up(now_ms()))
            self._reload()
        if now >= self._next_keep:
            self._next_keep = now + KEEP_S
            self._attempt(self._pipeline.keep_counts)
            self._report.flush()

    def _follow_connection(self) -> None:
        """On a new connection, what the old one took with it is sent again."""
        client = self._link.client
        if client is not self._client:
            self._receipts_declined += self._receipts_flying.values()
            self._receipts_flying.clear()
            self._outbox.flying.clear()
            self._send_again()
            self._client = client
        while True:
            try:
                came_on, mid, taken = self._link.published.get_nowait()
            except queue.Empty:
                break
            if came_on is self._client:
                self._hear(mid, taken)
        if self._declined_again is not None and time.monotonic() >= self._declined_again:
            self._send_again()
        dropped = self._link.dropped
        if dropped != self._dropped and self._link.received.empty():
            self._report.say(
                "flood", f"{dropped - self._dropped} messages did not fit the queue and are asked for again"
            )
            self._dropped = dropped
            self._link.renew()

    def _hear(self, mid: int, taken: bool) -> None:
        """The broker has answered for a message."""
        out, row = self._receipts_flying.pop(mid, None), self._outbox.flying.pop(mid, None)
        if taken:
            if row is not None:
                self._outbox.sent.append(row)
            return
        if out is not None:
            self._receipts_declined.append(out)
        if self._declined_again is None:
            self._declined_again = time.monotonic() + DECLINED_S
            text = f"the broker declines what the center sends: check its access rules and quotas; again in {DECLINED_S:g} s"
            self._report.say("declined", text)

    def _send_again(self) -> None:
        """What the broker did not take is due again; of the outbox that is every row that is neither under way nor taken."""
        self._pipeline.receipts.put_back((out.draft for out in self._receipts_declined), now_ms())
        self._receipts_declined.clear()
        self._outbox.after = [0, 0, 0]
        self._declined_again = None

    def _send_receipts(self) -> None:
        client = self._client
        for out in self._pipeline.due_receipts(now_ms()):
            mid = self._link.publish(client, out.topic, out.payload) if client is not None else None
            if mid is None:
                self._pipeline.receipts.put_back([out.draft], now_ms())
                continue
            self._receipts_flying[mid] = out
            self._report.receipted(out.draft.device, out.draft.settled, out.draft.alarms)

    def _send_events(self) -> None:
        """Hand outbox rows to the broker, alarms first, no more than the window at a time."""
        box = self._outbox
        if len(box.sent) >= BATCH or (box.sent and not box.flying):
            self._settle_outbox()
        room = OUT_WINDOW - len(box.flying)
        if room <= -ALARM_ROOM or self._client is None:
            return
        rows: list[tuple[int, int, str, bytes]] = []
        with self._database.read() as connection:
            for rank in _RANKS if room > OUT_WINDOW // 4 else _RANKS[:1]:
                most = max(0, room - len(rows)) if rank != event.ALARM else room + ALARM_ROOM
                rows += [(rank, *row) for row in inbox.outgoing(connection, rank, box.after[rank], most)]
        busy = {*box.sent, *box.flying.values()}
        for rank, row, topic, body in rows:
            if row not in busy:
                mid = self._link.publish(self._client, topic, body)
                if mid is None:
                    return
                box.flying[mid] = row
            box.after[rank] = row

    def _settle_outbox(self) -> None:
        if self._outbox.sent:
            with self._database.begin() as connection:
                inbox.forget_sent(connection, self._outbox.sent)
            self._outbox.sent = []

    def _watch(self) -> None:
        """Tell of devices that have gone silent, but not where it was the center that could not hear them: cut off from the broker, held up
        by its database, asleep with its machine, or its clock was set.
        """
        now = now_ms()
        if self._client is None or not 0 <= now - self._watched_ms <= AWAY_MS:
            self._pipeline.cut_off_until(now)
        self._watched_ms = now
        for change in self._pipeline.watch(now):
            self._report.say("lost", f"{change.told.device} has gone silent", device=change.told.device)

    def _reload(self) -> None:
        """Take over what has changed in the revocation lists and the registry."""
        lists = self._changed("crl", self._crls)
        for key in self._pipeline.revoke(lists, now_ms()) if lists is not None else ():
            self._report.say("revoked", f"the key {key.kid.hex()} of {key.device} is revoked", device=key.device)
        registry = self._changed("registry", self._registry_file)
        if registry is not None:
            self._registry = registry
            self._strangers.clear()
            self._pipeline.enter(registry)
            self._report.say("registry", f"read again: {len(registry.places)} devices")

    def _changed(self, what: str, files: Watched[Content]) -> Content | None:
        """What files hold now, if they have changed. What is wrong with them is told once."""
        try:
            content = files.changed()
        except CenterError as error:
            if str(error) != self._trouble[what]:
                self._trouble[what] = str(error)
                self._report.say(what, str(error))
            return None
        self._trouble[what] = ""
        return content

    def _attempt(self, work: Callable[[], object]) -> bool:
        """Do ``work``; False if the database did not let it happen. A damaged database ends the service."""
        try:
            work()
        except DatabaseCorruptError:
            raise
        except DatabaseError as error:
            now = time.monotonic()
            if now - self._database_told > 1:
                self._database_told = now
                self._report.say("database", str(error))
            return False
        return True


def load_crls(paths: Sequence[Path]) -> tuple[RevocationList, ...]:
    """The revocation lists in these files.

    Raises:
        ConfigurationError: a file cannot be read, or holds no list: a file that is cut short must not make revoked keys good again.
    """
    lists: list[RevocationList] = []
    for path in paths:
        try:
            found = load_lists(read_limited(path, CRL_LIMIT, "the revocation list").decode("ascii", "replace"))
        except RevocationListError as error:
            raise ConfigurationError(f"the revocation list {path}: {error}") from None
        if not found:
            raise ConfigurationError(f"the revocation list {path} is empty: fetch it again from the authority")
        lists += found
    return tuple(lists)
