"""A board's configuration is right as a whole, or refused with a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from devices.firmware.config import MAX_FILE, Config, ConfigError, read

GOOD: dict[str, Any] = {
    "device": {"id": "sos-0001", "kind": "sos-button"},
    "wifi": [{"ssid": "school", "key": "secret word"}],
    "brokers": [{"host": "10.0.0.1"}],
    "settings": {"button_pin": 4},
}


def changed(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


def test_what_is_left_out_has_its_default() -> None:
    config = Config(GOOD)
    assert config.device == {"id": "sos-0001", "kind": "sos-button", "heartbeat_s": 300, "sleeps": False}
    assert config.brokers == [{"host": "10.0.0.1", "port": 8883}]
    assert config.wifi == [{"ssid": "school", "key": "secret word"}]
    assert config.link["window"] == 8
    assert (config.battery, config.secure_element) == (None, None)
    config = Config(changed(battery={"pin": 34}, secure_element={"sda": 21, "scl": 22}))
    assert config.battery == {"pin": 34, "upper_ohm": 0, "lower_ohm": 1}
    assert config.secure_element == {"sda": 21, "scl": 22, "slot": 0, "address": 0x60}
    config = Config(GOOD)
    assert config.settings == {"button_pin": 4}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "no table"),
        (changed(wlan=[]), "'wlan' is unknown"),
        (changed(device={"id": "sos-0001"}), "'kind' is missing"),
        (changed(device={"id": "SOS", "kind": "sos-button"}), "does not match"),
        (changed(device={"id": "sos-0001", "kind": "sos-button", "heartbeat_s": "60"}), "a whole number"),
        (changed(device={"id": "sos-0001", "kind": "sos-button", "heartbeat_s": True}), "a whole number"),
        (changed(device={"id": "sos-0001", "kind": "sos-button", "heartbeat_s": 1}), "20 to 86400"),
        (changed(device=None), "'device' is a table"),
        (changed(wifi=[]), "1 to 8"),
        (changed(wifi=GOOD["wifi"] * 9), "1 to 8"),
        (changed(wifi=[{"ssid": "s" * 33}]), "wifi number 1: 'ssid' must have a length of 1 to 32"),
        (changed(wifi=[{"ssid": "s", "password": "x"}]), "'password' is unknown; known are key, ssid"),
        (changed(wifi=["school"]), "'wifi number 1' is a table"),
        (changed(brokers={"host": "h"}), "list of 1 to 4"),
        (changed(brokers=[{"host": "h", "port": 0}]), "1 to 65535"),
        (changed(link={"retry_min_ms": 5000, "retry_max_ms": 4000}), "longer than"),
        (changed(link={"window": 0}), "1 to 64"),
        (changed(settings=[]), "'settings' is a table"),
        (changed(device={"id": "sos-0001", "kind": "sos-button", "sleeps": 1}), "'sleeps' must be true or false"),
        (changed(battery={"pin": 25}), "battery: 'pin' must be 32 to 39"),
        (changed(battery=None), "'battery' is a table"),
        (changed(secure_element={"sda": 21}), "secure_element: 'scl' is missing"),
    ],
)
def test_what_is_wrong_is_said(document: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config(document)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 3000, '{"device": {}} trailing'])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"device\.json is no JSON"):
        read(str(path))


def test_a_file_is_read_missing_or_bounded(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    with pytest.raises(ConfigError, match=r"no .*device\.json: enrol this board"):
        read(str(path))
    path.write_text(json.dumps(GOOD))
    assert read(str(path)).device["id"] == "sos-0001"
    path.write_text(json.dumps(GOOD) + " " * MAX_FILE)
    with pytest.raises(ConfigError, match="longer than"):
        read(str(path))
