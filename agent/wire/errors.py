"""The one error tree of the wire contract: whatever arrives, decoding ends in a value or in a ``WireError``."""


class WireError(Exception):
    """A message that must not be believed. ``reason`` is one short word for counters and reports."""

    reason = "wire"


class MalformedError(WireError):
    """The bytes are not what the contract says (structure, types, ranges, not the one deterministic encoding)."""

    reason = "malformed"


class OversizedError(MalformedError):
    """The message, or a part of it, is larger than the contract allows."""

    reason = "oversized"


class UnknownKeyError(WireError):
    """No key is known under the message's key identifier, so nothing can be said about its signature."""

    reason = "unknown-key"


class ForgedError(WireError):
    """The signature does not verify, or it names an algorithm that its key does not have."""

    reason = "forged"


class MisaddressedError(WireError):
    """A genuine message in a place where it does not belong: another device's topic, another message class."""

    reason = "misaddressed"
