"""The one error tree of the operations center. Each error carries its documented exit code and says what to do next."""


class CenterError(Exception):
    """Root of all errors of this package; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class ConfigurationError(CenterError):
    """The configuration, a named file or an argument cannot be used."""

    exit_code = 2


class DatabaseError(CenterError):
    """The database cannot be used right now, or at all."""

    exit_code = 3


class DatabaseBusyError(DatabaseError):
    """Another process holds the database's write lock for longer than the bounded wait."""


class DatabaseFullError(DatabaseError):
    """The disk is full, over quota or read-only, or refused the write: nothing was stored."""


class DatabaseCorruptError(DatabaseError):
    """The file is no database of ours, or is damaged. It is never deleted nor overwritten."""


class DatabaseVersionError(DatabaseError):
    """The database was written by another version of the center."""


class BrokerError(CenterError):
    """The broker cannot be reached or does not let us in."""

    exit_code = 4


class RefusedError(CenterError):
    """A message that is not believed. ``reason`` is one of ``REASONS``."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


UNKNOWN_KEY = "unknown-key"
REASONS = (
    "malformed",
    "oversized",
    UNKNOWN_KEY,
    "forged",
    "misaddressed",
    "revoked",
    "expired",
    "untrusted",
    "role",
    "replayed",
)
"""Every reason that a refusal can have: the fixed set of refusal counters."""
