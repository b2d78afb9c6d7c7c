"""What can go wrong with the inventory. Every error derives from `InventoryError`; its text says what to do next."""


class InventoryError(Exception):
    """Root of all errors of the inventory."""


class InventoryFileError(InventoryError):
    """The file cannot be made, read or written, is damaged, or belongs to another program or version."""


class RecordError(InventoryError):
    """A value of a device's record is malformed or out of bounds. ``field`` names it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class DuplicateError(InventoryError):
    """A name or a serial number that another device has already."""


class UnknownDeviceError(InventoryError):
    """No device of that name is in the inventory."""


class StateError(InventoryError):
    """The device is not in a state from which this step is possible."""


class ClaimError(InventoryError):
    """A claim is wrong, used, expired, for another board, or cannot be made."""
