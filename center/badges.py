"""Badges that an alarm starts: who calls for help at a place has the video badges there record, by commands that the center signs.

A command stands in the outbox in the same transaction as its alarm, so no end of the center loses it. The broker keeps nothing for a badge
that is away: one that connects while an alarm of its place is new is told then. It expires, so that nobody is recorded for what is long
over. Which badge belongs to a place is what the registry says; no alarm waits for any of this.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from agent.wire import command, cose, event, receipt, topics
from agent.wire.command import Command
from center import inbox, schema
from center.cloudevents import Handover
from center.config import PLACES, Rule
from center.inbox import Stored
from center.registry import Registry

KIND = "video-badge"
AGAIN_MS = 10_000
"""Further alarms this soon after a badge was told need no command of their own."""
LATE_MS = 600_000
"""An alarm that happened so long before it arrived is told to people, but starts no camera."""
_RAISED = "alarm.raised"
_COUNTER = "command"
"""Begins at the time in milliseconds, as the numbers of receipts do."""

Place = tuple[str, ...]


class Badges:
    """Tells badges to record.

    Args:
        rule: which alarms start them.
        signer: the center's own key.
        center: the center's identity.
    """

    def __init__(self, rule: Rule, signer: "cose.Signer", center: str) -> None:
        self._rule = rule
        self._signer = signer
        self._center = center
        self._told: dict[str, int] = {}

    def order(
        self,
        connection: Connection,
        registry: Registry,
        stored: Iterable[Stored],
        connected: Iterable[str],
        now_ms: int,
    ) -> list[str]:
        """Put commands into the outbox for what was stored and who has connected in this transaction; the badges that are told."""
        badges = self._of_alarms(connection, registry, stored, now_ms)
        badges |= self._of_connections(connection, registry, connected, now_ms)
        if badges:
            n = inbox.reserve(connection, _COUNTER, len(badges), beyond=now_ms)
            inbox.hand_on(
                connection, [self._command(badge, number, now_ms) for number, badge in enumerate(sorted(badges), n)]
            )
        return sorted(badges)

    def told(self, badges: Iterable[str], now_ms: int) -> None:
        """The transaction is durable."""
        self._told |= dict.fromkeys(badges, now_ms)

    def _of_alarms(self, connection: Connection, registry: Registry, stored: Iterable[Stored], now_ms: int) -> set[str]:
        raised = [one for one in stored if one.new and one.verified.event.type == _RAISED]
        calling = {self._place(registry, one.name[0]) for one in raised if self._counts(one, now_ms)} - {()}
        if not calling:
            return set()
        table = schema.devices
        known = connection.execute(select(table.c.device).where(table.c.kind == KIND)).scalars()
        return {
            badge
            for badge in known
            if self._place(registry, badge) in calling and not 0 <= now_ms - self._told.get(badge, -AGAIN_MS) < AGAIN_MS
        }

    def _of_connections(
        self, connection: Connection, registry: Registry, connected: Iterable[str], now_ms: int
    ) -> set[str]:
        """Those who come to a place where an alarm is new and open."""
        table, alarms = schema.devices, schema.alarms
        names = [name for name in connected if self._place(registry, name)]
        if not names:
            return set()
        badges = connection.execute(select(table.c.device).where(table.c.kind == KIND, table.c.device.in_(names)))
        arrived = set(badges.scalars())
        if not arrived:
            return set()
        recent = connection.execute(
            select(alarms.c.device)
            .join(table, table.c.device == alarms.c.device)
            .where(
                table.c.kind.in_(self._rule.alarms),
                alarms.c.type == _RAISED,
                alarms.c.received > now_ms - self._rule.expires_s * 1000,
                alarms.c.at.is_(None) | (alarms.c.at > now_ms - LATE_MS),
                alarms.c.state < receipt.CLOSED,
                ~alarms.c.drill,
            )
        )
        calling = {self._place(registry, device) for device in recent.scalars()}
        return {badge for badge in arrived if self._place(registry, badge) in calling}

    def _counts(self, one: Stored, now_ms: int) -> bool:
        made = one.verified.event
        late = made.clock != event.CLOCK_UNSET and now_ms - made.at > LATE_MS
        return made.kind in self._rule.alarms and made.data.get("drill") is not True and not late

    def _place(self, registry: Registry, device: str) -> Place:
        """Empty where the registry does not know it."""
        place = registry.place(device)
        names = PLACES[: PLACES.index(self._rule.within) + 1]
        return tuple(place.get(name, "") for name in names) if self._rule.within in place else ()

    def _command(self, badge: str, n: int, now_ms: int) -> Handover:
        order = Command(badge, self._center, n, now_ms, self._rule.expires_s, "record", {"by": "alarm"})
        message = cose.sign(order.encode(), command.CONTEXT, self._signer)
        return Handover(event.ALARM, topics.topic(badge, topics.COMMAND), message)
