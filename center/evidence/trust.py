"""Whose signature counts: the key of a device's certificate chain that leads to a trusted root and held at the time of the signature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.keys import p256
from agent.keys.certificate import Certificate, utc_text
from agent.keys.chain import verify_chain
from agent.keys.errors import KeysError
from agent.keys.names import DEVICE
from agent.keys.revocation import RevocationList

_CACHED = 64
_STEP_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a chain proves, a device or a center, and how to check a signature (``r || s``) of theirs. ``note`` tells of an end that has come
    since.
    """

    device: str
    kid: bytes
    check: Callable[[bytes, bytes], bool]
    note: str = ""


class Trust:
    """The trusted roots and revocation lists. ``now_ms`` is today: it refuses nothing, it only is told."""

    def __init__(self, roots: Sequence[Certificate], crls: Sequence[RevocationList], now_ms: int) -> None:
        self._roots = tuple(roots)
        self._crls = tuple(crls)
        self.now_ms = now_ms
        self._known: dict[tuple[tuple[bytes, ...], int, str], Holder | str] = {}

    def holder(self, chain: Sequence[bytes], at_ms: int, role: str = DEVICE) -> Holder | str:
        """Who holds the leaf's key, by a chain that was good at that moment; or the reason why it proves nothing.

        Evidence outlives certificates: what was signed while they held stays proven.
        """
        key = (tuple(chain), at_ms // _STEP_MS, role)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _CACHED:
                self._known.clear()
            found = self._known[key] = self._verified(chain, at_ms, role)
        return found

    def _verified(self, chain: Sequence[bytes], at_ms: int, role: str) -> Holder | str:
        try:
            proven = verify_chain(chain, self._roots, at_ms, self._crls, role=role)
            check = p256.verifier(proven.public_der)
        except KeysError as error:
            return str(error)
        note = ""
        if self.now_ms > proven.not_after_ms:
            note = f"the certificate of {proven.identity} has expired since, on {utc_text(proven.not_after_ms)}"
        return Holder(proven.identity, proven.kid, check, note)
