"""The errors of evidence, a branch of the center's tree. Each says what is wrong, and what to do."""

from center.errors import CenterError


class EvidenceError(CenterError):
    """Root of this package's errors."""


class StoreError(EvidenceError):
    """The store's folder cannot be used right now: nothing was stored."""


class NoRoomError(StoreError):
    """The disk is full, or the device has used up what it may have open: nothing was stored."""


class CustodyError(EvidenceError):
    """A chain-of-custody log is damaged, was altered, or cannot be written."""


class NotAdmittedError(EvidenceError):
    """Whoever connects is no device that this center knows and believes."""
