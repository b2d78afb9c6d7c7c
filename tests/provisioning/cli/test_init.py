"""A new installation: what is written, that nothing is replaced, and that a disk that fills up at any moment leaves nothing half-made."""

import json
import os
import pathlib
import stat
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.keys import pem
from agent.keys.file import FileKey
from agent.keys.names import CONSUMER
from provisioning.authority.authority import Authority
from provisioning.authority.register import Register
from provisioning.cable.contents import device_json
from provisioning.cli.main import main
from provisioning.installation import language_in, read
from provisioning.new_installation import WIRING, center_key
from simulators.board.kinds import KINDS
from simulators.site import dabyl
from tests.provisioning.cli.terminal import MOST_S, Terminal

PASSWORD = "geheim geheim"


class Office:
    """A folder with what the person brings."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.file = folder / "site" / "installation.toml"
        key = folder / "center.key"
        if not key.exists():
            FileKey.generate(str(key))
        self.center = folder / "c.pem"
        self.center.write_text(_public(key))
        self.password = folder / "wifi"
        self.password.touch(0o600)
        self.password.write_text(PASSWORD + "\n")

    def init(self, *more: str, **changed: str) -> int:
        """Run the command with all options; the exit code."""
        given = {
            "name": "Алматы SOS",
            "broker": "mqtt.example.org:18883",
            "wifi": "қала",
            "wifi-password-file": str(self.password),
            "center": str(self.center),
            **changed,
        }
        options = [word for name, value in given.items() for word in (f"--{name}", value)]
        return main(["init", "--installation", str(self.file), *options, *more])


def _public(key: pathlib.Path) -> str:
    return pem.encoded("PUBLIC KEY", FileKey.load(str(key)).public_der)


@pytest.fixture
def office(tmp_path: pathlib.Path) -> Office:
    return Office(tmp_path)


def test_what_it_writes_is_what_boards_and_the_other_commands_take(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    assert office.init("--json", "--language", "kk") == 0
    told, shown = capsys.readouterr()
    assert json.loads(told)["installation"] == str(office.file)
    assert PASSWORD not in told + shown
    found = read(office.file)
    assert (found.brokers, found.listen_host, found.listen_port) == (
        ({"host": "mqtt.example.org", "port": 18883},),
        "mqtt.example.org",
        18883,
    )
    for kind in WIRING:
        board = json.loads(device_json(found, "one-1", kind, {"building": "1"}))
        assert board["wifi"] == [{"ssid": "қала", "key": PASSWORD}]
    assert center_key(found.center_keys[0]) == office.center.read_text()
    assert language_in(office.file) == "kk"
    authority = Authority.open(found.authority)
    (laptop,) = authority.issued()
    assert (laptop.role, laptop.identity) == (CONSUMER, "installer-1")
    assert laptop.kid == FileKey.load(str(found.key)).kid
    open_to_others = [
        path
        for path in office.file.parent.rglob("*")
        if path.suffix != ".pem" and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
    assert stat.S_IMODE(found.key.stat().st_mode) == 0o600
    assert main(["labels", "--installation", str(office.file), "--out", str(office.folder / "labels.pdf")]) == 2
    assert "тізілім" in capsys.readouterr().err, "the installation's language"


def test_nothing_that_is_there_is_replaced_without_asking(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.init() == 0
    there = {path: path.read_bytes() for path in office.file.parent.rglob("*") if path.is_file()}
    assert office.init(broker="other.example.org") == 2
    assert "stays as it is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in office.file.parent.rglob("*") if path.is_file()} == there
    office.file.unlink()
    assert office.init() == 0
    assert {path: path.read_bytes() for path in office.file.parent.rglob("*") if path.is_file()} == there


def test_a_disk_that_fills_up_at_any_moment_leaves_nothing_half_made(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sync, left = os.fsync, [0]

    def filling(descriptor: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    moment = 0
    while True:
        moment += 1
        folder = tmp_path / str(moment)
        folder.mkdir()
        office = Office(folder)
        left[0] = moment
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", filling)
            code = office.init()
        if left[0] > 0:
            break
        capsys.readouterr()
        assert code in {0, 2}, "0 where only the folder's entry could not be promised"
        if code == 2:
            assert not office.file.exists()
            assert office.init() == 0, capsys.readouterr().err
        found = read(office.file)
        assert [one.role for one in Register(found.authority).records()] == [CONSUMER]
        assert sorted(path.name for path in office.file.parent.iterdir()) == [
            "ca",
            "center.pub.pem",
            "installation.toml",
            "listener",
        ]
        Authority.open(found.authority)
    assert moment > 10


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "x" * 49}, "1 to 48"),
        ({"broker": "mqtts://example.org"}, "no address of a broker"),
        ({"broker": "example.org:0"}, "no address of a broker"),
        ({"broker": "example.org:99999999"}, "no address of a broker"),
        ({"broker": "a b"}, "no address of a broker"),
        ({"wifi": "ж" * 17}, "1 to 32 bytes"),
        ({"wifi": "a\x7f"}, "1 to 32 bytes"),
        ({"center": "/dev/null"}, "P-256 public key"),
        ({"laptop": "Ноутбук"}, "is no identity"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(
    office: Office, capsys: pytest.CaptureFixture[str], changed: dict[str, str], told: str
) -> None:
    assert office.init(**changed) == 2
    assert told in capsys.readouterr().err
    assert not office.file.exists()
    assert office.init() == 0


def test_what_a_board_would_not_take_is_not_written(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.init(*(word for number in range(4) for word in ("--broker", f"b{number}.example.org"))) == 2
    assert "1 to 4" in capsys.readouterr().err
    assert not office.file.exists()


def test_a_center_key_of_another_kind_is_refused(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    other = generate_private_key(SECP384R1()).public_key()
    office.center.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert office.init() == 2
    assert "P-256 public key" in capsys.readouterr().err


@pytest.mark.parametrize("password", ["short", "пароль пароль", "x" * 64])
def test_a_password_that_no_wifi_has_is_refused_and_not_told(
    office: Office, capsys: pytest.CaptureFixture[str], password: str
) -> None:
    office.password.write_text(password)
    assert office.init() == 2
    shown = capsys.readouterr().err
    assert "8 to 63" in shown
    assert password not in shown


def test_a_sheet_of_labels_is_closed_to_others_and_whole_or_as_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert office.init() == 0
    table = office.folder / "devices.csv"
    table.write_text("name;kind;room\nsos-1;sos-button;212\n")
    assert main(["plan", str(table), "--inventory", str(office.file.parent / "inventory.db")]) == 0
    out = office.folder / "labels.pdf"
    command = ["labels", "--installation", str(office.file), "--out", str(out)]
    assert main(command) == 0
    sheet = out.read_bytes()
    assert sheet.startswith(b"%PDF")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert main([*command, "--language", "ru"]) == 2
    assert "нет места" in capsys.readouterr().err
    assert out.read_bytes() == sheet


def test_without_a_terminal_what_is_missing_is_named(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--installation", str(office.file), "--name", "A"]) == 2
    assert "--center is missing" in capsys.readouterr().err


def test_pins_are_as_simulated_boards_are_wired() -> None:
    for kind, pins in WIRING.items():
        assert pins.items() <= KINDS[kind].settings.items()


def answer(office: Office, *answers: tuple[str, str], last: str, code: int) -> str:
    """Lead a person on a terminal in Kazakh, who is asked for each word and types each answer, to the last word; what was shown."""
    environment: dict[str, Any] = {**os.environ, "LC_ALL": "", "LANG": "kk_KZ.UTF-8"}
    terminal = Terminal([*dabyl(), "provision", "--installation", str(office.file)], environment)
    try:
        for word, said in answers:
            terminal.until(word)
            terminal.type(said + "\n")
        terminal.until(last)
        assert terminal.process.wait(MOST_S) == code
    finally:
        terminal.close()
    return terminal.shown


def test_a_person_without_a_file_is_asked_and_goes_on_when_the_centers_key_has_come(office: Office) -> None:
    answer(office, ("Орнатудың атауы", "Алматы"), ("жаңа құпиясөзі", ""), ("әзірге", ""), last="openssl pkey", code=1)
    (office.file.parent / "center.pub.pem").write_text(office.center.read_text())
    shown = answer(
        office,
        ("брокері", "https://x"),
        ("мекенжайы емес", "mqtt.example.org"),
        ("Wi-Fi", "qala"),
        ("құпиясөзі", PASSWORD),
        last="Жазылды",
        code=0,
    )
    assert PASSWORD not in shown
    found = read(office.file)
    assert (found.brokers[0]["port"], found.wifi[0]["key"], language_in(office.file)) == (8883, PASSWORD, "kk")
