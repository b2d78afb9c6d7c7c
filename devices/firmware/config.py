"""A board's configuration, one JSON file: checked as a whole before anything is done with it.

Names are those of the Linux agent's TOML, as far as a board has them; ``docs/devices/firmware.md`` lists them. The kind's own settings are
checked by the kind.
"""

import errno
import json

from agent.wire.errors import WireError
from agent.wire.fields import identity
from devices.common.settings import WORDS
from devices.firmware.options import SECURE_ELEMENT, SLEEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FILE = 4096
_NEEDED = None
_DEVICE = {
    "id": (str, _NEEDED, 3, 63),
    "kind": (str, _NEEDED, 1, 32),
    "heartbeat_s": (int, 300, 20, 86400),
    "sleeps": (bool, False, 0, 1),
}
_ADDRESS = (str, "", 0, 15)
_FIXED = ("address", "netmask", "gateway", "dns")
_WIFI = {
    "ssid": (str, _NEEDED, 1, 32),
    "key": (str, "", 0, 63),
    "address": _ADDRESS,
    "netmask": _ADDRESS,
    "gateway": _ADDRESS,
    "dns": _ADDRESS,
    "lease_s": (int, 0, 0, 31 * 86400),
}
_BROKER = {"host": (str, _NEEDED, 1, 253), "port": (int, 8883, 1, 65535)}
_LINK = {
    "keepalive_s": (int, 60, 5, 3600),
    "connect_timeout_s": (int, 30, 5, 120),
    "window": (int, 8, 1, 64),
    "backlog_rate": (int, 20, 1, 500),
    "retry_min_ms": (int, 1000, 100, 60_000),
    "retry_max_ms": (int, 300_000, 1000, 3_600_000),
    "alarm_retry_ms": (int, 2000, 500, 60_000),
    "event_retry_ms": (int, 10_000, 1000, 600_000),
}
_BATTERY = {"pin": (int, _NEEDED, 32, 39), "upper_ohm": (int, 0, 0, 10**7), "lower_ohm": (int, 1, 1, 10**7)}
_ELEMENT = {
    "sda": (int, _NEEDED, 0, 33),
    "scl": (int, _NEEDED, 0, 33),
    "slot": (int, 0, 0, 15),
    "address": (int, 0x60, 8, 0x77),
}
_TABLES = ("device", "wifi", "brokers", "link", "battery", "secure_element", "settings")


class ConfigError(Exception):
    """The configuration is missing or wrong. The text says what, and what is allowed."""


class Config:
    """What the file says. Tables have every key; ``settings`` is the kind's own; what a board may lack is None without it."""

    def __init__(self, document: "object") -> None:
        if not isinstance(document, dict):
            raise ConfigError("device.json is no table")
        for name in document:
            if name not in _TABLES:
                raise ConfigError("'%s' is unknown; known are %s" % (name, ", ".join(_TABLES)))
        self.device = _checked(document.get("device"), _DEVICE, "device")
        self.link = _checked(document.get("link", {}), _LINK, "link")
        self.wifi = _several(document.get("wifi"), _WIFI, "wifi", 8)
        for known in self.wifi:
            known["fixed"] = _fixed(known, "wifi '%s'" % known["ssid"])
        self.brokers = _several(document.get("brokers"), _BROKER, "brokers", 4)
        self.battery = _checked(document["battery"], _BATTERY, "battery") if "battery" in document else None
        self.secure_element = None
        if "secure_element" in document:
            if not SECURE_ELEMENT:
                raise ConfigError("secure_element: this firmware is made without; copy one made with --secure-element")
            self.secure_element = _checked(document["secure_element"], _ELEMENT, "secure_element")
        if self.device["sleeps"] and not SLEEPS:
            raise ConfigError("device: a %s does not sleep" % self.device["kind"])
        self.settings: "dict[str, Any]" = document.get("settings", {})
        if not isinstance(self.settings, dict):
            raise ConfigError("'settings' is a table")
        if self.link["retry_min_ms"] > self.link["retry_max_ms"]:
            raise ConfigError("link: 'retry_min_ms' is longer than 'retry_max_ms'")
        try:
            identity(self.device["id"], "id")
        except WireError as error:
            raise ConfigError("device: %s" % error)


def read(path: str) -> Config:
    """The configuration in the file ``path``.

    Raises:
        ConfigError: it is missing, too long, no JSON, or says something unknown, ill-typed or out of range.
        OSError: flash cannot be read.
    """
    try:
        with open(path) as file:
            text = file.read(MAX_FILE + 1)
        if len(text) > MAX_FILE:
            raise ConfigError("%s is longer than %d bytes" % (path, MAX_FILE))
        document = json.loads(text)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        raise ConfigError("no %s: enrol this board" % path)
    except (ValueError, RuntimeError):  # RuntimeError: nested deeper than MicroPython follows
        raise ConfigError("%s is no JSON: copy it again" % path)
    return Config(document)


def _several(given: "object", table: "dict[str, Any]", where: str, most: int) -> "list[dict[str, Any]]":
    if not isinstance(given, list) or not 1 <= len(given) <= most:
        raise ConfigError("'%s' is a list of 1 to %d tables" % (where, most))
    return [_checked(entry, table, "%s number %d" % (where, n + 1)) for n, entry in enumerate(given)]


def _fixed(known: "dict[str, str]", where: str) -> "tuple[str, ...] | None":
    """Address, netmask, gateway and name server for `ifconfig`; None for a network in which DHCP gives them.

    Only their form is checked, for `ifconfig` stumbles over another: what does not fit the network gives way to DHCP there.
    """
    texts = [known[name] for name in _FIXED]
    if not "".join(texts):
        return None
    texts[3] = texts[3] or texts[2]
    for place, text in enumerate(texts):
        parts = [int(part) for part in text.split(".") if part.isdigit()]
        if ".".join([str(part) for part in parts]) != text or len(parts) != 4 or max(parts) > 255:
            raise ConfigError("%s: '%s' is no IPv4 address" % (where, _FIXED[place]))
    return tuple(texts)


def _checked(given: "object", table: "dict[str, Any]", where: str) -> "dict[str, Any]":
    if not isinstance(given, dict):
        raise ConfigError("'%s' is a table" % where)
    for name in given:
        if name not in table:
            raise ConfigError("%s: '%s' is unknown; known are %s" % (where, name, ", ".join(sorted(table))))
    whole = {}
    for name in table:
        kind, default, low, high = table[name]
        value = given.get(name, default)
        if value is None:
            raise ConfigError("%s: '%s' is missing" % (where, name))
        if type(value) is not kind:
            raise ConfigError("%s: '%s' must be %s" % (where, name, WORDS[kind]))
        if not low <= (len(value) if kind is str else value) <= high:
            raise ConfigError(
                "%s: '%s' must %s %d to %d" % (where, name, "have a length of" if kind is str else "be", low, high)
            )
        whole[name] = value
    return whole
