"""``dabyl provision claim``, ``inventory``, ``revoke`` and ``serve``: the installer's commands, and exit code 2 for whatever is wrong."""

import csv
import io
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.revocation import load_lists
from provisioning.cli.main import main
from tests.provisioning.enrolment.conftest import BOARD, Town


@pytest.fixture
def town(make_town: Callable[[int], Town]) -> Town:
    """The commands read the machine's clock."""
    return make_town(time.time_ns() // 1_000_000)


def test_the_installers_day_with_a_device_of_the_network(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(town.folder)
    (town.folder / "devices.csv").write_text("name;kind;room\nsos-7;sos-button;7\n")
    assert main(["plan", "devices.csv"]) == 0
    assert main(["plan", "devices.csv"]) == 0
    assert "0 devices planned, 1 were there" in capsys.readouterr().out
    assert main(["claim", "sos-7"]) == 2
    assert "serial number" in capsys.readouterr().err
    assert main(["claim", "sos-7", "--serial", "A7", "--json"]) == 0
    code = json.loads(capsys.readouterr().out)["claim"]
    town.office.enrol("10.0.0.1", "sos-7", code, town.request("sos-7", board="A7"))
    assert main(["claim", "sos-1"]) == 0
    assert "dabyl agent enrol" in capsys.readouterr().out

    assert main(["inventory"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["sos-1", "claimed"],
        ["sos-2", "planned"],
        ["sos-7", "enrolled"],
    ]
    assert main(["inventory", "--state", "enrolled", "--form", "csv"]) == 0
    assert [row["serial"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["A7"]
    assert main(["inventory", "--form", "registry"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["devices"]] == ["sos-7"]

    assert main(["revoke", "sos-7", "--authority", "ca", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (listed,) = load_lists(Path(told["crl"]).read_text())
    assert [f"{serial:x}" for serial in listed.serials] == told["revoked"]
    assert main(["revoke", "sos-7", "--authority", "ca"]) == 0
    assert "0 certificates revoked" in capsys.readouterr().out
    assert town.state("sos-7") == "revoked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "none.csv"], "none.csv"),
        (["plan", "inventory.db"], "inventory.db"),
        (["claim", "sos-9"], "not in the inventory"),
        (["claim", "sos-1", "--days", "91"], "91"),
        (["claim", "sos-1", "--inventory", "none.db"], "There is no inventory"),
        (["claim", "sos-1", "--serial", "OTHER"], "is the board"),
        (["revoke", "sos-9", "--authority", "ca"], "not in the inventory"),
        (["revoke", "sos-1", "--authority", "none"], "no certificate authority"),
        (["inventory", "--inventory", "ca"], "directory"),
        (["serve", "--authority", "ca", "--certificate", "none", "--key", "none"], "does not exist"),
        (["serve", "--authority", "ca", "--certificate", "ca/root.pem", "--key", "ca/root.key"], "cannot work"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_2(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(town.folder)
    town.claim()
    assert main([*arguments, "--listen", "999.1.1.1"] if "ca/root.key" in arguments else arguments) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert not out
    assert BOARD not in out


@pytest.mark.parametrize(
    ("language", "place", "name", "unknown", "server_told"),
    [("ru", "строка 2, столбец name: Дверь не годится как имя", "Ошибка: ", "нет в реестре", "Сервер не может работать"),
     ("kk", "2-жол, name бағаны: Дверь атау бола алмайды", "Қате: ", "тізілімде жоқ", "Сервер жұмыс істей алмайды")],
)  # fmt: skip
def test_tables_and_inventory_speak_the_persons_language(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str, place: str, name: str,
    unknown: str, server_told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(town.folder)
    (town.folder / "devices.csv").write_text("name;kind;room\n" + "Дверь;sos-button;7\n")
    assert main(["plan", "devices.csv", "--language", language]) == 2
    said = capsys.readouterr().err
    assert said.startswith(name)
    assert place in said
    monkeypatch.setenv("LANG", f"{language}.UTF-8")
    assert main(["claim", "sos-9"]) == 2
    assert unknown in capsys.readouterr().err
    server = [
        "serve",
        "--authority",
        "ca",
        "--certificate",
        "ca/root.pem",
        "--key",
        "ca/root.key",
        "--listen",
        "999.1.1.1",
    ]
    assert main(server) == 2
    told = capsys.readouterr().err
    assert told.startswith(name)
    assert server_told in told


def test_addresses_are_planned_in_the_installations_networks_and_shown(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(town.folder)
    table = town.folder / "devices.csv"
    table.write_text("name;kind;room;address\nsos-7;sos-button;7;10.1.2.7\ncross-8;crosswalk;8;10.1.2.8\n")
    assert main(["plan", "devices.csv"]) == 2
    assert "row 2, address: 10.1.2.7: no network" in capsys.readouterr().err
    file = town.folder / "installation.toml"
    file.touch(0o600)
    file.write_text('[[broker]]\nhost = "b"\n[[wifi]]\nssid = "w"\nnetmask = "255.255.255.0"\ngateway = "10.1.2.1"\n')
    assert main(["plan", "devices.csv"]) == 2
    assert capsys.readouterr().err.endswith(
        "\n  row 3, address: crosswalk runs on Linux: its address is given there, not here\n"
    )
    table.write_text("name;kind;room;address\nsos-7;sos-button;7;10.1.2.7\n")
    assert main(["plan", "devices.csv"]) == 0
    assert main(["inventory"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == ["sos-7", "planned", "sos-button", "10.1.2.7", "7"]


@pytest.mark.parametrize("command", ["plan", "claim", "inventory", "revoke", "serve"])
def test_help_shows_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert f"dabyl provision {command}" in capsys.readouterr().out


def test_openssl_agrees_with_the_list_that_a_revocation_writes(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(town.folder)
    leaf = town.office.enrol("10.0.0.1", "sos-1", town.claim(), town.request())
    (tmp_path / "leaf.der").write_bytes(leaf)
    assert main(["revoke", "sos-1", "--authority", "ca"]) == 0
    (tmp_path / "served.pem").write_bytes(town.office.revocation_list())
    command = [
        *("openssl", "verify", "-crl_check", "-CRLfile", "served.pem", "-CAfile", "ca/root.pem", "-untrusted"),
        *("ca/issuing.pem", "-attime", str(town.now_ms // 1000 + 1), "leaf.der"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=town.folder)
    assert "certificate revoked" in done.stderr
