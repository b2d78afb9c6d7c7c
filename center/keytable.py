"""The key table: which keys the center believes, fed with certificate chains and nothing else.

A key enters only with a chain that leads to a trusted root, has the role *device* and names one identity. The algorithm of a key is
P-256 because the table says so, never because a message does. A revocation list that is loaded later revokes keys at once. Bounded.
Pure: no I/O, no clock; ``now_ms`` is passed in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from agent.keys import errors, p256
from agent.keys.certificate import Certificate, read
from agent.keys.chain import VerifiedIdentity, verify_chain
from agent.keys.names import DEVICE
from agent.keys.revocation import RevocationList
from center.errors import RefusedError

MAX_KEYS = 200_000
"""Keys held at most. Only chains that lead to a trusted root take room, so this bounds one's own fleet, not an attacker."""


@dataclass(frozen=True, slots=True)
class Key:
    """One device's key. ``chain`` are the certificates (DER, leaf first), ``not_after_ms`` the earliest end in the chain."""

    kid: bytes
    device: str
    check: Callable[[bytes, bytes], bool]
    not_after_ms: int
    chain: tuple[bytes, ...]
    revoked: bool = False


class KeyTable:
    """Keys by their identifier.

    Args:
        roots: the trusted roots.
        crls: revocation lists.
        most: keys held at most.
    """

    def __init__(self, roots: Sequence[Certificate], crls: Sequence[RevocationList] = (), most: int = MAX_KEYS) -> None:
        self._roots = tuple(roots)
        self._crls = tuple(crls)
        self._keys: dict[bytes, Key] = {}
        self._kid_of_chain: dict[tuple[bytes, ...], bytes] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: bytes) -> Key | None:
        """The key with this identifier, revoked or expired ones included."""
        return self._keys.get(kid)

    def check_of(self, kid: bytes) -> Callable[[bytes, bytes], bool] | None:
        """The verifier of the key with this identifier, for ``agent.wire.cose.verify``."""
        key = self._keys.get(kid)
        return key.check if key is not None else None

    def known(self, chain: Sequence[bytes]) -> Key | None:
        """The key that exactly this chain has proven before, or None."""
        return self._keys.get(self._kid_of_chain.get(tuple(chain), b""))

    def prove(self, chain: Sequence[bytes], now_ms: int) -> Key:
        """The key that ``chain`` proves, without keeping it.

        Raises:
            RefusedError: malformed, untrusted, expired, revoked, or not a device's.
        """
        if not chain:
            raise RefusedError("untrusted", "the presence carries no certificate chain")
        try:
            who = verify_chain(chain, self._roots, now_ms, self._crls, role=DEVICE)
        except (errors.ChainError, errors.RevocationListError) as error:
            raise RefusedError(_reason(error), str(error)) from None
        return _key(who, chain)

    def admit(self, key: Key) -> None:
        """Keep ``key`` (from ``prove``). A renewed certificate of the same key replaces the older one.

        Raises:
            RefusedError: the table is full.
        """
        known = self._keys.get(key.kid)
        if known is None and len(self._keys) >= self._most:
            raise RefusedError(
                "untrusted", f"the key table is full ({self._most} keys): retire devices or raise the limit"
            )
        if known is None or known.revoked or key.not_after_ms >= known.not_after_ms:
            self._keep(key)

    def revoke(self, crls: Sequence[RevocationList], now_ms: int) -> tuple[Key, ...]:
        """Replace the revocation lists and judge every key anew; returns the keys that are revoked now and were not before.

        A key whose issuer's list no longer names it is good again (RFC 5280 §5.3.1 removeFromCRL, or a corrected list).
        """
        self._crls = tuple(crls)
        newly = []
        for kid, key in self._keys.items():
            revoked = self._is_revoked(key, now_ms)
            if revoked != key.revoked:
                self._keys[kid] = replace(key, revoked=revoked)
                if revoked:
                    newly.append(self._keys[kid])
        return tuple(newly)

    def restore(self, chains: Iterable[Sequence[bytes]], now_ms: int) -> int:
        """Take chains that an earlier run had verified and kept; returns how many were taken.

        Each is verified anew: the database is not trusted with keys. Those revoked since stay known, as revoked, so that their messages
        are refused for what they are; expired ones likewise.
        """
        taken = 0
        for chain in chains:
            try:
                self.admit(self.prove(chain, now_ms))
            except RefusedError as error:
                if error.reason not in {"revoked", "expired"}:
                    continue
                self._admit_unusable(chain, error.reason == "revoked")
            taken += 1
        return taken

    def _admit_unusable(self, chain: Sequence[bytes], revoked: bool) -> None:
        """Keep a chain's key only to name the reason of refusals: revoked, or past its end."""
        leaf = read(chain[0], "the kept certificate")
        if leaf.identity is not None and leaf.role == DEVICE and leaf.public_der:
            check = p256.verifier(leaf.public_der)
            self._keep(Key(leaf.kid, leaf.identity, check, leaf.not_after_ms, tuple(chain), revoked))

    def _keep(self, key: Key) -> None:
        known = self._keys.get(key.kid)
        if known is not None:
            self._kid_of_chain.pop(known.chain, None)
        self._keys[key.kid] = key
        self._kid_of_chain[key.chain] = key.kid

    def _is_revoked(self, key: Key, now_ms: int) -> bool:
        try:
            verify_chain(key.chain, self._roots, min(now_ms, key.not_after_ms), self._crls, role=DEVICE)
        except errors.ChainRevokedError:
            return True
        except (errors.ChainError, errors.RevocationListError):
            return key.revoked
        return False


def _key(who: VerifiedIdentity, chain: Sequence[bytes]) -> Key:
    return Key(who.kid, who.identity, p256.verifier(who.public_der), who.not_after_ms, tuple(chain))


def _reason(error: errors.KeysError) -> str:
    if isinstance(error, errors.ChainRevokedError):
        return "revoked"
    if isinstance(error, errors.ChainExpiredError | errors.ChainNotYetValidError):
        return "expired"
    if isinstance(error, errors.ChainRoleError):
        return "role"
    if isinstance(error, errors.ChainMalformedError | errors.ChainTooLongError):
        return "malformed"
    return "untrusted"
