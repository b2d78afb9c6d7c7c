"""Certificate revocation lists (RFC 5280 section 5): read, matched with the authority that issued them, asked for serial numbers.

A list counts only if the authority's signature on it is right. A list past its ``nextUpdate`` still revokes what it names: it is old,
not wrong; whoever uses it is told. Pure: bytes in, values out. Imports x509; never in the agent.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from agent.keys import pem
from agent.keys.certificate import READ_ERRORS, Certificate, check_signature_ends, milliseconds, utc_text
from agent.keys.errors import RevocationListError

_TEXT_LIMIT = 8 * 1024 * 1024
_LISTS_LIMIT = 64
_UNDERSTOOD = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER})


@dataclass(frozen=True)
class RevocationList:
    """One list: ``serials`` that are revoked, ``number`` (RFC 5280 section 5.2.3) and its times in milliseconds since 1970 UTC."""

    parsed: x509.CertificateRevocationList
    issuer: x509.Name
    authority_key_id: bytes | None
    number: int | None
    this_update_ms: int
    next_update_ms: int | None
    serials: frozenset[int]

    def concerns(self, authority: Certificate) -> bool:
        """True if the list says that it comes from this authority (its name and, where both have one, its key identifier)."""
        if self.issuer != authority.parsed.subject:
            return False
        return (
            None in (self.authority_key_id, authority.subject_key_id)
            or self.authority_key_id == authority.subject_key_id
        )

    def check_signature(self, authority: Certificate) -> None:
        """Make sure that the list was signed by this authority, and that the authority may sign lists.

        Raises:
            RevocationListError: it was not, or may not.
        """
        if not authority.signs_lists:
            raise RevocationListError(
                f"{authority.subject} may not sign revocation lists (key usage cRLSign is missing)"
            )
        try:
            # The key is P-256: `authority` has passed the chain's key check.
            good = self.parsed.is_signature_valid(authority.parsed.public_key())  # type: ignore[arg-type] # checked by the chain
        except READ_ERRORS:
            good = False
        if not good:
            raise RevocationListError(
                f"the revocation list of {authority.subject} has a wrong signature: fetch it again from the authority"
            )

    def age_warning(self, at_ms: int) -> str | None:
        """A sentence if the list is past its next update at ``at_ms``, else None."""
        if self.next_update_ms is None or at_ms <= self.next_update_ms:
            return None
        return (
            f"the revocation list of {self.issuer.rfc4514_string()[:200]} should have been replaced by {utc_text(self.next_update_ms)}: "
            "newer revocations may be missing; make a new one with `dabyl authority crl`"
        )


def load_lists(text: str) -> tuple[RevocationList, ...]:
    """All revocation lists of a PEM text. An empty text gives none. Other kinds of blocks are refused.

    Raises:
        RevocationListError: longer than 8 MiB, not PEM, text without a list, more than 64 lists, or a list that is malformed, not signed
            with ECDSA and SHA-256, partial (delta or scoped), or has a critical extension that is not understood.
    """
    if len(text) > _TEXT_LIMIT:
        raise RevocationListError(f"the revocation lists are longer than {_TEXT_LIMIT} bytes")
    try:
        found = pem.blocks(text, _LISTS_LIMIT)
    except ValueError as error:
        raise RevocationListError(f"the revocation lists are not PEM: {error}") from None
    if not found and text.strip():  # what somebody took for a list must not pass for "nothing is revoked"
        raise RevocationListError("there is no revocation list in this text: PEM blocks of X509 CRL are expected")
    lists = []
    for number, (label, der) in enumerate(found, 1):
        if label != "X509 CRL":
            raise RevocationListError(f"block {number} is {label[:40]!r}, not a revocation list")
        try:
            lists.append(_read(der, number))
        except READ_ERRORS as error:
            raise RevocationListError(f"revocation list {number} cannot be read: {str(error)[:200]}") from None
    return tuple(lists)


def _read(der: bytes, which: int) -> RevocationList:
    parsed = x509.load_der_x509_crl(der)
    if parsed.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256 or not isinstance(
        parsed.signature_hash_algorithm, SHA256
    ):
        raise RevocationListError(f"revocation list {which} is not signed with ECDSA and SHA-256")
    check_signature_ends(der, parsed.signature)
    authority_key_id = number = None
    for extension in parsed.extensions:
        value = extension.value
        if isinstance(value, x509.AuthorityKeyIdentifier):
            authority_key_id = value.key_identifier
        elif isinstance(value, x509.CRLNumber):
            number = value.crl_number
        elif isinstance(value, x509.DeltaCRLIndicator | x509.IssuingDistributionPoint):
            raise RevocationListError(f"revocation list {which} is partial: use complete lists")
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise RevocationListError(
                f"revocation list {which} has a critical extension {extension.oid.dotted_string} that is unknown"
            )
    for entry in parsed:
        for extension in entry.extensions:
            if extension.critical:
                raise RevocationListError(f"revocation list {which} has an entry with a critical extension")
    return RevocationList(
        parsed=parsed,
        issuer=parsed.issuer,
        authority_key_id=authority_key_id,
        number=number,
        this_update_ms=milliseconds(parsed.last_update_utc),
        next_update_ms=milliseconds(parsed.next_update_utc) if parsed.next_update_utc else None,
        serials=frozenset(entry.serial_number for entry in parsed),
    )
