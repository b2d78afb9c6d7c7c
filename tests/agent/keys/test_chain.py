"""Chains: the good one proves a role and an identity, each bad one is refused for the documented reason."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from agent.keys import errors, pem
from agent.keys.certificate import Certificate, read
from agent.keys.chain import VerifiedIdentity, load_roots, verify_chain
from agent.keys.file import FileKey
from agent.keys.inspect import examine
from agent.keys.request import certificate_request
from agent.keys.revocation import RevocationList, load_lists
from provisioning.authority.authority import Authority

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
_NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)

Issue = Callable[..., list[bytes]]
Roots = tuple[Certificate, ...]


def usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names.split()})


class Forge:
    """Builds certificates that the real authority would never issue."""

    def __init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.make("forge root", self.root_key, None, self.root_key, self.authority())

    @property
    def roots(self) -> Roots:
        return (read(self.root.public_bytes(Encoding.DER), "root"),)

    def authority(self, path_length: int | None = None) -> list[tuple[x509.ExtensionType, bool]]:
        return [
            (x509.BasicConstraints(ca=True, path_length=path_length), True),
            (usage(key_cert_sign=True, crl_sign=True), True),
        ]

    def leaf(self, *uris: str, **on: bool) -> list[tuple[x509.ExtensionType, bool]]:
        named = [x509.UniformResourceIdentifier(uri) for uri in uris or ("urn:dabyl:device:pillar-017",)]
        return [
            (usage(**(on or {"digital_signature": True})), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (x509.SubjectAlternativeName(named), False),
        ]

    def make(
        self,
        name: str,
        key: Any,
        issuer: x509.Certificate | None,
        issuer_key: Any,
        extensions: list[tuple[x509.ExtensionType, bool]],
        digest: Any = None,
        issuer_name: x509.Name | None = None,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, part) for part in name.split("+")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer_name or (issuer.subject if issuer else subject))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - timedelta(days=1))
            .not_valid_after(_NOW + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(issuer_key, digest or hashes.SHA256())

    def direct(
        self, extensions: list[tuple[x509.ExtensionType, bool]], name: str = "pillar-017", **more: Any
    ) -> list[bytes]:
        """A chain of one certificate, issued by the root."""
        key = more.pop("key", None) or ec.generate_private_key(ec.SECP256R1())
        return [self.make(name, key, self.root, self.root_key, extensions, **more).public_bytes(Encoding.DER)]

    def through(self, *authorities: list[tuple[x509.ExtensionType, bool]], leaf_key: Any = None) -> list[bytes]:
        """A chain through authorities with these extensions, the root's side first."""
        chain: list[bytes] = []
        issuer, issuer_key = self.root, self.root_key
        for number, extensions in enumerate(authorities):
            key = ec.generate_private_key(ec.SECP256R1())
            issuer, issuer_key = self.make(f"middle {number}", key, issuer, issuer_key, extensions), key
            chain.insert(0, issuer.public_bytes(Encoding.DER))
        leaf_key = leaf_key or ec.generate_private_key(ec.SECP256R1())
        leaf = self.make("pillar-017", leaf_key, issuer, issuer_key, self.leaf())
        return [leaf.public_bytes(Encoding.DER), *chain]


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


def lists(authority: Authority, now_ms: int = NOW_MS) -> tuple[RevocationList, ...]:
    return load_lists(authority.crl_pem(now_ms))


@pytest.mark.parametrize(
    ("role", "hosts"), [("device", ()), ("center", ()), ("consumer", ()), ("broker", ("localhost",))]
)
def test_an_issued_chain_proves_role_identity_and_key(
    issue: Issue, roots: Roots, role: str, hosts: tuple[str, ...]
) -> None:
    chain = issue(role, "somebody-1", hosts=hosts)
    verified = verify_chain(chain, roots, NOW_MS, role=role, identity="somebody-1")
    leaf, issuing = (read(der, "certificate") for der in chain)
    assert verified == VerifiedIdentity(
        role=role,
        identity="somebody-1",
        public_der=leaf.public_der,
        kid=leaf.kid,
        not_after_ms=NOW_MS + 30 * DAY_MS,
        serials=(leaf.serial, issuing.serial),
        warnings=(),
    )


def test_the_root_at_the_end_of_the_chain_is_ignored(issue: Issue, roots: Roots) -> None:
    chain = issue()
    assert verify_chain([*chain, roots[0].der], roots, NOW_MS) == verify_chain(chain, roots, NOW_MS)


def test_another_root_is_not_trusted(issue: Issue, forge: Forge, roots: Roots) -> None:
    with pytest.raises(errors.ChainUntrustedError, match="no trusted root"):
        verify_chain(issue(), forge.roots, NOW_MS)
    with pytest.raises(errors.ChainUntrustedError):
        verify_chain([*issue(), forge.roots[0].der], roots, NOW_MS)
    with pytest.raises(errors.ChainUntrustedError):
        verify_chain(issue(), (), NOW_MS)


def test_a_root_of_the_same_name_with_another_key_is_not_trusted(tmp_path: Path, issue: Issue) -> None:
    twin = Authority.create(tmp_path / "twin", "Test", NOW_MS)
    with pytest.raises(errors.ChainUntrustedError):
        verify_chain(issue(), load_roots(twin.root_pem), NOW_MS)


def test_order_and_completeness_matter(issue: Issue, roots: Roots) -> None:
    leaf, issuing = issue()
    for wrong in ([leaf], [issuing, leaf], [leaf, leaf, issuing], [leaf, issuing, issuing]):
        with pytest.raises((errors.ChainUntrustedError, errors.ChainUsageError)):
            verify_chain(wrong, roots, NOW_MS)


def test_no_certificate_and_too_many_are_refused(issue: Issue, roots: Roots) -> None:
    for wrong in ([], issue() * 3):
        with pytest.raises(errors.ChainTooLongError):
            verify_chain(wrong, roots, NOW_MS)


@pytest.mark.parametrize(
    ("at_ms", "error"),
    [
        (NOW_MS + 30 * DAY_MS + 1, errors.ChainExpiredError),
        (NOW_MS - 3_600_001, errors.ChainNotYetValidError),
        (0, errors.ChainNotYetValidError),
        (2**70, errors.ChainExpiredError),
        (-(2**70), errors.ChainNotYetValidError),
    ],
)
def test_outside_of_its_time_a_chain_is_refused(issue: Issue, roots: Roots, at_ms: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify_chain(issue(), roots, at_ms)


def test_the_limits_of_its_time_belong_to_it(issue: Issue, roots: Roots) -> None:
    chain = issue()
    verify_chain(chain, roots, NOW_MS + 30 * DAY_MS)
    verify_chain(chain, roots, NOW_MS - 3_600_000)


def test_a_role_never_passes_for_another(issue: Issue, roots: Roots) -> None:
    with pytest.raises(errors.ChainRoleError, match="is a device, a center is needed"):
        verify_chain(issue("device"), roots, NOW_MS, role="center")
    with pytest.raises(errors.ChainRoleError, match="pillar-018 is needed"):
        verify_chain(issue("device"), roots, NOW_MS, role="device", identity="pillar-018")


@pytest.mark.parametrize(
    ("uris", "error"),
    [
        (("urn:other:thing",), errors.ChainRoleError),
        (("urn:dabyl:device:pillar-018",), errors.ChainRoleError),
        (("urn:dabyl:boss:pillar-017",), errors.ChainMalformedError),
        (("urn:dabyl:device:Pillar",), errors.ChainMalformedError),
        (("urn:dabyl:device:pillar-017:more",), errors.ChainMalformedError),
        (("urn:dabyl:device:pillar-017", "urn:dabyl:center:pillar-017"), errors.ChainMalformedError),
    ],
)
def test_the_san_uri_names_exactly_one_role_that_agrees_with_the_name(
    forge: Forge, uris: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        verify_chain(forge.direct(forge.leaf(*uris)), forge.roots, NOW_MS)


@pytest.mark.parametrize("name", ["pillar-018", "pillar-017+pillar-017", "pillar-017+pillar-018"])
def test_the_common_name_is_the_identity_and_nothing_else(forge: Forge, name: str) -> None:
    with pytest.raises(errors.ChainRoleError, match="common name"):
        verify_chain(forge.direct(forge.leaf(), name), forge.roots, NOW_MS)


def test_without_extensions_nothing_is_proven(forge: Forge) -> None:
    with pytest.raises(errors.ChainError):
        verify_chain(forge.direct([]), forge.roots, NOW_MS)


def test_the_forge_itself_makes_good_chains(forge: Forge) -> None:
    """Else the tests below would prove nothing."""
    assert verify_chain(forge.direct(forge.leaf()), forge.roots, NOW_MS).identity == "pillar-017"
    assert verify_chain(forge.through(forge.authority()), forge.roots, NOW_MS).identity == "pillar-017"
    assert verify_chain(forge.through(forge.authority(1), forge.authority(0)), forge.roots, NOW_MS).role == "device"


def test_a_device_cannot_issue(issue: Issue, forge: Forge) -> None:
    plain = [(x509.BasicConstraints(ca=False, path_length=None), True), (usage(digital_signature=True), True)]
    with pytest.raises(errors.ChainUsageError, match="no authority"):
        verify_chain(forge.through(plain), forge.roots, NOW_MS)


def test_an_authority_needs_its_flag_critical_and_its_key_usage(forge: Forge) -> None:
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    for extensions in (
        [(constraints, True)],
        [(constraints, True), (usage(crl_sign=True), True)],
        [(constraints, False), (usage(key_cert_sign=True), True)],
        [(usage(key_cert_sign=True), True)],
    ):
        with pytest.raises(errors.ChainUsageError):
            verify_chain(forge.through(extensions), forge.roots, NOW_MS)  # type: ignore[arg-type] # list invariance


def test_the_path_length_is_obeyed(forge: Forge) -> None:
    with pytest.raises(errors.ChainUsageError, match="allows 0"):
        verify_chain(forge.through(forge.authority(0), forge.authority()), forge.roots, NOW_MS)


def test_an_authority_is_no_leaf(forge: Forge) -> None:
    for extra in (
        [(x509.BasicConstraints(ca=True, path_length=None), True), *forge.leaf()],
        forge.leaf("urn:dabyl:device:pillar-017", digital_signature=True, key_cert_sign=True),
    ):
        with pytest.raises(errors.ChainUsageError, match="authority"):
            verify_chain(forge.direct(extra), forge.roots, NOW_MS)


def test_a_leaf_needs_digital_signature_and_the_purpose_of_its_role(forge: Forge) -> None:
    with pytest.raises(errors.ChainUsageError, match="digitalSignature"):
        verify_chain(forge.direct(forge.leaf("urn:dabyl:device:pillar-017", key_agreement=True)), forge.roots, NOW_MS)
    with pytest.raises(errors.ChainUsageError, match="extended key usage"):
        verify_chain(forge.direct(forge.leaf("urn:dabyl:broker:pillar-017")), forge.roots, NOW_MS)


def test_unknown_critical_extensions_and_name_constraints_are_refused(forge: Forge) -> None:
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    limited = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example.org")], excluded_subtrees=None)
    verify_chain(forge.direct([*forge.leaf(), (unknown, False)]), forge.roots, NOW_MS)
    for extension in ((unknown, True), (limited, True), (limited, False)):
        with pytest.raises(errors.ChainUsageError, match="must be obeyed"):
            verify_chain(forge.direct([*forge.leaf(), extension]), forge.roots, NOW_MS)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p384", "rsa", "ed25519"],
)
def test_only_p256_keys_are_taken(forge: Forge, key: Any) -> None:
    with pytest.raises(errors.ChainKeyTypeError):
        verify_chain(forge.direct(forge.leaf(), key=key), forge.roots, NOW_MS)


@pytest.mark.parametrize("digest", [hashes.SHA384(), hashes.SHA512(), hashes.SHA224()])
def test_only_sha256_is_taken(forge: Forge, digest: hashes.HashAlgorithm) -> None:
    with pytest.raises(errors.ChainKeyTypeError):
        verify_chain(forge.direct(forge.leaf(), digest=digest), forge.roots, NOW_MS)


def test_the_issuer_name_must_match_even_if_the_signature_does(forge: Forge) -> None:
    other = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another root")])
    with pytest.raises(errors.ChainUntrustedError):
        verify_chain(forge.direct(forge.leaf(), issuer_name=other), forge.roots, NOW_MS)


def test_a_revoked_certificate_is_refused_and_its_sibling_is_not(
    tmp_path: Path, new_key: Callable[[], FileKey]
) -> None:
    authority = Authority.create(tmp_path / "ca", "Test", NOW_MS)
    trusted = load_roots(authority.root_pem)
    issued = [
        authority.issue_device(certificate_request(new_key(), name), name, NOW_MS, 30) for name in ("dev-1", "dev-2")
    ]
    chains = [chain_of(one.chain_pem) for one in issued]
    for chain in chains:
        verify_chain(chain, trusted, NOW_MS, lists(authority))
    authority.revoke(issued[0].serial, NOW_MS)
    with pytest.raises(errors.ChainRevokedError, match=f"{issued[0].serial:x}"):
        verify_chain(chains[0], trusted, NOW_MS, lists(authority))
    verify_chain(chains[1], trusted, NOW_MS, lists(authority))


def chain_of(text: str) -> list[bytes]:
    return [certificate.public_bytes(Encoding.DER) for certificate in x509.load_pem_x509_certificates(text.encode())]


class Listed:
    """A root, a leaf, and lists made at will."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        self.chain = forge.direct(forge.leaf())
        self.serial = read(self.chain[0], "leaf").serial

    def listing(
        self, *, key: Any = None, until: timedelta = timedelta(days=1), extra: Any = None, digest: Any = None
    ) -> str:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.forge.root.subject)
        builder = builder.last_update(_NOW - timedelta(days=9)).next_update(_NOW + until)
        revoked = x509.RevokedCertificateBuilder().serial_number(self.serial).revocation_date(_NOW).build()
        builder = builder.add_revoked_certificate(revoked)
        if extra is not None:
            builder = builder.add_extension(extra, critical=True)
        return builder.sign(key or self.forge.root_key, digest or hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def listed(forge: Forge) -> Listed:
    return Listed(forge)


def test_an_old_list_still_revokes(listed: Listed) -> None:
    old = load_lists(listed.listing(until=-timedelta(days=1)))
    with pytest.raises(errors.ChainRevokedError):
        verify_chain(listed.chain, listed.forge.roots, NOW_MS, old)


def test_an_old_list_is_reported_for_those_it_does_not_revoke(listed: Listed, forge: Forge) -> None:
    old = load_lists(listed.listing(until=-timedelta(days=1)))
    verified = verify_chain(forge.direct(forge.leaf()), forge.roots, NOW_MS, old)
    assert len(verified.warnings) == 1
    assert "should have been replaced" in verified.warnings[0]
    assert verify_chain(forge.direct(forge.leaf()), forge.roots, NOW_MS, load_lists(listed.listing())).warnings == ()


def test_a_list_with_a_wrong_signature_is_an_error_never_ignored(listed: Listed, forge: Forge) -> None:
    forged = load_lists(listed.listing(key=ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(errors.RevocationListError, match="wrong signature"):
        verify_chain(forge.direct(forge.leaf()), forge.roots, NOW_MS, forged)


def test_a_list_counts_only_from_an_authority_that_may_sign_lists(forge: Forge) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    only_certificates: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage(key_cert_sign=True), True),
    ]
    root = forge.make("forge root", key, None, key, only_certificates)
    leaf = forge.make("pillar-017", ec.generate_private_key(ec.SECP256R1()), root, key, forge.leaf())
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(_NOW)
    text = builder.next_update(_NOW).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    chain, trusted = [leaf.public_bytes(Encoding.DER)], (read(root.public_bytes(Encoding.DER), "root"),)
    verify_chain(chain, trusted, NOW_MS)
    with pytest.raises(errors.RevocationListError, match="cRLSign"):
        verify_chain(chain, trusted, NOW_MS, load_lists(text))


def test_unused_bits_in_a_lists_signature_are_refused(listed: Listed) -> None:
    for _ in range(8):
        parsed = x509.load_pem_x509_crl(listed.listing().encode())
        changed = bytearray(parsed.public_bytes(Encoding.DER))
        changed[-len(parsed.signature) - 1] = 1
        with pytest.raises(errors.RevocationListError):
            load_lists(pem.encoded("X509 CRL", bytes(changed)))


def test_a_list_of_another_authority_does_not_concern_this_chain(listed: Listed, issue: Issue, roots: Roots) -> None:
    assert verify_chain(issue(), roots, NOW_MS, load_lists(listed.listing())).warnings == ()


def test_lists_that_cannot_be_understood_are_refused(listed: Listed) -> None:
    partial = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    good = listed.listing()
    wrong = (
        listed.listing(extra=partial),
        listed.listing(extra=x509.DeltaCRLIndicator(1)),
        listed.listing(extra=x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
        listed.listing(digest=hashes.SHA384()),
        good.replace("X509 CRL", "CERTIFICATE"),
        good[:-30],
        good.replace("MI", "MJ", 1),
    )
    for text in wrong:
        with pytest.raises(errors.RevocationListError):
            load_lists(text)
    assert load_lists("") == ()


def test_a_mutated_list_is_refused_or_concerns_another_authority(listed: Listed) -> None:
    der = x509.load_pem_x509_crl(listed.listing().encode()).public_bytes(Encoding.DER)
    seeded = random.Random(11)
    refused = 0
    for _ in range(400):
        changed = bytearray(der)
        changed[seeded.randrange(len(der))] ^= 1 << seeded.randrange(8)
        try:
            found = load_lists(pem.encoded("X509 CRL", bytes(changed)))
            verify_chain(listed.chain, listed.forge.roots, NOW_MS, found)
        except errors.RevocationListError:
            refused += 1
            continue
        assert found[0].issuer != listed.forge.root.subject
    assert refused > 300


def test_a_mutated_chain_ends_in_a_documented_error(issue: Issue, roots: Roots) -> None:
    chain = issue()
    seeded = random.Random(3)
    seen = set()
    for round_number in range(2500):
        changed = [bytearray(der) for der in chain]
        victim = changed[seeded.randrange(2)]
        kind = round_number % 5
        at = seeded.randrange(len(victim))
        if kind == 0:
            victim[at] ^= 1 << seeded.randrange(8)
        elif kind == 1:
            victim[at] = (victim[at] + seeded.randint(1, 255)) % 256
        elif kind == 2:
            del victim[at : at + seeded.randint(1, 40)]
        elif kind == 3:
            victim[at:at] = seeded.randbytes(seeded.randint(1, 8))
        else:
            victim.extend(seeded.randbytes(seeded.randint(1, 8)))
        with pytest.raises(errors.ChainError) as caught:
            verify_chain([bytes(der) for der in changed], roots, NOW_MS)
        seen.add(type(caught.value))
    assert {errors.ChainMalformedError, errors.ChainUntrustedError} <= seen


def test_unused_bits_in_the_signature_are_refused_though_no_signature_covers_them(issue: Issue, roots: Roots) -> None:
    for _ in range(8):
        leaf, issuing = issue()
        signature = x509.load_der_x509_certificate(leaf).signature
        changed = bytearray(leaf)
        changed[-len(signature) - 1] = 1
        with pytest.raises(errors.ChainMalformedError):
            verify_chain([bytes(changed), issuing], roots, NOW_MS)


def test_random_bytes_are_malformed_and_large_ones_are_not_even_parsed(roots: Roots) -> None:
    seeded = random.Random(5)
    for size in (0, 1, 2, 50, 4096, 4097, 70000):
        with pytest.raises(errors.ChainMalformedError):
            verify_chain([seeded.randbytes(size)], roots, NOW_MS)
    with pytest.raises(errors.ChainMalformedError, match="more than 4096"):
        verify_chain([b"\x30" * 4097], roots, NOW_MS)


def test_the_check_finds_nothing_wrong_with_a_good_chain(authority: Authority, issue: Issue) -> None:
    crl = authority.crl_pem(NOW_MS)
    assert examine(issue(), authority.root_pem, "device", "pillar-017", NOW_MS, crl) == []


def test_the_check_names_every_problem_at_once(authority: Authority, issue: Issue) -> None:
    found = examine(issue(days=1), authority.root_pem, "center", "center-1", NOW_MS + 2 * DAY_MS)
    assert len(found) == 3
    assert "expired on" in found[0]
    assert "a center is needed" in found[1]
    assert "center-1 is needed" in found[2]


def test_the_check_reports_what_cannot_be_read(authority: Authority, issue: Issue) -> None:
    assert "cannot be read" in examine([b"x"], authority.root_pem, "device", "pillar-017", NOW_MS)[0]
    assert "trusted root" in examine(issue(), "", "device", "pillar-017", NOW_MS)[0]
    assert (
        "not PEM" in examine(issue(), authority.root_pem, "device", "pillar-017", NOW_MS, "-----BEGIN X509 CRL-----")[0]
    )
