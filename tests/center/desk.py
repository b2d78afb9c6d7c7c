"""What tests ask a pipeline: messages in, receipts and outbox read back."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from agent.keys.p256 import verifier
from agent.wire import cose, receipt
from agent.wire.receipt import Receipt
from center import queries, schema
from center.database import Database
from center.inbox import outgoing
from center.pipeline import Arrival, Outcome, Outgoing, Pipeline
from tests.center.scripted import Message, Pki


def arrivals(*messages: Message) -> list[Arrival]:
    """What a broker would deliver."""
    return [Arrival(message.topic, message.envelope) for message in messages]


def ingest(pipeline: Pipeline, batch: Sequence[Arrival], now_ms: int) -> Outcome:
    """Prove and store, as the service does one after the other. Raises as ``store``."""
    return pipeline.store(pipeline.prove(batch, now_ms), now_ms)


def opened(out: Outgoing, pki: Pki) -> Receipt:
    """What a receipt says, its signature verified."""
    signer = pki.signer("center-1")
    check = verifier(signer.public_der)
    parts = cose.verify(out.payload, receipt.CONTEXT, lambda kid: check if kid == signer.kid else None)
    return receipt.decode(parts.payload)


def handed_on(database: Database) -> list[dict[str, object]]:
    """What stands in the outbox for consumers."""
    with database.read() as connection:
        return [json.loads(row[2]) for rank in (0, 1, 2) for row in outgoing(connection, rank, 0, 10_000)]


def count(database: Database) -> int:
    """How many events are stored."""
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(schema.events)).scalar_one())


def counters(pipeline: Pipeline, database: Database) -> tuple[int, dict[str, int]]:
    """What ``dabyl center check`` tells: parked, and refused by reason."""
    pipeline.keep_counts()
    with database.read() as connection:
        return queries.parked(connection), queries.refusals(connection)


def settled(outs: Iterable[Outgoing], pki: Pki) -> set[tuple[int, int]]:
    """(boot, seq) of all that these receipts settle."""
    told = (entry for out in outs for entry in opened(out, pki).settled)
    return {(boot, seq) for boot, first, last in told for seq in range(first, last + 1)}
