"""Why there is no connection. Ordinary states of a device, never the end of it."""


class LinkError(Exception):
    """A connection could not be made, or ended. ``refused`` means that the broker or its certificate said no: try again more slowly."""

    def __init__(self, message: str, refused: bool = False, version: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.version = version
        """The broker does not speak this version of MQTT."""
