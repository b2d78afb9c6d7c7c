"""What goes wrong while devices are enrolled. The texts stand in the catalogue (`provisioning.messages`), in every language."""

import errno
import socket
from typing import Self

from provisioning.messages import catalogue, text


class Cause:
    """Why something failed, as a fact that an error names: in the person's language where the catalogue has it, else as it was said."""

    def __init__(self, key: str, said: str = "") -> None:
        self._key = key
        self._said = said

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Why the operating system refused."""
        said = error.strerror or str(error) or type(error).__name__
        if isinstance(error, socket.gaierror):
            return cls("name", said)
        number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
        return cls(errno.errorcode.get(number or 0, "other"), said)

    def told(self, language: str) -> str:
        """In words."""
        return catalogue(language).get(f"cause.{self._key}", self._said)


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
        facts = {name: fact.told(language) if isinstance(fact, Cause) else fact for name, fact in self.facts.items()}
        return text(language, f"{self.table}.{self.key}", **facts)


class CableError(ProvisionError):
    """At the board, or on the way to it."""


class InputError(ProvisionError):
    """A file that a person wrote."""


class ContactError(ProvisionError):
    """The device did not reach the center, or the laptop did not hear of it."""


class SetupError(ProvisionError):
    """The laptop is not ready for work: its files, its clock, its programs."""
