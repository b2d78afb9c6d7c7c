"""``dabyl provision broker``: what it writes, where it takes names from, and what it refuses."""

import json
import pathlib
import subprocess

import pytest

from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.hashed_list import hashed_name
from provisioning.brokers.write import ENGINES
from provisioning.cli.main import main
from tests.provisioning.brokers.conftest import now_ms

FILES = {
    "mosquitto": {"mosquitto.conf", "mosquitto.acl", "crl.pem"},
    "rabbitmq": {
        "rabbitmq-env.conf",
        "rabbitmq.conf",
        "advanced.config",
        "enabled_plugins",
        "definitions.json",
        "crl.pem",
        "crls",
    },
    "nats": {"nats-server.conf"},
    "emqx": {"emqx.conf", "acl.conf"},
}


class Office:
    """An authority with a broker, two devices, a center and a consumer; ``command`` runs the command for it."""

    def __init__(self, directory: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.out = directory / "out"
        self.authority = Authority.create(directory / "ca", "Test Authority", now_ms())
        self.broker = make_identity(
            directory / "b", self.authority, "broker", "broker-1", now_ms(), hosts=("127.0.0.1",)
        )
        for role, name in (("device", "sos-1"), ("device", "sos-2"), ("center", "center-1"), ("consumer", "desk-1")):
            self.issue(role, name)
        self._capsys = capsys

    def issue(self, role: str, name: str) -> IdentityFiles:
        return make_identity(self.directory / f"{role}-{name}-{now_ms()}", self.authority, role, name, now_ms())

    def command(self, engine: str, *options: str, names: bool = True, files: bool = True) -> tuple[int, str, str]:
        arguments = ["broker", engine, "--out", str(self.out), *options]
        if names:
            arguments += ["--authority", str(self.directory / "ca")]
        if files:
            arguments += ["--certificate", str(self.broker.chain), "--key", str(self.broker.key)]
        code = main(arguments)
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err


@pytest.fixture
def office(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_files_are_written_and_nobody_elses(office: Office, engine: str) -> None:
    code, out, _ = office.command(engine, "--json")
    assert code == 0
    told = json.loads(out)
    assert {told[one] for one in ("devices", "centers", "consumers", "revoked")} == {0, 1, 2}
    assert {file.name for file in office.out.iterdir()} == FILES[engine] | {"README", "root.pem"}
    assert office.out.stat().st_mode & 0o777 == 0o700
    written = [file for file in office.out.rglob("*") if file.is_file()]
    assert {str(file) for file in written} == set(told["files"])
    assert {file.stat().st_mode & 0o777 for file in written} == {0o600}
    assert str(office.out) in (office.out / "README").read_text()
    assert not any("PRIVATE KEY" in file.read_text() for file in written)


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_replaced_only_when_told_so(office: Office, engine: str) -> None:
    assert office.command(engine)[0] == 0
    before = {file: file.read_bytes() for file in office.out.rglob("*") if file.is_file()}
    code, _, err = office.command(engine, "--port", "1883")
    assert code == 2
    assert "--force" in err
    assert before == {file: file.read_bytes() for file in office.out.rglob("*") if file.is_file()}
    assert office.command(engine, "--port", "1883", "--force")[0] == 0
    assert any(b"1883" in file.read_bytes() for file in office.out.glob("*.conf"))


def test_the_register_says_who_is_revoked(office: Office) -> None:
    serial = next(one.serial for one in office.authority.issued() if one.identity == "sos-1")
    office.authority.revoke(serial, now_ms())
    code, out, _ = office.command("nats", "--json")
    assert code == 0
    assert json.loads(out)["revoked"] == 1
    text = (office.out / "nats-server.conf").read_text()
    assert '"CN=sos-2"' in text
    assert '"CN=sos-1"' not in text
    assert "user sos-1\ntopic deny #" in _written(office, "mosquitto", "mosquitto.acl")
    assert "sos-1" not in _written(office, "rabbitmq", "definitions.json")
    assert '{deny, {user, "sos-1"}, all, ["#"]}.' in _written(office, "emqx", "acl.conf")


def _written(office: Office, engine: str, file: str) -> str:
    assert office.command(engine, "--force")[0] == 0
    return (office.out / file).read_text()


def test_a_revoked_certificate_that_an_engine_still_takes_is_told(office: Office) -> None:
    serial = next(one.serial for one in office.authority.issued() if one.identity == "sos-1")
    office.authority.revoke(serial, now_ms())
    office.issue("device", "sos-1")
    code, out, _ = office.command("nats", "--json")
    assert (code, json.loads(out)["still_open"]) == (0, ["sos-1"])
    code, out, err = office.command("emqx", "--force")
    assert code == 0
    assert "sos-1. Give the devices new names." in err
    code, out, _ = office.command("mosquitto", "--json", "--force")
    assert (code, json.loads(out)["still_open"]) == (0, [])


def test_names_come_from_options_and_from_a_csv(office: Office) -> None:
    table = office.directory / "names.csv"
    table.write_bytes("\ufeffrole;name;room\r\n;sos-7;Холл\r\ncenter;center-7;\r\n".encode())
    options = ["--csv", str(table), "--device", "sos-8", "--consumer", "desk-8", "--root", str(office.broker.root)]
    code, _, err = office.command("nats", *options, names=False)
    assert (code, err) == (0, "")
    text = (office.out / "nats-server.conf").read_text()
    assert [name in text for name in ("CN=sos-7", "CN=center-7", "CN=sos-8", "CN=desk-8")] == [True] * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,role\nsos-1,device\n", "must name a column 'name'"),
        (b"", "must name a column 'name'"),
        (b"name,role\nsos-1,king\n", "line 2: the role 'king' is none of"),
        (b"name\nsos-1\nsos-1\n", "line 3: the name 'sos-1' stands there twice"),
        (b"name\nSOS 1\n", "line 2: 'SOS 1' cannot be a certificate's CN"),
        ("name\nдым\n".encode(), "line 2"),
        ("name\nдым\n".encode("cp1251"), "is not UTF-8"),
        (b"name\nsos-1\n,,\n", "line 3"),
        (b'name\n"' + b"x" * 200_000 + b'"\n', "line"),
        (b"name\n" + b"x" * (16 * 1024 * 1024), "longer than"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(office: Office, content: bytes, said: str) -> None:
    table = office.directory / "names.csv"
    table.write_bytes(content)
    code, _, err = office.command("nats", "--csv", str(table))
    assert code == 2
    assert said in err
    assert not office.out.exists()


def test_a_centers_name_as_a_device_is_refused(office: Office) -> None:
    code, _, err = office.command("mosquitto", "--device", "center-1")
    assert code == 2
    assert "['center-1'] have two roles" in err
    assert not office.out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "::1"], "is no IPv4 address"),
        (["--listen", "127.0.0.1\nuser root"], "is no IPv4 address"),
        (["--port", "0"], "0 is not in the range"),
        (["--user", "a b"], "is no name of a user"),
        (["--device", "a b"], "cannot be a certificate's CN"),
        (["--root", "/nowhere/root.pem"], "/nowhere/root.pem is missing"),
        (["--crl", "/nowhere/crl.pem"], "/nowhere/crl.pem is missing"),
        (["--csv", "/nowhere/names.csv"], "cannot be read: No such file"),
        (["--out", "/proc/nowhere"], "/proc/nowhere: "),
    ],
)
def test_wrong_options_are_refused(office: Office, options: list[str], said: str) -> None:
    code, _, err = office.command("mosquitto", *options)
    assert code == 2
    assert said in err


def test_nobody_named_is_refused(office: Office) -> None:
    code, _, err = office.command("nats", "--root", str(office.broker.root), names=False)
    assert code == 2
    assert "nobody may enter this broker" in err


def test_a_missing_certificate_says_how_to_get_one(office: Office) -> None:
    code, _, err = office.command("mosquitto", files=False)
    assert code == 2
    assert "chain.pem is missing" in err
    assert "dabyl authority issue --role broker" in err


def test_a_key_that_does_not_fit_or_lies_open_is_refused(office: Office) -> None:
    other = office.issue("device", "sos-9")
    options = ["--certificate", str(office.broker.chain), "--key", str(other.key)]
    code, _, err = office.command("mosquitto", *options, files=False)
    assert code == 2
    assert "KEY_VALUES_MISMATCH" in err
    office.broker.key.chmod(0o644)
    code, _, err = office.command("mosquitto", "--force")
    assert code == 2
    assert "everybody may read" in err
    assert not (office.out / "mosquitto.conf").exists()


def test_a_revocation_list_has_the_name_that_openssl_gives_it(office: Office) -> None:
    crl = office.directory / "ca" / "crl.pem"
    told = subprocess.run(
        ["/usr/bin/openssl", "crl", "-hash", "-noout", "-in", str(crl)], check=True, capture_output=True, text=True
    )
    assert hashed_name(crl.read_bytes()) == told.stdout.strip() + ".r0"
    with pytest.raises(BrokerFilesError, match="not one in PEM"):
        hashed_name(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")


def test_the_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "--help"]) == 0
    assert "dabyl provision broker rabbitmq --out broker --csv devices.csv" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert "broker" in capsys.readouterr().out
