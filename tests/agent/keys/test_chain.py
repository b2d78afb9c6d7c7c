"""Chains: the good one proves a role and an identity, each bad one is refused for the documented reason."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from agent.keys import errors, names
from agent.keys.certificate import read
from agent.keys.chain import VerifiedIdentity, load_roots, verify_chain
from provisioning.authority.authority import Authority
from tests.agent.keys.conftest import Issue
from tests.agent.keys.forge import DAY_MS, NOW_MS, Forge, Roots, usage


@pytest.mark.parametrize("role", names.ROLES)
def test_an_issued_chain_proves_role_identity_and_key(issue: Issue, roots: Roots, role: str) -> None:
    chain = issue(role, f"{role}-1", hosts=("localhost",) if role in names.SERVERS else ())
    verified = verify_chain(chain, roots, NOW_MS, role=role, identity=f"{role}-1")
    leaf = read(chain[0], "certificate")
    assert verified == VerifiedIdentity(
        role=role,
        identity=f"{role}-1",
        public_der=leaf.public_der,
        kid=leaf.kid,
        not_after_ms=NOW_MS + 30 * DAY_MS,
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
