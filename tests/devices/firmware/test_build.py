"""The bundle that is copied to boards: what is in it, that it runs, and what is said when it cannot be made."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devices.common.pictures import asked_folder
from devices.firmware.faults import FAULTS, blinks
from devices.panic_button import SETTINGS as PANIC
from devices.sos_button import SETTINGS as SOS
from provisioning.firmware import __main__ as command
from provisioning.firmware import bundle, mpy, pictures
from provisioning.firmware.bundle import BundleError, make, shrunk
from provisioning.firmware.join import joined
from provisioning.firmware.modules import NeedsError, kinds, options
from provisioning.firmware.write import written

ROOT = Path(__file__).parents[3]
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
MINI = {
    "devices/firmware/start.py": "from agent.here import one\nfrom devices.firmware.options import KINDS\nimport machine\n\n"
    "def main(slots):\n    return one(), KINDS[slots]\n",
    "devices/firmware/options.py": "KINDS = {}\n",
    "devices/firmware/slots.py": "class Slots:\n    pass\n",
    "devices/firmware/root/boot.py": "import machine\n",
    "devices/firmware/root/main.py": "import slots\n",
    "devices/bell/__init__.py": "from devices.bell.patterns import PATTERNS as PATTERNS\nKIND = 'bell'\nSETTINGS = {}\n"
    "def make_logic():\n    from devices.bell.logic import Bell\n    return Bell\n"
    "def make_binding():\n    from devices.bell.linux import Binding\n    return Binding\n",
    "devices/bell/logic.py": "from devices.bell import deep\nclass Bell:\n    d = deep.D\n    def rung(self): return self.d\n",
    "devices/bell/patterns.py": "PATTERNS = {}\n",
    "devices/bell/deep.py": "D = 2\n",
    "devices/bell/linux.py": "import gpiozero\n",
    "agent/here.py": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any\n\ndef one() -> 'Any':\n    return 1\n",
    "agent/__init__.py": '"""Nothing but words."""\n',
    "agent/unused.py": "U = 3\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, source in MINI.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return tmp_path / "tree"


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_kind_that_asks_for_what_boards_lack_is_none_of_theirs(tree: Path) -> None:
    assert kinds(tree) == ["bell"]
    (tree / "devices/bell/__init__.py").write_text("import typing\n", encoding="utf-8")
    assert kinds(tree) == []
    assert kinds(ROOT) == ["panic-button", "sos-button"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import dataclasses", "agent/here.py needs dataclasses, which no board has"),
        ("def f():\n    from typing import Any", "agent/here.py needs typing, which no board has"),
        ("from agent.gone import x", "agent/here.py needs agent.gone, which is not in the tree"),
    ],
)
def test_a_module_that_no_board_has_is_named_with_who_needs_it(
    tree: Path, tmp_path: Path, line: str, said: str
) -> None:
    (tree / "agent/here.py").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(NeedsError) as told:
        make(tree, tmp_path / "bundle", ["bell"])
    assert str(told.value) == said


def test_an_unknown_kind_is_told_with_those_there_are(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(NeedsError, match="no kind is called siren; there are: bell"):
        make(tree, tmp_path / "bundle", ["siren"])


def test_the_manifest_says_what_lies_in_the_bundle(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "bundle"
    target.parent.mkdir()
    sizes, _groups = make(tree, target, ["bell"])
    copy = target / "flash" / "a"
    told = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    assert (told["format"], told["kinds"], told["mpy"]) == ("dabyl-firmware/1", ["bell"], bundle.mpy_version())
    on_disk = digest(copy)
    del on_disk["manifest.json"]
    assert {name: entry["sha256"] for name, entry in told["files"].items()} == on_disk
    for name, entry in told["files"].items():
        assert entry["bytes"] == (copy / name).stat().st_size == sizes[name]
        assert (copy / name).read_bytes()[:2] == b"M\x06"  # the format's mark and version
    assert sorted(path.name for path in (target / "flash").iterdir()) == ["a", "boot.py", "main.py", "slots.mpy"]
    assert list(target.parent.iterdir()) == [target]


def test_each_compiled_file_names_itself_as_freezing_takes_it_for_a_module(tree: Path, tmp_path: Path) -> None:
    make(tree, tmp_path / "bundle", ["bell"])
    flash = tmp_path / "bundle" / "flash"
    assert [
        mpy.read(path.read_bytes()).names[0][1:-1].decode()
        for path in (flash / "a" / "devices/firmware/start.mpy", flash / "slots.mpy")
    ] == [
        "devices/firmware/start.py",
        "slots.py",
    ]
    assert len(list(flash.rglob("*.mpy"))) == 2


def test_the_same_sources_give_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    make(tree, tmp_path / "one", ["bell"])
    elsewhere = shutil.copytree(tree, tmp_path / "elsewhere")
    make(elsewhere, tmp_path / "two", ["bell"])
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_what_does_not_compile_is_named_and_leaves_the_bundle_before_it(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    make(tree, target, ["bell"])
    before = digest(target)
    (tree / "devices/bell/deep.py").write_text("D = 2\nmatch D:\n    case 1: pass\n", encoding="utf-8")
    with pytest.raises(
        BundleError, match=r"devices/bell/deep\.py does not compile for MicroPython: SyntaxError: invalid syntax"
    ):
        make(tree, target, ["bell"])
    assert digest(target) == before


def test_a_folder_that_is_no_bundle_is_left_alone(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "photographs"
    other.mkdir()
    (other / "cat").write_text("purr", encoding="utf-8")
    with pytest.raises(BundleError, match="is no bundle"):
        make(tree, other, [])
    assert (other / "cat").read_text(encoding="utf-8") == "purr"


def test_the_command_says_sizes_and_errors_in_words(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TREE", tree)
    target = tmp_path / "bundle"
    assert command.main(["--out", str(target), "--kind", "bell", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == sum(told["files"].values())
    assert told["groups"]["device kinds"] > 0 == told["groups"]["MQTT client"]
    assert told["kinds"] == ["bell"]
    assert command.main(["--out", str(target)]) == 0
    assert (
        f"{told['bytes']:,}  bytes in {len(told['files'])} files for bell (at most 65,536)" in capsys.readouterr().out
    )
    assert command.main(["--out", str(target), "--kind", "teapot"]) == 2
    assert capsys.readouterr().err.startswith("firmware: no kind is called teapot")
    (tree / "agent/here.py").write_text("import typing\n", encoding="utf-8")
    assert command.main(["--out", str(target)]) == 2
    assert capsys.readouterr().err == "firmware: agent/here.py needs typing, which no board has\n"


def test_what_is_too_large_is_said_in_the_last_line_and_by_the_exit_code(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TREE", tree)
    sizes, _groups = make(tree, tmp_path / "bundle", ["bell"])
    size = sum(sizes.values())
    for bound, code, said in (
        (size, 0, ""),
        (size - 1, 1, f"too large: it has {size:,} bytes, 1 more than {size - 1:,}\n"),
    ):
        monkeypatch.setattr(command, "BOARD_BYTES", bound)
        for form in ([], ["--json"]):
            assert command.main(["--out", str(tmp_path / "bundle"), *form]) == code
            assert capsys.readouterr().err.endswith(said)
    monkeypatch.setattr(command, "BOARD_BYTES", size)
    monkeypatch.setattr(command, "MQTT_BYTES", -1)
    assert command.main(["--out", str(tmp_path / "bundle")]) == 1
    assert "the MQTT client has 0 bytes, 1 more than -1" in capsys.readouterr().err


def test_the_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert "examples:\n  scripts/firmware --kind sos-button" in told
    assert "exit codes:\n  0  " in told


@pytest.mark.parametrize("arguments", [[], ["devices"], ["docs/devices", "docs"]])
def test_pictures_say_how_they_are_called(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pictures.py", *arguments])
    with pytest.raises(SystemExit) as left:
        asked_folder("firmware.md")
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_all_kinds_run_from_one_bundle_and_it_and_the_mqtt_client_are_within_their_bounds(tmp_path: Path) -> None:
    sizes, groups = make(ROOT, tmp_path / "bundle", ["panic-button", "sos-button"])
    assert sum(sizes.values()) <= bundle.BOARD_BYTES == 65_536
    assert "atecc608" not in (tmp_path / "bundle" / "names.json").read_text(encoding="utf-8")
    assert 4000 < groups["MQTT client"] <= bundle.MQTT_BYTES
    names = json.loads((tmp_path / "bundle" / "names.json").read_text(encoding="utf-8"))
    short = {long: name for name, stands_for in names.items() for long in stands_for}
    script = (
        f"import sys\nsys.path[:0] = ['flash', 'flash/a', {str(ROOT / 'simulators/board/device')!r}]\nimport slots\n"
        f"from devices.firmware.start import {short['devices.firmware.options.KINDS']} as KINDS\n"
        "print(slots.Slots('flash').choose(), sorted(KINDS))\n"
        "for kind, given in (('panic-button', {'building': 'A'}), ('sos-button', {})):\n"
        "    settings, patterns, make_logic = KINDS[kind]\n"
        "    print(type(make_logic(given, 0)).__name__, sorted(settings), sorted(patterns))"
    )
    done = subprocess.run(
        [str(MICROPYTHON), "-c", script],
        cwd=tmp_path / "bundle",
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    panic, sos = short["devices.panic_button.logic.PanicButton"], short["devices.sos_button.logic.SosButton"]
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        [
            "a ['panic-button', 'sos-button']",
            f"{panic} {sorted(PANIC)} ['buzzer', 'haptic', 'lamp']",
            f"{sos} {sorted(SOS)} ['lamp', 'relay', 'siren', 'strobe']",
        ],
    )


def test_a_panic_button_with_a_secure_element_is_within_its_bound_and_has_it(tmp_path: Path) -> None:
    sizes, _groups = make(ROOT, tmp_path / "bundle", ["panic-button"], secure_element=True)
    assert sum(sizes.values()) <= bundle.BOARD_BYTES
    assert "atecc608.Atecc608" in (tmp_path / "bundle" / "names.json").read_text(encoding="utf-8")


def test_a_package_that_lacks_what_a_board_asks_for_is_named(tree: Path, tmp_path: Path) -> None:
    (tree / "devices/bell/__init__.py").write_text("SETTINGS = {}\nmake_logic = len\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"devices/bell/__init__\.py needs PATTERNS, which it does not have"):
        make(tree, tmp_path / "bundle", ["bell"])


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_a_board_that_asks_for_what_its_firmware_lacks_is_told(tmp_path: Path) -> None:
    # As the build does it for SOS buttons, but for the one module that asks: a whole bundle takes ten times as long.
    file, foreign = joined(ROOT, "devices.firmware.config", ("Config",))
    names = shrunk([file], set(), options(ROOT, ["sos-button"], secure_element=False))
    bundle.compiled(written(file, foreign), file.path, tmp_path / "config.mpy")
    device = {"id": "sos-1", "kind": "sos-button"}
    settings = {"device": device, "wifi": [{"ssid": "x"}], "brokers": [{"host": "y"}]}
    asked: list[dict[str, object]] = [
        {"secure_element": {"sda": 21, "scl": 22}},
        {"device": {**device, "sleeps": True}},
        {},
    ]
    for number, table in enumerate(asked):
        (tmp_path / f"{number}.json").write_text(json.dumps({**settings, **table}), encoding="utf-8")
    short = next(name for name, stands_for in names.items() if "devices.firmware.config.Config" in stands_for)
    script = (
        f"import json\nfrom config import {short} as Config\nfor n in range(3):\n    try:\n"
        "        print(Config(json.load(open('%d.json' % n))) and 'well')\n    except Exception as error:\n        print(error)"
    )
    done = subprocess.run(
        [str(MICROPYTHON), "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "secure_element: this firmware is made without; copy one made with --secure-element",
        "device: a sos-button does not sleep",
        "well",
    ]


def test_the_page_for_installers_is_that_of_the_code() -> None:
    docs = ROOT / "docs" / "devices"
    remedy = "run: python -m provisioning.firmware.pictures docs/devices"
    for kind in pictures.NAMES:
        assert (docs / f"firmware-{kind}-wiring.svg").read_text(encoding="utf-8") == pictures.wiring_svg(kind), remedy
    assert (docs / "firmware-faults.svg").read_text(encoding="utf-8") == pictures.faults_svg(), remedy
    page = (docs / "firmware.md").read_text(encoding="utf-8")
    assert page == pictures.page(page), remedy
    assert "four blinks" in page


def test_the_wiring_names_settings_of_the_kind_and_pins_of_the_chip() -> None:
    for kind, settings in (("sos-button", SOS), ("panic-button", PANIC)):
        pins = [part[0] for part in pictures.PARTS[kind].values()]
        assert len(set(pins)) == len(pins)
        assert set(pins) <= {18, 19, 21, 22, 23, 25, 26, 27, 32, 33}
        for setting in pictures.PARTS[kind]:
            assert setting in settings
            assert (setting.removesuffix("_pin") + "_active_low" in settings) == (setting in pictures.INPUTS)


def test_each_fault_has_its_own_number_of_blinks_and_words() -> None:
    assert set(pictures.MEANINGS) == set(FAULTS)
    for fault, count in FAULTS.items():
        assert [duty for _ms, duty in blinks(fault)] == [100, 0] * count
        assert blinks(fault)[-1][0] >= 2000
    assert len(set(FAULTS.values())) == len(FAULTS)
    assert min(FAULTS.values()) > 3  # the most that a working board's lamp blinks
