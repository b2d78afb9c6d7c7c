"""``dabyl far-unit``: what is wrong with its command line or its configuration is said in a sentence."""

import pathlib
import signal

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from devices.crosswalk import far_cli, far_settings
from devices.crosswalk.far_unit import FarUnit
from devices.crosswalk.settings import completed


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "far-unit.toml"


def test_a_sound_configuration_is_found_sound(config: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('near_port = "/dev/radio"\n', encoding="utf-8")
    assert far_cli.main(["check", "--config", str(config)]) == 0
    assert "nothing wrong" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("crossing_mm = 7000", "crossing_mm is unknown to the far unit"),
        ("lamp_min_ma = 1600", "lamp_min_ma 1600 must be less than lamp_max_ma 1500"),
        ('near_port = "/dev/serial0"', "near_port and tracker_port both name /dev/serial0"),
        ("left_pin = 17", "both name GPIO17"),
        ("near_port = 3", "near_port"),
        ("left_pin", "not TOML"),
        ("#" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_wrong_is_explained(
    config: pathlib.Path, capsys: pytest.CaptureFixture[str], verb: str, text: str, told: str
) -> None:
    config.write_text(text, encoding="utf-8")
    assert far_cli.main([verb, "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert str(config) in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["fly"], "no command 'fly'"),
        (["check", "--log", "json"], "no option '--log' for 'check'"),
        (["run", "--config"], "--config needs a value"),
        (["run", "--log", "trace"], "--log is one of text, json"),
        (["check", "--config", "/nowhere/far-unit.toml"], "cannot be read"),
    ],
)
def test_a_wrong_command_line_is_explained(capsys: pytest.CaptureFixture[str], argv: list[str], told: str) -> None:
    assert far_cli.main(argv) == 2
    assert told in capsys.readouterr().err


def test_a_machine_without_pins_is_explained(
    config: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nonsense")
    config.write_text("", encoding="utf-8")
    assert far_cli.main(["run", "--config", str(config)]) == 5
    assert "no GPIO on this machine" in capsys.readouterr().err


def test_a_defect_is_one_sentence_and_dark(
    config: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_unit: FarUnit, _now_ms: int) -> list[tuple[str, object]]:
        raise RuntimeError("what nobody thought of")

    pins = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", pins)
    monkeypatch.setattr(FarUnit, "tick", fails)
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    ports = "".join(f'{name}_port = "{config.parent / name}"\n' for name in ("near", "tracker", "io"))
    config.write_text(ports, encoding="utf-8")
    assert far_cli.main(["run", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "a defect" in said
    assert "what nobody thought of" in said
    assert "Traceback" not in said
    assert pins.pin("GPIO23").function == "input", "given back"
    pins.reset()


def test_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert far_cli.main(["run", "--help"]) == 0
    assert "Usage: dabyl far-unit" in capsys.readouterr().out
    assert far_cli.main([]) == 2


def test_a_setting_of_both_sides_means_the_same_on_both() -> None:
    near, far = completed({}), far_settings.completed({})
    assert far == {"near_port": "/dev/ttyUSB1", **{name: near[name] for name in far_settings.SHARED}}
