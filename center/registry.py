"""The registry: which devices there should be, and where each hangs, as the installation's inventory has exported it. Reads one JSON file.

It makes nobody believed: that takes a certificate. A device that is not in it is handed on like any other, without a place, and told.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.keys.names import is_identity
from center.errors import ConfigurationError
from center.files import read_limited

FORMAT = "dabyl-registry/1"
MAX_FILE = 32 * 1024 * 1024
MAX_DEVICES = 100_000
MAX_TEXT = 80
TEXTS = ("site", "building", "floor", "room", "district", "city", "region")
DEGREES = {"latitude": 90, "longitude": 180}

Place = Mapping[str, str]
"""Fields of a place, those that are known; degrees as text, for a CloudEvent's attributes know no fractions."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Each device's place, by name."""

    places: Mapping[str, Place] = field(default_factory=dict)

    def place(self, device: str) -> Place:
        """Where a device hangs; empty for one that nobody has entered."""
        return self.places.get(device, {})

    def words(self, device: str) -> str:
        """The same for people, from the largest to the smallest."""
        place = self.place(device)
        return ", ".join(place[name] for name in ("site", "building", "floor", "room") if name in place)


def load(path: Path) -> Registry:
    """The registry in a file.

    Raises:
        ConfigurationError: it cannot be read, or is none; the text says where.
    """
    content = read_limited(path, MAX_FILE, "the registry")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the registry {path} is not JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("devices"), list):
        raise ConfigurationError(
            f"the registry {path} is none of the format {FORMAT}: export it with `dabyl provision inventory --form registry`"
        )
    if len(found["devices"]) > MAX_DEVICES:
        raise ConfigurationError(f"the registry {path} has more than {MAX_DEVICES} devices")
    places: dict[str, Place] = {}
    for number, entry in enumerate(found["devices"], 1):
        try:
            name, place = _entry(entry)
        except ValueError as error:
            raise ConfigurationError(f"the registry {path}, device {number}: {error}") from None
        if name in places:
            raise ConfigurationError(f"the registry {path}, device {number}: {name} stands there twice")
        places[name] = place
    return Registry(places)


def _entry(entry: Any) -> tuple[str, Place]:
    """Name and place of one device. Fields that are not known are left to later versions.

    Raises:
        ValueError: what is wrong with it.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not is_identity(entry["name"]):
        raise ValueError("has no name that a certificate could bear")
    place: dict[str, str] = {}
    for name in TEXTS:
        value = entry.get(name, "")
        if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
            raise ValueError(f"{name} is to be a text of at most {MAX_TEXT} printable characters")
        if value:
            place[name] = value
    for name, most in DEGREES.items():
        value = entry.get(name)
        if value is None:
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or abs(value) > most
        ):
            raise ValueError(f"{name} is to be within -{most} and {most} degrees")
        place[name] = repr(value)
    return entry["name"], place
