"""Roles and identities as certificates carry them: ``urn:dabyl:<role>:<identity>``. Pure text, no I/O, imports nothing heavy."""

from agent.keys.errors import IdentityError

DEVICE = "device"
CENTER = "center"
BROKER = "broker"
CONSUMER = "consumer"
EVIDENCE = "evidence"
ENROLMENT = "enrolment"
EXPORTER = "exporter"
ROLES = (DEVICE, CENTER, BROKER, CONSUMER, EVIDENCE, ENROLMENT, EXPORTER)
SERVERS = (BROKER, EVIDENCE, ENROLMENT)
"""Roles that are reached under host names; all others but the exporter, which signs copies of evidence, are clients."""

DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
"""Extended key usage of an exporter (RFC 9336), one of those that C2PA takes."""
URN = "urn:dabyl:"
IDENTITY_MIN = 3
IDENTITY_MAX = 63
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_REST = _FIRST | {"-"}


def is_identity(text: str) -> bool:
    """True if ``text`` matches ``[a-z0-9][a-z0-9-]{2,62}``, the form of every identity in topics and certificates."""
    return IDENTITY_MIN <= len(text) <= IDENTITY_MAX and text[0] in _FIRST and _REST.issuperset(text)


def role_uri(role: str, identity: str) -> str:
    """The SAN URI of a role and an identity.

    Raises:
        IdentityError: the role is unknown, or the identity breaks the naming rule.
    """
    if role not in ROLES:
        raise IdentityError(f"unknown role {role[:40]!r}: use one of {', '.join(ROLES)}")
    if not is_identity(identity):
        raise IdentityError(
            f"{identity[:80]!r} is no identity: use {IDENTITY_MIN} to {IDENTITY_MAX} of a-z, 0-9 and '-', beginning with a letter or digit"
        )
    return f"{URN}{role}:{identity}"


def parse_role_uri(uri: str) -> "tuple[str, str]":
    """(role, identity) of a SAN URI.

    Raises:
        IdentityError: it is not ``urn:dabyl:<role>:<identity>``.
    """
    parts = uri.split(":")
    if len(parts) != 4 or not uri.startswith(URN):
        raise IdentityError(f"{uri[:120]!r} is not urn:dabyl:<role>:<identity>")
    role_uri(parts[2], parts[3])
    return parts[2], parts[3]
