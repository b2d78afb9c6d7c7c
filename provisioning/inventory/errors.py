"""What can go wrong with the inventory. Every error derives from `InventoryError`; its text says what to do next."""

from provisioning.errors import ProvisionError
from provisioning.messages import text


class InventoryError(ProvisionError):
    """Root of all errors of the inventory. Their texts stand below ``inventory.`` in the catalogue."""

    table = "inventory"


class InventoryFileError(InventoryError):
    """The file cannot be made, read or written, is damaged, or belongs to another program or version."""


class RecordError(InventoryError):
    """A value of a device's record is malformed or out of bounds. ``field`` names it."""

    def __init__(self, field: str, key: str, **facts: object) -> None:
        super().__init__(key, **facts)
        self.field = field

    def told(self, language: str) -> str:
        """The field, and what is wrong with it."""
        return f"{self.field}: {self.problem(language)}"

    def problem(self, language: str) -> str:
        """What is wrong with the field."""
        return text(language, f"{self.table}.{self.key}", **self.facts)


class DuplicateError(InventoryError):
    """A name or a serial number that another device has already."""


class UnknownDeviceError(InventoryError):
    """No device of that name is in the inventory."""


class StateError(InventoryError):
    """The device is not in a state from which this step is possible."""


class ClaimError(InventoryError):
    """A claim is wrong, used, expired, for another board, or cannot be made."""
