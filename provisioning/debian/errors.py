"""What can go wrong when a package is made."""


class PackageError(Exception):
    """A package cannot be made: what is missing, and what to do."""
