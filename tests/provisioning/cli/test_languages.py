"""Every command speaks the person's language: as it is asked to, else as the installation says, else as the system does."""

import pathlib
import re
import time

import pytest

from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.cli.main import DAY, main
from provisioning.messages import LANGUAGES

NOT_WORDS = re.compile(
    r"dabyl [a-z]+ [a-z]+( --[a-z]+)?|chown -R.*|cp .* && .*|[\w.-]*/[\w/.-]+|[A-Z0-9-]{19}|\w+-\d\b"
    r"|sos-button|planned|claimed|UTC|root|README"
)
"""Commands, paths, names, codes, and what stands in tables as it is in every language."""
COMMANDS = {
    "plan": ["devices.csv"],
    "batch": ["devices.csv", "--check"],
    "inventory": [],
    "claim": ["sos-1", "--serial", "a7"],
    "labels": ["--out", "out/labels.pdf"],
    "revoke": ["sos-2", "--authority", "ca"],
    "broker": [
        "mosquitto",
        "--out",
        "broker",
        "--authority",
        "ca",
        "--device",
        "sos-1",
        "--certificate",
        "b/chain.pem",
        "--key",
        "b/key.pem",
    ],
    "crl": ["list", "--url", "https://enrol.example.org/crl.pem", "--authority", "ca"],
}
"""What tells something in passing, without a board; in the order of a day."""


def test_every_command_takes_a_language() -> None:
    commands = [command for part in DAY.values() for command in part.values()]
    assert len(commands) > 10
    for command in commands:
        (option,) = [one for one in command.params if one.name == "language"]
        assert getattr(option.type, "choices", None) == LANGUAGES, command.name


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_what_commands_tell_is_in_the_installations_language(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    monkeypatch.chdir(tmp_path)
    now_ms = time.time_ns() // 1_000_000
    make_identity(
        tmp_path / "b", Authority.create(tmp_path / "ca", "Test", now_ms), "broker", "b-1", now_ms, hosts=["b"]
    )
    file = tmp_path / "installation.toml"
    file.touch(0o600)
    file.write_text(f'[installer]\nlanguage = "{language}"\n[[broker]]\nhost = "b"\n[[wifi]]\nssid = "w"\n')
    (tmp_path / "out").mkdir()
    (tmp_path / "devices.csv").write_text("name;kind;room\nsos-1;sos-button;1\nsos-2;sos-button;2\n")
    for command, arguments in COMMANDS.items():
        assert main([command, *arguments]) == 0, capsys.readouterr().err
        told = "".join(capsys.readouterr())
        assert re.search(r"[а-яәғқңөұүһі]{4}", told.lower()), command  # noqa: RUF001
        assert not re.search(r"[A-Za-z]{3,}", NOT_WORDS.sub("", told)), (command, told)
    assert main(["inventory", "--language", "en"]) == 0
    assert "2 devices" in capsys.readouterr().out
    file.unlink()
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert main(["inventory"]) == 0
    assert "2 devices" in capsys.readouterr().out
