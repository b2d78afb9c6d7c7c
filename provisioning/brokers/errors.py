"""What can be wrong with the description of a broker. Every error here derives from `BrokerError`; its text says what to do next."""


class BrokerError(Exception):
    """Root of all errors of the package."""


class BrokerModelError(BrokerError, ValueError):
    """The description of a broker contradicts itself or holds a name that cannot stand in its configuration."""


class IdentitiesFileError(BrokerError):
    """The list of names cannot be read or is malformed."""


class BrokerFilesError(BrokerError):
    """A file of the broker is missing, not what it should be, there already, or cannot be written."""
