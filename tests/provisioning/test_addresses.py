"""Fixed addresses: the networks that have them, the addresses that devices may have there, and what each board is told."""

from typing import Any

import pytest

from agent.errors import ConfigError
from provisioning.addresses import as_told, network_of, networks
from provisioning.inventory.errors import RecordError

GUESTS: dict[str, Any] = {"ssid": "guests", "key": "geheim geheim", "lease_s": 3600}
SCHOOL: dict[str, Any] = {
    "ssid": "school",
    "netmask": "255.255.255.0",
    "gateway": "10.1.2.1",
    "dns": "10.1.2.9",
    "lease_s": 7200,
}
YARD: dict[str, Any] = {"ssid": "yard", "netmask": "255.255.0.0", "gateway": "10.1.255.254"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"netmask": ""}, "'netmask' and 'gateway' are needed"),
        ({"gateway": ""}, "'netmask' and 'gateway' are needed"),
        ({"gateway": 3}, "'netmask' and 'gateway' are needed"),
        ({"gateway": "10.1.2.01"}, "'netmask' and 'gateway' are needed"),
        ({"dns": "dns.example"}, "'netmask' and 'gateway' are needed"),
        ({"netmask": "255.255.255.1"}, "'netmask' and 'gateway' are needed"),
        ({"netmask": "24"}, "'netmask' and 'gateway' are needed"),
        ({"netmask": "0.0.0.255"}, "'netmask' is none"),
        ({"netmask": "0.0.0.0"}, "'netmask' is none"),  # noqa: S104  a netmask
        ({"netmask": "254.0.0.0"}, "'netmask' is none"),
        ({"netmask": "255.255.255.254"}, "'netmask' is none"),
        ({"gateway": "10.1.2.0"}, "'gateway' is the first or the last"),
        ({"gateway": "10.1.2.255"}, "'gateway' is the first or the last"),
        ({"address": "10.1.2.7"}, "'address' is each device's own"),
        ({"lease_s": 599}, "'lease_s'"),
        ({"lease_s": 2_678_401}, "'lease_s'"),
        ({"lease_s": "1 h"}, "'lease_s'"),
        ({"lease_s": 7200.0}, "'lease_s'"),
        ({"lease_s": False}, "'lease_s'"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_its_place(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        networks([GUESTS, SCHOOL | changed], "i.toml: [[wifi]]")
    assert str(caught.value).startswith("i.toml: [[wifi]]: ")


@pytest.mark.parametrize("lease_s", [0, 600, 2_678_400])
@pytest.mark.parametrize("netmask", ["255.0.0.0", "255.255.255.252"])
def test_the_bounds_themselves_are_good(lease_s: int, netmask: str) -> None:
    (network,) = networks([SCHOOL | {"netmask": netmask, "lease_s": lease_s}], "")
    assert str(network.range.netmask) == netmask


def test_a_network_without_netmask_and_gateway_gives_addresses_by_dhcp() -> None:
    assert networks([GUESTS], "") == ()
    with pytest.raises(RecordError, match=r"10.1.2.7: no network .* netmask and gateway") as caught:
        network_of((), "10.1.2.7")
    assert caught.value.field == "address"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.1.2.0", "address-reserved"),
        ("10.1.2.255", "address-reserved"),
        ("10.1.2.1", "address-reserved"),
        ("10.1.2.9", "address-reserved"),
        ("10.1.255.254", "address-reserved"),
        ("10.2.0.1", "address-outside"),
    ],
)
def test_what_is_no_hosts_or_somebody_elses_is_refused(address: str, key: str) -> None:
    with pytest.raises(RecordError) as caught:
        network_of(networks([GUESTS, SCHOOL, YARD], ""), address)
    assert (caught.value.field, caught.value.key) == ("address", key)
    assert address in str(caught.value)


def test_an_address_belongs_to_the_first_network_in_whose_range_it_is() -> None:
    known = networks([GUESTS, SCHOOL, YARD], "")
    assert [network_of(known, address).ssid for address in ("10.1.2.2", "10.1.2.254", "10.1.3.0")] == [
        "school",
        "school",
        "yard",
    ]
    swapped = networks([YARD, SCHOOL], "")
    assert network_of(swapped, "10.1.2.2").ssid == "yard"


def test_a_board_is_told_its_address_in_its_own_network_and_nothing_of_others() -> None:
    wifi = [GUESTS, SCHOOL, YARD]
    known = networks(wifi, "")
    guests, school, yard = as_told(wifi, known, "10.1.2.7")
    assert guests == GUESTS
    assert school == {name: value for name, value in SCHOOL.items() if name != "lease_s"} | {"address": "10.1.2.7"}
    assert yard == {"ssid": "yard"}
    assert as_told(wifi, known, "") == [GUESTS, {"ssid": "school", "lease_s": 7200}, {"ssid": "yard"}]
    assert "address" not in SCHOOL, "what the installation says is left as it is"
