"""Verification: a topic and bytes in, a verified event or presence out, or ``RefusedError`` with its one-word reason.

Pure. Nothing of a message is believed before its signature was verified under a key of the key table, its payload decoded strictly, and
device and message class compared with the topic's last two levels and with the key's certificate.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.wire import chain, cose, event, presence, topics
from agent.wire.errors import WireError
from agent.wire.event import Event
from agent.wire.presence import Presence
from center.errors import UNKNOWN_KEY, RefusedError
from center.keytable import Key, KeyTable


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """An event that is proven to be its device's. ``link`` is what the next event carries as ``prev``; it identifies the event."""

    event: Event
    link: bytes
    payload: bytes
    envelope: bytes
    kid: bytes

    @property
    def rank(self) -> int:
        """The event's class, ``agent.wire.event.ALARM`` and so on."""
        return event.rank_of(self.event.type)


@dataclass(frozen=True, slots=True)
class VerifiedPresence:
    """A presence that is proven to be its device's. ``key`` is the key that signed it, proven by the chain that it carried."""

    presence: Presence
    digest: bytes
    key: Key


def leaf_of(topic: str) -> str:
    """The message class of a topic.

    Raises:
        RefusedError: misaddressed.
    """
    try:
        return topics.split(topic)[1]
    except WireError as error:
        raise RefusedError(error.reason, str(error)) from None


def verify_event(topic: str, message: bytes, keys: KeyTable, now_ms: int) -> VerifiedEvent:
    """The event in ``message``, as it arrived on ``topic`` at ``now_ms``.

    Raises:
        RefusedError: malformed, oversized, unknown-key, forged, misaddressed, revoked or expired.
    """
    try:
        device, leaf = topics.split(topic)
        if leaf not in (topics.ALARM, topics.EVENT):
            raise RefusedError("misaddressed", f"no events belong on topic '{topic[:200]}'")
        parts = cose.verify(message, event.CONTEXT, keys.check_of)
        key = _usable(keys.find(kid_of(parts)), now_ms)
        made = event.decode(parts.payload)
        topics.check(topic, made.device, topics.leaf_of(made.type))
    except WireError as error:
        raise RefusedError(error.reason, str(error)) from None
    _same_device(made.device, device, key)
    return VerifiedEvent(made, chain.link(parts.payload), parts.payload, message, key.kid)


def verify_presence(topic: str, message: bytes, keys: KeyTable, now_ms: int) -> VerifiedPresence:
    """The presence in ``message``; its certificate chain feeds the key table once everything about the message is proven.

    Raises:
        RefusedError: malformed, oversized, unknown-key, forged, misaddressed, revoked, expired, untrusted or role.
    """
    try:
        device, leaf = topics.split(topic)
        if leaf != topics.PRESENCE:
            raise RefusedError("misaddressed", f"no presence belongs on topic '{topic[:200]}'")
        shown = cose.certificate_chain(cose.parse(message))
        key, fresh = _key_shown(shown, keys, now_ms)
        parts = cose.verify(message, presence.CONTEXT, _only(key) if key is not None else keys.check_of)
        proven = _usable(key or keys.find(kid_of(parts)), now_ms)
        told = presence.decode(parts.payload)
        topics.check(topic, told.device, topics.PRESENCE)
    except WireError as error:
        raise RefusedError(error.reason, str(error)) from None
    _same_device(told.device, device, proven)
    if fresh:
        keys.admit(proven)
    return VerifiedPresence(told, chain.link(parts.payload), proven)


def kid_of(parts: cose.Sign1) -> bytes:
    """The key identifier of an envelope that ``cose.verify`` has let through; empty bytes if there is none."""
    kid = parts.headers.get(cose.KID)
    return kid if isinstance(kid, bytes) else b""


def claimed_kid(message: bytes) -> bytes:
    """The key identifier that an unverified message names (a claim, good for nothing but waiting for that key).

    Raises:
        RefusedError: malformed or oversized.
    """
    try:
        return kid_of(cose.parse(message))
    except WireError as error:
        raise RefusedError(error.reason, str(error)) from None


def _key_shown(shown: list[bytes], keys: KeyTable, now_ms: int) -> tuple[Key | None, bool]:
    """The key that the shown chain proves, and whether the table has yet to learn it. A chain already known is not verified again."""
    if not shown:
        return None, False
    known = keys.known(shown)
    if known is not None:
        return known, False
    return keys.prove(shown, now_ms), True


def _only(key: Key) -> "Callable[[bytes], cose.Verify | None]":
    """A key table of one key."""
    return lambda kid: key.check if kid == key.kid else None


def _usable(key: Key | None, now_ms: int) -> Key:
    if key is None:
        raise RefusedError(UNKNOWN_KEY, "no key known with this identifier")
    if key.revoked:
        raise RefusedError("revoked", f"the key of {key.device} was revoked")
    if now_ms > key.not_after_ms:
        raise RefusedError("expired", f"the certificate of {key.device} has expired: enrol the device again")
    return key


def _same_device(named: str, addressed: str, key: Key) -> None:
    if not named == addressed == key.device:
        raise RefusedError("misaddressed", f"{key.device} signed for {named} on the topic of {addressed}")
