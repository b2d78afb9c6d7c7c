"""The one error of this package."""


class StreamError(Exception):
    """Bytes that are not what their format says, or values that the format cannot hold."""
