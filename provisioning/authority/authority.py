"""The certificate authority: a root, an issuing authority below it, certificates for keys that devices made, and revocation.

All state is in one directory (mode 0700). What was issued or revoked is in the audit log, on the disk, before a certificate or a list is
handed out; two processes at once cannot disturb each other. The root's key is used only by `Authority.create` and may be kept
elsewhere afterwards. Device keys are never made here and never seen. Clock and directory are passed in.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from agent.keys import names, p256
from agent.keys.certificate import Certificate, milliseconds, read_pem
from agent.keys.errors import ChainMalformedError, IdentityError
from agent.keys.hsm import Pkcs11Key
from provisioning.authority import profiles, state_files
from provisioning.authority.audit import AuditLog
from provisioning.authority.errors import (
    AuthorityStateError,
    IssueError,
    KeyRevokedError,
    KeyTakenError,
    NameTakenError,
    PassphraseError,
    UnknownSerialError,
    ValidityError,
)
from provisioning.authority.register import Record, Register
from provisioning.authority.requests import requested_key
from provisioning.authority.token import TokenKey

ROOT_DAYS = 25 * 365
ISSUING_DAYS = 20 * 365
LEAF_DAYS = 5 * 365
_ISSUING_URI = "issuing.uri"
_NAME_MAX = 48
_SERIAL_BITS = 127
_CERTIFICATE_LIMIT = 8192
_LIST_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Issued:
    """A certificate as it is handed out. ``chain_pem`` is the leaf and the issuing authority; the root is not part of it."""

    serial: int
    role: str
    identity: str
    kid: bytes
    not_after_ms: int
    chain_pem: str


class Authority:
    """An opened authority. Make one with `create` or `open`."""

    def __init__(
        self, directory: Path, issuing_key: EllipticCurvePrivateKey, issuing: Certificate, root: Certificate
    ) -> None:
        self._directory = directory
        self._key = issuing_key
        self._issuing = issuing
        self._root = root
        self.register = Register(directory)
        """What was issued and revoked; see `register`."""

    @classmethod
    def create(
        cls, directory: Path, name: str, now_ms: int, *, passphrase: str | None = None, token: str | None = None
    ) -> Self:
        """Make a new authority.

        Args:
            directory: a new or empty directory.
            name: what people call it; the certificates' common names are ``<name> root`` and ``<name> issuing``.
            now_ms: milliseconds since 1970 UTC.
            passphrase: protects the private keys that are in files, or None.
            token: PKCS#11 URI; the issuing key is made in this token. None: in a file.

        Raises:
            AuthorityStateError: the directory is not empty or cannot be written.
            IssueError: the name is empty, longer than 48 characters or not printable.
            KeysError: the token makes no key.
        """
        if not is_name(name):
            raise IssueError(f"an authority's name has 1 to {_NAME_MAX} printable characters")
        validity = profiles.Validity.of_days(now_ms, ROOT_DAYS)
        root_name, issuing_name = _named(f"{name} root"), _named(f"{name} issuing")
        root_key = generate_private_key(SECP256R1())
        state_files.make_directory(directory)
        issuing_key: EllipticCurvePrivateKey
        if token is None:
            issuing_key = generate_private_key(SECP256R1())
            state_files.save_key(directory / "issuing.key", issuing_key, passphrase)
        else:
            issuing_key = TokenKey(Pkcs11Key.generate(token))
            state_files.replace_public(directory / _ISSUING_URI, token.encode("ascii") + b"\n")
        root = profiles.authority_certificate(
            root_name, root_key.public_key(), root_name, root_key, _serial(), validity, 1
        )
        issuing = profiles.authority_certificate(
            issuing_name,
            issuing_key.public_key(),
            root_name,
            root_key,
            _serial(),
            profiles.Validity.of_days(now_ms, ISSUING_DAYS),
            0,
        )
        state_files.save_key(directory / "root.key", root_key, passphrase)
        state_files.replace_public(directory / "root.pem", root.public_bytes(Encoding.PEM))
        state_files.replace_public(directory / "issuing.pem", issuing.public_bytes(Encoding.PEM))
        with Register(directory).locked(create=True) as log:
            log.append(
                {
                    "action": "created",
                    "at_ms": now_ms,
                    "name": name,
                    "serials": [f"{root.serial_number:x}", f"{issuing.serial_number:x}"],
                }
            )
        authority = cls.open(directory, passphrase=None if token else passphrase)
        authority.crl_pem(now_ms)
        return authority

    @classmethod
    def open(cls, directory: Path, *, passphrase: str | None = None) -> Self:
        """Open an authority. The root's private key is not needed.

        Raises:
            AuthorityStateError: files are missing, damaged, open to others, or do not belong together.
            PassphraseError: the passphrase is wrong, missing or superfluous.
            KeysError: the token with the issuing key cannot be used.
        """
        root = _certificate(directory / "root.pem")
        issuing = _certificate(directory / "issuing.pem")
        key = _issuing_key(directory, passphrase)
        if key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != issuing.public_der:
            raise AuthorityStateError(
                f"{directory}: the issuing key does not belong to issuing.pem: restore both from the same backup"
            )
        return cls(directory, key, issuing, root)

    @property
    def root_pem(self) -> str:
        """The root's certificate: what devices, brokers and consumers trust."""
        return self._root.parsed.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def issuing_pem(self) -> str:
        """The issuing authority's certificate: the second one of each chain."""
        return self._issuing.parsed.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def current_list(self) -> str:
        """The revocation list that was written last, PEM.

        Raises:
            AuthorityStateError: it cannot be read.
        """
        return state_files.read_public(self._directory / "crl.pem", _LIST_LIMIT)

    def issue_device(self, csr_pem: str, device_id: str, now_ms: int, days: int = LEAF_DAYS) -> Issued:
        """A device's certificate: TLS client, signs events. Raises as `issue`."""
        return self.issue(names.DEVICE, csr_pem, device_id, now_ms, days)

    def issue(
        self, role: str, csr_pem: str, identity: str, now_ms: int, days: int, *, hosts: Sequence[str] = ()
    ) -> Issued:
        """A certificate of a role for the key that signed the request.

        Raises:
            RequestError: the request is malformed, not signed by its key, not P-256, or for another identity.
            IssueError: a name or validity that is not allowed, a key that has another role or identity, or was
                revoked, or an identity that has another role.
            AuthorityStateError: the audit log cannot be written; nothing was issued.
        """
        try:
            names.role_uri(role, identity)
        except IdentityError as error:
            raise IssueError(str(error)) from None
        public_key = requested_key(csr_pem, identity)
        validity = profiles.Validity.of_days(now_ms, days)
        if validity.not_after_ms > self._issuing.not_after_ms or now_ms < self._issuing.not_before_ms:
            raise ValidityError(
                "the certificate would be valid when its authority is not: ask for fewer days, or check the clock"
            )
        leaf = profiles.leaf_certificate(
            role, identity, public_key, self._issuing.parsed.subject, self._key, _serial(), validity, hosts
        )
        pem = leaf.public_bytes(Encoding.PEM).decode("ascii")
        kid = p256.kid_of(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        not_after_ms = milliseconds(leaf.not_valid_after_utc)
        with self.register.locked() as log:
            self._refuse_foreign(kid, role, identity)
            log.append(
                {
                    "action": "issued",
                    "at_ms": now_ms,
                    "serial": f"{leaf.serial_number:x}",
                    "role": role,
                    "identity": identity,
                    "hosts": list(hosts),
                    "kid": kid.hex(),
                    "not_after_ms": not_after_ms,
                    "certificate": pem,
                }
            )
        return Issued(leaf.serial_number, role, identity, kid, not_after_ms, pem + self.issuing_pem)

    def issued(self) -> list[Record]:
        """All certificates ever issued, oldest first.

        Raises:
            AuthorityStateError: the audit log is missing or damaged.
        """
        return self.register.records()

    def revoke(self, serial: int, now_ms: int) -> str:
        """Revoke a certificate and write a new list; the list's PEM is returned. Revoking twice changes nothing but the list's number.

        Raises:
            UnknownSerialError: this authority did not issue it.
            AuthorityStateError: the audit log or the list cannot be written.
        """
        with self.register.locked() as log:
            record = self.register.held(serial)
            if record is None:
                raise UnknownSerialError(
                    f"no certificate with serial {serial:x} was issued here: see audit.jsonl for those that were"
                )
            revoked = self.register.revoked()
            if record.revoked_ms is None:
                profiles.moment(now_ms)
                revoked.append((serial, now_ms))
                log.append(
                    {
                        "action": "revoked",
                        "at_ms": now_ms,
                        "serial": f"{serial:x}",
                        "role": record.role,
                        "identity": record.identity,
                    }
                )
            return self._write_list(log, revoked, now_ms)

    def crl_pem(self, now_ms: int) -> str:
        """A new revocation list, also written to ``crl.pem`` in one step. It is valid as long as its authority (see docs/keys.md).

        Raises:
            AuthorityStateError: the audit log or the list cannot be written.
            IssueError: ``now_ms`` is outside of the authority's own validity.
        """
        with self.register.locked() as log:
            return self._write_list(log, self.register.revoked(), now_ms)

    def _write_list(self, log: AuditLog, revoked: Sequence[tuple[int, int]], now_ms: int) -> str:
        if not self._issuing.not_before_ms <= now_ms < self._issuing.not_after_ms:
            raise ValidityError("a revocation list cannot be made when its authority is not valid: check the clock")
        number = 1 + self.register.lists
        listed = profiles.revocation_list(
            revoked, self._issuing.parsed, self._key, number, now_ms, self._issuing.not_after_ms
        )
        pem = listed.public_bytes(Encoding.PEM)
        log.append({"action": "crl", "at_ms": now_ms, "number": number, "revoked": len(revoked)})
        state_files.replace_public(self._directory / "crl.pem", pem)
        return pem.decode("ascii")

    def _refuse_foreign(self, kid: bytes, role: str, identity: str) -> None:
        """One key, one role, one identity: otherwise a device's key could sign receipts. A revoked key stays revoked.

        And one identity, one role: brokers know a client by its name alone, and would give a device the rights of a center.
        """
        if kid in (self._issuing.kid, self._root.kid):
            raise IssueError("the request was signed with the authority's own key: make a key on the device")
        for record in self.register.select("kid = ? OR identity = ?", kid, identity):
            if record.kid == kid:
                if (record.role, record.identity) != (role, identity):
                    raise KeyTakenError(
                        f"this key belongs to the {record.role} {record.identity} already: make a new key on the device",
                        owner=record.identity,
                    )
                if record.revoked_ms is not None:
                    raise KeyRevokedError(
                        f"this key's certificate {record.serial:x} was revoked: make a new key on the device",
                        owner=record.identity,
                    )
            elif record.role != role:
                raise NameTakenError(
                    f"{identity} is the name of a {record.role} already: choose another",
                    name=identity,
                    role=record.role,
                )


def is_name(text: str) -> bool:
    """Whether an authority may be called so."""
    return bool(text.strip()) and len(text) <= _NAME_MAX and text.isprintable()


def _issuing_key(directory: Path, passphrase: str | None) -> EllipticCurvePrivateKey:
    if not (directory / _ISSUING_URI).exists():
        return state_files.load_key(directory / "issuing.key", passphrase)
    if passphrase is not None:
        raise PassphraseError(
            "the issuing key is in a token, whose PIN is in a file of its own: leave out --passphrase-file"
        )
    return TokenKey(Pkcs11Key(state_files.read_public(directory / _ISSUING_URI, _CERTIFICATE_LIMIT).strip()))


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _serial() -> int:
    """A positive serial number of 127 random bits (RFC 5280 section 4.1.2.2 allows 20 bytes; at least 64 bits must be random)."""
    return secrets.randbits(_SERIAL_BITS) | 1 << (_SERIAL_BITS - 1)


def _certificate(path: Path) -> Certificate:
    text = state_files.read_public(path, _CERTIFICATE_LIMIT)
    try:
        found = read_pem(text, str(path))
    except ChainMalformedError as error:
        raise AuthorityStateError(f"{error}: restore the authority's directory from its backup") from None
    if len(found) != 1:
        raise AuthorityStateError(f"{path} must hold one certificate, it holds {len(found)}")
    return found[0]
