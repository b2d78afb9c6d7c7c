"""What the authority's certificates contain (RFC 5280 profile): root, issuing authority, and one profile for each role. Pure.

Keys, serial numbers and times are passed in. All is ECDSA P-256 with SHA-256. Leaves carry their role as a SAN URI and their identity
as the only common name; a certificate request decides nothing but the public key.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.keys.names import DOCUMENT_SIGNING, EXPORTER, SERVERS, role_uri
from provisioning.authority.errors import IssueError

# Certificates begin a little earlier, so that a device whose clock is slow accepts them at once.
BACKDATE_MS = 3_600_000
DAY_MS = 86_400_000
_HOSTNAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.*")


@dataclass(frozen=True)
class Validity:
    """A span of time, milliseconds since 1970 UTC; certificates keep whole seconds."""

    not_before_ms: int
    not_after_ms: int

    @classmethod
    def of_days(cls, now_ms: int, days: int) -> "Validity":
        """From a little before now until ``days`` days after now.

        Raises:
            IssueError: less than one day, or past the year 9999.
        """
        if not 1 <= days <= 36525:
            raise IssueError(f"a certificate is valid for 1 to 36525 days, not {days}")
        return cls(now_ms - BACKDATE_MS, now_ms + days * DAY_MS)


def moment(at_ms: int) -> datetime:
    """The aware moment, to the second.

    Raises:
        IssueError: outside of the years 1950 to 9999 that certificates can express.
    """
    try:
        found = datetime.fromtimestamp(at_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None or found.year < 1950:
        raise IssueError(f"{at_ms} ms is no date for a certificate: check the clock")
    return found


def authority_certificate(
    name: x509.Name,
    public_key: EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    serial: int,
    validity: Validity,
    path_length: int,
) -> x509.Certificate:
    """A root (issuer is itself, path length 1) or an issuing authority (path length 0)."""
    builder = _base(name, public_key, issuer, issuer_key, serial, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    return builder.sign(issuer_key, SHA256())


def leaf_certificate(
    role: str,
    identity: str,
    public_key: EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    serial: int,
    validity: Validity,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """A certificate for a role.

    Args:
        role: one of `agent.keys.names.ROLES`.
        identity: who it is.
        public_key: the key of the request.
        issuer: the issuing authority's name.
        issuer_key: its key.
        serial: positive, up to 159 bits.
        validity: from when until when.
        hosts: DNS names and IP addresses; servers need at least one, others have none.

    Raises:
        IssueError: hosts missing, not allowed or malformed.
        IdentityError: a role or identity that breaks the naming rules.
    """
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(role_uri(role, identity))]
    if role in SERVERS:
        if not hosts:
            raise IssueError(
                f"the certificate of a server ({role}) needs the DNS names or IP addresses under which devices reach it"
            )
        names.extend(_host(host) for host in hosts)
    elif hosts:
        raise IssueError(f"a {role} is a client and has no host names: leave them out")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if role in SERVERS else ExtendedKeyUsageOID.CLIENT_AUTH
    if role == EXPORTER:
        purpose = x509.ObjectIdentifier(DOCUMENT_SIGNING)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
    builder = _base(subject, public_key, issuer, issuer_key, serial, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, SHA256())


def revocation_list(
    revoked: Sequence[tuple[int, int]],
    issuer: x509.Certificate,
    issuer_key: EllipticCurvePrivateKey,
    number: int,
    now_ms: int,
    next_ms: int,
) -> x509.CertificateRevocationList:
    """A complete list of (serial, revoked at ms), signed by its authority (RFC 5280 section 5)."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(moment(now_ms)).next_update(moment(next_ms))
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    for serial, at_ms in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(at_ms)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer_key, SHA256())


def _base(
    subject: x509.Name,
    public_key: EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    serial: int,
    validity: Validity,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(moment(validity.not_before_ms))
        .not_valid_after(moment(validity.not_after_ms))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    well_formed = len(host) <= 253 and all(
        1 <= len(label) <= 63
        and label[0] != "-"
        and label[-1] != "-"
        and ("*" not in label or (at == 0 and label == "*"))
        for at, label in enumerate(labels)
    )
    if not well_formed or not _HOSTNAME.issuperset(host) or host == "*" or labels[-1].isdigit():
        raise IssueError(f"{host[:80]!r} is neither an IP address nor a DNS name in lower case")
    return x509.DNSName(host)
