"""What can go wrong at the authority. Every error of this package derives from `AuthorityError`; its text says what to do next."""


class AuthorityError(Exception):
    """Root of all errors of the authority."""


class AuthorityStateError(AuthorityError):
    """The authority's directory cannot be made, read or written, or its files contradict each other."""


class PassphraseError(AuthorityError):
    """The passphrase is wrong, or one is needed, or one was given for a key that has none."""


class RequestError(AuthorityError):
    """A certificate request is malformed, not signed by its own key, not P-256, or names somebody else."""


class IssueError(AuthorityError):
    """The certificate asked for would break the authority's rules: names, validity, or a key that belongs to somebody else."""


class UnknownSerialError(AuthorityError):
    """A serial number that this authority never issued."""
