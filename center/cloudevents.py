"""Verified events as CloudEvents 1.0 JSON, structured mode: what the center hands on to consumers. Pure.

Small and by hand: one fixed shape, described by ``docs/wire/verified-event.schema.json``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.wire import topics
from agent.wire.event import CLOCK_SYNCHRONISED, CLOCK_UNSET
from agent.wire.presence import Presence
from center.registry import Place
from center.verify import VerifiedEvent

LATE_MS = 60_000
"""An event that took longer than this to arrive is late."""
MAX_BODY = 131_072
"""Bytes of a CloudEvent at most. JSON can take six times the room of CBOR, and a packet that a broker refuses for its size, by hanging up,
would keep everything behind it from consumers for ever."""
_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, where RFC 3339 ends."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One message for consumers: where it goes, its bytes, and its rank (alarms overtake)."""

    rank: int
    topic: str
    body: bytes


def of_event(
    verified: VerifiedEvent, center: str, received_ms: int, *, zero_ms: int | None, conflict: bool, place: Place
) -> Handover:
    """The CloudEvent of a verified event. Data for which it has no room is left out, and its place says so; the center has it stored.

    Args:
        verified: the event.
        center: this center's identity.
        received_ms: when it arrived, ms since 1970 UTC.
        zero_ms: the UTC time at which the boot's ``up`` was 0, if an event of the boot with a clock has told it.
        conflict: another payload is already stored under this (device, boot, seq).
        place: where the device hangs, as far as the registry knows.
    """
    made = verified.event
    happened = dated(made.at, made.clock, made.up, zero_ms)
    body = _frame(verified.link, made.device, f"dabyl.{made.type}", happened, made.kind, center, received_ms)
    body |= _where(place)
    body |= {
        "dabylboot": made.boot,
        "dabylseq": made.seq,
        "dabylclock": made.clock,
        "dabylup": made.up,
        "dabyllate": happened is not None and received_ms - happened > LATE_MS,
        "dabylconflict": conflict,
        "dabyldrill": made.data.get("drill") is True,
        "data": plain(made.data),
    }
    whole = _bytes(body)
    bounded = whole if len(whole) <= MAX_BODY else _bytes(body | {"data": {"left_out": len(whole)}})
    return Handover(verified.rank, topics.verified_topic(made.device, made.type), bounded)


def of_presence(
    told: Presence, digest: bytes, center: str, received_ms: int, *, online: bool, cause: str, place: Place
) -> Handover:
    """The CloudEvent ``presence.online`` or ``presence.lost`` of a device whose connection changed.

    Args:
        told: the presence that it follows from.
        digest: 16 bytes that identify the change.
        center: this center's identity.
        received_ms: when the center knew, ms since 1970 UTC.
        online: connected or lost.
        cause: ``presence`` (signed), ``will`` (signed beforehand, sent by the broker), ``silence`` (no sign of life) or ``event``.
        place: where the device hangs, as far as the registry knows.
    """
    change = "presence.online" if online else "presence.lost"
    body = _frame(digest, told.device, f"dabyl.{change}", received_ms, told.kind, center, received_ms)
    body |= _where(place)
    body |= {
        "dabylboot": told.boot,
        "dabylclock": told.clock,
        "dabylup": told.up,
        "dabyllate": False,
        "dabylconflict": False,
        "dabyldrill": False,
        "data": {
            "online": online,
            "cause": cause,
            "session": told.session,
            "keepalive": told.keepalive,
            "software": told.software,
        },
    }
    return Handover(1, topics.verified_topic(told.device, change), _bytes(body))


def dated(at_ms: int, clock: int, up_ms: int, zero_ms: int | None) -> int | None:
    """When an event happened (ms since 1970 UTC), or None if nobody can tell yet.

    A synchronised clock is believed; else the boot's own zero, learnt from an event that had a clock; else a clock in holdover.
    """
    if clock == CLOCK_SYNCHRONISED:
        return at_ms if at_ms <= _MAX_MS else None
    if zero_ms is not None:
        return zero_ms + up_ms if 0 <= zero_ms + up_ms <= _MAX_MS else None
    if clock == CLOCK_UNSET or at_ms > _MAX_MS:
        return None
    return at_ms


def rfc3339(at_ms: int) -> str:
    """A moment in RFC 3339, UTC, with milliseconds."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def plain(value: object) -> object:
    """``value`` as JSON has it: byte strings become lower-case hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _frame(
    digest: bytes, device: str, kind: str, happened: int | None, subject: str, center: str, received_ms: int
) -> dict[str, object]:
    body: dict[str, object] = {
        "specversion": "1.0",
        "id": digest.hex(),
        "source": f"urn:dabyl:device:{device}",
        "type": kind,
        "subject": subject,
        "datacontenttype": "application/json",
        "dabylcenter": center,
        "dabylreceived": rfc3339(received_ms),
    }
    if happened is not None:
        body["time"] = rfc3339(happened)
    return body


def _where(place: Place) -> dict[str, str]:
    return {f"dabyl{name}": value for name, value in place.items()}


def _bytes(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def change_digest(told: Presence, cause: str, received_ms: int) -> bytes:
    """16 bytes that identify a change of presence that no message of the device told: silence, or life after it."""
    name = f"{told.device}/{told.boot}/{told.session}/{cause}/{received_ms}"
    return hashlib.sha256(name.encode()).digest()[:16]
