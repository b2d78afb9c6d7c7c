"""The roll in the database: who is connected, and which sessions were seen, so that a restart neither forgets a device nor believes an
old presence. Works inside a transaction that the caller opens and commits.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from agent.wire import event
from agent.wire.presence import Presence
from center import schema
from center.presence import Change, Roll, Session


def keep_presence(connection: Connection, told: Presence, sessions: Collection[Session]) -> None:
    """Keep a presence that was taken; ``sessions`` is all that is remembered of the device, older ones are forgotten here too."""
    devices, table = schema.devices, schema.sessions
    connection.execute(
        update(devices)
        .where(devices.c.device == told.device)
        .values(boot=told.boot, session=told.session, keepalive=told.keepalive, software=told.software)
    )
    boots = [session.boot for session in sessions]
    connection.execute(delete(table).where(table.c.device == told.device, table.c.boot.not_in(boots)))
    for session in sessions:
        if session.boot == told.boot:
            values = {"session": session.session, "up": session.up, "ended": session.ended}
            statement = upsert(table).values(device=told.device, boot=session.boot, **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=[table.c.device, table.c.boot], set_=values)
            )


def keep_change(connection: Connection, change: Change, now_ms: int) -> None:
    """Keep that a device came or went."""
    table = schema.devices
    seen = {"seen": now_ms} if change.online else {}
    connection.execute(
        update(table).where(table.c.device == change.told.device).values(online=change.online, changed=now_ms, **seen)
    )


def keep_seen(connection: Connection, devices: Collection[str], now_ms: int) -> None:
    """Keep that these devices gave a sign of life."""
    table = schema.devices
    if devices:
        connection.execute(update(table).where(table.c.device.in_(sorted(devices))).values(seen=now_ms))


def restore(connection: Connection, roll: Roll, now_ms: int) -> None:
    """Fill the roll with what was kept; silence is counted from ``now_ms``."""
    table = schema.sessions
    sessions: dict[str, list[Session]] = {}
    for row in connection.execute(select(table).order_by(literal_column("rowid"))):  # as they were entered
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
