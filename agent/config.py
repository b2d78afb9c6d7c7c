"""The agent's configuration: one TOML file, read once, every key known, typed and bounded.

Wrong configuration never starts a device: an unknown key is refused with the nearest known name, so that a typing mistake cannot
silently disable something. Paths in the file are relative to the file's own folder.
"""

import os
import tomllib

from agent.errors import ConfigError
from agent.wire import fields
from agent.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = tuple[type, Any, int | None, int | None, str]

MAX_FILE = 65536
"""Bytes of a configuration file at most."""
MAX_TOLD = 1 << 64
"""Numbers beyond are not written out in messages."""
REQUIRED = object()
"""Stands in a table as the default of a key that must be given."""

DEVICE: "dict[str, Row]" = {
    "id": (str, REQUIRED, 3, 63, "the device's name, equal to its certificate's CN"),
    "kind": (str, REQUIRED, 1, 128, "what it is: 'sos-button', or the dotted path of a module from elsewhere"),
    "state": (str, REQUIRED, 1, 4096, "folder for the journal, on a disk that survives power cuts"),
    "heartbeat_s": (int, 60, 5, 86400, "seconds between two health.report events"),
}
KEYS: "dict[str, Row]" = {
    "key": (str, REQUIRED, 1, 4096, "private key, PEM, mode 0600: TLS, and signing unless 'signing' is given"),
    "certificate": (str, REQUIRED, 1, 4096, "the device's certificate chain, PEM, its own first"),
    "signing": (str, "", 0, 4096, "PKCS#11 URI of the signing key; empty: sign with 'key'"),
    "signing_certificate": (str, "", 0, 4096, "certificate chain of the PKCS#11 key; empty: the same as 'certificate'"),
}
CENTER: "dict[str, Row]" = {
    "keys": (list, REQUIRED, 1, 8, "public keys of the centers whose receipts count, PEM files"),
}
BROKER: "dict[str, Row]" = {
    "host": (str, REQUIRED, 1, 253, "name or address, checked against the broker's certificate"),
    "port": (int, 8883, 1, 65535, "TCP port"),
    "ca": (str, REQUIRED, 1, 4096, "PEM file with the root certificate of the broker's certificate"),
}
ENROLMENT: "dict[str, Row]" = {
    "server": (str, "", 0, 300, "https://host:port of the server that enrols and renews; empty: by hand"),
    "ca": (str, "", 0, 4096, "PEM file with the root certificate of that server and of the device"),
    "board": (str, "", 0, 64, "the board's serial number; empty: as the machine tells it"),
}
LINK: "dict[str, Row]" = {
    "keepalive_s": (int, 60, 5, 3600, "MQTT keepalive; 13 for the strict profile"),
    "connect_timeout_s": (int, 15, 1, 120, "seconds for TCP, TLS and MQTT together"),
    "window": (int, 20, 1, 1000, "messages under way to the broker at once"),
    "backlog_rate": (int, 500, 1, 100000, "events a second sent from before this connection"),
    "retry_min_ms": (int, 1000, 50, 60000, "first wait before connecting again"),
    "retry_max_ms": (int, 300000, 1000, 3600000, "longest wait before connecting again"),
    "alarm_retry_ms": (int, 2000, 100, 60000, "first wait for an alarm's receipt before it is sent again"),
    "event_retry_ms": (int, 10000, 100, 600000, "the same for other events"),
}
JOURNAL: "dict[str, Row]" = {
    "max_mb": (int, 64, 1, 16384, "bound of the journal in MB"),
}

TABLES = {
    "device": DEVICE,
    "keys": KEYS,
    "enrolment": ENROLMENT,
    "center": CENTER,
    "link": LINK,
    "journal": JOURNAL,
}


class Config:
    """A checked configuration. Each table is a dict with every key present; ``settings`` is the device kind's own table."""

    def __init__(self, path: str, document: "dict[str, Any]") -> None:
        self.path = path
        self.folder = os.path.dirname(os.path.abspath(path))
        brokers = document.pop("broker", None)
        if not isinstance(brokers, list) or not 1 <= len(brokers) <= 8:
            raise ConfigError(f"{path}: name 1 to 8 brokers, each in a table of its own that begins with [[broker]]")
        self.brokers = [checked(entry, BROKER, f"{path}: [[broker]] number {n}") for n, entry in enumerate(brokers, 1)]
        self.device = checked(document.pop("device", {}), DEVICE, f"{path}: [device]")
        self.keys = checked(document.pop("keys", {}), KEYS, f"{path}: [keys]")
        self.enrolment = checked(document.pop("enrolment", {}), ENROLMENT, f"{path}: [enrolment]")
        if self.enrolment["server"] and not self.enrolment["ca"]:
            raise ConfigError(f"{path}: [enrolment]: 'ca' is missing beside 'server'")
        self.center = checked(document.pop("center", {}), CENTER, f"{path}: [center]")
        self.link = checked(document.pop("link", {}), LINK, f"{path}: [link]")
        if self.link["retry_min_ms"] > self.link["retry_max_ms"]:
            raise ConfigError(f"{path}: [link]: 'retry_min_ms' is longer than 'retry_max_ms'")
        self.journal = checked(document.pop("journal", {}), JOURNAL, f"{path}: [journal]")
        try:
            fields.identity(self.device["id"], "id")
        except WireError as error:
            raise ConfigError(f"{path}: [device]: {error}") from None
        self.settings = document.pop("settings", {})
        if not isinstance(self.settings, dict):
            raise ConfigError(f"{path}: 'settings' is a table: [settings]")
        for name in document:
            raise ConfigError(f"{path}: no table [{name}] is known{nearest(name, (*TABLES, 'broker', 'settings'))}")

    def resolve(self, name: str) -> str:
        """The path of a file that the configuration names."""
        return os.path.join(self.folder, name)


def read(path: str) -> Config:
    """The configuration in the file ``path``.

    Raises:
        ConfigError: as ``document``, or it says something unknown, ill-typed or out of range.
    """
    return Config(path, document(path))


def document(path: str) -> "dict[str, Any]":
    """What the TOML file ``path`` says.

    Raises:
        ConfigError: the file is missing, unreadable, too long, or no TOML.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name the file with --config") from None
    if len(text) > MAX_FILE:
        raise ConfigError(f"{path}: longer than {MAX_FILE} bytes, this is no configuration of Dabyl")
    try:
        return tomllib.loads(text.decode())
    except (
        ValueError,
        RecursionError,
    ) as error:  # TOMLDecodeError, UnicodeDecodeError, a number of thousands of digits
        raise ConfigError(f"{path}: not TOML: {error}") from None


def checked(given: "Any", table: "dict[str, Row]", where: str) -> "dict[str, Any]":
    """``given`` completed with the defaults of ``table`` (name -> type, default, minimum, maximum, help).

    Minimum and maximum bound integers by value, texts and lists by length.

    Raises:
        ConfigError: unknown, missing, ill-typed or out of range.
    """
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: is not a table")
    for name in given:
        if name not in table:
            raise ConfigError(f"{where}: no key '{name}' is known{nearest(name, table)}")
    whole: dict[str, Any] = {}
    for name, (kind, default, low, high, meaning) in table.items():
        value: Any = given.get(name, default)
        if value is REQUIRED:
            raise ConfigError(f"{where}: '{name}' is missing ({meaning})")
        if not _exactly(value, kind):
            raise ConfigError(f"{where}: '{name}' ({meaning}) must be {_KINDS[kind]}, not {_told(value)}")
        size = value if kind is int else 0 if kind is bool else len(value)
        if (low is not None and size < low) or (high is not None and size > high):
            unit = "" if kind is int else " characters" if kind is str else " entries"
            raise ConfigError(f"{where}: '{name}' ({meaning}) must have {low} to {high}{unit}, not {_told(size)}")
        if kind is list and not all(type(entry) is str for entry in value):
            raise ConfigError(f"{where}: '{name}' ({meaning}) must be a list of texts")
        texts = value if kind is list else (value,) if kind is str else ()
        if not all(text.isprintable() for text in texts):
            raise ConfigError(f"{where}: '{name}' ({meaning}) holds a control character")
        whole[name] = value
    return whole


def _exactly(value: "Any", kind: type) -> bool:
    return type(value) is kind  # true is no number here


def _told(value: "Any") -> str:
    if type(value) is int and not -MAX_TOLD < value < MAX_TOLD:
        return "a huge number"  # Python itself refuses to write out thousands of digits
    try:
        return f"{value!r:.80}"
    except ValueError:
        return "that"  # a list or table with such a number in it


_KINDS = {int: "a whole number", str: "a text", bool: "true or false", list: "a list"}


def nearest(name: str, known: "Any") -> str:
    """Words that point at the known name nearest to ``name``, or list all of them."""
    from difflib import get_close_matches  # noqa: PLC0415  only on the way to an error message

    close = get_close_matches(name, list(known), 1)
    return f"; did you mean '{close[0]}'?" if close else "; known are: " + ", ".join(sorted(known))
