"""Fixed IPv4 addresses: which networks of an installation have them, which address a device may have, and what its board is told.

A network of fixed addresses is a ``[[wifi]]`` with ``netmask`` and ``gateway``. An address belongs to the first one in whose range it is; a
device has at most one, and other networks give it theirs by DHCP.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from agent.errors import ConfigError
from provisioning.inventory.errors import RecordError
from provisioning.inventory.record import DHCP

FIXED = ("netmask", "gateway", "dns")
PREFIXES = range(8, 31)
"""Lengths of netmasks."""
LEASE_S = range(600, 31 * 86_400 + 1)
"""How long a network may say that its DHCP lends an address; 0 is not told."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of fixed addresses. ``number`` is its place in the list of networks, ``taken`` what has an address there already."""

    number: int
    ssid: str
    range: IPv4Network
    taken: frozenset[IPv4Address]

    def __str__(self) -> str:
        return f"{self.ssid} ({self.range})"


@dataclasses.dataclass(frozen=True)
class Addressing:
    """What tables are checked against: ``boards`` are the kinds of devices that are given their address here."""

    networks: tuple[Network, ...]
    boards: Collection[str]

    def check(self, kind: str, address: str) -> None:
        """Make sure that a device of this kind may have this address.

        Raises:
            RecordError: it may not.
        """
        if address == DHCP:
            return
        if kind not in self.boards:
            raise RecordError("address", "address-linux", kind=kind)
        network_of(self.networks, address)


def networks(wifi: Sequence[Mapping[str, Any]], where: str) -> tuple[Network, ...]:
    """The networks of fixed addresses among those that an installation's file names.

    Raises:
        ConfigError: one that cannot be; ``where`` it stands.
    """
    if any("address" in entry for entry in wifi):
        raise ConfigError(f"{where}: 'address' is each device's own, and stands in the table of devices")
    for entry in wifi:
        lease_s = entry.get("lease_s", 0)
        if type(lease_s) is not int or (lease_s and lease_s not in LEASE_S):
            raise ConfigError(f"{where}: 'lease_s' is 0, or {LEASE_S[0]} to {LEASE_S[-1]}")
    return tuple(_network(n, entry, where) for n, entry in enumerate(wifi) if not entry.keys().isdisjoint(FIXED))


def network_of(networks: Sequence[Network], address: str) -> Network:
    """The network to which an address belongs.

    Raises:
        RecordError: none, or no device can have this address in it.
    """
    if not networks:
        raise RecordError("address", "address-dhcp", value=address)
    number = IPv4Address(address)
    for network in networks:
        if number in network.range:
            if number in network.taken:
                raise RecordError("address", "address-reserved", value=address, network=network)
            return network
    raise RecordError("address", "address-outside", value=address, known=", ".join(map(str, networks)))


def as_told(wifi: Sequence[Mapping[str, Any]], networks: Sequence[Network], address: str) -> list[dict[str, Any]]:
    """The list of networks as a board with this address is told it; "" is a board without one.

    Raises:
        RecordError: it cannot have this address.
    """
    own = network_of(networks, address).number if address else None
    told = []
    for number, entry in enumerate(wifi):
        useless = ("lease_s",) if number == own else FIXED
        told.append({name: value for name, value in entry.items() if name not in useless})
        if number == own:
            told[-1]["address"] = address
    return told


def _network(number: int, entry: Mapping[str, Any], where: str) -> Network:
    try:
        netmask, gateway = (IPv4Address(str(entry.get(name, ""))) for name in ("netmask", "gateway"))
        dns = IPv4Address(str(entry.get("dns") or gateway))
        found = IPv4Network((gateway, str(netmask)), strict=False)
    except ValueError as error:
        raise ConfigError(
            f"{where}: where devices have fixed addresses, 'netmask' and 'gateway' are needed, 'dns' may be there: {error}"
        ) from None
    if found.netmask != netmask or found.prefixlen not in PREFIXES:
        raise ConfigError(f"{where}: 'netmask' is none of 255.0.0.0 to 255.255.255.252")
    ends = {found.network_address, found.broadcast_address}
    if gateway in ends:
        raise ConfigError(f"{where}: 'gateway' is the first or the last address of {found}, which no host can have")
    return Network(number, str(entry.get("ssid", ""))[:32], found, frozenset(ends | {gateway, dns}))
