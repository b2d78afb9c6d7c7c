"""The authority: what it issues, what it refuses, what it remembers, and that a crash or a second process harms nothing."""

import json
import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.keys import pem
from agent.keys.certificate import milliseconds
from agent.keys.chain import load_roots, verify_chain
from agent.keys.credentials import chain_from_pem, check_leaf, load_chain
from agent.keys.file import FileKey
from agent.keys.revocation import load_lists
from provisioning.authority import audit
from provisioning.authority.authority import Authority
from provisioning.authority.errors import (
    AuthorityStateError,
    IssueError,
    PassphraseError,
    RequestError,
    UnknownSerialError,
)
from provisioning.authority.identity import make_identity
from provisioning.authority.profiles import moment
from provisioning.authority.requests import requested_key

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000

RequestFor = Callable[..., str]


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def entries(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


def test_secrets_are_closed_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "ca"
    Authority.create(folder, "Test", NOW_MS)
    assert mode(folder) == 0o700
    assert {mode(folder / name) for name in ("root.key", "issuing.key", "audit.jsonl")} == {0o600}
    assert {mode(folder / name) for name in ("root.pem", "issuing.pem", "crl.pem")} == {0o644}


def test_an_authority_is_never_made_over_another(tmp_path: Path, authority: Authority) -> None:
    before = (tmp_path / "ca" / "root.key").read_bytes()
    with pytest.raises(AuthorityStateError, match="not empty"):
        Authority.create(tmp_path / "ca", "Other", NOW_MS)
    assert (tmp_path / "ca" / "root.key").read_bytes() == before


@pytest.mark.parametrize("name", ["", "  ", "x" * 49, "a\nb", "\x00"])
def test_a_name_that_people_cannot_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IssueError, match="name"):
        Authority.create(tmp_path / "ca", name, NOW_MS)
    assert not (tmp_path / "ca").exists()


def test_an_opened_authority_goes_on_without_the_roots_key(
    tmp_path: Path, authority: Authority, request_for: RequestFor
) -> None:
    (tmp_path / "ca" / "root.key").unlink()
    again = Authority.open(tmp_path / "ca")
    issued = again.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)
    assert (
        verify_chain(chain_from_pem(issued.chain_pem, "issued"), load_roots(authority.root_pem), NOW_MS).role
        == "device"
    )


def test_the_passphrase_protects_both_keys(tmp_path: Path, request_for: RequestFor) -> None:
    folder = tmp_path / "ca"
    Authority.create(folder, "Test", NOW_MS, passphrase="correct horse")
    for name in ("root.key", "issuing.key"):
        assert b"ENCRYPTED" in (folder / name).read_bytes()
    with pytest.raises(PassphraseError, match="wrong"):
        Authority.open(folder, passphrase="wrong horse")
    with pytest.raises(PassphraseError, match="protected by a passphrase"):
        Authority.open(folder)
    Authority.open(folder, passphrase="correct horse").issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)


def test_a_superfluous_or_impossible_passphrase_is_refused(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(PassphraseError, match="has no passphrase"):
        Authority.open(tmp_path / "ca", passphrase="needless")
    for wrong in ("", "x" * 1024):
        with pytest.raises(PassphraseError, match="1 to 1023"):
            Authority.create(tmp_path / f"new{len(wrong)}", "Test", NOW_MS, passphrase=wrong)


@pytest.mark.parametrize("name", ["root.pem", "issuing.pem", "issuing.key", "audit.jsonl"])
def test_missing_and_damaged_state_is_named(tmp_path: Path, authority: Authority, name: str) -> None:
    path = tmp_path / "ca" / name
    good = path.read_bytes()
    for damage in (None, good[: len(good) // 2] + b"\n", b"\xff" * 100 + b"\n", b"x" * 9000 + b"\n"):
        path.unlink(missing_ok=True)
        if damage is not None:
            path.write_bytes(damage)
            path.chmod(0o600)
        with pytest.raises(AuthorityStateError, match=name.replace(".", r"\.")):
            Authority.open(tmp_path / "ca").issued()


def test_a_key_of_another_authority_is_noticed(tmp_path: Path, authority: Authority) -> None:
    Authority.create(tmp_path / "other", "Test", NOW_MS)
    (tmp_path / "ca" / "issuing.key").write_bytes((tmp_path / "other" / "issuing.key").read_bytes())
    with pytest.raises(AuthorityStateError, match="does not belong"):
        Authority.open(tmp_path / "ca")


def test_a_leaf_has_what_its_profile_says(authority: Authority, request_for: RequestFor) -> None:
    hosts = ["mqtt.example.org", "10.0.0.5", "::1"]
    issued = authority.issue("broker", request_for("broker-1"), "broker-1", NOW_MS, 90, hosts=hosts)
    leaf, issuing = x509.load_pem_x509_certificates(issued.chain_pem.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example.org"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.5", "::1"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:dabyl:broker:broker-1"]
    assert leaf.not_valid_after_utc == datetime.fromtimestamp((NOW_MS + 90 * DAY_MS) / 1000, UTC)
    assert issuing.public_bytes(Encoding.PEM).decode() == authority.issuing_pem
    for certificate, critical in ((leaf, True), (issuing, True)):
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).critical is critical
        assert certificate.extensions.get_extension_for_class(x509.KeyUsage).critical is critical
    assert issuing.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_serial_numbers_are_long_positive_and_different(authority: Authority, request_for: RequestFor) -> None:
    text = request_for("pillar-017")
    serials = {authority.issue_device(text, "pillar-017", NOW_MS).serial for _ in range(20)}
    assert len(serials) == 20
    assert {serial.bit_length() for serial in serials} == {127}
    assert len({serial & (2**64 - 1) for serial in serials}) == 20


def test_the_request_must_be_for_the_identity(authority: Authority, request_for: RequestFor) -> None:
    with pytest.raises(RequestError, match="not for 'pillar-018'"):
        authority.issue_device(request_for("pillar-017"), "pillar-018", NOW_MS)


@pytest.mark.parametrize("identity", ["", "ab", "Pillar", "a" * 64, "../x", "pillar:017"])
def test_an_identity_that_breaks_the_rule_is_refused(
    authority: Authority, request_for: RequestFor, identity: str
) -> None:
    with pytest.raises(IssueError):
        authority.issue_device(request_for("pillar-017"), identity, NOW_MS)
    with pytest.raises(IssueError, match="unknown role"):
        authority.issue("boss", request_for("pillar-017"), "pillar-017", NOW_MS, 5)


@pytest.mark.parametrize("days", [-1, 0, 20 * 365 + 1, 40_000])
def test_a_certificate_never_outlives_its_authority(authority: Authority, request_for: RequestFor, days: int) -> None:
    with pytest.raises(IssueError):
        authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS, days)


@pytest.mark.parametrize("now_ms", [0, NOW_MS - DAY_MS, NOW_MS + 21 * 365 * DAY_MS, 2**62, -(2**62)])
def test_a_clock_outside_of_the_authoritys_time_is_refused(
    authority: Authority, request_for: RequestFor, now_ms: int
) -> None:
    with pytest.raises(IssueError):
        authority.issue_device(request_for("pillar-017"), "pillar-017", now_ms)
    with pytest.raises(IssueError):
        authority.crl_pem(now_ms)
    with pytest.raises(IssueError):
        moment(-(2**62))


@pytest.mark.parametrize(
    "host", ["", "Mqtt.example", "a b", "-a.example", "a..b", "*", "a*.example", "1.2.3.400", "x" * 300, "ж.example"]
)
def test_a_brokers_hosts_are_checked(authority: Authority, request_for: RequestFor, host: str) -> None:
    with pytest.raises(IssueError, match="neither an IP address nor a DNS name"):
        authority.issue("broker", request_for("broker-1"), "broker-1", NOW_MS, 5, hosts=[host])


def test_hosts_belong_to_brokers_only(authority: Authority, request_for: RequestFor) -> None:
    with pytest.raises(IssueError, match="needs the DNS names"):
        authority.issue("broker", request_for("broker-1"), "broker-1", NOW_MS, 5)
    with pytest.raises(IssueError, match="no host names"):
        authority.issue("device", request_for("pillar-017"), "pillar-017", NOW_MS, 5, hosts=["a.example"])


def test_one_identity_has_one_role_even_after_it_was_revoked(authority: Authority, request_for: RequestFor) -> None:
    issued = authority.issue("center", request_for("center-1", key="k"), "center-1", NOW_MS, 5)
    with pytest.raises(IssueError, match="center-1 is the name of a center already"):
        authority.issue_device(request_for("center-1", key="other"), "center-1", NOW_MS)
    authority.revoke(issued.serial, NOW_MS)
    with pytest.raises(IssueError, match="center-1 is the name of a center already"):
        authority.issue_device(request_for("center-1", key="other"), "center-1", NOW_MS)
    authority.issue("center", request_for("center-1", key="other"), "center-1", NOW_MS, 5)


def test_one_key_has_one_role_and_one_identity(authority: Authority, request_for: RequestFor) -> None:
    authority.issue_device(request_for("pillar-017", key="k"), "pillar-017", NOW_MS)
    authority.issue_device(request_for("pillar-017", key="k"), "pillar-017", NOW_MS + 1)
    with pytest.raises(IssueError, match="belongs to the device pillar-017 already"):
        authority.issue("center", request_for("pillar-017", key="k"), "pillar-017", NOW_MS, 5)
    with pytest.raises(IssueError, match="belongs to the device pillar-017 already"):
        authority.issue_device(request_for("pillar-018", key="k"), "pillar-018", NOW_MS)


def test_a_revoked_key_is_never_certified_again(authority: Authority, request_for: RequestFor) -> None:
    issued = authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)
    authority.revoke(issued.serial, NOW_MS)
    with pytest.raises(IssueError, match="was revoked"):
        authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)
    authority.issue_device(request_for("pillar-017", key="fresh"), "pillar-017", NOW_MS)


def other_request(key: object, name: str = "pillar-017", digest: hashes.HashAlgorithm | None = None) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    request = builder.sign(key, digest or hashes.SHA256())  # type: ignore[arg-type] # keys of several kinds
    return request.public_bytes(Encoding.PEM).decode()


def test_what_a_request_asks_for_beyond_its_key_is_ignored(authority: Authority) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pillar-017")])
    )
    wish = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:dabyl:center:pillar-017")])
    builder = builder.add_extension(wish, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    text = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    chain = chain_from_pem(authority.issue_device(text, "pillar-017", NOW_MS).chain_pem, "issued")
    assert verify_chain(chain, load_roots(authority.root_pem), NOW_MS).role == "device"


def test_only_p256_keys_are_certified() -> None:
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(RequestError):
            requested_key(other_request(key), "pillar-017")
    with pytest.raises(RequestError, match="digest"):
        requested_key(other_request(ec.generate_private_key(ec.SECP256R1()), digest=hashes.SHA224()), "pillar-017")
    requested_key(other_request(ec.generate_private_key(ec.SECP256R1())), "pillar-017")


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----", "x" * 20000, "ж"])
def test_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        requested_key(text, "pillar-017")


def test_a_mutated_request_ends_in_the_documented_error(request_for: RequestFor) -> None:
    der = pem.blocks(request_for("pillar-017"), 1)[0][1]
    seeded = random.Random(13)
    for _ in range(1500):
        changed = bytearray(der)
        at = seeded.randrange(len(der))
        if seeded.random() < 0.7:
            changed[at] ^= 1 << seeded.randrange(8)
        else:
            del changed[at : at + seeded.randint(1, 20)]
        with pytest.raises(RequestError):
            requested_key(pem.encoded("CERTIFICATE REQUEST", bytes(changed) or b"x"), "pillar-017")


def test_every_act_is_in_the_audit_log_in_order(tmp_path: Path, authority: Authority, request_for: RequestFor) -> None:
    issued = authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS + 1)
    authority.revoke(issued.serial, NOW_MS + 2)
    found = entries(tmp_path / "ca")
    assert [(entry["action"], entry["at_ms"]) for entry in found] == [
        ("created", NOW_MS),
        ("crl", NOW_MS),
        ("issued", NOW_MS + 1),
        ("revoked", NOW_MS + 2),
        ("crl", NOW_MS + 2),
    ]
    assert found[2]["serial"] == f"{issued.serial:x}"
    assert issued.chain_pem.startswith(str(found[2]["certificate"]))
    (record,) = authority.issued()
    assert (record.serial, record.identity, record.kid, record.revoked_ms) == (
        issued.serial,
        "pillar-017",
        issued.kid,
        NOW_MS + 2,
    )


def test_nothing_is_issued_that_is_not_on_the_disk(
    tmp_path: Path, authority: Authority, request_for: RequestFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = request_for("pillar-017")
    before = (tmp_path / "ca" / "audit.jsonl").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AuthorityStateError, match="nothing was issued"):
        authority.issue_device(text, "pillar-017", NOW_MS)
    monkeypatch.undo()
    assert (tmp_path / "ca" / "audit.jsonl").read_bytes() == before
    assert authority.issued() == []


def test_a_line_torn_by_a_power_cut_is_dropped_and_the_log_goes_on(
    tmp_path: Path, authority: Authority, request_for: RequestFor
) -> None:
    path = tmp_path / "ca" / "audit.jsonl"
    with path.open("ab") as file:
        file.write(b'{"action": "issued", "ser')
    issued = authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)
    assert [record.serial for record in authority.issued()] == [issued.serial]
    assert len(entries(tmp_path / "ca")) == 3


def test_a_log_damaged_in_its_middle_is_refused(tmp_path: Path, authority: Authority, request_for: RequestFor) -> None:
    path = tmp_path / "ca" / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"action"', b'"acti*n"', 1))
    again = Authority.open(tmp_path / "ca")  # it reads all; who has read it does not read it again
    with pytest.raises(AuthorityStateError, match="damaged in line 1"):
        again.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)


def test_two_processes_do_not_lose_each_others_entries(tmp_path: Path, authority: Authority) -> None:
    code = (
        "import sys; from pathlib import Path; from provisioning.authority.authority import Authority\n"
        f"authority = Authority.open(Path(sys.argv[1]))\n[authority.crl_pem({NOW_MS}) for _ in range(15)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "ca")]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    numbers = [entry["number"] for entry in entries(tmp_path / "ca") if entry["action"] == "crl"]
    assert numbers == list(range(1, 32))


def test_the_lock_is_given_back_after_an_error(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(UnknownSerialError, match="no certificate with serial 7b"):
        authority.revoke(123, NOW_MS)
    with audit.locked(tmp_path / "ca" / "audit.jsonl") as log:
        assert [entry["action"] for _, entry in log.since(0)] == ["created", "crl"]


def test_revoking_writes_a_signed_rising_list_atomically(
    tmp_path: Path, authority: Authority, request_for: RequestFor
) -> None:
    issued = authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)
    inode = (tmp_path / "ca" / "crl.pem").stat().st_ino
    text = authority.revoke(issued.serial, NOW_MS + 5000)
    assert (tmp_path / "ca" / "crl.pem").read_text() == text
    assert (tmp_path / "ca" / "crl.pem").stat().st_ino != inode
    (found,) = load_lists(text)
    assert (found.serials, found.number) == (frozenset({issued.serial}), 2)
    (again,) = load_lists(authority.revoke(issued.serial, NOW_MS + 9000))
    assert (again.serials, again.number) == (found.serials, 3)
    assert again.parsed[0].revocation_date_utc == datetime.fromtimestamp((NOW_MS + 5000) / 1000, UTC)
    assert not [path for path in (tmp_path / "ca").iterdir() if path.name.endswith(".new")]


def test_a_revocation_list_never_goes_stale_before_its_authority(authority: Authority) -> None:
    (found,) = load_lists(authority.crl_pem(NOW_MS))
    issuing = x509.load_pem_x509_certificate(authority.issuing_pem.encode())
    assert found.next_update_ms == milliseconds(issuing.not_valid_after_utc)


def test_a_revocation_survives_a_disk_that_fills_before_the_list_is_written(
    tmp_path: Path, authority: Authority, request_for: RequestFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = authority.issue_device(request_for("pillar-017"), "pillar-017", NOW_MS)

    def full(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AuthorityStateError, match=r"crl\.pem cannot be written"):
        authority.revoke(issued.serial, NOW_MS)
    monkeypatch.undo()
    assert load_lists((tmp_path / "ca" / "crl.pem").read_text())[0].serials == frozenset()
    assert load_lists(authority.crl_pem(NOW_MS))[0].serials == {issued.serial}


def test_a_made_identity_is_complete(tmp_path: Path, authority: Authority) -> None:
    files = make_identity(tmp_path / "device", authority, "device", "pillar-017", NOW_MS)
    key = FileKey.load(str(files.key))
    chain = load_chain(str(files.chain))
    check_leaf(chain, key.public_der, "chain")
    verified = verify_chain(chain, load_roots(files.root.read_text()), NOW_MS, role="device", identity="pillar-017")
    assert verified.kid == key.kid == files.issued.kid
    assert mode(files.key) == 0o600
    with pytest.raises(AuthorityStateError, match="not empty"):
        make_identity(tmp_path / "device", authority, "device", "pillar-018", NOW_MS)
