"""Who gets a certificate: with a claim the first time, with the certificate it has ever after. Knows no network.

The order of writing keeps every interruption harmless: a claim is the key's before anything is issued, what is issued is in the
authority's log before it is in the inventory, and a key that asks again is given the certificate that it has.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.keys import names, p256, pem
from agent.keys.certificate import Certificate, read, read_pem, utc_text
from agent.keys.chain import verify_chain
from agent.keys.errors import ChainError, KeysError
from provisioning.authority.authority import Authority
from provisioning.authority.errors import AuthorityError, IssueError, RequestError
from provisioning.authority.register import Record
from provisioning.authority.requests import requested_key, serial_number_of
from provisioning.enrolment.errors import AnonymousError, BadRequestError, NotAllowedError, OutOfOrderError
from provisioning.enrolment.limit import Limit
from provisioning.inventory import claims
from provisioning.inventory.errors import ClaimError, InventoryError, StateError, UnknownDeviceError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import REVOKED

DAY_MS = 86_400_000
AHEAD_MS = 120_000
"""So far the register may be ahead of this machine's clock."""


@dataclass(frozen=True)
class Policy:
    """``days`` that a device's certificate is valid, and ``grace_days`` that an expired one may still be renewed."""

    days: int = 365
    grace_days: int = 30


class Office:
    """One authority's office. May be called from several threads; it serves one after the other."""

    def __init__(self, authority: Authority, inventory: Path, policy: Policy, now_ms: Callable[[], int]) -> None:
        self._authority = authority
        self._inventory = inventory
        self._policy = policy
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._roots = read_pem(authority.root_pem, "the root")
        self._issuing = read_pem(authority.issuing_pem, "the issuing authority")[0]
        self._by_address = Limit(10, 6_000)
        self._by_name = Limit(20, 60_000)

    @property
    def authorities(self) -> list[Certificate]:
        """What a device gets to trust: the issuing authority and the root."""
        return [self._issuing, *self._roots]

    def revocation_list(self) -> bytes:
        """The authority's present revocation list, PEM.

        Raises:
            OutOfOrderError: it cannot be read.
        """
        with _in_order():
            return self._authority.current_list.encode("ascii")

    def enrol(self, address: str, name: str, code: str, request: bytes) -> bytes:
        """A device's first certificate, for a claim.

        Args:
            address: where the attempt comes from.
            name: the device's.
            code: the claim's.
            request: PKCS#10, DER.

        Returns:
            The certificate, DER.

        Raises:
            EnrolmentError: refused; nothing was issued.
        """
        now_ms = self._now_ms()
        with self._lock, _in_order():
            self._by_address.check(address, now_ms)
            try:
                kid, board = _examined(request, name)
                with Inventory(self._inventory, create=False) as inventory:
                    claims.redeem(inventory, name, code, board, kid, now_ms)
            except (RequestError, ClaimError) as error:
                self._by_address.spend(address, now_ms)  # only for failures: a whole building may share an address
                kind = BadRequestError if isinstance(error, RequestError) else NotAllowedError
                raise kind(str(error)) from None
            return self._issue(name, request, kid, now_ms)

    def renew(self, address: str, shown: bytes | None, request: bytes) -> bytes:
        """A new certificate for the device whose certificate opened the connection.

        Args:
            address: where the attempt comes from.
            shown: the certificate (DER) that the client has proven to hold the key of, or None.
            request: PKCS#10, DER, for the same name; the key may be a new one.

        Returns:
            The certificate, DER.

        Raises:
            EnrolmentError: refused; nothing was issued.
        """
        now_ms = self._now_ms()
        if shown is None:
            raise AnonymousError("a renewal needs the device's present certificate in the TLS connection")
        with self._lock, _in_order():
            self._by_address.check(address, now_ms)
            try:
                name = self._proven(shown, now_ms)
                kid, _ = _examined(request, name)
            except (RequestError, NotAllowedError) as error:
                self._by_address.spend(address, now_ms)
                raise BadRequestError(str(error)) if isinstance(error, RequestError) else error from None
            self._by_name.check(name, now_ms)
            self._by_name.spend(name, now_ms)
            return self._issue(name, request, kid, now_ms)

    def _proven(self, shown: bytes, now_ms: int) -> str:
        """The device whose certificate this is, which may be a little past its end."""
        try:
            leaf = read(shown, "the certificate")
            within_ms = min(now_ms, leaf.not_after_ms)
            who = verify_chain([shown, self._issuing.der], self._roots, within_ms, role=names.DEVICE)
        except ChainError as error:
            raise NotAllowedError(str(error)[:300]) from None
        if now_ms > leaf.not_after_ms + self._policy.grace_days * DAY_MS:
            raise NotAllowedError(
                f"the certificate ended at {utc_text(leaf.not_after_ms)}, longer ago than the {self._policy.grace_days} days"
                " within which it may be renewed: enrol with a new claim"
            )
        record = self._authority.register.find(leaf.serial)
        if record is None or record.kid != leaf.kid:
            raise NotAllowedError("this certificate is not in the authority's register")
        if record.revoked_ms is not None:
            raise NotAllowedError(f"the certificate {leaf.serial:x} was revoked")
        return who.identity

    def _issue(self, name: str, request: bytes, kid: bytes, now_ms: int) -> bytes:
        register = self._authority.register
        if now_ms < register.latest_ms - AHEAD_MS:
            raise OutOfOrderError("the office's clock is behind what it issued last: set it right")
        with Inventory(self._inventory, create=False) as inventory:
            try:
                if inventory.get(name).state == REVOKED:
                    raise NotAllowedError(f"{name} is revoked: let it begin anew in the inventory")
                had = (one.serial for one in register.of_identity(name) if one.kid == kid and _is_fresh(one, now_ms))
                text = next((register.certificate(serial) for serial in had), None)
                if text is None:
                    asked = pem.encoded("CERTIFICATE REQUEST", request)
                    text = self._authority.issue_device(asked, name, now_ms, self._policy.days).chain_pem
                leaf = read_pem(text, "the certificate")[0]
                inventory.certified(name, leaf.serial, now_ms)
            except UnknownDeviceError:
                raise NotAllowedError(f"{name} is not in the inventory: plan it first") from None
            except (IssueError, StateError) as error:
                raise NotAllowedError(str(error)) from None
        return leaf.der


@contextmanager
def _in_order() -> Iterator[None]:
    """What is the office's own trouble is told as that."""
    try:
        yield
    except (AuthorityError, InventoryError, KeysError) as error:
        raise OutOfOrderError(str(error)) from None


def _examined(request: bytes, name: str) -> tuple[bytes, str]:
    """The key identifier of a request for ``name``, and the board's serial number in it. Raises RequestError."""
    text = pem.encoded("CERTIFICATE REQUEST", request)
    public = requested_key(text, name).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return p256.kid_of(public), serial_number_of(text)


def _is_fresh(record: Record, now_ms: int) -> bool:
    """Whether a certificate may be handed out again, for its answer was lost on the way: it holds, and not a third of its life is over."""
    third_ms = (record.not_after_ms - record.issued_ms) // 3
    return record.revoked_ms is None and record.issued_ms - AHEAD_MS <= now_ms < record.issued_ms + third_ms
