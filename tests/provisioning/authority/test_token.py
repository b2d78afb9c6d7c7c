"""An authority whose issuing key is in a PKCS#11 token (SoftHSM): OpenSSL sees no difference, and no file holds the key."""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.keys import pem
from agent.keys.chain import load_roots, verify_chain
from agent.keys.errors import HsmError
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import Authority
from provisioning.authority.errors import PassphraseError
from provisioning.authority_cli import main
from provisioning.enrolment.office import Office, Policy
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device
from tests.agent.keys.softhsm import Token, initialised
from tests.provisioning.authority.conftest import NOW_MS

RequestFor = Callable[..., str]
pytestmark = pytest.mark.softhsm


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Token]:
    with initialised(tmp_path, monkeypatch) as made:
        yield made


def openssl(*arguments: str | Path) -> str:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_openssl_believes_certificates_and_lists_that_the_token_signed(
    tmp_path: Path, token: Token, request_for: RequestFor
) -> None:
    ca = tmp_path / "ca"
    Authority.create(ca, "Test", NOW_MS, passphrase="secret of the root", token=token.uri)
    assert not (ca / "issuing.key").exists()
    authority = Authority.open(ca)
    good, bad = (authority.issue_device(request_for(name), name, NOW_MS) for name in ("sos-1", "sos-2"))
    authority.revoke(bad.serial, NOW_MS)
    for issued, verdict in ((good, "OK"), (bad, "certificate revoked")):
        (tmp_path / "chain.pem").write_text(issued.chain_pem)
        said = openssl(
            *("verify", "-x509_strict", "-attime", str(NOW_MS // 1000 + 60), "-crl_check", "-CRLfile", ca / "crl.pem"),
            *("-CAfile", ca / "root.pem", "-untrusted", tmp_path / "chain.pem", tmp_path / "chain.pem"),
        )
        assert verdict in said


def test_a_token_that_is_away_issues_nothing_and_goes_on_when_it_is_back(
    tmp_path: Path, token: Token, request_for: RequestFor
) -> None:
    authority = Authority.create(tmp_path / "ca", "Test", NOW_MS, token=token.uri)
    token.take_out()
    authority._key._key._session.close()  # type: ignore[attr-defined]  # as a pulled token's
    with pytest.raises(HsmError):
        authority.issue_device(request_for("sos-1"), "sos-1", NOW_MS)
    assert authority.issued() == []
    with pytest.raises(HsmError):
        Authority.open(tmp_path / "ca")
    token.put_back()
    authority.issue_device(request_for("sos-1"), "sos-1", NOW_MS)
    assert len(authority.issued()) == 1


def test_the_command_makes_the_key_in_the_token_and_takes_no_passphrase_for_it(
    tmp_path: Path, token: Token, request_for: RequestFor, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = str(tmp_path / "ca")
    assert main(["init", ca, "--name", "Test", "--token", token.uri]) == 0
    (tmp_path / "device.csr").write_text(request_for("sos-1"))
    assert main(["issue", ca, str(tmp_path / "device.csr"), "--role", "device", "--id", "sos-1"]) == 0
    with pytest.raises(PassphraseError, match="leave out"):
        Authority.open(tmp_path / "ca", passphrase="x")
    assert main(["init", str(tmp_path / "other"), "--name", "Test", "--token", token.uri]) == 2
    assert "already" in capsys.readouterr().err
    assert "123456" not in (tmp_path / "ca" / "issuing.uri").read_text()


def test_the_token_serves_the_threads_of_an_enrolment_office(
    tmp_path: Path, token: Token, request_for: RequestFor
) -> None:
    authority = Authority.create(tmp_path / "ca", "Test", NOW_MS, token=token.uri)
    inventory = tmp_path / "inventory.db"
    names = [f"sos-{number}" for number in range(6)]
    with Inventory(inventory) as opened:
        opened.plan([Device(name, "sos-button", f"B-{name}") for name in names], NOW_MS)
        codes = {name: claims.make(opened, name, NOW_MS) for name in names}
    office = Office(authority, inventory, Policy(), lambda: NOW_MS)

    def enrol(name: str) -> bytes:
        signer = FileKey.generate(str(tmp_path / f"{name}.pem"))
        request = pem.blocks(certificate_request(signer, name, f"B-{name}"), 1)[0][1]
        return office.enrol("10.0.0.1", name, codes[name], request)

    with ThreadPoolExecutor(6) as threads:
        leaves = list(threads.map(enrol, names))
    chains = [[leaf, office.authorities[0].der] for leaf in leaves]
    roots = load_roots(authority.root_pem)
    assert [verify_chain(chain, roots, NOW_MS).identity for chain in chains] == names
