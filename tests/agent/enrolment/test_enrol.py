"""A device's first certificate, over real HTTPS from a real server: what works, what is refused, and a fall at every step."""

import base64
import contextlib
import functools
import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.enrolment import est
from agent.enrolment.board import serial_number
from agent.enrolment.claim import Claim
from agent.enrolment.errors import EnrolmentError, UnreachableError
from agent.keys import credentials, pair, pem
from agent.keys.chain import load_roots, verify_chain
from agent.keys.file import FileKey
from agent.keys.validity import validity
from provisioning.authority.authority import Authority
from provisioning.enrolment import wire
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from tests.agent.enrolment.conftest import DAY_MS, Town, Unit, now_ms
from tests.clocks import clock_at


def has_identity(unit: Unit) -> bool:
    """Whether the device's pair is whole and believed by whoever trusts the root."""
    if not (unit.key.exists() and unit.chain.exists()):
        return False
    chain = credentials.load_chain(str(unit.chain))
    credentials.check_leaf(chain, FileKey.load(str(unit.key)).public_der, "it")
    roots = load_roots(unit.town.authority.root_pem)
    return verify_chain(chain, roots, now_ms(), role="device", identity=unit.name).identity == unit.name


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_claim_makes_an_identity_that_nobody_else_can_read(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    assert unit.enrol(unit.town.claim(unit.name)) == 0
    assert has_identity(unit)
    assert stat.S_IMODE(unit.key.stat().st_mode) == 0o600
    assert files(unit.folder) == {"agent.toml", "root.pem", "identity/key.pem", "identity/chain.pem"}
    assert "start the agent" in capsys.readouterr().out
    begin_ms, end_ms = validity(credentials.load_chain(str(unit.chain))[0])
    assert end_ms - begin_ms == 90 * DAY_MS + 3_600_000
    with Inventory(unit.town.inventory) as inventory:
        assert inventory.get(unit.name).state == "enrolled"


def test_an_identity_is_replaced_on_purpose_only(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    assert unit.enrol(unit.town.claim(unit.name)) == 0
    first = unit.key.read_bytes()
    code = unit.town.claim(unit.name)
    assert unit.enrol(code) == 6
    assert "--replace" in capsys.readouterr().err
    assert unit.key.read_bytes() == first
    assert unit.enrol(code, "--replace") == 0
    assert unit.key.read_bytes() != first
    assert has_identity(unit)


def test_all_that_the_label_says_is_enough(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    unit.configure(server="")
    text = (unit.folder / "agent.toml").read_text().replace('server = ""\n', "")
    (unit.folder / "agent.toml").write_text(text)
    (unit.folder / "root.pem").unlink()
    digest = hashlib.sha256(pem.blocks(unit.town.authority.root_pem, 1)[0][1]).digest()
    label = claims.uri(unit.name, unit.town.claim(unit.name), unit.town.url, digest)
    read, write = os.pipe()
    os.write(write, label.encode() + b"\n")
    os.close(write)
    with os.fdopen(read) as typed:
        monkeypatch.setattr("sys.stdin", typed)
        assert unit.enrol("-") == 0
    assert (unit.folder / "root.pem").read_text() == unit.town.authority.root_pem
    assert has_identity(unit)


@pytest.mark.parametrize("wrong", ["root", "name"])
def test_a_label_of_another_root_or_device_is_refused(
    unit: Unit, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (unit.folder / "root.pem").unlink()
    digest = hashlib.sha256(pem.blocks(unit.town.authority.root_pem, 1)[0][1]).digest()
    name = "sos-xyz" if wrong == "name" else unit.name
    label = claims.uri(name, unit.town.claim(unit.name), unit.town.url, b"\x05" * 32 if wrong == "root" else digest)
    assert unit.enrol(label) == 6
    assert ("not the one on the label" if wrong == "root" else "its own label") in capsys.readouterr().err
    assert files(unit.folder) <= {"agent.toml"}


def test_what_the_server_refuses_is_told_and_leaves_no_identity(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    code = unit.town.claim(unit.name, 60_000)
    for claim, arguments, said in (
        ("AAAA-BBBB-CCCC-DDDD", (), "not right"),
        (code, ("--board", "ANOTHER"), "another board"),
        ("x" * 70, (), "four groups of four"),
        ("dabyl:claim?code=x", (), "incomplete"),
        (code, ("--server", "http://127.0.0.1"), "https://host:port"),
    ):
        assert unit.enrol(claim, *arguments) == 6
        assert said in capsys.readouterr().err
        assert not unit.key.exists()
        assert not unit.chain.exists()
    assert unit.run("enrol") == 6
    assert unit.enrol(code) == 0
    (unit.folder / "identity" / "key.pem").rename(unit.folder / "thief.pem")
    unit.chain.unlink()
    assert unit.enrol(code) == 6
    assert "used already" in capsys.readouterr().err


def test_a_server_that_is_away_is_worth_another_try(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    code = unit.town.claim(unit.name)
    assert unit.enrol(code, "--server", "https://127.0.0.1:1") == 7
    assert "check the network" in capsys.readouterr().err
    assert unit.enrol(code) == 0


def test_only_the_right_root_is_believed(unit: Unit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = unit.town.claim(unit.name)
    stranger = Authority.create(tmp_path / "stranger", "Test", now_ms())
    (unit.folder / "root.pem").write_text(stranger.root_pem)
    assert unit.enrol(code) == 6
    assert "not believed" in capsys.readouterr().err
    (unit.folder / "root.pem").write_text("no certificate")
    assert unit.enrol(code) == 6
    (unit.folder / "root.pem").unlink()
    assert unit.enrol(code) == 6
    assert "no root certificate can be read" in capsys.readouterr().err
    assert not unit.chain.exists()


@pytest.mark.faketime
@pytest.mark.parametrize("when", ["@2001-01-01 00:00:00", "@2090-01-01 00:00:00"])
def test_a_clock_that_is_wrong_is_told(unit: Unit, when: str) -> None:
    program = "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))"
    code = unit.town.claim(unit.name)
    command = [sys.executable, "-c", program, "enrol", "--config", str(unit.folder / "agent.toml"), "--claim", code]
    done = subprocess.run(command, env={**os.environ, **clock_at(when)}, check=False, capture_output=True, text=True)
    assert done.returncode == 6
    assert "clock" in done.stderr
    assert not unit.key.exists()
    assert unit.enrol(code) == 0


def test_a_server_of_another_role_is_not_an_enrolment_server(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(est, "_ROLE", "urn:dabyl:another:")
    assert unit.enrol(unit.town.claim(unit.name)) == 6
    assert not unit.key.exists()


def test_a_certificate_for_somebody_else_is_not_taken(
    unit: Unit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = FileKey.generate(str(unit.folder / "other.pem"))
    from agent.keys.request import certificate_request  # noqa: PLC0415

    forged = unit.town.authority.issue_device(certificate_request(other, unit.name), unit.name, now_ms())
    leaf = pem.blocks(forged.chain_pem, 2)[0][1]
    monkeypatch.setattr(est.Server, "enrol", lambda *_: leaf)
    assert unit.enrol("x") == 6
    assert "another key" in capsys.readouterr().err
    assert not unit.chain.exists()


WATCHED = ("open", "os.rename", "os.remove", "socket.connect", "os.chmod")


def falls(unit: Unit, step: int, work: Callable[[], int]) -> bool:
    """Do the work, which is to end in 0, in a child that is killed at its ``step``-th touch of identity or network; whether it did."""
    child = os.fork()
    if not child:
        left = [step]

        def watch(event: str, arguments: object) -> None:
            ours = event == "socket.connect" or (event in WATCHED and str(unit.key.parent) in str(arguments))
            if ours:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def test_a_fall_at_any_step_is_mended_by_the_same_command(unit: Unit) -> None:
    step, fallen = 0, True
    while fallen:
        code = unit.town.claim(unit.name)
        fallen = falls(unit, step, functools.partial(unit.enrol, code))
        assert {stat.S_IMODE(path.stat().st_mode) for path in unit.key.parent.glob("*key*")} <= {0o600}
        pair.settle(str(unit.key), str(unit.chain))
        if unit.key.exists():
            assert has_identity(unit)
        else:
            assert not unit.chain.exists()
            assert unit.enrol(code) == 0
            assert has_identity(unit)
        kid = FileKey.load(str(unit.key)).kid
        issued = [record for record in unit.town.authority.issued() if record.identity == unit.name]
        assert [record.kid for record in issued].count(kid) == 1
        assert len({record.kid for record in issued}) == len(issued) == step + 1
        for path in unit.key.parent.iterdir():
            path.unlink()
        step += 1
    assert step > 10


def test_a_fall_between_the_two_files_is_finished_by_the_same_command(unit: Unit) -> None:
    code = unit.town.claim(unit.name)
    assert unit.enrol(code) == 0
    unit.chain.rename(pair.new(str(unit.chain)))
    assert unit.enrol(code) == 0
    assert has_identity(unit)


def test_a_claim_is_read_or_refused() -> None:
    whole = Claim(claims.uri("sos-1", "AAAA-BBBB", "https://a:1", b"\x01" * 32))
    assert (whole.name, whole.code, whole.server, whole.root) == ("sos-1", "AAAA-BBBB", "https://a:1", b"\x01" * 32)
    for text in ("", "ж", "dabyl:claim?", "dabyl:claim?name=a&code=b&server=c&root=zz", "dabyl:claim?" + "x" * 2000):
        with pytest.raises(EnrolmentError):
            Claim(text)


@pytest.mark.parametrize(
    "url",
    ["", "http://a", "https://", "https://a/b", "https://u@a", "https://a:99999", "https://a?q", "ftp://a", "x" * 400],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(EnrolmentError, match="https://host:port"):
        est.Server(url)


def test_the_boards_number_comes_from_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "serial"
    tree.write_bytes(b"10000000abcd\x00")
    monkeypatch.setattr("agent.enrolment.board.SOURCES", (str(tmp_path / "none"), str(tree)))
    assert serial_number("") == "10000000abcd"
    assert serial_number("X1") == "X1"
    tree.write_bytes(b"\xff")
    with pytest.raises(EnrolmentError, match="--board"):
        serial_number("")


def test_key_and_claim_are_nowhere_but_in_the_key_file(
    unit: Unit, town: Town, capfd: pytest.CaptureFixture[str]
) -> None:
    code = town.claim(unit.name)
    assert unit.enrol("AAAA-BBBB-CCCC-DDDD") == 6
    assert unit.enrol(code) == 0
    told = "".join(capfd.readouterr()) + town.errors.read_text()
    body = unit.key.read_bytes().split(b"\n")[2][:24]  # within the scalar
    scalar = pem.blocks(unit.key.read_text(), 1)[0][1][36:68]
    everywhere = [path for folder in (unit.folder, town.folder) for path in folder.rglob("*") if path.is_file()]
    for path in everywhere:
        if path == unit.key:
            continue
        kept = path.read_bytes()
        for secret in (body, scalar, scalar.hex().encode(), code.encode(), code.replace("-", "").encode()):
            assert secret not in kept, path
    assert code not in told
    assert "PRIVATE" not in told
    open_to_others = [
        path for path in everywhere if b"PRIVATE KEY" in path.read_bytes() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_nonsense_instead_of_certificates_ends_in_the_documented_error(town: Town) -> None:
    server = est.Server("https://a")
    good = wire.certificates([pem.blocks(town.authority.issuing_pem, 1)[0][1]])
    assert len(server._certificates(good)) == 1
    for body in (b"", b"<html>", b"AAAA", b"\xff" * 40, good[:-8]):
        with pytest.raises(EnrolmentError, match="EST server"):
            server._certificates(body)
    seeded = random.Random(6)
    der = base64.b64decode(good)
    for _ in range(400):
        changed = bytearray(der)
        changed[seeded.randrange(len(der))] ^= 1 << seeded.randrange(8)
        with contextlib.suppress(EnrolmentError):
            server._certificates(base64.b64encode(changed))
    with pytest.raises(EnrolmentError, match="2 certificates"):
        server._one(wire.certificates([pem.blocks(town.authority.issuing_pem, 1)[0][1]] * 2))


def test_unreachable_is_not_refused() -> None:
    with pytest.raises(UnreachableError):
        est.Server("https://127.0.0.1:1").root(b"x")
