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
    none = {"address": "", "netmask": "", "gateway": "", "dns": "", "lease_s": 0, "fixed": None}
    assert config.wifi == [{"ssid": "school", "key": "secret word", **none}]
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
        (
            changed(wifi=[{"ssid": "s", "password": "x"}]),
            "'password' is unknown; known are address, dns, gateway, key, lease_s, netmask, ssid",
        ),
        (changed(wifi=[{"ssid": "s", "lease_s": -1}]), "'lease_s' must be 0 to 2678400"),
        (changed(wifi=[{"ssid": "s", "lease_s": 2_678_401}]), "'lease_s' must be 0 to 2678400"),
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


def fixed(address: str, netmask: str, gateway: str, dns: str = "") -> dict[str, Any]:
    known = {"ssid": "school", "address": address, "netmask": netmask, "gateway": gateway}
    return changed(wifi=[GOOD["wifi"][0], {**known, "dns": dns} if dns else known])


def test_a_fixed_address_is_taken_as_it_is() -> None:
    config = Config(fixed("10.1.2.7", "255.255.255.0", "10.1.2.1"))
    assert [known["fixed"] for known in config.wifi] == [None, ("10.1.2.7", "255.255.255.0", "10.1.2.1", "10.1.2.1")]
    config = Config(fixed("192.168.77.254", "255.255.240.0", "192.168.64.1", "9.9.9.9"))
    assert config.wifi[1]["fixed"] == ("192.168.77.254", "255.255.240.0", "192.168.64.1", "9.9.9.9")
    assert Config(fixed("10.0.0.1", "255.255.255.252", "10.0.0.2")).wifi[1]["fixed"] is not None
    assert Config(fixed("10.0.0.1", "255.0.0.0", "10.255.255.254")).wifi[1]["fixed"] is not None


@pytest.mark.parametrize(
    ("address", "netmask", "gateway", "dns", "said"),
    [
        ("10.1.2.7", "", "", "", "'netmask' is no IPv4"),
        ("", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("", "", "", "10.1.2.1", "'address' is no IPv4"),
        ("10.1.2", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("10.1.2.3.4", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("10.1.2.256", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("10.1.2.-7", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("10.1.2.x", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
        ("10.1.2.7", "255.255.255.0", "10.1.2.1", "dns", "'dns' is no IPv4"),
        ("10.1.2.07", "255.255.255.0", "10.1.2.1", "", "'address' is no IPv4"),
    ],
)
def test_a_fixed_address_that_cannot_be_is_said(address: str, netmask: str, gateway: str, dns: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"wifi 'school': .*{said}"):
        Config(fixed(address, netmask, gateway, dns))


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


def test_a_flash_that_cannot_be_read_is_not_taken_for_a_board_without_enrolment(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read(str(tmp_path))


def test_the_least_and_the_longest_wait_may_be_the_same() -> None:
    assert Config(changed(link={"retry_min_ms": 4000, "retry_max_ms": 4000})).link["retry_min_ms"] == 4000
