# ruff: noqa: INP001, E501  a script's module beside its output; one case a line
"""Certificate chains as presences show them: which prove a device's key at a moment, and why the others do not.

Built by hand, not by the authority of this project: most of these certificates are ones that it never issues.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from good_messages import AT, BADGE, BEAT, CONTEXT_OF, DESK, DEVICE, SOS, STRANGER, Case, TestKey

from agent.wire import cbor, cose, topics

ROOT_KEY = TestKey("root authority")
ISSUING_KEY = TestKey("issuing authority")
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
REVOKED_SERIAL = 66
Extension = tuple[x509.ExtensionType, bool]


@dataclass
class Made:
    """What goes into a certificate; the defaults are those of a good one of the SOS button."""

    name: str = DEVICE
    uri: str | None = f"urn:dabyl:device:{DEVICE}"
    key: TestKey = SOS
    issuer: str = "Test issuing authority"
    issuer_key: TestKey = ISSUING_KEY
    serial: int = 65
    begins_ms: int = AT - DAY_MS
    ends_ms: int = AT + YEAR_MS
    ca: bool = False
    path_length: int | None = None
    signs_data: bool = True
    signs_certificates: bool = False
    purposes: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    more: Sequence[Extension] = field(default_factory=list)
    curve: ec.EllipticCurve = field(default_factory=ec.SECP256R1)

    def der(self) -> bytes:
        """The certificate."""
        public = private_key(self.key, self.curve).public_key()
        builder = x509.CertificateBuilder().subject_name(_name(self.name)).issuer_name(_name(self.issuer))
        builder = builder.public_key(public).serial_number(self.serial)
        builder = builder.not_valid_before(_moment(self.begins_ms)).not_valid_after(_moment(self.ends_ms))
        for extension, critical in self._extensions(public):
            builder = builder.add_extension(extension, critical=critical)
        made = builder.sign(private_key(self.issuer_key), SHA256(), ecdsa_deterministic=True)
        return made.public_bytes(Encoding.DER)

    def _extensions(self, public: ec.EllipticCurvePublicKey) -> list[Extension]:
        issuer = private_key(self.issuer_key).public_key()
        found: list[Extension] = [
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False),
            (x509.BasicConstraints(ca=self.ca, path_length=self.path_length), True),
            (_usage(self.signs_data, self.signs_certificates), True),
        ]
        if self.purposes:
            found.append((x509.ExtendedKeyUsage(self.purposes), False))
        if self.uri is not None:
            found.append((x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.uri)]), False))
        return [*found, *self.more]


def private_key(key: TestKey, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """The private half of a test key, on any curve."""
    return ec.derive_private_key(key.scalar, curve or ec.SECP256R1())


def authority(name: str, key: TestKey, issuer: str, issuer_key: TestKey, **other: object) -> bytes:
    """An authority's certificate."""
    facts: dict[str, object] = {
        "serial": 2,
        "ca": True,
        "path_length": 0,
        "signs_data": False,
        "signs_certificates": True,
        "purposes": (),
        "uri": None,
    }
    return Made(name=name, key=key, issuer=issuer, issuer_key=issuer_key, **{**facts, **other}).der()  # type: ignore[arg-type]


def root(**other: object) -> bytes:
    """The trusted root."""
    name = "Test root"
    return authority(
        name, ROOT_KEY, name, ROOT_KEY, **{"serial": 1, "path_length": 1, "ends_ms": AT + 10 * YEAR_MS, **other}
    )


def issuing(issuer_key: TestKey = ROOT_KEY, **other: object) -> bytes:
    """The issuing authority below it."""
    return authority(
        "Test issuing authority", ISSUING_KEY, "Test root", issuer_key, **{"ends_ms": AT + 5 * YEAR_MS, **other}
    )


def revocation_list(serials: Sequence[int], key: TestKey = ISSUING_KEY, ends_ms: int = AT + 7 * DAY_MS) -> bytes:
    """A list of the issuing authority, signed with a key."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name("Test issuing authority"))
    builder = builder.last_update(_moment(AT - DAY_MS)).next_update(_moment(ends_ms))
    builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(AT - DAY_MS))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(private_key(key), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def certificate_cases() -> Case:
    """The root, the list, and presences of the SOS button that show a chain."""
    whole = [Made().der(), issuing()]
    named = DEVICE + " is "
    return {
        "root": root().hex(),
        "crl": revocation_list([REVOKED_SERIAL]).hex(),
        "accepted": [
            _case("a device's certificate and its issuer's", whole),
            _case("the root too", [*whole, root()]),
            _case("at the last moment", whole, at_ms=AT + YEAR_MS),
            _case("at the first moment", whole, at_ms=AT - DAY_MS),
            _case("no list is there", whole, crl=b""),
            _case("a list past its next update names others", whole, crl=revocation_list([REVOKED_SERIAL], ends_ms=AT - 1000)),
            _case("an unknown extension that is not critical", [_more(critical=False), issuing()]),
        ],
        "refused": [
            _case("the issuer's certificate is left out", whole[:1], "untrusted"),
            _case("in the wrong order", whole[::-1], "untrusted"),
            _case("an issuer of the same name under another root", [Made(issuer_key=STRANGER).der(), authority("Test issuing authority", STRANGER, "Test root", DESK)], "untrusted"),
            _case("a root of its own", [*whole[:1], issuing(issuer_key=STRANGER), authority("Test root", STRANGER, "Test root", STRANGER, path_length=1)], "untrusted"),
            _case("one bit of the certificate is another", [_spoilt(whole[0]), whole[1]], "untrusted"),
            _case("the issuer is no authority", [Made().der(), issuing(ca=False, path_length=None)], "untrusted"),
            _case("the issuer may not sign certificates", [Made().der(), issuing(signs_certificates=False)], "untrusted"),
            _case("an authority below one that allows none", [Made(issuer="Test third", issuer_key=DESK).der(), authority("Test third", DESK, "Test issuing authority", ISSUING_KEY), issuing()], "untrusted"),
            _case("an authority's certificate as a device's", [Made(ca=True, path_length=0).der(), issuing()], "untrusted"),
            _case("it may not sign", [Made(signs_data=False).der(), issuing()], "untrusted"),
            _case("it is for servers", [Made(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)).der(), issuing()], "untrusted"),
            _case("it is for nothing said", [Made(purposes=()).der(), issuing()], "untrusted"),
            _case("an unknown extension that is critical", [_more(critical=True), issuing()], "untrusted"),
            _case("a key on P-384", [Made(curve=ec.SECP384R1()).der(), issuing()], "untrusted"),
            _case("expired", whole, "expired", at_ms=AT + YEAR_MS + 1000),
            _case("not valid yet", whole, "expired", at_ms=AT - DAY_MS - 1000),
            _case("the issuer expired", [Made(ends_ms=AT + 9 * YEAR_MS).der(), issuing()], "expired", at_ms=AT + 6 * YEAR_MS),
            _case("revoked", [Made(serial=REVOKED_SERIAL).der(), issuing()], "revoked"),
            _case("revoked by a list past its next update", [Made(serial=REVOKED_SERIAL).der(), issuing()], "revoked", crl=revocation_list([REVOKED_SERIAL], ends_ms=AT - 1000)),
            _case("the list was signed by somebody else", whole, "untrusted", crl=revocation_list([], key=STRANGER)),
            _case(named + "a center", [Made(uri=f"urn:dabyl:center:{DEVICE}").der(), issuing()], "role"),
            _case(named + "nobody", [Made(uri=None).der(), issuing()], "role"),
            _case(named + "a device, and its name is another", [Made(name="sos-0002").der(), issuing()], "role"),
            _case("another device's, which signs in its own name", [Made(name="badge-0002", uri="urn:dabyl:device:badge-0002", key=BADGE).der(), issuing()], "misaddressed", key=BADGE),
            _case("another device's, and this one's kid", [Made(name="badge-0002", uri="urn:dabyl:device:badge-0002", key=BADGE).der(), issuing()], "unknown-key"),
            _case("another device's, and a third one's signature", whole, "forged", key=SOS, signer=BADGE),
            _case("an array of one certificate", whole[:1], "malformed", form=[whole[0]]),
            _case("an array of five", [], "malformed", form=[b""] * 5),
            _case("text", [], "malformed", form="certificate"),
        ],
    }  # fmt: skip


def _case(
    name: str,
    shown: Sequence[bytes],
    reason: str = "",
    *,
    at_ms: int = AT,
    crl: bytes | None = None,
    key: TestKey = SOS,
    signer: TestKey | None = None,
    form: object = None,
) -> Case:
    chain = form if form is not None else cose.x5chain(list(shown))[cose.X5CHAIN]
    protected = cbor.dumps({cose.ALG: cose.ESP256, cose.KID: key.kid})
    payload = BEAT.encode()
    signature = (signer or key).sign(cose.to_be_signed(protected, CONTEXT_OF["presence"], payload))
    parts = [cbor.dumps(protected), cbor.dumps({cose.X5CHAIN: chain}), cbor.dumps(payload), cbor.dumps(signature)]
    made: Case = {"name": name, "at_ms": at_ms, "topic": topics.topic(DEVICE, "presence")}
    if crl is not None:
        made["crl"] = crl.hex()
    made["message"] = (b"\xd2\x84" + b"".join(parts)).hex()
    if reason:
        made["reason"] = reason
    return made


def _more(*, critical: bool) -> bytes:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return Made(more=[(unknown, critical)]).der()


def _spoilt(der: bytes) -> bytes:
    """Another serial number, the signature as it was."""
    return der.replace(b"\x02\x01\x41", b"\x02\x01\x43", 1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _usage(signs_data: bool, signs_certificates: bool) -> x509.KeyUsage:
    names = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    none = cast("dict[str, bool]", dict.fromkeys(names, False))
    return x509.KeyUsage(
        digital_signature=signs_data, key_cert_sign=signs_certificates, crl_sign=signs_certificates, **none
    )
