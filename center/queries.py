"""What people ask of the center's database: alarms, devices, incidents, and whether each device's chain is whole. Reads only."""

from collections.abc import Iterator

from sqlalchemy import Connection, RowMapping, func, select

from agent.wire import event
from agent.wire.chain import link
from agent.wire.errors import WireError
from agent.wire.receipt import CLOSED, STATES
from center import schema
from center.cloudevents import dated, rfc3339
from center.continuity import Entry, Verdict, entry_of, examine
from center.inbox import PARKED, REFUSED

Answer = dict[str, object]


def alarms(connection: Connection, *, closed: bool, most: int) -> list[Answer]:
    """Alarms, the newest first; closed ones only if asked for."""
    table = schema.alarms
    wanted = select(table).order_by(table.c.received.desc(), table.c.boot.desc(), table.c.seq.desc()).limit(most)
    if not closed:
        wanted = wanted.where(table.c.state < CLOSED)
    steps = schema.alarm_steps
    out = []
    for row in connection.execute(wanted).mappings():
        here = (steps.c.device == row["device"]) & (steps.c.boot == row["boot"]) & (steps.c.seq == row["seq"])
        history = connection.execute(select(steps).where(here).order_by(steps.c.id)).mappings()
        out.append(
            {
                "device": row["device"],
                "boot": row["boot"],
                "seq": row["seq"],
                "type": row["type"],
                "state": STATES[row["state"] - 1],
                "received": rfc3339(row["received"]),
                "time": _happened(connection, row),
                "escalations": row["escalations"],
                "cancelled": row["cancelled"],
                "drill": row["drill"],
                "conflict": row["conflict"],
                "steps": [
                    {"state": STATES[step["state"] - 1], "who": step["who"], "at": rfc3339(step["at"])}
                    for step in history
                ],
            }
        )
    return out


def devices(connection: Connection) -> list[Answer]:
    """All devices by name, with what is known of their connection and how much of them is stored."""
    counts = connection.execute(select(schema.events.c.device, func.count()).group_by(schema.events.c.device))
    counted = {row[0]: row[1] for row in counts}
    return [
        {
            "device": row["device"],
            "kind": row["kind"],
            "online": row["online"],
            "changed": _moment(row, "changed"),
            "seen": _moment(row, "seen"),
            "boots": row["boots"],
            "session": row["session"],
            "keepalive": row["keepalive"],
            "software": row["software"],
            "events": counted.get(row["device"], 0),
        }
        for row in connection.execute(select(schema.devices).order_by(schema.devices.c.device)).mappings()
    ]


def chains(connection: Connection) -> Iterator[tuple[str, Verdict]]:
    """Each device with the verdict over its stored chain."""
    names = connection.execute(select(schema.devices.c.device).order_by(schema.devices.c.device)).scalars().all()
    for device in names:
        yield device, examine(_entries(connection, device))


def incidents(connection: Connection) -> list[Answer]:
    """All incidents, the newest first."""
    table = schema.incidents
    return [
        {**{name: row[name] for name in ("device", "kind", "boot", "seq", "detail")}, "at": rfc3339(row["at"])}
        for row in connection.execute(select(table).order_by(table.c.id.desc())).mappings()
    ]


def refusals(connection: Connection) -> dict[str, int]:
    """How many messages were refused, by reason, over all time."""
    table = schema.counters
    found = connection.execute(select(table).where(table.c.name.startswith(REFUSED)).order_by(table.c.name))
    return {row.name.removeprefix(REFUSED): row.value for row in found}


def parked(connection: Connection) -> int:
    """How many messages came before their device's key, over all time, and were stored later or refused."""
    table = schema.counters
    return connection.execute(select(table.c.value).where(table.c.name == PARKED)).scalar() or 0


def boot_answers(verdict: Verdict) -> list[Answer]:
    """A verdict for people and programs: one entry a boot."""
    return [
        {
            "boot": boot.boot,
            "present": [list(found) for found in boot.present],
            "missing": [list(found) for found in boot.missing],
            "declared": [list(found) for found in boot.declared],
            "unkept": [list(found) for found in boot.unkept],
            "forgotten": [list(found) for found in boot.forgotten],
            "breaks": list(boot.breaks),
            "forks": list(boot.forks),
            "linked": boot.linked,
            "whole": boot.whole,
        }
        for boot in verdict.boots
    ]


def _entries(connection: Connection, device: str) -> Iterator[Entry]:
    """The stored events of a device. Links are computed from the payloads again: an altered database shows as a broken chain."""
    table = schema.events
    for row in connection.execute(select(table.c.payload).where(table.c.device == device)):
        try:
            yield entry_of(event.decode(row.payload), link(row.payload))
        except WireError:
            continue  # an altered payload is a missing one


def _happened(connection: Connection, alarm: RowMapping) -> str | None:
    """When an alarm happened. One that nobody could date when it came may be dated by what its boot has told since."""
    at_ms = alarm["at"]
    if at_ms is None:
        events, boots = schema.events, schema.boots
        found = connection.execute(
            select(events.c.at, events.c.clock, events.c.up, boots.c.zero)
            .join(boots, (boots.c.device == events.c.device) & (boots.c.boot == events.c.boot))
            .where(events.c.device == alarm["device"], events.c.boot == alarm["boot"], events.c.seq == alarm["seq"])
            .order_by(events.c.id)
            .limit(1)
        ).first()
        at_ms = dated(found.at, found.clock, found.up, found.zero) if found is not None else None
    return rfc3339(at_ms) if at_ms is not None else None


def _moment(row: RowMapping, name: str) -> str | None:
    value = row[name]
    return rfc3339(value) if value is not None else None
