"""Whose receipts and commands count: the public keys of the centers, from the configuration or from a later signed command.

The agent parses no X.509 for this. A key in this table is a center's because the installer, or a center already believed, said so.
"""

import os

from agent.durable import replace_file
from agent.errors import IdentityError
from agent.keys.errors import KeysError, PublicKeyError
from agent.keys.p256 import kid_of, public_from_pem, verifier
from agent.keys.pem import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Verify = Callable[[bytes, bytes], bool]

MAX_KEYS = 8
_STORE = "centers.pem"
_SIZE = 16384


class Centers:
    """The key table for receipts and commands. ``find`` is what ``agent.wire.cose.verify`` asks; new keys are kept in ``state``."""

    def __init__(self, ders: "list[bytes]", state: str) -> None:
        self._state = state
        self._verifiers: dict[bytes, Verify] = {kid_of(der): verifier(der) for der in ders}

    def find(self, kid: bytes) -> "Verify | None":
        """The verifier of the center key with this identifier."""
        return self._verifiers.get(kid)

    @classmethod
    def load(cls, paths: "list[str]", state: str) -> "Centers":
        """The keys that a command put into the folder ``state``, or else those in the files ``paths``.

        Raises:
            IdentityError: a file is missing or holds no P-256 public key.
        """
        stored = os.path.join(state, _STORE)
        if os.path.exists(stored):
            paths = [stored]
        ders = []
        for path in paths:
            try:
                with open(path, encoding="ascii") as file:
                    text = file.read(_SIZE)
                ders.extend(_public_keys(text))
            except (OSError, UnicodeDecodeError, KeysError) as error:
                raise IdentityError(f"{path}: no center's public key can be read from it: {error}") from None
        return cls(ders, state)

    def replace(self, ders: "list[object]") -> None:
        """Believe exactly these keys (SubjectPublicKeyInfo, DER) from now on, after a restart too.

        Raises:
            PublicKeyError: none, too many, or one that is no P-256 key. Nothing has changed then.
            OSError: the keys could not be kept. Nothing has changed then.
        """
        if not 1 <= len(ders) <= MAX_KEYS:
            raise PublicKeyError(f"a device believes 1 to {MAX_KEYS} center keys, not {len(ders)}")
        table: dict[bytes, Verify] = {}
        text = ""
        for der in ders:
            if not isinstance(der, bytes):
                raise PublicKeyError("a center's key is a byte string (SubjectPublicKeyInfo, DER)")
            table[kid_of(der)] = verifier(der)
            text += encoded("PUBLIC KEY", der)
        replace_file(os.path.join(self._state, _STORE), text.encode())
        self._verifiers = table


def _public_keys(text: str) -> "list[bytes]":
    end = "-----END PUBLIC KEY-----"
    return [public_from_pem(part + end) for part in text.split(end) if part.strip()] or [public_from_pem(text)]
