"""Files that the center is pointed at: read whole, and never more than what belongs there."""

from pathlib import Path

from center.errors import ConfigurationError


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """The contents of a file of at most ``limit`` bytes, called ``what`` in errors.

    Raises:
        ConfigurationError: it cannot be read, or is longer.
    """
    try:
        with path.open("rb") as file:
            contents = file.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(contents) > limit:
        raise ConfigurationError(f"{what} {path} is longer than {limit} bytes: this is the wrong file")
    return contents
