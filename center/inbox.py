"""The inbox: where verified events become durable, once. Works inside a transaction that the caller opens and commits.

Guarantees: an event is stored once, however often it comes; a second payload under the same (device, boot, seq) is stored too, as a
conflict, with an incident; what is handed on stands in the outbox in the same transaction as the event. Deletes nothing but outbox rows
that the broker has acknowledged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from agent.wire import cbor, event, receipt
from agent.wire.chain import VOLATILE
from agent.wire.errors import MalformedError
from center import cloudevents, schema
from center.cloudevents import Handover
from center.continuity import declared_gaps, is_number
from center.keytable import Key
from center.registry import Registry
from center.verify import VerifiedEvent

CLONED = "cloned-device"
FOLLOW_UPS = ("alarm.escalated", "alarm.cancelled")
"""Alarm events about an alarm that was raised before: ``data.alarm`` names it as [boot, seq]."""
CLOSED_TOLD = 16
"""Closed alarms at most that a device is told of again when it connects."""
REFUSED, PARKED = "refused.", "parked"
"""Names of counters: the first is followed by a refusal's reason."""
RESERVED = "presence."
"""Types that only the center itself hands on. A device's event of such a type is kept and receipted, and goes no further."""
_CHUNK = 200

Name = tuple[str, int, int]
"""(device, boot, seq)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one event. ``new``: stored now for the first time; ``conflict``: another payload was there before."""

    verified: VerifiedEvent
    new: bool
    conflict: bool

    @property
    def name(self) -> Name:
        """What names the event for ever."""
        made = self.verified.event
        return made.device, made.boot, made.seq


class Inbox:
    """Stores batches of events. ``center`` is this center's identity, for what is handed on.

    ``registry`` says where devices hang, and may be replaced at any time.
    """

    def __init__(self, center: str) -> None:
        self.registry = Registry()
        self._center = center

    def store(self, connection: Connection, batch: Sequence[VerifiedEvent], received_ms: int) -> list[Stored]:
        """Store a batch, in order; one entry of the result for each event."""
        known = _known(connection, batch)
        outcome: list[Stored] = []
        for verified in batch:
            made = verified.event
            links = known.setdefault((made.device, made.boot, made.seq), set())
            outcome.append(Stored(verified, verified.link not in links, bool(links - {verified.link})))
            links.add(verified.link)
        fresh = [stored for stored in outcome if stored.new]
        if not fresh:
            return outcome
        zeros = self._learn_boots(connection, fresh, received_ms)
        connection.execute(insert(schema.events), [_row(stored, received_ms) for stored in fresh])
        self._note_conflicts(connection, fresh, received_ms)
        _note_gaps(connection, fresh)
        _raise_alarms(connection, fresh, received_ms, zeros)
        hand_on(
            connection,
            [
                cloudevents.of_event(
                    stored.verified,
                    self._center,
                    received_ms,
                    zero_ms=zeros.get(stored.name[:2]),
                    conflict=stored.conflict,
                    place=self.registry.place(stored.name[0]),
                )
                for stored in fresh
                if not stored.verified.event.type.startswith(RESERVED)
            ],
        )
        return outcome

    def _learn_boots(
        self, connection: Connection, fresh: Sequence[Stored], received_ms: int
    ) -> dict[tuple[str, int], int]:
        """Keep each boot's zero once an event with a clock tells it, the highest regular boots, and return the zeros of these boots."""
        names = sorted({stored.name[:2] for stored in fresh})
        told: dict[tuple[str, int], int] = {}
        kinds: dict[str, str] = {}
        for stored in fresh:
            made = stored.verified.event
            kinds[made.device] = made.kind
            if made.clock != event.CLOCK_UNSET and not stored.conflict:
                told.setdefault((made.device, made.boot), made.at - made.up)
        table = schema.boots
        statement = upsert(table)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.device, table.c.boot],
                set_={"zero": statement.excluded.zero},
                where=table.c.zero.is_(None),
            ),
            [
                {"device": device, "boot": boot, "zero": told.get((device, boot)), "first_received": received_ms}
                for device, boot in names
            ],
        )
        ensure_devices(connection, kinds, {device: boot for device, boot in names if boot < VOLATILE})
        rows = connection.execute(
            select(table.c.device, table.c.boot, table.c.zero).where(tuple_(table.c.device, table.c.boot).in_(names))
        )
        return {(row.device, row.boot): row.zero for row in rows if row.zero is not None}

    def _note_conflicts(self, connection: Connection, fresh: Sequence[Stored], received_ms: int) -> None:
        rows = [
            {
                "device": stored.name[0],
                "kind": CLONED,
                "boot": stored.name[1],
                "seq": stored.name[2],
                "at": received_ms,
                "detail": f"two different payloads under one number; the second has the link {stored.verified.link.hex()}",
            }
            for stored in fresh
            if stored.conflict
        ]
        if rows:
            connection.execute(upsert(schema.incidents).on_conflict_do_nothing(), rows)


def hand_on(connection: Connection, handovers: Sequence[Handover]) -> None:
    """Put messages for consumers into the outbox."""
    if handovers:
        rows = [{"rank": one.rank, "topic": one.topic, "body": one.body} for one in handovers]
        connection.execute(insert(schema.outbox), rows)


def ensure_devices(connection: Connection, kinds: dict[str, str], boots: dict[str, int]) -> None:
    """Make sure that these devices have a row, and that it names their highest regular boot. ``boots``: device to boot, if regular."""
    table = schema.devices
    statement = upsert(table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.device],
            set_={"boots": statement.excluded.boots, "kind": statement.excluded.kind},
            where=statement.excluded.boots >= table.c.boots,
        ),
        [{"device": device, "kind": kind, "boots": boots.get(device, 0)} for device, kind in kinds.items()],
    )


def highest_boots(connection: Connection, devices: Iterable[str]) -> dict[str, int]:
    """The highest regular boot known of each device."""
    table = schema.devices
    found: dict[str, int] = {}
    names = sorted(set(devices))
    for start in range(0, len(names), _CHUNK):
        rows = connection.execute(
            select(table.c.device, table.c.boots).where(table.c.device.in_(names[start : start + _CHUNK]))
        )
        found.update({row.device: row.boots for row in rows})
    return found


def alarm_states(connection: Connection, names: Iterable[Name]) -> dict[Name, int]:
    """The states of those of these events that are alarms."""
    table = schema.alarms
    wanted = sorted(set(names))
    found: dict[Name, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        rows = connection.execute(
            select(table.c.device, table.c.boot, table.c.seq, table.c.state).where(
                tuple_(table.c.device, table.c.boot, table.c.seq).in_(chunk)
            )
        )
        found.update({(row.device, row.boot, row.seq): row.state for row in rows})
    return found


def alarms_to_tell(connection: Connection, device: str) -> list[tuple[int, int, int]]:
    """(boot, seq, state) of what a device that has just connected may not know: its alarms that are not closed, and those closed lately.

    A device that was away when its alarm was closed would show it for ever. The newest of each, as many as a receipt holds.
    """
    table = schema.alarms
    found: list[tuple[int, int, int]] = []
    for wanted, most in (
        (table.c.state < receipt.CLOSED, receipt.MAX_ENTRIES - CLOSED_TOLD),
        (table.c.state == receipt.CLOSED, CLOSED_TOLD),
    ):
        rows = connection.execute(
            select(table.c.boot, table.c.seq, table.c.state)
            .where(table.c.device == device, wanted)
            .order_by(table.c.received.desc())
            .limit(most)
        )
        found += [(row.boot, row.seq, row.state) for row in rows]
    return found


def advance_alarm(connection: Connection, name: Name, state: int, who: str, at_ms: int) -> int | None:
    """Raise an alarm's state, and note who did it; returns the state that it has then, None if there is no such alarm."""
    table = schema.alarms
    device, boot, seq = name
    here = (table.c.device == device) & (table.c.boot == boot) & (table.c.seq == seq)
    current: int | None = connection.execute(select(table.c.state).where(here)).scalar()
    if current is None or current >= state:
        return current
    connection.execute(update(table).where(here).values(state=state))
    _note_step(connection, [(name, state)], who, at_ms)
    return state


def keep_key(connection: Connection, key: Key, now_ms: int) -> None:
    """Keep a proven key's chain, so that a restart need not wait for the next presence."""
    table = schema.keys
    chain = cbor.dumps(list(key.chain))
    statement = upsert(table).values(
        kid=key.kid, device=key.device, chain=chain, not_after=key.not_after_ms, first_seen=now_ms
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.kid], set_={"chain": chain, "not_after": key.not_after_ms}
        )
    )


def kept_chains(connection: Connection) -> list[list[bytes]]:
    """The chains of all kept keys. Rows that are not what we write are left out."""
    chains = []
    for (blob,) in connection.execute(select(schema.keys.c.chain)):
        try:
            chain = cbor.loads(blob)
        except MalformedError:
            continue
        if isinstance(chain, list) and chain and all(isinstance(der, bytes) for der in chain):
            chains.append(chain)
    return chains


def reserve(connection: Connection, name: str, count: int, beyond: int = 0) -> int:
    """``count`` numbers that were never given before and never will be again; returns the first. Durable with the commit.

    A new counter begins above ``beyond``.
    """
    table = schema.counters
    statement = upsert(table).values(name=name, value=beyond + count)
    last = connection.execute(
        statement.on_conflict_do_update(index_elements=[table.c.name], set_={"value": table.c.value + count}).returning(
            table.c.value
        )
    ).scalar_one()
    return int(last) - count + 1


def outgoing(connection: Connection, rank: int, after: int, most: int) -> list[tuple[int, str, bytes]]:
    """(id, topic, body) of outbox rows of one rank beyond ``after``, the oldest first."""
    table = schema.outbox
    rows = connection.execute(
        select(table.c.id, table.c.topic, table.c.body)
        .where(table.c.rank == rank, table.c.id > after)
        .order_by(table.c.id)
        .limit(most)
    )
    return [(row.id, row.topic, row.body) for row in rows]


def forget_sent(connection: Connection, ids: Sequence[int]) -> None:
    """The broker has acknowledged these outbox rows."""
    table = schema.outbox
    for start in range(0, len(ids), _CHUNK):
        connection.execute(delete(table).where(table.c.id.in_(ids[start : start + _CHUNK])))


def _known(connection: Connection, batch: Sequence[VerifiedEvent]) -> dict[Name, set[bytes]]:
    table = schema.events
    names = sorted({(one.event.device, one.event.boot, one.event.seq) for one in batch})
    known: dict[Name, set[bytes]] = {}
    for start in range(0, len(names), _CHUNK):
        rows = connection.execute(
            select(table.c.device, table.c.boot, table.c.seq, table.c.link).where(
                tuple_(table.c.device, table.c.boot, table.c.seq).in_(names[start : start + _CHUNK])
            )
        )
        for row in rows:
            known.setdefault((row.device, row.boot, row.seq), set()).add(row.link)
    return known


def _row(stored: Stored, received_ms: int) -> dict[str, object]:
    verified = stored.verified
    made = verified.event
    return {
        "device": made.device,
        "boot": made.boot,
        "seq": made.seq,
        "link": verified.link,
        "prev": made.prev,
        "kind": made.kind,
        "type": made.type,
        "rank": verified.rank,
        "at": made.at,
        "clock": made.clock,
        "up": made.up,
        "received": received_ms,
        "conflict": stored.conflict,
        "kid": verified.kid,
        "payload": verified.payload,
        "envelope": verified.envelope,
    }


def _note_gaps(connection: Connection, fresh: Sequence[Stored]) -> None:
    rows = [
        {"device": stored.name[0], "boot": gap.boot, "first": gap.first, "last": gap.last, "link": gap.link}
        for stored in fresh
        for gap in declared_gaps(stored.verified.event)
    ]
    if rows:
        connection.execute(upsert(schema.gaps).on_conflict_do_nothing(), rows)


def _raise_alarms(
    connection: Connection, fresh: Sequence[Stored], received_ms: int, zeros: dict[tuple[str, int], int]
) -> None:
    """An ``alarm.*`` event opens an alarm; one that follows up on an alarm counts there, and opens it if it is not known yet.

    An alarm is a drill only as long as all its events say so.
    """
    table = schema.alarms
    for stored in fresh:
        if stored.verified.rank != event.ALARM:
            continue
        made = stored.verified.event
        follows = _followed(made)
        device, boot, seq = name = follows or stored.name
        here = (table.c.device == device) & (table.c.boot == boot) & (table.c.seq == seq)
        happened = cloudevents.dated(made.at, made.clock, made.up, zeros.get((made.device, made.boot)))
        drill = made.data.get("drill") is True
        told = {"type": made.type, "at": happened}
        opening = upsert(table).values(
            device=device, boot=boot, seq=seq, state=receipt.RECEIVED, received=received_ms, drill=drill, **told
        )
        if connection.execute(opening.on_conflict_do_nothing()).rowcount:
            _note_step(connection, [(name, receipt.RECEIVED)], "", received_ms)
        elif follows is None:
            connection.execute(update(table).where(here, table.c.type.in_(FOLLOW_UPS)).values(told))
        if not drill:
            connection.execute(update(table).where(here).values(drill=False))
        if stored.conflict:
            connection.execute(update(table).where(here).values(conflict=True))
        if follows is not None:
            escalated = made.type == "alarm.escalated"
            values = {"escalations": table.c.escalations + 1} if escalated else {"cancelled": True}
            connection.execute(update(table).where(here).values(values))


def _followed(made: event.Event) -> Name | None:
    """The alarm that an event follows up on, None if it stands for itself."""
    named = made.data.get("alarm") if made.type in FOLLOW_UPS else None
    if not isinstance(named, list) or len(named) != 2 or not all(is_number(number) for number in named):
        return None
    return made.device, named[0], named[1]


def _note_step(connection: Connection, steps: Iterable[tuple[Name, int]], who: str, at_ms: int) -> None:
    connection.execute(
        insert(schema.alarm_steps),
        [
            {"device": name[0], "boot": name[1], "seq": name[2], "state": state, "who": who, "at": at_ms}
            for name, state in steps
        ],
    )
