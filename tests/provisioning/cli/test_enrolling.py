"""The commands as processes of their own: a batch that is killed goes on, and a person is led on a terminal."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from provisioning.authority.register import Register
from provisioning.cable.prompt import Prompt
from provisioning.hands import SimulatedHands
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device
from simulators.board.firmware import lacking
from simulators.site import dabyl
from tests.provisioning.cli.terminal import MOST_S, Terminal
from tests.provisioning.leaks import keys_of, leaks, open_to_others

pytestmark = [pytest.mark.micropython, pytest.mark.skipif(lacking() is not None, reason=str(lacking()))]
DEVICES = [Device("sos-1", "sos-button"), Device("sos-2", "sos-button")]
TABLE = "name;kind;building;room;address\nsos-1;sos-button;Школа № 5;Спортзал;\nsos-2;sos-button;Школа № 5;212;\n"
ADDRESS = "192.168.4.21"
PASSPHRASE = "верный конь 7"


def test_a_batch_killed_as_a_certificate_is_issued_goes_on_and_nothing_is_double(
    tmp_path: pathlib.Path, bundle: pathlib.Path
) -> None:
    table, folder = tmp_path / "devices.csv", tmp_path / "w"
    table.write_text(TABLE.replace("212;", f"212;{ADDRESS}"), encoding="utf-8-sig")
    command = [*dabyl(), "provision", "batch", str(table), "--simulated", "--json", "--folder", str(folder)]
    command += ["--bundle", str(bundle)]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    log = folder / "authority" / "audit.jsonl"
    until = time.monotonic() + MOST_S
    while not log.exists() or '"identity": "sos-1"' not in log.read_text():
        assert time.monotonic() < until
        assert first.poll() is None
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MOST_S, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["registered"], report["failed"], report["resumed"]) == (2, 0, 1)
    assert all(device["first_press"]["event"] for device in report["devices"])
    with Inventory(folder / "inventory.db") as inventory:
        holding = {
            record.serial: record.identity
            for record in Register(folder / "authority").records()
            if record.role == "device"
        }
        assert [one.address for one in inventory.devices()] == ["", ADDRESS]
        assert {serial: one.name for one in inventory.devices() for serial in one.certificates} == holding
    assert log.read_text().count('"identity": "sos-1"') == 1
    keys = keys_of(folder)
    assert {file.parent.name for file in keys} == {"authority", "broker-1", "center-1", "installer-1"}
    assert open_to_others(folder, temporary) == []
    assert leaks(keys, [folder, temporary], done.stdout + done.stderr) == []


def encrypt(key: pathlib.Path) -> None:
    """Protect a key file with the passphrase."""
    loaded = load_pem_private_key(key.read_bytes(), None)
    how = BestAvailableEncryption(PASSPHRASE.encode())
    key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))


@pytest.fixture
def hands(tmp_path: pathlib.Path) -> Iterator[SimulatedHands]:
    with SimulatedHands(tmp_path / "w", [device.name for device in DEVICES]) as hands:
        yield hands


def test_a_person_is_led_past_a_wrong_board_in_russian(
    tmp_path: pathlib.Path, hands: SimulatedHands, bundle: pathlib.Path
) -> None:
    table = tmp_path / "devices.csv"
    table.write_text(TABLE, encoding="utf-8")
    with hands.installation.open("a") as file:
        file.write(f'[firmware]\nbundle = "{bundle}"\n')
    place = ["--installation", str(hands.installation)]
    plan = "import sys; from provisioning.inventory.inventory import Inventory; from provisioning.plan.check import read; import pathlib\n"
    plan += "Inventory(pathlib.Path(sys.argv[1])).plan(read(pathlib.Path(sys.argv[2]), ['sos-button']), 0)"
    subprocess.run(
        [sys.executable, "-c", plan, str(tmp_path / "w" / "inventory.db"), str(table)], check=True, timeout=30
    )
    port = tmp_path / "port"

    def plug(device: Device) -> None:
        port.with_suffix(".new").symlink_to(hands.plug(device))
        port.with_suffix(".new").replace(port)

    def unplug() -> None:
        port.unlink()
        hands.unplug(DEVICES[0])

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "LC_ALL": ""}
    encrypt(tmp_path / "w" / "authority" / "issuing.key")
    command = [*dabyl(), "provision", *place, "--port", str(port)]
    terminal = Terminal(command, {**environment, "LANG": "ru_RU.UTF-8"})
    try:
        terminal.until("Пароль удостоверяющего центра")
        terminal.type("не тот\n")
        terminal.until("Пароль удостоверяющего центра неверен")
        terminal.until("Пароль удостоверяющего центра (")
        terminal.type(PASSPHRASE + "\n")
        terminal.until("Осталось: 2")
        terminal.until("Спортзал")
        terminal.until("Постоянный адрес IPv4 в dabyl (192.168.4.0/24)")
        terminal.type("192.168.4.1\n")
        terminal.until("это шлюз")
        terminal.type(ADDRESS + "\n")
        terminal.until("Подключите USB-кабелем плату для sos-1.")
        plug(DEVICES[0])
        terminal.until("НАЖМИТЕ КНОПКУ sos-1")
        hands.press(DEVICES[0])
        terminal.until("sos-1 готово.")
        terminal.until("Отключите плату sos-1")
        unplug()
        terminal.until("Постоянный адрес IPv4")
        terminal.type(ADDRESS + "\n")
        terminal.until(f"Адрес {ADDRESS} уже у sos-1")  # noqa: RUF001
        terminal.type("\n")
        terminal.until("Подключите USB-кабелем плату для sos-2.")
        plug(DEVICES[0])  # the wrong one
        terminal.until("Эта плата уже sos-1, а не sos-2.")  # noqa: RUF001
        terminal.until("Enter: повторить")
        unplug()
        plug(DEVICES[1])
        terminal.type("\n")
        terminal.until("НАЖМИТЕ КНОПКУ sos-2")
        hands.press(DEVICES[1])
        terminal.until("Готово: 2, осталось: 0.")
        assert terminal.process.wait(MOST_S) == 0
        assert "Traceback" not in terminal.shown
        told = terminal.shown
        terminal.close()
        with Prompt(hands.plug(DEVICES[0])) as prompt:
            assert ADDRESS in prompt.run("print(open('/device.json').read())")
        hands.unplug(DEVICES[0])
        with Prompt(hands.plug(DEVICES[1])) as prompt:
            made = bytes.fromhex(prompt.run("print(open('/keys/device.key','rb').read(32).hex())"))
        hands.unplug(DEVICES[1])
        away = [folder for folder in (tmp_path / "w").iterdir() if folder.is_dir() and folder.name != "boards"]
        assert leaks([made, PASSPHRASE.encode()], [*away, temporary], told) == []
        files = [tmp_path / "w" / name for name in ("inventory.db", "center.db", "installation.toml")]
        assert all(made not in file.read_bytes() and PASSPHRASE.encode() not in file.read_bytes() for file in files)
        assert open_to_others(tmp_path / "w", temporary) == []
        hands.plug(DEVICES[1])
        passphrase = tmp_path / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text(PASSPHRASE, encoding="utf-8")
        place += ["--passphrase-file", str(passphrase)]
        out = tmp_path / "out"
        walk = [*dabyl(), "provision", "commission", "sos-2", *place, "--by", "Ә. Нұрлан", "--out", str(out)]
        terminal = Terminal(walk, {**environment, "LANG": "kk_KZ.UTF-8"})
        terminal.until("Қалғаны: 1")
        hands.press(DEVICES[1])
        terminal.until("sos-2: басуды орталық тексерді. Орны: Школа № 5, 212")
        terminal.until("Шамы")
        terminal.type("и\n")
        terminal.until("Фотосурет")
        terminal.type("212.jpg\n")
        terminal.until("өтті 1, өтпеді 0, тексерілмеді 0")
        assert terminal.process.wait(MOST_S) == 0
        (entry,) = json.loads((out / "acceptance.json").read_text())["devices"]
        assert (entry["result"], entry["photo"], entry["lamp"]) == ("passed", "212.jpg", True)
        assert (out / "acceptance.pdf").read_bytes().startswith(b"%PDF")
    finally:
        terminal.close()
        (tmp_path / "shown.txt").write_text(terminal.shown)
