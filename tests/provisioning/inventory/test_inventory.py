"""The inventory: what is planned is kept whole or not at all, each step once and in order, by several processes at once."""

import contextlib
import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.inventory import export
from provisioning.inventory.errors import (
    DuplicateError,
    InventoryFileError,
    RecordError,
    StateError,
    UnknownDeviceError,
)
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import DHCP, Device, Place

NOW_MS = 1_800_000_000_000
SCHOOL = Place("Мектеп № 7", "Негізгі", "-1", "212", 43.238949, 76.889709, "ALM-3", "ALM", "KZ-75")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory(tmp_path / "inventory.sqlite") as made:
        yield made


def device(name: str = "sos-1", **more: Any) -> Device:
    return Device(name, "sos-button", **more)


def test_a_device_goes_the_whole_way_and_every_step_is_dated(inventory: Inventory) -> None:
    assert inventory.plan([device(place=SCHOOL)], NOW_MS) == ["sos-1"]
    inventory.bind("sos-1", "A1B2")
    inventory.reach("sos-1", "claimed", NOW_MS + 1)
    inventory.certified("sos-1", 0xFEED, NOW_MS + 2)
    inventory.certified("sos-1", 0xBEEF, NOW_MS + 3)  # renewed: it stays enrolled since the first
    inventory.reach("sos-1", "verified", NOW_MS + 4)
    found = inventory.reach("sos-1", "accepted", NOW_MS + 5)
    assert (found.place, found.serial, found.certificates) == (SCHOOL, "A1B2", (0xFEED, 0xBEEF))
    assert found.times == {
        "planned": NOW_MS,
        "claimed": NOW_MS + 1,
        "enrolled": NOW_MS + 2,
        "verified": NOW_MS + 4,
        "accepted": NOW_MS + 5,
    }


def test_a_step_that_is_repeated_or_behind_changes_nothing(inventory: Inventory) -> None:
    inventory.plan([device()], NOW_MS)
    assert inventory.plan([device()], NOW_MS + 9) == []
    inventory.certified("sos-1", 1, NOW_MS + 1)
    inventory.certified("sos-1", 1, NOW_MS + 9)
    found = inventory.reach("sos-1", "claimed", NOW_MS + 9)
    assert (found.state, found.certificates) == ("enrolled", (1,))
    assert found.times == {"planned": NOW_MS, "enrolled": NOW_MS + 1}


def test_nothing_is_planned_if_one_is_wrong(inventory: Inventory) -> None:
    inventory.plan([device(serial="A1")], NOW_MS)
    with pytest.raises(DuplicateError, match="board A1 is sos-1 already"):
        inventory.plan([device("sos-2"), device("sos-3", serial="A1")], NOW_MS)
    with pytest.raises(DuplicateError, match="sos-1 is in the inventory already"):
        inventory.plan([device("sos-2"), device(place=SCHOOL)], NOW_MS)
    assert [one.name for one in inventory.devices()] == ["sos-1"]


def test_one_address_is_one_devices(inventory: Inventory) -> None:
    inventory.plan([device(address="10.1.2.7"), device("sos-2"), device("sos-3")], NOW_MS)
    assert [one.address for one in inventory.devices()] == ["10.1.2.7", "", ""]
    with pytest.raises(DuplicateError, match=r"10.1.2.7 is sos-1's already"):
        inventory.plan([device("sos-4"), device("sos-5", address="10.1.2.7")], NOW_MS)
    with pytest.raises(DuplicateError, match=r"10.1.2.7 is sos-1's already"):
        inventory.plan([device("sos-2", address="10.1.2.7")], NOW_MS, move=True)
    with pytest.raises(DuplicateError, match=r"sos-1 is in the inventory already, as: sos-button, 10.1.2.7"):
        inventory.plan([device(address="10.1.2.8")], NOW_MS)
    with pytest.raises(DuplicateError, match="sos-1 is in the inventory already"):
        inventory.plan([device(address=DHCP)], NOW_MS)
    assert inventory.get("sos-1").address == "10.1.2.7"


def test_an_address_that_is_not_told_stays_and_one_is_taken_back_on_purpose(inventory: Inventory) -> None:
    inventory.plan([device(address="10.1.2.7"), device("sos-2", address=DHCP)], NOW_MS)
    assert inventory.plan([device()], NOW_MS) == []
    inventory.plan([device(place=SCHOOL)], NOW_MS, move=True)
    assert [one.address for one in inventory.devices()] == ["10.1.2.7", ""]
    inventory.plan([device("sos-3", address="10.1.2.7"), device(place=SCHOOL, address=DHCP)], NOW_MS, move=True)
    assert [one.address for one in inventory.devices()] == ["", "", "10.1.2.7"]


def test_devices_exchange_their_addresses_on_purpose(inventory: Inventory) -> None:
    inventory.plan([device(address="10.1.2.7"), device("sos-2", address="10.1.2.8")], NOW_MS)
    exchanged = [device("sos-3", address="10.1.2.7"), device(address="10.1.2.8"), device("sos-2", address=DHCP)]
    assert inventory.plan(exchanged, NOW_MS, move=True) == ["sos-3"]
    assert [one.address for one in inventory.devices()] == ["10.1.2.8", "", "10.1.2.7"]


def test_a_revoked_devices_address_is_free_until_it_begins_anew(inventory: Inventory) -> None:
    inventory.plan([device(address="10.1.2.7")], NOW_MS)
    inventory.revoke("sos-1", NOW_MS)
    inventory.renew("sos-1", NOW_MS)
    assert inventory.get("sos-1").address == "10.1.2.7", "it keeps its own"
    inventory.revoke("sos-1", NOW_MS)
    inventory.plan([device("sos-2", address="10.1.2.7")], NOW_MS)
    with pytest.raises(DuplicateError, match=r"10.1.2.7 is sos-2's already"):
        inventory.renew("sos-1", NOW_MS)
    assert inventory.get("sos-1").state == "revoked"


def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    with Inventory(path) as inventory:
        inventory.plan([device(place=SCHOOL, serial="A1")], NOW_MS)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP INDEX addresses; ALTER TABLE devices DROP COLUMN address; PRAGMA user_version = 1"
        )
    for _opened in range(2):
        with Inventory(path) as inventory:
            (found,) = inventory.devices()
            assert (found.place, found.serial, found.address) == (SCHOOL, "A1", "")
    with Inventory(path) as inventory:
        inventory.plan([device("sos-2", address="10.1.2.7")], NOW_MS)
        with pytest.raises(DuplicateError, match=r"10.1.2.7 is sos-2's already"):
            inventory.plan([device("sos-3", address="10.1.2.7")], NOW_MS)


def test_a_device_moves_on_purpose_and_keeps_all_else(inventory: Inventory) -> None:
    inventory.plan([device(serial="A1")], NOW_MS)
    inventory.certified("sos-1", 7, NOW_MS)
    with pytest.raises(DuplicateError, match=r"sos-1 is in the inventory already.*--move"):
        inventory.plan([device("sos-0"), device(place=SCHOOL)], NOW_MS)
    assert inventory.plan([device("sos-2"), device(place=SCHOOL)], NOW_MS, move=True) == ["sos-2"]
    found = inventory.get("sos-1")
    assert (found.place, found.serial, found.state, found.certificates) == (SCHOOL, "A1", "enrolled", (7,))
    with pytest.raises(DuplicateError, match="sos-1 is in the inventory already"):
        inventory.plan([device("sos-1", serial="B2")], NOW_MS, move=True)
    assert inventory.get("sos-1").place == SCHOOL, "all or none"


def test_a_board_bears_one_name_and_a_name_one_board(inventory: Inventory) -> None:
    inventory.plan([device(serial="A1"), device("sos-2")], NOW_MS)
    with pytest.raises(DuplicateError, match="A1 is sos-1 already"):
        inventory.bind("sos-2", "A1")
    with pytest.raises(DuplicateError, match="is the board A1 already"):
        inventory.bind("sos-1", "B2")
    inventory.bind("sos-1", "B2", replace=True)
    inventory.bind("sos-2", "A1")
    found = inventory.of_serial("A1")
    assert found is not None
    assert found.name == "sos-2"
    assert inventory.of_serial("C3") is None


def test_no_device_is_verified_or_accepted_without_a_certificate(inventory: Inventory) -> None:
    inventory.plan([device()], NOW_MS)
    for state in ("enrolled", "verified", "accepted"):
        with pytest.raises(StateError, match="Enrol it first"):
            inventory.reach("sos-1", state, NOW_MS)
    inventory.plan([device("sos-2")], NOW_MS)
    inventory.certified("sos-2", 7, NOW_MS)
    with pytest.raises(DuplicateError, match="another device"):
        inventory.certified("sos-1", 7, NOW_MS)
    assert inventory.get("sos-1").state == "planned"


def test_a_revoked_device_goes_nowhere_until_it_begins_anew(inventory: Inventory) -> None:
    inventory.plan([device(serial="A1")], NOW_MS)
    inventory.certified("sos-1", 7, NOW_MS)
    assert inventory.revoke("sos-1", NOW_MS + 1) == (7,)
    assert inventory.revoke("sos-1", NOW_MS + 9) == (7,)
    assert inventory.get("sos-1").times["revoked"] == NOW_MS + 1
    with pytest.raises(StateError, match="is revoked"):
        inventory.certified("sos-1", 8, NOW_MS)
    with pytest.raises(StateError, match="is revoked"):
        inventory.reach("sos-1", "claimed", NOW_MS)
    inventory.renew("sos-1", NOW_MS + 2)
    found = inventory.get("sos-1")
    assert (found.state, found.serial, found.certificates, found.times) == ("planned", "", (), {"planned": NOW_MS + 2})
    with pytest.raises(StateError, match="Revoke it before"):
        inventory.renew("sos-1", NOW_MS)


def test_unknown_names_are_told(inventory: Inventory) -> None:
    for call in (
        lambda: inventory.get("sos-9"),
        lambda: inventory.revoke("sos-9", NOW_MS),
        lambda: inventory.renew("sos-9", NOW_MS),
        lambda: inventory.bind("sos-9", "A1"),
    ):
        with pytest.raises(UnknownDeviceError, match="sos-9"):
            call()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Sos-1"),
        ("name", "ä-11"),
        ("kind", "SOS"),
        ("kind", ""),
        ("serial", "a b"),
        ("serial", "x" * 65),
        ("address", "10.1.2"),
        ("address", "10.1.2.07"),
        ("address", "fe80::1"),
        ("state", "done"),
    ],
)
def test_a_record_that_is_wrong_names_its_field(field: str, value: str) -> None:
    whole: dict[str, Any] = {"name": "sos-1", "kind": "sos-button"} | {field: value}
    with pytest.raises(RecordError) as caught:
        Device(**whole)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("room", "x" * 81),
        ("room", "=1+1"),
        ("floor", "-1+cmd|' /C calc'!A0"),
        ("site", "a\nb"),
        ("site", " a"),
        ("building", "@a"),
        ("latitude", 91.0),
        ("latitude", float("nan")),
        ("longitude", -180.1),
        ("city", "Алматы"),
        ("region", "x" * 17),
    ],
)
def test_a_place_that_is_wrong_names_its_field(field: str, value: Any) -> None:
    whole: dict[str, Any] = {"latitude": 1.0, "longitude": 1.0} | {field: value}
    with pytest.raises(RecordError) as caught:
        Place(**whole)
    assert caught.value.field == field


def test_half_a_position_is_none() -> None:
    with pytest.raises(RecordError, match="longitude: is missing"):
        Place(latitude=43.2)


def test_the_table_and_the_registry_say_what_the_inventory_says(inventory: Inventory) -> None:
    inventory.plan([device(place=SCHOOL, serial="A1", address="10.1.2.7"), device("sos-2"), device("sos-3")], NOW_MS)
    inventory.certified("sos-1", 0xAB, NOW_MS)
    inventory.certified("sos-3", 0xAC, NOW_MS)
    inventory.revoke("sos-3", NOW_MS)
    rows = list(csv.DictReader(io.StringIO(export.table(inventory.devices()))))
    assert [row["name"] for row in rows] == ["sos-1", "sos-2", "sos-3"]
    assert rows[0] | {"site": "Мектеп № 7", "floor": "-1", "latitude": "43.238949", "certificates": "ab"} == rows[0]
    assert [row["address"] for row in rows] == ["10.1.2.7", "", ""]
    assert rows[0]["enrolled"] == "2027-01-15T08:00:00Z"
    told = json.loads(export.registry(inventory.devices(), NOW_MS))
    assert [one["name"] for one in told["devices"]] == ["sos-1"]
    assert told["devices"][0]["room"] == "212"
    assert told["devices"][0]["address"] == "10.1.2.7"


PLANS = """
import sys
from pathlib import Path
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device
with Inventory(Path(sys.argv[1])) as inventory:
    for number in range(25):
        inventory.plan([Device(f"sos-{sys.argv[2]}-{number}", "sos-button"), Device(f"both-{number}", "sos-button")], 1)
        inventory.certified(f"sos-{sys.argv[2]}-{number}", int(sys.argv[2]) * 1000 + number, 2)
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", PLANS, str(path), str(n)]) for n in (1, 2, 3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with Inventory(path) as inventory:
        assert len(inventory.devices("enrolled")) == 75
        assert len(inventory.devices("planned")) == 25


def test_the_file_is_closed_to_others_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    with pytest.raises(InventoryFileError, match="There is no inventory"):
        Inventory(path, create=False)
    with Inventory(path) as inventory:
        inventory.plan([device()], NOW_MS)
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    path.chmod(0o640)
    with pytest.raises(InventoryFileError, match="chmod 600"):
        Inventory(path)
    path.chmod(0o600)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(InventoryFileError, match="version 3"):
        Inventory(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 5")
    with pytest.raises(InventoryFileError, match="another program"):
        Inventory(path)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(InventoryFileError, match="Restore it from the backup"):
        Inventory(path)
    with pytest.raises(InventoryFileError, match="not a regular file"):
        Inventory(tmp_path)
