"""A device's record: what it is, where it hangs, and how far its installation is. Pure."""

import math
import re
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Address

from agent.keys.names import is_identity
from provisioning.inventory.errors import RecordError

PLANNED = "planned"
CLAIMED = "claimed"
ENROLLED = "enrolled"
VERIFIED = "verified"
ACCEPTED = "accepted"
REVOKED = "revoked"
WAY = (PLANNED, CLAIMED, ENROLLED, VERIFIED, ACCEPTED)
"""The states on an installation's way: wanted, a claim was printed, has its certificate, was pressed and seen, taken over in writing."""
STATES = (*WAY, REVOKED)

DHCP = "dhcp"
"""Planned in place of an address: the device has none from now on, while an empty one leaves it as it is."""
TEXT_MAX = 80
_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,15}", re.ASCII)
_NUMBER = re.compile(r"-\d{1,3}", re.ASCII)
_WORDS = ("site", "building", "floor", "room")
_CODES = ("district", "city", "region")


@dataclass(frozen=True)
class Place:
    """Where a device hangs: in words, on the map (degrees, WGS 84), and in the codes of district, city and region. All may be missing."""

    site: str = ""
    building: str = ""
    floor: str = ""
    room: str = ""
    latitude: float | None = None
    longitude: float | None = None
    district: str = ""
    city: str = ""
    region: str = ""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            RecordError: the first field that is wrong.
        """
        for name in _WORDS:
            _check_words(name, getattr(self, name))
        for name in _CODES:
            code = getattr(self, name)
            if code and not _CODE.fullmatch(code):
                raise RecordError(name, "code", value=code[:40])
        _check_degrees("latitude", self.latitude, 90)
        _check_degrees("longitude", self.longitude, 180)
        if (self.latitude is None) != (self.longitude is None):
            raise RecordError("latitude" if self.latitude is None else "longitude", "half-position")

    def __str__(self) -> str:
        """In words, from the largest to the smallest; empty if nothing is known."""
        return ", ".join(part for part in (getattr(self, name) for name in _WORDS) if part)


PLACE_FIELDS = tuple(one.name for one in fields(Place))


@dataclass(frozen=True)
class Device:
    """One device.

    ``name`` is its identity and for ever; ``serial`` the serial number of the board that bears it now, empty while unknown; ``address``
    its fixed IPv4 address, empty where DHCP gives one. ``times`` has for each state reached when that was (milliseconds since 1970 UTC),
    ``certificates`` the serial numbers of those issued, oldest first.
    """

    name: str
    kind: str
    serial: str = ""
    place: Place = field(default_factory=Place)
    address: str = ""
    state: str = PLANNED
    times: dict[str, int] = field(default_factory=dict, compare=False)
    certificates: tuple[int, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            RecordError: the first field that is wrong.
        """
        if not is_identity(self.name):
            raise RecordError("name", "name", value=self.name[:80])
        if not _KIND.fullmatch(self.kind):
            raise RecordError("kind", "kind", value=self.kind[:80])
        if self.serial:
            check_serial(self.serial)
        if self.address not in {"", DHCP}:
            _check_address(self.address)
        if self.state not in STATES:
            raise RecordError("state", "state", value=self.state[:40], known=", ".join(STATES))

    def has_reached(self, state: str) -> bool:
        """Whether the installation is as far as ``state``; a revoked device has reached nothing."""
        return self.state in WAY and WAY.index(self.state) >= WAY.index(state)


def check_serial(serial: str) -> None:
    """Make sure that this is a board's serial number.

    Raises:
        RecordError: it is not.
    """
    if not _SERIAL.fullmatch(serial):
        raise RecordError("serial", "serial", value=serial[:80])


def _check_address(address: str) -> None:
    try:
        IPv4Address(address)
    except ValueError:
        raise RecordError("address", "address", value=address[:40]) from None


def _check_words(name: str, text: str) -> None:
    if len(text) > TEXT_MAX or not text.isprintable() or text != text.strip():
        raise RecordError(name, "words", value=text[:TEXT_MAX], most=TEXT_MAX)
    if text[:1] in {"=", "+", "@"} or (text[:1] == "-" and not _NUMBER.fullmatch(text)):
        raise RecordError(name, "formula", value=text[:40])


def _check_degrees(name: str, value: float | None, most: int) -> None:
    if value is not None and not (math.isfinite(value) and -most <= value <= most):
        raise RecordError(name, "degrees", value=value, most=most)
