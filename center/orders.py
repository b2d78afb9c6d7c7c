"""Orders of operators to the running center, through the database: an order is placed durably, the center carries it out within its next
turn, and whoever placed it can see that. Works while the center is down too; the order waits.
"""

from collections.abc import Callable

from sqlalchemy import func, insert, select

from center import schema
from center.database import Database
from center.errors import CenterError
from center.inbox import Name, alarm_states

MAX_WAITING = 1_000
_LOOK_S = 0.05


def place(database: Database, alarm: Name, state: int, who: str, at_ms: int) -> int:
    """Order that ``alarm`` gets the state ``state`` (``agent.wire.receipt.ACKNOWLEDGED`` …); returns the order's number.

    Raises:
        CenterError: there is no such alarm, or too many orders wait.
        DatabaseError: the order was not placed.
    """
    table = schema.orders
    device, boot, seq = alarm
    with database.begin() as connection:
        # What SQLite cannot hold is no alarm's number.
        if not (0 < boot < 2**32 and 0 < seq < 2**32) or not alarm_states(connection, [alarm]):
            raise CenterError(f"there is no alarm {device} {boot}/{seq}: `dabyl center alarms` lists them")
        waiting = connection.execute(select(func.count()).where(table.c.done.is_(None))).scalar_one()
        if waiting >= MAX_WAITING:
            raise CenterError(f"{waiting} orders wait already: start the center, it will carry them out")
        placed = connection.execute(
            insert(table)
            .values(device=device, boot=boot, seq=seq, state=state, who=who, at=at_ms)
            .returning(table.c.id)
        )
        return int(placed.scalar_one())


def wait_for(
    database: Database, order: int, wait_s: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> bool:
    """Whether the order was carried out within ``wait_s`` seconds."""
    until = clock() + wait_s
    table = schema.orders
    while True:
        with database.read() as connection:
            if connection.execute(select(table.c.done).where(table.c.id == order)).scalar() is not None:
                return True
        if clock() >= until:
            return False
        sleep(_LOOK_S)


def state_of(database: Database, alarm: Name) -> int | None:
    """The alarm's state, None if there is no such alarm."""
    with database.read() as connection:
        return alarm_states(connection, [alarm]).get(alarm)
