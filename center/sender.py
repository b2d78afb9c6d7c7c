"""What the center sends: receipts, and the verified events of its outbox until the broker has taken them. Used by the center's one thread.

What has an alarm in it goes over the alarm lane where one works, so that its acknowledgement does not stand behind a flood. What a
connection that has ended took with it, and what the broker has declined, is sent again.
"""

import time

import paho.mqtt.client as paho

from agent.wire import event
from center import inbox
from center.database import Database
from center.lanes import Lanes, Ticket
from center.pipeline import Outgoing, Pipeline
from center.report import Report

OUT_WINDOW = 2_000
"""Verified events that are with the broker and not acknowledged yet, at most. Its acknowledgements stand in one line with all that it has
for the center: in a flood they come seconds late."""
ALARM_ROOM = 400
"""So many alarms more, so that no flood of others holds them up."""
SETTLE = 200
"""Rows that the broker has taken leave the outbox so many at a time."""
DECLINED_S = 5.0
"""What the broker has declined (its access rules, its quota) is sent again after so long."""
_RANKS = (event.ALARM, 1, 2)


class Sender:
    """Sends what is due over the sessions that stand."""

    def __init__(self, lanes: Lanes, database: Database, pipeline: Pipeline, report: Report) -> None:
        self._lanes = lanes
        self._database = database
        self._pipeline = pipeline
        self._report = report
        self._connections: list[paho.Client | None] = []
        self._after = [0, 0, 0]
        """Per rank, the last row handed over since ``_send_again``."""
        self._flying: dict[Ticket, int] = {}
        self._sent: list[int] = []
        self._receipts_flying: dict[Ticket, Outgoing] = {}
        self._receipts_declined: list[Outgoing] = []
        self._declined_again: float | None = None

    def follow(self, now_ms: int) -> None:
        """Hear what the broker has answered; what an ended connection took with it is due again."""
        connections = self._lanes.connections
        for ticket, taken in self._lanes.answers():
            self._hear(ticket, taken)
        if connections != self._connections:
            for ticket in [ticket for ticket in self._receipts_flying if ticket[0] not in connections]:
                self._receipts_declined.append(self._receipts_flying.pop(ticket))
            self._flying = {ticket: row for ticket, row in self._flying.items() if ticket[0] in connections}
            self._connections = connections
            self._send_again(now_ms)
        if self._declined_again is not None and time.monotonic() >= self._declined_again:
            self._send_again(now_ms)

    def _hear(self, ticket: Ticket, taken: bool) -> None:
        """The broker has answered for a message."""
        out, row = self._receipts_flying.pop(ticket, None), self._flying.pop(ticket, None)
        if taken:
            if row is not None:
                self._sent.append(row)
            return
        self._lanes.declined(ticket)
        if out is not None:
            self._receipts_declined.append(out)
        if self._declined_again is None:
            self._declined_again = time.monotonic() + DECLINED_S
            text = f"the broker declines what the center sends: check its access rules and quotas; again in {DECLINED_S:g} s"
            self._report.say("declined", text)

    def _send_again(self, now_ms: int) -> None:
        """What the broker did not take is due again; of the outbox that is every row that is neither under way nor taken."""
        self._pipeline.receipts.put_back((out.draft for out in self._receipts_declined), now_ms)
        self._receipts_declined.clear()
        self._after = [0, 0, 0]
        self._declined_again = None

    def send_receipts(self, now_ms: int) -> None:
        """Send the receipts that are due.

        Raises:
            DatabaseError: none was sent, they are due again.
        """
        if not self._lanes.can_send:
            return
        for out in self._pipeline.due_receipts(now_ms):
            ticket = self._lanes.publish(out.topic, out.payload, alarm=bool(out.draft.alarms))
            if ticket is None:
                self._pipeline.receipts.put_back([out.draft], now_ms)
                continue
            self._receipts_flying[ticket] = out
            self._report.receipted(out.draft.device, out.draft.settled, out.draft.alarms)

    def send_events(self) -> None:
        """Hand outbox rows to the broker, alarms first, no more than the window at a time.

        Raises:
            DatabaseError: what was not sent is still due.
        """
        if len(self._sent) >= SETTLE or (self._sent and not self._flying):
            self.settle()
        room = OUT_WINDOW - len(self._flying)
        if room <= -ALARM_ROOM or not self._lanes.can_send:
            return
        rows: list[tuple[int, int, str, bytes]] = []
        with self._database.read() as connection:
            for rank in _RANKS if room > OUT_WINDOW // 4 else _RANKS[:1]:
                most = max(0, room - len(rows)) if rank != event.ALARM else room + ALARM_ROOM
                rows += [(rank, *row) for row in inbox.outgoing(connection, rank, self._after[rank], most)]
        busy = {*self._sent, *self._flying.values()}
        for rank, row, topic, body in rows:
            if row not in busy:
                ticket = self._lanes.publish(topic, body, alarm=rank == event.ALARM)
                if ticket is None:
                    return
                self._flying[ticket] = row
            self._after[rank] = row

    def settle(self) -> None:
        """Take from the outbox what the broker has taken.

        Raises:
            DatabaseError: it stays for the next call.
        """
        if self._sent:
            with self._database.begin() as connection:
                inbox.forget_sent(connection, self._sent)
            self._sent = []
