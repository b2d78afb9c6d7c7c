"""What can go wrong at the authority. Every error of this package derives from `AuthorityError`; its text says what to do next."""


class AuthorityError(Exception):
    """Root of all errors of the authority. ``facts`` are what its text names, for texts in other languages."""

    def __init__(self, said: str, **facts: object) -> None:
        super().__init__(said)
        self.facts = facts


class AuthorityStateError(AuthorityError):
    """The authority's directory cannot be made, read or written, or its files contradict each other."""


class AuthorityAbsentError(AuthorityStateError):
    """There is no authority in the directory."""


class AuthorityDiskError(AuthorityStateError):
    """The operating system does not let the authority's files be written; nothing was issued."""

    def __init__(self, said: str, file: object, error: OSError) -> None:
        super().__init__(said)
        self.file = file
        self.error = error


class PassphraseError(AuthorityError):
    """The passphrase is wrong, or one is needed, or one was given for a key that has none."""


class RequestError(AuthorityError):
    """A certificate request is malformed, not signed by its own key, not P-256, or names somebody else."""


class IssueError(AuthorityError):
    """The certificate asked for would break the authority's rules: names, validity, or a key that belongs to somebody else."""


class ValidityError(IssueError):
    """The certificate or list would be valid when its authority is not: the clock, or too many days."""


class KeyTakenError(IssueError):
    """The key has another role or identity already. ``facts``: ``owner``."""


class KeyRevokedError(IssueError):
    """A certificate of the key was revoked. ``facts``: ``owner``."""


class NameTakenError(IssueError):
    """The identity has another role already. ``facts``: ``name``, ``role``."""


class UnknownSerialError(AuthorityError):
    """A serial number that this authority never issued."""
