"""Who is let in: the device behind a key that the center has proven, by a certificate that is good now and for this role and name."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from agent.keys.p256 import SPKI_PREFIX
from agent.keys.revocation import load_lists
from center.database import Database
from center.evidence.door import Door
from center.evidence.errors import NotAdmittedError
from provisioning.authority import profiles
from tests.center.evidence.site import Site
from tests.center.scripted import Device, Pki

Issue = Callable[..., bytes]


@pytest.fixture
def door(site: Site) -> Door:
    database = Database(site.configuration.database, create=False)
    return Door(database, load_roots(site.pki.authority.root_pem), lambda: load_lists(site.pki.crl.read_text()))


@pytest.fixture
def issue(site: Site, badge: Device) -> Issue:
    """A certificate for the badge's key that no authority of ours would issue, by its very key."""

    def issued(role: str, name: str, pki: Pki = site.pki, days: int = 5) -> bytes:
        point = site.pki.signer(badge.name).public_der[len(SPKI_PREFIX) :]
        public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
        issuing = pki.authority._issuing.parsed
        validity = profiles.Validity(site.pki.now_ms - 86_400_000, site.pki.now_ms + days * 86_400_000)
        key = pki.authority._key
        made = profiles.leaf_certificate(role, name, public, issuing.subject, key, 4711, validity)
        return made.public_bytes(Encoding.DER)

    return issued


def test_a_known_device_is_named(site: Site, door: Door, badge: Device, issue: Issue) -> None:
    leaf = chain_from_pem(site.pki.issued[badge.name].chain_pem, badge.name)[0]
    assert door.admit(leaf, site.pki.now_ms) == badge.name
    assert door.admit(issue("device", badge.name), site.pki.now_ms) == badge.name  # a renewed one of the same key


def test_nobody_else_is(
    site: Site, door: Door, badge: Device, issue: Issue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    foreign = Pki(tmp_path_factory.mktemp("foreign"), site.pki.now_ms)
    for leaf, why in (
        (issue("consumer", badge.name), "a device is needed"),
        (issue("device", "badge-9999"), "badge-9999"),
        (issue("device", badge.name, foreign), "not issued by"),
        (issue("device", badge.name, days=-1), "expired"),
        (b"no certificate", "certificate"),
    ):
        with pytest.raises(NotAdmittedError, match=why):
            door.admit(leaf, site.pki.now_ms)
