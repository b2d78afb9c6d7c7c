"""The hub's settings, completed and checked, also against each other: wiring that cannot work is refused, with what to do about it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from devices.common import settings as common
from devices.common.settings import SettingsError
from devices.panic_button.settings import entry, whole
from devices.panic_hub import KIND, PLACE, SETTINGS, scan

PINS = tuple(name for name in SETTINGS if name.endswith("_pin"))
NAME_MAX = 64
PORT_MAX = 128
CHANNELS_MAX = 32
UNIT_MAX = 247


@dataclasses.dataclass(frozen=True, slots=True)
class Module:
    """An analog module; ``name`` is what events call it."""

    name: str
    port: str
    unit: int
    channels: int


@dataclasses.dataclass(frozen=True, slots=True)
class Zone:
    """A button: ``input`` is what events call its line, ``place`` what they say of where it is; channels count from 1."""

    input: str
    module: str
    channel: int
    place: dict[str, object]


def completed(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return all settings, defaults filled in; ``modules`` are `Module`, ``zones`` are `Zone`.

    Raises:
        SettingsError: one is unknown, of the wrong type, out of range, takes another's pin, input or address, or a press could be lost.
    """
    found = common.completed(KIND, SETTINGS, PINS, settings)
    modules = [_module(number, value) for number, value in enumerate(found["modules"], 1)]
    _addresses(modules)
    ports: dict[str, list[int]] = {}
    for module in modules:
        ports.setdefault(module.port, []).append(module.channels)
    for port, channels in ports.items():
        scan.check(port, channels, found["baud"], found["answer_ms"], found["sample_ms"])
    home = {name: found[name] for name in PLACE}
    zones = [_zone(number, value, modules, home) for number, value in enumerate(found["zones"], 1)]
    _inputs(zones)
    return {**found, "modules": modules, "zones": zones}


def _module(number: int, value: object) -> Module:
    name = f"module {number}"
    row = entry(name, value, ("port", "unit", "channels"), ())
    return Module(
        f"module-{number}",
        _text(f"{name}: port", row["port"], 1, PORT_MAX),
        whole(f"{name}: unit", row["unit"], 1, UNIT_MAX),
        whole(f"{name}: channels", row["channels"], 1, CHANNELS_MAX),
    )


def _addresses(modules: list[Module]) -> None:
    taken: dict[tuple[str, int], str] = {}
    for module in modules:
        address = module.port, module.unit
        if address in taken:
            raise SettingsError(
                f"{taken[address]} and {module.name} are both unit {module.unit} on {module.port}; give each its own"
            )
        taken[address] = module.name


def _zone(number: int, value: object, modules: list[Module], home: Mapping[str, str]) -> Zone:
    name = f"zone {number}"
    row = entry(name, value, ("name", "module", "channel", "room"), ("building", "floor"))
    module = modules[whole(f"{name}: module", row["module"], 1, len(modules)) - 1]
    channel = whole(f"{name}: channel", row["channel"], 1, module.channels)
    place: dict[str, object] = {"zone": _text(f"{name}: name", row["name"], 1, NAME_MAX)}
    elsewhere = row.get("building", home["building"]) != home["building"]
    for key in PLACE:
        least, most = SETTINGS[key][2:4]
        assert least is not None
        assert most is not None
        # Another building's floors are not the hub's, and a zone's room is never the hub's.
        text = row.get(key, "" if key == "floor" and elsewhere else home[key])
        text = _text(f"{name}: {key}", text, 1 if key == "room" else least, most)
        if text:
            place[key] = text
    return Zone(f"zone-{number}", module.name, channel, place)


def _inputs(zones: list[Zone]) -> None:
    taken: dict[tuple[str, int], str] = {}
    names: dict[object, str] = {}
    for zone in zones:
        where = zone.module, zone.channel
        if where in taken:
            raise SettingsError(f"{taken[where]} and {zone.input} are both channel {zone.channel} of {zone.module}")
        taken[where] = zone.input
        name = zone.place["zone"]
        if name in names:
            raise SettingsError(f"{names[name]} and {zone.input} are both named {name!r}; give each its own name")
        names[name] = zone.input


def _text(name: str, value: object, least: int, most: int) -> str:
    if type(value) is not str or not least <= len(value) <= most:
        raise SettingsError(f"{name} must be a text of {least} to {most} characters, not {repr(value)[:60]}")
    return value
