"""The journal's errors: one tree, and only for mistakes of the caller or of the set-up.

Trouble with the disk is no error here: it is an ordinary state that `Journal.trouble` tells. MicroPython subset.
"""


class JournalError(Exception):
    """Root of everything that the journal raises on purpose."""


class InvalidRecord(JournalError):  # noqa: N818 - names what is wrong; the root carries the suffix
    """A value does not fit the format: envelope too large, number out of range, hash of a wrong length, key too long."""


class DuplicateEvent(JournalError):  # noqa: N818 - as InvalidRecord
    """(boot, seq) was used before, or falls behind what was appended: a number names one event for ever."""


class JournalInUse(JournalError):  # noqa: N818 - as InvalidRecord
    """Another process holds this journal's directory."""
