"""The pipeline: messages in, durable events, receipts and outgoing messages out. No network, no threads; clock and database are passed in.

Order of things, always: verify, store in one transaction, and only after its commit say so, to the broker (the caller acknowledges the
batch when ``store`` returns) and to the devices (receipts). If the transaction fails, nothing was said, and the same batch is to be
given again.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from agent.keys.revocation import RevocationList
from agent.wire import cose, event, receipt, topics
from agent.wire.chain import VOLATILE
from agent.wire.presence import Presence
from center import cloudevents, inbox, schema
from center.database import Database
from center.errors import REASONS, RefusedError
from center.inbox import Inbox, Stored
from center.keytable import Key, KeyTable
from center.presence import Change, Roll, Session
from center.receipts import Draft, Receipts
from center.verify import VerifiedEvent, VerifiedPresence, claimed_kid, leaf_of, verify_event, verify_presence

MAX_PARKED = 1_000
"""Messages at most that wait in memory for their key, oldest dropped first: a device sends again what was not receipted."""
MAX_PARKED_BYTES = 8 * 1024 * 1024
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
    """What one batch led to. All of the batch may be acknowledged to the broker."""

    stored: tuple[Stored, ...]
    refused: tuple[Refusal, ...]
    parked: int


@dataclass(slots=True)
class Proven:
    """A verified batch, not stored yet. ``presences`` with whether the broker had retained them."""

    events: list[VerifiedEvent]
    presences: list[tuple[VerifiedPresence, bool]]
    refused: list[Refusal]
    parked: int


class Pipeline:
    """The center without its network.

    Args:
        database: where events become durable.
        keys: the key table; filled from the database at once.
        signer: the center's own key.
        center: the center's identity.
        now_ms: UTC milliseconds at the start.
        observe: told of each stage (``verified``, ``stored``) with the events that reached it.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyTable,
        signer: "cose.Signer",
        center: str,
        now_ms: int,
        observe: Callable[[str, Sequence[VerifiedEvent]], None] = lambda _stage, _events: None,
    ) -> None:
        self.keys = keys
        self.receipts = Receipts()
        self.refusals: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._database = database
        self._signer = signer
        self._center = center
        self._observe = observe
        self._inbox = Inbox(center)
        self._roll = Roll()
        self._parked: deque[Arrival] = deque()
        self._parked_bytes = 0
        self._next_n = self._last_n = 0
        self._kept_refusals: Counter[str] = Counter()
        with database.begin() as connection:
            keys.restore(inbox.kept_chains(connection), now_ms)
            _restore(connection, self._roll, now_ms)

    def ingest(self, batch: Sequence[Arrival], now_ms: int) -> Outcome:
        """``prove`` and ``store`` in one. Raises as ``store``."""
        return self.store(self.prove(batch, now_ms), now_ms)

    def prove(self, batch: Sequence[Arrival], now_ms: int) -> Proven:
        """Verify a batch. Touches no database; what is refused is counted here, once."""
        proven = self._verify(batch, now_ms)
        for refusal in proven.refused:
            self.refusals[refusal.reason] += 1
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
        if proven.events or proven.presences:
            before = self._roll.copies({told.presence.device for told, _ in proven.presences})
            before |= self._roll.copies({one.event.device for one in proven.events})
            try:
                with self._database.begin() as connection:
                    replayed = self._store_presences(connection, proven, now_ms)
                    stored = self._inbox.store(connection, proven.events, now_ms)
                    self._note_life(connection, stored, now_ms)
                    alarms = (one.name for one in stored if one.verified.rank == event.ALARM)
                    states = inbox.alarm_states(connection, alarms)
                    for device in _awake(proven):
                        resend[device] = inbox.open_alarms(connection, device)
            except BaseException:
                self._roll.put_back(before)
                raise
        self._observe("stored", proven.events)
        self._note_receipts(stored, states, resend, now_ms)
        for refusal in replayed:
            self.refusals[refusal.reason] += 1
        return Outcome(tuple(stored), (*proven.refused, *replayed), proven.parked)

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

    def keep_refusals(self) -> None:
        """Add the refusals since the last call to the durable counters.

        Raises:
            DatabaseError: they are added by the next call.
        """
        news = self.refusals - self._kept_refusals
        if news:
            with self._database.begin() as connection:
                for reason, count in news.items():
                    inbox.reserve(connection, f"refused.{reason}", count)
            self._kept_refusals.update(news)

    def cut_off_until(self, now_ms: int) -> None:
        """The broker was away until now: no device is to blame for its silence."""
        self._roll.heard_nothing(now_ms)

    def revoke(self, crls: Sequence[RevocationList], now_ms: int) -> tuple[Key, ...]:
        """New revocation lists; returns the keys that they revoked."""
        return self.keys.revoke(crls, now_ms)

    def _verify(self, batch: Sequence[Arrival], now_ms: int) -> Proven:
        """Presences bring keys, so what waits for a key is looked at again after each new one."""
        out = Proven([], [], [], 0)
        for arrival in batch:
            try:
                if leaf_of(arrival.topic) == topics.PRESENCE:
                    known = len(self.keys)
                    told = verify_presence(arrival.topic, arrival.payload, self.keys, now_ms)
                    out.presences.append((told, arrival.retained))
                    if len(self.keys) > known:
                        self._unpark(told.key.kid, out, now_ms)
                else:
                    out.events.append(verify_event(arrival.topic, arrival.payload, self.keys, now_ms))
            except RefusedError as error:
                if error.reason == "unknown-key" and leaf_of(arrival.topic) != topics.PRESENCE:
                    self._park(arrival)
                    out.parked += 1
                out.refused.append(Refusal(arrival.topic, error.reason, str(error)))
        return out

    def _park(self, arrival: Arrival) -> None:
        self._parked.append(arrival)
        self._parked_bytes += len(arrival.payload)
        while len(self._parked) > MAX_PARKED or self._parked_bytes > MAX_PARKED_BYTES:
            self._parked_bytes -= len(self._parked.popleft().payload)

    def _unpark(self, kid: bytes, out: Proven, now_ms: int) -> None:
        waiting, self._parked, self._parked_bytes = self._parked, deque(), 0
        for arrival in waiting:
            if claimed_kid(arrival.payload) != kid:
                self._park(arrival)
                continue
            try:
                out.events.append(verify_event(arrival.topic, arrival.payload, self.keys, now_ms))
            except RefusedError as error:
                out.refused.append(Refusal(arrival.topic, error.reason, str(error)))

    def _store_presences(self, connection: Connection, proven: Proven, now_ms: int) -> list[Refusal]:
        replayed = []
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
            session = self._roll.session(presence.device, presence.boot)
            if session is not None:
                inbox.keep_session(connection, presence.device, session)
            if change is not None:
                self._keep_change(connection, change, now_ms, told.digest)
        return replayed

    def _note_life(self, connection: Connection, stored: Iterable[Stored], now_ms: int) -> None:
        seen: set[str] = set()
        for one in stored:
            device = one.name[0]
            if one.new and device not in seen:
                seen.add(device)
                change = self._roll.sign_of_life(device, now_ms)
                if change is not None:
                    self._keep_change(connection, change, now_ms)
        if seen:
            table = schema.devices
            connection.execute(update(table).where(table.c.device.in_(sorted(seen))).values(seen=now_ms))

    def _keep_change(self, connection: Connection, change: Change, now_ms: int, digest: bytes = b"") -> None:
        told = change.told
        table = schema.devices
        connection.execute(
            update(table)
            .where(table.c.device == told.device)
            .values(
                online=change.online,
                boot=told.boot,
                session=told.session,
                keepalive=told.keepalive,
                software=told.software,
                changed=now_ms,
                **({"seen": now_ms} if change.online else {}),
            )
        )
        digest = digest or cloudevents.change_digest(told, change.cause, now_ms)
        handover = cloudevents.of_presence(told, digest, self._center, now_ms, online=change.online, cause=change.cause)
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


def _awake(proven: Proven) -> set[str]:
    """Devices that have just connected or booted, and may have forgotten their open alarms."""
    greeted = {told.presence.device for told, _ in proven.presences if told.presence.online}
    return greeted | {one.event.device for one in proven.events if one.event.type == "device.booted"}


def _restore(connection: Connection, roll: Roll, now_ms: int) -> None:
    sessions: dict[str, list[Session]] = {}
    for row in connection.execute(select(schema.sessions)):
        sessions.setdefault(row.device, []).append(Session(row.boot, row.session, row.up, row.ended))
    for row in connection.execute(select(schema.devices)):
        seen = sessions.get(row.device, [])
        current = next((one for one in seen if one.boot == row.boot), None)
        if row.online is None or current is None:
            continue
        told = Presence(
            row.device,
            row.kind,
            row.boot,
            row.session,
            online=not current.ended,
            at=0,
            clock=event.CLOCK_UNSET,
            up=max(current.up, 0),
            keepalive=row.keepalive,
            software=row.software,
        )
        roll.restore(told, row.online, seen, now_ms)
