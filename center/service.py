"""The running center: takes from the links, gives to the pipeline, acknowledges after the commit, has the sender send.

One thread does all the work and owns the database; paho's threads only move bytes. While the database cannot store, nothing is
acknowledged and no receipt goes out, and the same batch is tried again; while the broker is away, everything else goes on. Bounded
queues throughout.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agent.keys.errors import RevocationListError
from agent.keys.revocation import RevocationList, load_lists
from center.config import Configuration
from center.database import Database
from center.errors import CenterError, ConfigurationError, DatabaseCorruptError, DatabaseError
from center.files import read_limited
from center.lanes import Batch, Lanes
from center.link import Link
from center.pipeline import Arrival, Pipeline, Proven, Refusal
from center.registry import Registry
from center.registry import load as load_registry
from center.report import Report
from center.sender import Sender
from center.watched import Content, Watched

BATCH = 200
TURN_S = 0.05
ORDERS_S = 0.1
WATCH_S = 0.5
AWAY_MS = 5_000
"""A center that has not looked for so long has heard nobody meanwhile."""
KEEP_S = 5.0
RETRY_S = 0.25
CRL_LIMIT = 8 * 1024 * 1024


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Service:
    """The center at work.

    Args:
        configuration: for the revocation lists' files.
        database: open, and not used by anybody else in this process.
        pipeline: the center without its network.
        lanes: not started yet.
        report: where happenings are told.
        registry: as it stands in its file; None if the configuration names none.
        stop: asked between turns; True ends the service.
    """

    def __init__(
        self,
        configuration: Configuration,
        database: Database,
        pipeline: Pipeline,
        lanes: Lanes,
        report: Report,
        registry: Registry | None,
        stop: Callable[[], bool],
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._lanes = lanes
        self._sender = Sender(lanes, database, pipeline, report)
        self._report = report
        self._stop = stop
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
        self._dropped: dict[Link, int] = {}

    def run(self) -> None:
        """Work until told to stop; then finish the batch in hand, and disconnect. What is not done stays in the database.

        Raises:
            DatabaseCorruptError: the database broke underneath; nothing can be promised any more.
        """
        self._lanes.start()
        try:
            while not self._stop():
                self._take(self._lanes.gather(BATCH, TURN_S))
                self._turn()
        finally:
            self._lanes.stop()
            self._attempt(self._sender.settle)
            self._attempt(self._pipeline.keep_counts)
            self._report.flush()

    def _take(self, batch: Batch) -> None:
        """Prove, store, acknowledge. While the database does not store, nothing else happens to this batch."""
        arrivals = [Arrival(message.topic, message.payload, message.retained) for message in batch.fresh]
        proven = self._pipeline.prove(arrivals, now_ms())
        while not self._attempt(lambda: self._store(proven)):
            if self._stop():
                return  # not acknowledged, so the broker keeps it
            time.sleep(RETRY_S)  # the database is busy or full: nothing to do but to try again
        self._lanes.acknowledge(batch)

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
        self._sender.follow(now_ms())
        self._ask_again()
        now = time.monotonic()
        if now >= self._next_orders:
            self._next_orders = now + ORDERS_S
            self._attempt(lambda: self._pipeline.carry_out_orders(now_ms()))
        self._attempt(lambda: self._sender.send_receipts(now_ms()))
        self._attempt(self._sender.send_events)
        if now >= self._next_watch:
            self._next_watch = now + WATCH_S
            self._attempt(self._watch)
            self._tell_refusals(self._pipeline.give_up(now_ms()))
            self._reload()
        if now >= self._next_keep:
            self._next_keep = now + KEEP_S
            self._attempt(self._pipeline.keep_counts)
            self._report.flush()

    def _ask_again(self) -> None:
        """What did not fit a queue, the broker sends again on a new connection."""
        for link in self._lanes.links:
            dropped = link.dropped - self._dropped.get(link, 0)
            if dropped and link.received.empty():
                self._report.say("flood", f"{dropped} messages did not fit the queue and are asked for again")
                self._dropped[link] = link.dropped
                link.renew()

    def _watch(self) -> None:
        """Tell of devices that have gone silent, but not where it was the center that could not hear them: cut off from the broker, held up
        by its database, asleep with its machine, or its clock was set.
        """
        now = now_ms()
        if self._lanes.main.client is None or not 0 <= now - self._watched_ms <= AWAY_MS:
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
