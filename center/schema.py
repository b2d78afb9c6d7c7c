"""The center's tables, version 1. Times are milliseconds since 1970 UTC unless said otherwise; ``seq`` and ``boot`` as on the wire."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 1
"""Stands in SQLite's ``user_version``; a file with another one is refused, never changed."""
APPLICATION = 0x6461626C
"""SQLite's ``application_id`` of our files: ``dabl``."""

metadata = MetaData()

_ROW = BigInteger().with_variant(Integer, "sqlite")
"""Row numbers: SQLite counts on only in INTEGER columns."""

devices = Table(
    "devices",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("boots", BigInteger, nullable=False, default=0),  # highest regular boot known, 0 if none
    Column("online", Boolean),  # None until the first presence
    Column("boot", BigInteger, nullable=False, default=0),  # of the presence that counts
    Column("session", BigInteger, nullable=False, default=0),
    Column("keepalive", Integer, nullable=False, default=0),  # seconds
    Column("software", String(64), nullable=False, default=""),
    Column("changed", BigInteger),  # when online changed
    Column("seen", BigInteger),  # last sign of life
)

sessions = Table(
    "sessions",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("session", BigInteger, nullable=False),  # highest seen in this boot
    Column("up", BigInteger, nullable=False),  # highest of an online presence in that session
    Column("ended", Boolean, nullable=False),  # its will has come
)

keys = Table(
    "keys",
    metadata,
    Column("kid", LargeBinary(8), primary_key=True),
    Column("device", String(63), nullable=False),
    Column("chain", LargeBinary, nullable=False),  # CBOR array of certificates, leaf first
    Column("not_after", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
)

boots = Table(
    "boots",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("zero", BigInteger),  # UTC time at which this boot's ``up`` was 0, once an event with a clock told it
    Column("first_received", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", _ROW, primary_key=True),
    Column("device", String(63), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("link", LargeBinary(16), nullable=False),
    Column("prev", LargeBinary(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("type", String(64), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("clock", Integer, nullable=False),
    Column("up", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("conflict", Boolean, nullable=False),
    Column("kid", LargeBinary(8), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    UniqueConstraint("device", "boot", "seq", "link"),
)
Index("events_received", events.c.received)

alarms = Table(
    "alarms",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("type", String(64), nullable=False),
    Column("state", Integer, nullable=False),  # agent.wire.receipt.RECEIVED … CLOSED
    Column("received", BigInteger, nullable=False),
    Column("escalations", Integer, nullable=False, default=0),
    Column("cancelled", Boolean, nullable=False, default=False),  # the device's holder said so; only an operator closes
    Column("drill", Boolean, nullable=False, default=False),
    Column("conflict", Boolean, nullable=False, default=False),  # a second payload came under its number
    Column("at", BigInteger),  # when it happened, if datable
)
Index("alarms_open", alarms.c.device, alarms.c.state)

alarm_steps = Table(
    "alarm_steps",
    metadata,
    Column("id", _ROW, primary_key=True),
    Column("device", String(63), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("state", Integer, nullable=False),
    Column("who", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("id", _ROW, primary_key=True),
    Column("device", String(63), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("state", Integer, nullable=False),
    Column("who", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("done", BigInteger),  # when the running service carried it out
    sqlite_autoincrement=True,
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _ROW, primary_key=True),
    Column("device", String(63), nullable=False),
    Column("kind", String(32), nullable=False),  # "cloned-device"
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    UniqueConstraint("device", "kind", "boot", "seq"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, primary_key=True),
    Column("link", LargeBinary(16), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _ROW, primary_key=True),
    Column("rank", Integer, nullable=False),
    Column("topic", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, so an old PUBACK can never settle a new message
)
Index("outbox_rank", outbox.c.rank, outbox.c.id)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
