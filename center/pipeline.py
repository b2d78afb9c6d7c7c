"""The pipeline: messages in, durable events, receipts and outgoing messages out. No network, no threads; clock and database are passed in.

Order of things, always: verify, store in one transaction, and only after its commit say so, to the broker (the caller acknowledges the
batch when ``store`` returns) and to the devices (receipts). If the transaction fails, nothing was said, and the same batch is to be
given again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from agent.keys.revocation import RevocationList
from agent.wire import cose, event, receipt, topics
from agent.wire.chain import VOLATILE
from center import attendance, cloudevents, inbox, schema
from center.badges import Badges
from center.database import Database
from center.errors import UNKNOWN_KEY, RefusedError
from center.inbox import PARKED, REFUSED, Inbox, Stored
from center.keytable import Key, KeyTable
from center.parking import Parked, Parking
from center.presence import Change, Roll
from center.receipts import Draft, Receipts
from center.registry import Registry
from center.verify import VerifiedEvent, VerifiedPresence, claimed_kid, leaf_of, verify_event, verify_presence

NUMBERS_AT_ONCE = 1_000
"""Receipt numbers reserved durably at once. A crash skips the rest of a block; a number is never used twice."""
_COUNTER = "receipt"
"""Begins at the time in milliseconds, so that a center with a new database goes on above the numbers of its old one (while fewer
receipts than one a millisecond were signed)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came. ``retained``: the broker kept it, so it is no sign of life."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signed receipt for a device. Not kept: what it settles, the device asks for again."""

    topic: str
    payload: bytes
    draft: Draft


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not believed."""

    topic: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one batch led to. All of the batch may be acknowledged to the broker. ``parked`` are topics of what waits for its key,
    ``started`` the badges that are told to record.
    """

    stored: tuple[Stored, ...]
    refused: tuple[Refusal, ...]
    parked: tuple[str, ...]
    started: tuple[str, ...] = ()


@dataclass(slots=True)
class Proven:
    """A verified batch, not stored yet. ``presences`` with whether the broker had retained them."""

    events: list[VerifiedEvent]
    presences: list[tuple[VerifiedPresence, bool]]
    refused: list[Refusal]
    parked: list[str]


class Pipeline:
    """The center without its network.

    Args:
        database: where events become durable.
        keys: the key table; filled from the database at once.
        signer: the center's own key.
        center: the center's identity.
        now_ms: UTC milliseconds at the start.
        observe: told of each stage (``verified``, ``stored``) with the events that reached it.
        badges: whom alarms start; None where they start nobody.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyTable,
        signer: "cose.Signer",
        center: str,
        now_ms: int,
        observe: Callable[[str, Sequence[VerifiedEvent]], None] = lambda _stage, _events: None,
        badges: Badges | None = None,
    ) -> None:
        self.keys = keys
        self.receipts = Receipts()
        self.counts: Counter[str] = Counter()
        """Refusals by reason and parked messages since the start, by the names of the database's counters."""
        self._database = database
        self._signer = signer
        self._center = center
        self._observe = observe
        self._badges = badges
        self._inbox = Inbox(center)
        self._roll = Roll()
        self._parking = Parking()
        self._next_n = self._last_n = 0
        self._kept_counts: Counter[str] = Counter()
        with database.begin() as connection:
            keys.restore(inbox.kept_chains(connection), now_ms)
            attendance.restore(connection, self._roll, now_ms)

    def prove(self, batch: Sequence[Arrival], now_ms: int) -> Proven:
        """Verify a batch. Touches no database; what is refused or parked is counted here, once."""
        proven = self._verify(batch, now_ms)
        self._count(proven.refused)
        self.counts[PARKED] += len(proven.parked)
        self._observe("verified", proven.events)
        return proven

    def store(self, proven: Proven, now_ms: int) -> Outcome:
        """Store what was proven, in one transaction, and note the receipts that it earns.

        Raises:
            DatabaseError: nothing was stored and nothing may be acknowledged; give the same ``proven`` again.
        """
        stored: list[Stored] = []
        states: dict[inbox.Name, int] = {}
        resend: dict[str, list[tuple[int, int, int]]] = {}
        replayed: list[Refusal] = []
        started: list[str] = []
        if proven.events or proven.presences:
            before = self._roll.copies({told.presence.device for told, _ in proven.presences})
            before |= self._roll.copies({one.event.device for one in proven.events})
            try:
                with self._database.begin() as connection:
                    replayed, connected = self._store_presences(connection, proven, now_ms)
                    stored = self._inbox.store(connection, proven.events, now_ms)
                    self._note_life(connection, stored, now_ms)
                    alarms = (one.name for one in stored if one.verified.rank == event.ALARM)
                    states = inbox.alarm_states(connection, alarms)
                    resend = {device: inbox.alarms_to_tell(connection, device) for device in connected}
                    if self._badges is not None:
                        started = self._badges.order(connection, self._inbox.registry, stored, connected, now_ms)
            except BaseException:
                self._roll.put_back(before)
                raise
        if self._badges is not None:
            self._badges.told(started, now_ms)
        self._observe("stored", proven.events)
        self._note_receipts(stored, states, resend, now_ms)
        self._count(replayed)
        return Outcome(tuple(stored), (*proven.refused, *replayed), tuple(proven.parked), tuple(started))

    def due_receipts(self, now_ms: int) -> list[Outgoing]:
        """The receipts that are to be sent now, signed and numbered.

        Raises:
            DatabaseError: no number could be reserved; what was due is due again.
        """
        drafts = self.receipts.due(now_ms)
        if not drafts:
            return []
        try:
            with self._database.begin() as connection:
                first, last = self._next_n, self._last_n
                if last - first + 1 < len(drafts) or not first:
                    count = max(NUMBERS_AT_ONCE, len(drafts))
                    first = inbox.reserve(connection, _COUNTER, count, beyond=now_ms)
                    last = first + count - 1
                boots = inbox.highest_boots(connection, (draft.device for draft in drafts))
        except BaseException:
            self.receipts.put_back(drafts, now_ms)
            raise
        self._next_n, self._last_n = first, last  # not before the commit: a number must be durable before it is used
        out = []
        for draft in drafts:
            payload = draft.sealed(self._signer, self._center, self._next_n, now_ms, boots.get(draft.device, 0))
            self._next_n += 1
            out.append(Outgoing(topics.topic(draft.device, topics.RECEIPT), payload, draft))
        return out

    def carry_out_orders(self, now_ms: int) -> int:
        """Carry out what operators ordered (acknowledge, dispatch, close); returns how many orders there were.

        Raises:
            DatabaseError: nothing was carried out.
        """
        table = schema.orders
        states: list[tuple[inbox.Name, int]] = []
        with self._database.read() as connection:
            if connection.execute(select(table.c.id).where(table.c.done.is_(None)).limit(1)).first() is None:
                return 0
        with self._database.begin() as connection:
            rows = connection.execute(select(table).where(table.c.done.is_(None)).order_by(table.c.id).limit(100)).all()
            for row in rows:
                name = (row.device, row.boot, row.seq)
                state = inbox.advance_alarm(connection, name, row.state, row.who, row.at)
                if state is not None:
                    states.append((name, state))
                connection.execute(update(table).where(table.c.id == row.id).values(done=now_ms))
        for (device, boot, seq), state in states:
            self.receipts.state(device, boot, seq, state, now_ms)
        return len(rows)

    def watch(self, now_ms: int) -> list[Change]:
        """Tell consumers of devices that have gone silent.

        Raises:
            DatabaseError: not told yet; they are found again by the next call.
        """
        changes = self._roll.silent(now_ms)
        if changes:
            with self._database.begin() as connection:
                for change in changes:
                    self._keep_change(connection, change, now_ms)
            self._roll.lose(changes)
        return changes

    def give_up(self, now_ms: int) -> list[Refusal]:
        """Refuse what has waited for its key for too long."""
        refused = [_given_up(parked, "no key came for it in time") for parked in self._parking.overdue(now_ms)]
        self._count(refused)
        return refused

    def keep_counts(self) -> None:
        """Add what was counted since the last call to the durable counters.

        Raises:
            DatabaseError: it is added by the next call.
        """
        news = self.counts - self._kept_counts
        if news:
            with self._database.begin() as connection:
                for name, count in news.items():
                    inbox.reserve(connection, name, count)
            self._kept_counts.update(news)

    def cut_off_until(self, now_ms: int) -> None:
        """The center heard nobody until now: no device is to blame for its silence."""
        self._roll.heard_nothing(now_ms)

    def revoke(self, crls: Sequence[RevocationList], now_ms: int) -> tuple[Key, ...]:
        """New revocation lists; returns the keys that they revoked."""
        return self.keys.revoke(crls, now_ms)

    def enter(self, registry: Registry) -> None:
        """What is handed on from now on says where its device hangs, as this registry knows it."""
        self._inbox.registry = registry

    def _count(self, refused: Iterable[Refusal]) -> None:
        for refusal in refused:
            self.counts[REFUSED + refusal.reason] += 1

    def _verify(self, batch: Sequence[Arrival], now_ms: int) -> Proven:
        out = Proven([], [], [], [])
        for arrival in batch:
            try:
                if leaf_of(arrival.topic) == topics.PRESENCE:
                    self._verify_presence(arrival, out, now_ms)
                else:
                    self._verify_event(arrival, out, now_ms)
            except RefusedError as error:
                out.refused.append(Refusal(arrival.topic, error.reason, str(error)))
        return out

    def _verify_presence(self, arrival: Arrival, out: Proven, now_ms: int) -> None:
        """Presences bring keys, so what waits for a key is looked at again after each new one."""
        known = len(self.keys)
        told = verify_presence(arrival.topic, arrival.payload, self.keys, now_ms)
        out.presences.append((told, arrival.retained))
        if len(self.keys) == known:
            return
        for parked in self._parking.take(told.key.kid):
            try:
                out.events.append(verify_event(parked.topic, parked.payload, self.keys, now_ms))
            except RefusedError as error:
                out.refused.append(Refusal(parked.topic, error.reason, str(error)))

    def _verify_event(self, arrival: Arrival, out: Proven, now_ms: int) -> None:
        try:
            out.events.append(verify_event(arrival.topic, arrival.payload, self.keys, now_ms))
        except RefusedError as error:
            if error.reason != UNKNOWN_KEY:
                raise
            out.parked.append(arrival.topic)
            parked = Parked(claimed_kid(arrival.payload), arrival.topic, arrival.payload, now_ms)
            out.refused += [_given_up(one, "too many wait for a key") for one in self._parking.put(parked)]

    def _store_presences(
        self, connection: Connection, proven: Proven, now_ms: int
    ) -> tuple[list[Refusal], dict[str, None]]:
        """The refusals of replayed presences, and the devices that have connected."""
        replayed: list[Refusal] = []
        connected: dict[str, None] = {}
        for told, retained in proven.presences:
            inbox.keep_key(connection, told.key, now_ms)
            presence = told.presence
            try:
                change = self._roll.judge(presence, now_ms)
            except RefusedError as error:
                if not retained:  # a broker that repeats what it retained replays nothing
                    topic = topics.topic(presence.device, topics.PRESENCE)
                    replayed.append(Refusal(topic, error.reason, str(error)))
                continue
            boots = {presence.device: presence.boot} if presence.boot < VOLATILE else {}
            inbox.ensure_devices(connection, {presence.device: presence.kind}, boots)
            attendance.keep_presence(connection, presence, self._roll.sessions(presence.device))
            if change is not None:
                self._keep_change(connection, change, now_ms, told.digest)
            if self._roll.connects(presence):
                connected[presence.device] = None
        return replayed, connected

    def _note_life(self, connection: Connection, stored: Iterable[Stored], now_ms: int) -> None:
        seen: set[str] = set()
        for one in stored:
            device = one.name[0]
            if one.new and device not in seen:
                seen.add(device)
                change = self._roll.sign_of_life(device, now_ms)
                if change is not None:
                    self._keep_change(connection, change, now_ms)
        attendance.keep_seen(connection, seen, now_ms)

    def _keep_change(self, connection: Connection, change: Change, now_ms: int, digest: bytes = b"") -> None:
        told = change.told
        attendance.keep_change(connection, change, now_ms)
        digest = digest or cloudevents.change_digest(told, change.cause, now_ms)
        place = self._inbox.registry.place(told.device)
        handover = cloudevents.of_presence(
            told, digest, self._center, now_ms, online=change.online, cause=change.cause, place=place
        )
        inbox.hand_on(connection, [handover])

    def _note_receipts(
        self,
        stored: Iterable[Stored],
        states: dict[inbox.Name, int],
        resend: dict[str, list[tuple[int, int, int]]],
        now_ms: int,
    ) -> None:
        for one in stored:
            device, boot, seq = one.name
            alarm = one.verified.rank == event.ALARM
            self.receipts.settle(device, boot, seq, now_ms, urgent=alarm)
            if one.name in states:
                # What is told of an alarm is not told of another press under its number.
                state = receipt.RECEIVED if one.conflict else states[one.name]
                self.receipts.state(device, boot, seq, state, now_ms)
        for device, alarms in resend.items():
            for boot, seq, state in alarms:
                self.receipts.state(device, boot, seq, state, now_ms)


def _given_up(parked: Parked, why: str) -> Refusal:
    return Refusal(parked.topic, UNKNOWN_KEY, f"{why}: {parked.kid.hex()}")
