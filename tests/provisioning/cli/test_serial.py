"""What ``serial`` makes of its options and the inventory: a device as planned, changed by what is said now, or none at all."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from provisioning.cable.enrolment import Bench
from provisioning.cli.serial import planned
from provisioning.errors import InputError
from provisioning.inventory.errors import DuplicateError, RecordError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import DHCP, Device, Place
from tests.provisioning.cable.test_contents import installation

ROOM = Place(building="School 5", room="212")


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Iterator[Bench]:
    """With a network 10.1.2.0/24; neither authority nor broker are asked."""
    with Inventory(tmp_path / "inventory.db") as inventory:
        yield Bench(installation(), cast(Any, None), inventory, cast(Any, None))


def test_an_address_is_taken_kept_and_changed(bench: Bench) -> None:
    made = planned(bench, "sos-1", "sos-button", ROOM, "10.1.2.7")
    assert made == Device("sos-1", "sos-button", place=ROOM, address="10.1.2.7") == bench.inventory.get("sos-1")
    assert planned(bench, "sos-1", None, Place(floor="2"), "") == dataclasses.replace(
        made, place=dataclasses.replace(ROOM, floor="2")
    )
    assert planned(bench, "sos-1", None, Place(), "10.1.2.8").address == "10.1.2.8"
    assert bench.inventory.get("sos-1").address == "10.1.2.8"
    assert planned(bench, "sos-1", None, Place(), DHCP).address == ""
    assert bench.inventory.get("sos-1").address == ""


@pytest.mark.parametrize("address", ["10.1.2.1", "10.1.3.1", "10.1.2", "school"])
def test_an_address_that_cannot_be_changes_nothing(bench: Bench, address: str) -> None:
    planned(bench, "sos-1", "sos-button", ROOM, "10.1.2.7")
    for name in ("sos-1", "sos-2"):
        with pytest.raises(RecordError) as caught:
            planned(bench, name, "sos-button", ROOM, address)
        assert caught.value.field == "address"
    with pytest.raises(DuplicateError, match="sos-1's already"):
        planned(bench, "sos-2", "sos-button", ROOM, "10.1.2.7")
    assert [(one.name, one.address) for one in bench.inventory.devices()] == [("sos-1", "10.1.2.7")]


def test_a_network_that_has_no_fixed_addresses_any_more_is_told(bench: Bench) -> None:
    planned(bench, "sos-1", "sos-button", ROOM, "10.1.2.7")
    now = dataclasses.replace(bench, installation=installation(wifi=({"ssid": "w"},), networks=()))
    with pytest.raises(RecordError, match="no network"):
        planned(now, "sos-1", None, Place(), "")


def test_a_name_that_nobody_has_planned_needs_a_kind(bench: Bench) -> None:
    with pytest.raises(InputError, match="--kind"):
        planned(bench, "sos-1", None, ROOM, "")
