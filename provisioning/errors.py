"""What goes wrong while devices are enrolled. The texts stand in the catalogue (`provisioning.messages`), in every language."""

from provisioning.messages import text


class ProvisionError(Exception):
    """Something went wrong, and the catalogue says what, and what to do next.

    Attributes:
        table: of the catalogue.
        key: of the text in it.
        facts: what the text names.
    """

    table = "error"

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts

    def __str__(self) -> str:
        return self.told("en")

    def told(self, language: str) -> str:
        """The error in words, and the next step."""
        return text(language, f"{self.table}.{self.key}", **self.facts)


class CableError(ProvisionError):
    """At the board, or on the way to it."""


class InputError(ProvisionError):
    """A file that a person wrote."""


class ContactError(ProvisionError):
    """The device did not reach the center, or the laptop did not hear of it."""


class SetupError(ProvisionError):
    """The laptop is not ready for work: its files, its clock, its programs."""
