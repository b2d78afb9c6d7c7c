"""Whether a certificate chain proves a role and an identity: bytes in, a verified identity or a documented error out.

The path is the one shown (leaf first, each certificate issued by the next, the last by a trusted root); none is searched for. Every
certificate must be ECDSA P-256 with SHA-256 and be allowed to do what it is used for; the leaf must name exactly one role and identity.
Does no I/O and reads no clock. Imports x509: for the center, provisioning and ``dabyl agent check``, never for the running agent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.keys import names
from agent.keys.certificate import READ_ERRORS, Certificate, read, read_pem, utc_text
from agent.keys.credentials import MAX_CERTIFICATES
from agent.keys.errors import (
    ChainError,
    ChainExpiredError,
    ChainKeyTypeError,
    ChainNotYetValidError,
    ChainRevokedError,
    ChainRoleError,
    ChainTooLongError,
    ChainUntrustedError,
    ChainUsageError,
    RevocationListError,
)
from agent.keys.revocation import RevocationList

_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
_PURPOSE = {role: _SERVER if role in names.SERVERS else _CLIENT for role in names.ROLES}
_PURPOSE[names.EXPORTER] = names.DOCUMENT_SIGNING


@dataclass(frozen=True)
class VerifiedIdentity:
    """Who the chain proves its holder to be.

    ``not_after_ms`` (milliseconds since 1970 UTC) is the earliest end in the chain, root included.
    """

    role: str
    identity: str
    public_der: bytes
    kid: bytes
    not_after_ms: int


@dataclass(frozen=True)
class Path:
    """The certificates of a chain, leaf first, and the trusted root that issued the last of them (None if there is none)."""

    certificates: tuple[Certificate, ...]
    root: Certificate | None

    @property
    def with_root(self) -> tuple[Certificate, ...]:
        """All certificates, the root last."""
        return self.certificates if self.root is None else (*self.certificates, self.root)


def load_roots(text: str) -> tuple[Certificate, ...]:
    """The trusted roots of a PEM text, for `verify_chain`.

    Raises:
        ChainMalformedError: no certificate, or one that cannot be read.
    """
    return read_pem(text, "the trusted root")


def verify_chain(
    chain_ders: Sequence[bytes],
    roots: Sequence[Certificate],
    at_ms: int,
    crls: Sequence[RevocationList] = (),
    *,
    role: str | None = None,
    identity: str | None = None,
) -> VerifiedIdentity:
    """Verify a chain at a moment.

    Args:
        chain_ders: the certificates, leaf first; at most four. A root at the end is allowed and ignored, if it is a trusted one.
        roots: what is trusted; see `load_roots`.
        at_ms: the moment, milliseconds since 1970 UTC.
        crls: revocation lists; each counts for the authority that signed it.
        role: the role that is needed; None takes any.
        identity: the identity that is needed; None takes any.

    Raises:
        ChainError: one of its subclasses names the first reason to refuse.
        RevocationListError: a list that names an authority of this chain was not signed by it.
    """
    path = read_path(chain_ders, roots)
    for problem in problems(path, at_ms, crls, role=role, identity=identity):
        raise problem
    leaf = path.certificates[0]
    if leaf.role is None or leaf.identity is None:
        raise ChainRoleError("the certificate names no role")  # unreachable: `problems` has said so already
    return VerifiedIdentity(
        role=leaf.role,
        identity=leaf.identity,
        public_der=leaf.public_der,
        kid=leaf.kid,
        not_after_ms=min(certificate.not_after_ms for certificate in path.with_root),
    )


def read_path(chain_ders: Sequence[bytes], roots: Sequence[Certificate]) -> Path:
    """Read all certificates and find the root that issued the last one.

    Raises:
        ChainTooLongError: none, or more than four certificates.
        ChainMalformedError: one cannot be read.
    """
    if not 1 <= len(chain_ders) <= MAX_CERTIFICATES:
        raise ChainTooLongError(f"a chain has 1 to {MAX_CERTIFICATES} certificates, this has {len(chain_ders)}")
    certificates = [read(der, f"certificate {number} of the chain") for number, der in enumerate(chain_ders, 1)]
    if len(certificates) > 1 and any(certificates[-1].der == root.der for root in roots):
        certificates.pop()
    root = next((root for root in roots if _issued(certificates[-1], root)), None)
    return Path(tuple(certificates), root)


def problems(
    path: Path, at_ms: int, crls: Sequence[RevocationList], *, role: str | None, identity: str | None
) -> Iterator[ChainError | RevocationListError]:
    """All reasons to refuse the path, the weightiest first."""
    yield from _key_types(path)
    yield from _links(path)
    yield from _usages(path)
    yield from _validity(path, at_ms)
    yield from _revocations(path, crls)
    yield from _role(path.certificates[0], role, identity)


def age_warnings(path: Path, at_ms: int, crls: Sequence[RevocationList]) -> Iterator[str]:
    """A sentence for each revocation list of an authority of this path that is out of date."""
    for authority in path.with_root[1:]:
        for listed in crls:
            if listed.concerns(authority):
                warning = listed.age_warning(at_ms)
                if warning is not None:
                    yield warning


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    """True if the names match and the signature is right. Key identifiers, where both have one, must match too."""
    if not issuer.public_der or not certificate.ecdsa_sha256:
        return False
    ids = (certificate.authority_key_id, issuer.subject_key_id)
    if None not in ids and ids[0] != ids[1]:
        return False
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except (InvalidSignature, *READ_ERRORS):
        return False
    return True


def _key_types(path: Path) -> Iterator[ChainError]:
    for certificate in path.with_root:
        if not certificate.public_der:
            yield ChainKeyTypeError(f"{certificate.subject} holds a key that is not an uncompressed P-256 key")
    for certificate in path.certificates:
        if not certificate.ecdsa_sha256:
            yield ChainKeyTypeError(f"{certificate.subject} is not signed with ECDSA and SHA-256")


def _links(path: Path) -> Iterator[ChainError]:
    for lower, upper in zip(path.certificates, path.certificates[1:], strict=False):
        if not _issued(lower, upper):
            yield ChainUntrustedError(
                f"{lower.subject} was not issued by the next certificate, {upper.subject}: the chain must be in order, the leaf first"
            )
    if path.root is None:
        yield ChainUntrustedError(
            f"{path.certificates[-1].subject} was issued by no trusted root: send the issuing authority's certificate too, "
            "and check which root is trusted"
        )


def _usages(path: Path) -> Iterator[ChainError]:
    leaf, *authorities = path.with_root
    if leaf.ca or leaf.signs_certificates:
        yield ChainUsageError(
            f"{leaf.subject} is an authority's certificate and cannot stand for a {leaf.role or 'device'}"
        )
    if not leaf.signs_data:
        yield ChainUsageError(f"{leaf.subject} may not sign (key usage digitalSignature is missing)")
    purpose = _PURPOSE.get(leaf.role or "")
    if purpose is not None and (leaf.purposes is None or purpose not in leaf.purposes):
        yield ChainUsageError(f"{leaf.subject} lacks the extended key usage {purpose} of the role {leaf.role}")
    for below, authority in enumerate(authorities):
        if not authority.ca or not authority.constraints_critical:
            yield ChainUsageError(
                f"{authority.subject} is no authority (critical basic constraints with CA are missing)"
            )
        if not authority.signs_certificates:
            yield ChainUsageError(f"{authority.subject} may not issue certificates (key usage keyCertSign is missing)")
        if authority.path_length is not None and below > authority.path_length:
            yield ChainUsageError(
                f"{authority.subject} allows {authority.path_length} authorities below it, the chain has {below}"
            )
    for certificate in path.with_root:
        if certificate.obstacles:
            yield ChainUsageError(
                f"{certificate.subject} has extensions that must be obeyed but are unknown: {certificate.obstacles}"
            )


def _validity(path: Path, at_ms: int) -> Iterator[ChainError]:
    for certificate in path.with_root:
        if at_ms > certificate.not_after_ms:
            yield ChainExpiredError(
                f"{certificate.subject} expired on {utc_text(certificate.not_after_ms)} (it is {utc_text(at_ms)}): issue a new one"
            )
        if at_ms < certificate.not_before_ms:
            yield ChainNotYetValidError(
                f"{certificate.subject} is valid from {utc_text(certificate.not_before_ms)} (it is {utc_text(at_ms)}): check the clock"
            )


def _revocations(path: Path, crls: Sequence[RevocationList]) -> Iterator[ChainError | RevocationListError]:
    for certificate, authority in zip(path.with_root, path.with_root[1:], strict=False):
        for listed in crls:
            if not listed.concerns(authority):
                continue
            try:
                listed.check_signature(authority)
            except RevocationListError as error:
                yield error
                continue
            if certificate.serial in listed.serials:
                yield ChainRevokedError(
                    f"{certificate.subject} (serial {certificate.serial:x}) was revoked by {authority.subject}"
                )


def _role(leaf: Certificate, role: str | None, identity: str | None) -> Iterator[ChainError]:
    if leaf.role is None or leaf.identity is None:
        yield ChainRoleError(f"{leaf.subject} names no role: a SAN URI urn:dabyl:<role>:<identity> is needed")
        return
    if role is not None and leaf.role != role:
        yield ChainRoleError(f"{leaf.subject} is a {leaf.role}, a {role} is needed")
    if identity is not None and leaf.identity != identity:
        yield ChainRoleError(f"{leaf.subject} is {leaf.identity}, {identity} is needed")
    if leaf.common_names != (leaf.identity,):
        yield ChainRoleError(
            f"{leaf.subject}: the common name must be the identity {leaf.identity} of its SAN URI, and nothing else"
        )
