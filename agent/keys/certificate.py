"""One certificate, read once and completely: what Dabyl's profile needs from it, as a frozen value. Imports x509; never in the agent.

Reading is eager, so that every way in which hostile bytes can break ends here, in `ChainMalformedError`. Whether the contents are
acceptable is decided in `chain`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from agent.keys import p256
from agent.keys.credentials import MAX_CERTIFICATE_SIZE
from agent.keys.errors import ChainMalformedError, IdentityError
from agent.keys.names import URN, parse_role_uri

# What cryptography raises for certificates that are broken somewhere inside; a Warning counts where warnings are made errors.
READ_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    Warning,
)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC of an aware moment."""
    return round(moment.timestamp() * 1000)


def utc_text(at_ms: int) -> str:
    """A moment for people, in UTC, to the second; its number if it lies outside of the calendar."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def check_signature_ends(der: bytes, signature: bytes) -> None:
    """Make sure that a signed structure ends in its ECDSA signature as a BIT STRING without unused bits.

    The number of unused bits is not covered by the signature, and is not looked at by whoever verifies it; without this check one
    certificate would have several encodings.

    Raises:
        ValueError: it ends otherwise.
    """
    if not der.endswith(bytes((3, (len(signature) + 1) & 0xFF, 0)) + signature):
        raise ValueError("the signature is not a BIT STRING of whole bytes")


@dataclass(frozen=True)
class Certificate:
    """The facts of one certificate.

    ``public_der`` is empty if the key is not an uncompressed P-256 point. ``ca`` and ``path_length`` come from BasicConstraints,
    ``signs_*`` from KeyUsage (all False without it), ``purposes`` are the dotted OIDs of ExtendedKeyUsage, None without it. ``role``
    and ``identity`` come from the SAN URI, None if there is none; ``common_names`` are all CNs. ``obstacles`` names critical
    extensions that nobody here understands, and NameConstraints even if not critical.
    """

    der: bytes
    parsed: x509.Certificate
    subject: str
    serial: int
    not_before_ms: int
    not_after_ms: int
    public_der: bytes
    ecdsa_sha256: bool
    constraints_critical: bool
    ca: bool
    path_length: int | None
    signs_certificates: bool
    signs_lists: bool
    signs_data: bool
    purposes: frozenset[str] | None
    role: str | None
    identity: str | None
    common_names: tuple[str, ...]
    subject_key_id: bytes | None
    authority_key_id: bytes | None
    obstacles: tuple[str, ...]

    @property
    def kid(self) -> bytes:
        """The key identifier of the wire contract, 8 bytes."""
        return p256.kid_of(self.public_der)


def read(der: bytes, which: str) -> Certificate:
    """Read one certificate.

    Args:
        der: the certificate.
        which: which one it is, for messages ("certificate 1").

    Raises:
        ChainMalformedError: too long, not DER, not X.509 version 3, broken inside, or two role URIs.
    """
    if len(der) > MAX_CERTIFICATE_SIZE:
        raise ChainMalformedError(f"{which} has {len(der)} bytes, more than {MAX_CERTIFICATE_SIZE}")
    try:
        return _facts(x509.load_der_x509_certificate(bytes(der)), which)
    except READ_ERRORS as error:
        raise ChainMalformedError(f"{which} cannot be read: {str(error)[:200] or type(error).__name__}") from None


def read_pem(text: str, which: str) -> tuple[Certificate, ...]:
    """All certificates of a PEM text.

    Raises:
        ChainMalformedError: none, or one that cannot be read.
    """
    try:
        parsed = x509.load_pem_x509_certificates(text.encode("ascii"))
        return tuple(_facts(certificate, which) for certificate in parsed)
    except READ_ERRORS as error:
        raise ChainMalformedError(f"{which} cannot be read: {str(error)[:200] or type(error).__name__}") from None


def _facts(parsed: x509.Certificate, which: str) -> Certificate:
    if parsed.version != x509.Version.v3:
        raise ChainMalformedError(f"{which} is not X.509 version 3")
    if parsed.serial_number <= 0:
        raise ChainMalformedError(f"{which} has no positive serial number")
    der = parsed.public_bytes(Encoding.DER)
    ecdsa_sha256 = parsed.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
    if ecdsa_sha256:
        check_signature_ends(der, parsed.signature)
    extensions = parsed.extensions
    constraints = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    names = _extension(extensions, x509.SubjectAlternativeName)
    own_id = _extension(extensions, x509.SubjectKeyIdentifier)
    issuer_id = _extension(extensions, x509.AuthorityKeyIdentifier)
    role, identity = _role(names.value.get_values_for_type(x509.UniformResourceIdentifier) if names else (), which)
    return Certificate(
        der=der,
        parsed=parsed,
        subject=parsed.subject.rfc4514_string()[:200],
        serial=parsed.serial_number,
        not_before_ms=milliseconds(parsed.not_valid_before_utc),
        not_after_ms=milliseconds(parsed.not_valid_after_utc),
        public_der=_p256(parsed),
        ecdsa_sha256=ecdsa_sha256,
        constraints_critical=bool(constraints and constraints.critical),
        ca=bool(constraints and constraints.value.ca),
        path_length=constraints.value.path_length if constraints else None,
        signs_certificates=bool(usage and usage.value.key_cert_sign),
        signs_lists=bool(usage and usage.value.crl_sign),
        signs_data=bool(usage and usage.value.digital_signature),
        purposes=frozenset(oid.dotted_string for oid in purposes.value) if purposes else None,
        role=role,
        identity=identity,
        common_names=tuple(
            str(attribute.value) for attribute in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ),
        subject_key_id=own_id.value.digest if own_id else None,
        authority_key_id=issuer_id.value.key_identifier if issuer_id else None,
        obstacles=tuple(
            extension.oid.dotted_string
            for extension in extensions
            if extension.oid == ExtensionOID.NAME_CONSTRAINTS
            or (extension.critical and extension.oid not in _UNDERSTOOD)
        ),
    )


def _extension(extensions: x509.Extensions, kind: type[_Kind]) -> "x509.Extension[_Kind] | None":
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _p256(parsed: x509.Certificate) -> bytes:
    key = parsed.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        return b""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # A compressed point is re-encoded above; the certificate itself would then give another key identifier.
    return spki if spki in parsed.tbs_certificate_bytes else b""


def _role(uris: Iterable[str], which: str) -> tuple[str | None, str | None]:
    ours = [uri for uri in uris if uri.startswith(URN)]
    if not ours:
        return None, None
    if len(ours) > 1:
        raise ChainMalformedError(f"{which} names several roles: {', '.join(ours)[:200]}")
    try:
        return parse_role_uri(ours[0])
    except IdentityError as error:
        raise ChainMalformedError(f"{which}: {error}") from None
