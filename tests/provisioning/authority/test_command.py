"""``dabyl authority``: the whole way from a new authority to a revoked device, and exit code 2 for whatever is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.chain import load_roots, verify_chain
from agent.keys.credentials import load_chain
from agent.keys.errors import ChainRevokedError
from agent.keys.revocation import load_lists
from provisioning.authority_cli import main

RequestFor = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, request_for: RequestFor) -> Path:
    (tmp_path / "device.csr").write_text(request_for("pillar-017"))
    assert main(["init", str(tmp_path / "new"), "--name", "Test"]) == 0
    return tmp_path


def test_from_a_new_authority_to_a_revoked_device(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca, chain = str(folder / "new"), str(folder / "chain.pem")
    capsys.readouterr()
    issue = [
        "issue",
        ca,
        str(folder / "device.csr"),
        "--role",
        "device",
        "--id",
        "pillar-017",
        "--out",
        chain,
        "--json",
    ]
    assert main(issue) == 0
    issued = json.loads(capsys.readouterr().out)
    assert issued["chain_pem"] == Path(chain).read_text()
    roots = load_roots((folder / "new" / "root.pem").read_text())
    at_ms = issued["not_after_ms"] - 1000
    assert verify_chain(load_chain(chain), roots, at_ms, role="device").kid.hex() == issued["kid"]
    assert main(["revoke", ca, issued["serial"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["serial"] == issued["serial"]
    with pytest.raises(ChainRevokedError):
        verify_chain(load_chain(chain), roots, at_ms, load_lists((folder / "new" / "crl.pem").read_text()))
    assert main(["crl", ca, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["revoked"] == 1


def test_the_chain_is_printed_if_no_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert (
        main(["issue", str(folder / "new"), str(folder / "device.csr"), "--role", "device", "--id", "pillar-017"]) == 0
    )
    assert capsys.readouterr().out.count("BEGIN CERTIFICATE") == 2


def test_a_passphrase_comes_from_a_closed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    ca = str(tmp_path / "new")
    assert main(["init", ca, "--name", "Test", "--passphrase-file", str(secret)]) == 0
    assert main(["crl", ca, "--passphrase-file", str(secret)]) == 0
    assert main(["crl", ca]) == 2
    secret.chmod(0o644)
    assert main(["crl", ca, "--passphrase-file", str(secret)]) == 2
    assert "chmod 600" in capsys.readouterr().err
    assert "horse" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init", "new", "--name", "Again"], "not empty"),
        (["init", "other"], "--name"),
        (["issue", "new", "device.csr", "--role", "boss", "--id", "pillar-017"], "'boss'"),
        (["issue", "new", "device.csr", "--role", "device", "--id", "pillar-018"], "not for 'pillar-018'"),
        (["issue", "new", "device.csr", "--role", "broker", "--id", "pillar-017"], "needs the DNS names"),
        (["issue", "new", "missing.csr", "--role", "device", "--id", "pillar-017"], "cannot be read"),
        (["issue", "new", "new/root.pem", "--role", "device", "--id", "pillar-017"], "CERTIFICATE REQUEST"),
        (["issue", "nowhere", "device.csr", "--role", "device", "--id", "pillar-017"], "dabyl authority init"),
        (["revoke", "new", "xyz"], "not hexadecimal"),
        (["revoke", "new", "abc"], "no certificate with serial abc"),
        (["fly"], "No such command"),
        ([], "Usage"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert not out


@pytest.mark.parametrize("command", ["init", "issue", "revoke", "crl"])
def test_help_shows_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert f"dabyl authority {command} ca" in capsys.readouterr().out
