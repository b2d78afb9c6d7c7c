"""A device's certificate from the authority: one for the key that it has, and none for keys that it has not."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.keys import names, p256, pem
from provisioning.authority.authority import LEAF_DAYS, Authority
from provisioning.authority.register import Record
from provisioning.errors import CableError, SetupError

AHEAD_MS = 120_000
"""So far the register may be ahead of the laptop's clock."""


def check_clock(authority: Authority, now_ms: int) -> None:
    """Make sure that the laptop's clock has not gone back behind what the register knows.

    Raises:
        SetupError: it has.
        AuthorityStateError: the register cannot be read.
    """
    behind_ms = authority.register.latest_ms - now_ms
    if behind_ms > AHEAD_MS:
        raise SetupError("clock-back", minutes=behind_ms // 60_000)


def request_of(said: str, name: str) -> tuple[str, bytes]:
    """A board's request as PEM, and its key's identifier.

    Raises:
        CableError: what the board said is no request.
    """
    try:
        der = bytes.fromhex(said.strip())
        request = x509.load_der_x509_csr(der)
        public = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        raise CableError("board-request", device=name) from None
    return pem.encoded("CERTIFICATE REQUEST", der), p256.kid_of(public)


def certificate_for(
    authority: Authority, request: str, kid: bytes, name: str, now_ms: int, *, role: str = names.DEVICE
) -> tuple[int, str]:
    """The serial number and the chain (PEM) of a key's certificate: the one it has, else a new one.

    Raises:
        AuthorityError: the authority refuses, or its register cannot be read or written.
    """
    good = [record.serial for record in _good(authority, name, now_ms, role) if record.kid == kid]
    if good and (held := authority.register.certificate(good[-1])) is not None:
        return good[-1], held + authority.issuing_pem
    issued = authority.issue(role, request, name, now_ms, LEAF_DAYS)
    return issued.serial, issued.chain_pem


def revoke_others(authority: Authority, name: str, kid: bytes, now_ms: int) -> int:
    """Revoke what was issued to the device's name for keys that it has not any more; how many that were.

    Raises:
        AuthorityError: the register or the list cannot be written.
    """
    others = [record.serial for record in _good(authority, name, now_ms, names.DEVICE) if record.kid != kid]
    for serial in others:
        authority.revoke(serial, now_ms)
    return len(others)


def _good(authority: Authority, name: str, now_ms: int, role: str) -> list[Record]:
    return [
        record
        for record in authority.register.of_identity(name)
        if (record.role, record.revoked_ms) == (role, None) and record.not_after_ms > now_ms
    ]
