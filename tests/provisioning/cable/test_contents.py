"""What belongs onto a board: a whole bundle, in an order that starts nothing half, and a configuration that the board will accept."""

import json
import pathlib
import shutil

import pytest

from devices.firmware.config import Config
from provisioning.addresses import networks
from provisioning.cable.contents import Bundle, device_json, in_order, read_bundle
from provisioning.errors import InputError, SetupError
from provisioning.installation import Installation
from provisioning.inventory.errors import RecordError

SOS = {"button_pin": 32, "lamp_pin": 18}


def installation(**changed: object) -> Installation:
    path = pathlib.Path("x")
    wifi = ({"ssid": "w", "key": "geheimgeheim", "netmask": "255.255.255.0", "gateway": "10.1.2.1"},)
    facts: dict[str, object] = {
        "authority": path, "center_keys": (), "brokers": ({"host": "b.example"},), "wifi": wifi, "networks": networks(wifi, ""),
        "listen_host": "b", "listen_port": 1, "certificate": path, "key": path, "bundle": None, "inventory": path,
        "kinds": {"sos-button": SOS, "panic-button": {"button_pin": 32}}, "link": {"keepalive_s": 30},
    }  # fmt: skip
    return Installation(**{**facts, **changed})  # type: ignore[arg-type]


def test_a_copys_manifest_comes_after_the_copy_and_what_starts_it_all_last() -> None:
    files = dict.fromkeys(["/main.py", "/boot.py", "/a/manifest.json", "/a/z.mpy", "/slots.mpy", "/keys/root.der"], b"")
    assert in_order(files)[-2:] == ["/a/manifest.json", "/main.py"]
    assert set(in_order(files)) == set(files)


def test_a_bundle_that_is_cut_off_is_refused(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    whole = read_bundle(bundle)
    assert isinstance(whole, Bundle)
    assert "sos-button" in whole.kinds
    for lacking in ("main.py", "a/manifest.json", "a/devices/firmware/start.mpy"):
        shutil.copytree(bundle, tmp_path / "cut", dirs_exist_ok=True)
        (tmp_path / "cut" / lacking).unlink()
        with pytest.raises(SetupError) as caught:
            read_bundle(tmp_path / "cut")
        assert caught.value.key == "bundle"
    shutil.copytree(bundle, tmp_path / "cut", dirs_exist_ok=True)
    (damaged,) = (tmp_path / "cut" / "a" / "devices").rglob("*.mpy")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(SetupError):
        read_bundle(tmp_path / "cut")
    with pytest.raises(SetupError):
        read_bundle(tmp_path / "nothing")


def test_a_board_is_told_its_place_if_its_kind_has_one() -> None:
    place = {"building": "Школа № 5", "floor": "", "room": "212", "site": "Алматы"}
    panic = json.loads(device_json(installation(), "panic-1", "panic-button", place))
    assert panic["settings"] == {"button_pin": 32, "building": "Школа № 5", "room": "212"}
    assert Config(panic).device["id"] == "panic-1"
    sos = json.loads(device_json(installation(), "sos-1", "sos-button", place))
    assert sos["settings"] == SOS
    assert sos["link"] == {"keepalive_s": 30}


def test_a_board_with_a_fixed_address_is_told_it_and_another_nothing_of_it() -> None:
    fixed = Config(json.loads(device_json(installation(), "sos-1", "sos-button", {}, "10.1.2.7")))
    assert fixed.wifi[0]["fixed"] == ("10.1.2.7", "255.255.255.0", "10.1.2.1", "10.1.2.1")
    assert Config(json.loads(device_json(installation(), "sos-1", "sos-button", {}))).wifi[0]["fixed"] is None
    school = {"ssid": "w", "netmask": "255.255.255.0", "gateway": "10.1.2.1", "lease_s": 7200}
    lent = installation(wifi=(school,), networks=networks([school], ""))
    assert Config(json.loads(device_json(lent, "sos-1", "sos-button", {}))).wifi[0]["lease_s"] == 7200
    assert Config(json.loads(device_json(lent, "sos-1", "sos-button", {}, "10.1.2.7"))).wifi[0]["lease_s"] == 0
    with pytest.raises(RecordError, match=r"10.1.2.1 is no device's in w \(10.1.2.0/24\)"):
        device_json(installation(), "sos-1", "sos-button", {}, "10.1.2.1")


@pytest.mark.parametrize(
    ("kind", "changed", "key"),
    [
        ("bell", {}, "kind"),
        ("common", {}, "kind"),
        ("sos-button", {"kinds": {"sos-button": {"button_pim": 3}}}, "settings"),
        ("sos-button", {"kinds": {"sos-button": {"button_pin": 32, "lamp_pin": 32}}}, "settings"),
        ("sos-button", {"wifi": ({"ssid": "w" * 33},)}, "settings"),
        ("sos-button", {"brokers": ({"host": "b", "port": 0},)}, "settings"),
        ("sos-button", {"link": {"keepalive": 3}}, "settings"),
    ],
)
def test_what_a_board_would_not_accept_is_refused_on_the_laptop(
    kind: str, changed: dict[str, object], key: str
) -> None:
    with pytest.raises(InputError) as caught:
        device_json(installation(**changed), "sos-1", kind, {})
    assert caught.value.key == key
    assert "geheim" not in str(caught.value)
