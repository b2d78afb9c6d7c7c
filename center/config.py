"""The center's configuration: one TOML file, read once. Unknown keys are refused with the nearest known name, paths in it are relative to
the file's folder. Reads the file and nothing that it names.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.keys.names import is_identity
from center.errors import ConfigurationError
from center.files import read_limited

MAX_FILE = 65_536
MAX_HOSTS = 16
MAX_NUMBER = 1_000_000_000
MAX_EXPIRY_S = 3_600
"""An order to record that is older would film people for what is over."""

PLACES = ("site", "building", "floor")
"""What a rule may speak of, from the largest: a floor is one of its building, a building one of its site."""

_TABLES: Mapping[str, Mapping[str, bool]] = {
    "alarms": {"certificate": True, "key": True},
    "broker": {"hosts": True, "ca": True, "certificate": True, "key": True},
    "center": {
        "id": True,
        "database": True,
        "roots": True,
        "crls": False,
        "registry": False,
        "certificate": True,
        "key": True,
    },
    "evidence": {
        "listen": True,
        "folder": True,
        "certificate": True,
        "key": True,
        "quota_mib": False,
        "keep_free_mib": False,
    },
    "recording": {"alarms": True, "within": False, "expires_s": False},
    "tap": {"certificate": True, "key": True},
}
"""Known tables, their keys, and whether each is required."""


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """How to reach the broker: (host, port) in order of preference, the authority of its certificate, and one's own for mutual TLS.

    ``table``: where one's own stands in the configuration.
    """

    hosts: tuple[tuple[str, int], ...]
    ca: Path
    certificate: Path
    key: Path
    table: str = "broker"


@dataclass(frozen=True, slots=True)
class EvidenceServer:
    """Where recordings are taken: the address, the folder, the server's own certificate and key.

    ``quota_mib``: what unfinished uploads of one device may take together; ``keep_free_mib``: what stays free on the disk.
    """

    listen: tuple[str, int]
    folder: Path
    certificate: Path
    key: Path
    quota_mib: int
    keep_free_mib: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Alarms of devices of these kinds start the video badges of the same site, building or floor; not after ``expires_s``."""

    alarms: tuple[str, ...]
    within: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """A center's configuration. ``tap`` is the certificate and key of the consumer that ``dabyl center tap`` connects as, if given;
    ``evidence`` what ``dabyl center evidence`` serves, if given; ``registry`` the file that says where devices hang, if given;
    ``recording`` which alarms start video badges, none if it is not given; ``alarms`` how the second session reaches the broker, which is
    for alarms only, if there is one.
    """

    id: str
    database: Path
    roots: tuple[Path, ...]
    crls: tuple[Path, ...]
    certificate: Path
    key: Path
    broker: BrokerAccess
    tap: tuple[Path, Path] | None
    evidence: EvidenceServer | None = None
    registry: Path | None = None
    recording: Rule | None = None
    alarms: BrokerAccess | None = None


def load(path: Path) -> Configuration:
    """The configuration in the file ``path``.

    Raises:
        ConfigurationError: the file or a value in it; the text says which, and what is expected.
    """
    text = read_limited(path, MAX_FILE, "the configuration")
    try:
        return parse(text.decode(), path)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text") from None


def parse(text: str, path: Path) -> Configuration:
    """The configuration in ``text``, as if read from ``path``. Raises as ``load``."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    _refuse_unknown(tables, _TABLES, "table", path)
    for name in ("broker", "center"):
        if name not in tables:
            raise ConfigurationError(f"{path}: the table [{name}] is missing; docs/center.toml is an example")
    for name, known in _TABLES.items():
        table = tables.get(name, {})
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: '{name}' is to be a table, [{name}]")
        _refuse_unknown(table, known, f"key in [{name}]", path)
        for key, required in known.items():
            if required and name in tables and key not in table:
                raise ConfigurationError(f"{path}: [{name}] {key} is missing; docs/center.toml is an example")
    center, broker, tap = tables["center"], tables["broker"], tables.get("tap")
    reader = _Reader(path)
    identity = reader.text(center, "center", "id")
    if not is_identity(identity):
        raise ConfigurationError(f"{path}: [center] id: {identity[:80]!r} does not match [a-z0-9][a-z0-9-]{{2,62}}")
    access = BrokerAccess(
        reader.hosts(broker),
        reader.path(broker, "broker", "ca"),
        reader.path(broker, "broker", "certificate"),
        reader.path(broker, "broker", "key"),
    )
    return Configuration(
        identity,
        reader.path(center, "center", "database"),
        reader.paths(center, "center", "roots", least=1),
        reader.paths(center, "center", "crls", least=0),
        reader.path(center, "center", "certificate"),
        reader.path(center, "center", "key"),
        access,
        (reader.path(tap, "tap", "certificate"), reader.path(tap, "tap", "key")) if tap is not None else None,
        _evidence(reader, tables["evidence"]) if "evidence" in tables else None,
        reader.path(center, "center", "registry") if "registry" in center else None,
        _recording(reader, tables["recording"], center) if "recording" in tables else None,
        _alarms(reader, tables["alarms"], access) if "alarms" in tables else None,
    )


def _alarms(reader: "_Reader", table: Mapping[str, object], access: BrokerAccess) -> BrokerAccess:
    files = (reader.path(table, "alarms", "certificate"), reader.path(table, "alarms", "key"))
    return BrokerAccess(access.hosts, access.ca, *files, table="alarms")


def _evidence(reader: "_Reader", table: Mapping[str, object]) -> EvidenceServer:
    name = "evidence"
    try:
        listen = host_and_port(reader.text(table, name, "listen"))
    except ConfigurationError as error:
        raise ConfigurationError(f"{reader.file}: [{name}] listen: {error}") from None
    return EvidenceServer(
        listen,
        reader.path(table, name, "folder"),
        reader.path(table, name, "certificate"),
        reader.path(table, name, "key"),
        reader.number(table, name, "quota_mib", 256),
        reader.number(table, name, "keep_free_mib", 1024),
    )


def _recording(reader: "_Reader", table: Mapping[str, object], center: Mapping[str, object]) -> Rule:
    name = "recording"
    if "registry" not in center:
        raise ConfigurationError(f"{reader.file}: [{name}] needs [center] registry, which says who is where")
    kinds = reader.texts(table, name, "alarms", least=1)
    within = reader.text({"within": "site", **table}, name, "within")
    if within not in PLACES:
        raise ConfigurationError(f"{reader.file}: [{name}] within is one of {', '.join(PLACES)}, not {within[:80]!r}")
    expires_s = reader.number(table, name, "expires_s", 60)
    if expires_s > MAX_EXPIRY_S:
        raise ConfigurationError(f"{reader.file}: [{name}] expires_s is to be {MAX_EXPIRY_S} at most")
    return Rule(tuple(kinds), within, expires_s)


def host_and_port(text: str) -> tuple[str, int]:
    """("broker.example", 8883) of ``broker.example:8883``; IPv6 addresses stand in brackets.

    Raises:
        ConfigurationError: anything else.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise ConfigurationError(f"{text[:200]!r} is not host:port, for example broker.example:8883 or [::1]:8883")
    return host, int(port)


@dataclass(frozen=True, slots=True)
class _Reader:
    file: Path

    def text(self, table: Mapping[str, object], name: str, key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value or len(value) > 4096 or "\x00" in value:
            raise ConfigurationError(f"{self.file}: [{name}] {key} is to be a text, and not empty")
        return value

    def number(self, table: Mapping[str, object], name: str, key: str, default: int) -> int:
        value = table.get(key, default)
        if type(value) is not int or not 1 <= value <= MAX_NUMBER:
            raise ConfigurationError(f"{self.file}: [{name}] {key} is to be a whole number from 1 to {MAX_NUMBER}")
        return value

    def path(self, table: Mapping[str, object], name: str, key: str) -> Path:
        return self.file.parent / self.text(table, name, key)

    def texts(self, table: Mapping[str, object], name: str, key: str, least: int) -> list[str]:
        value = table.get(key, [])
        if not isinstance(value, list) or not least <= len(value) <= MAX_HOSTS:
            raise ConfigurationError(f"{self.file}: [{name}] {key} is to be a list of {least} to {MAX_HOSTS} texts")
        return [self.text({key: item}, name, key) for item in value]

    def paths(self, table: Mapping[str, object], name: str, key: str, least: int) -> tuple[Path, ...]:
        return tuple(self.file.parent / text for text in self.texts(table, name, key, least))

    def hosts(self, table: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
        try:
            return tuple(host_and_port(text) for text in self.texts(table, "broker", "hosts", 1))
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.file}: [broker] hosts: {error}") from None


def _refuse_unknown(given: Mapping[str, object], known: Mapping[str, object], what: str, path: Path) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)[0]
            raise ConfigurationError(f"{path}: unknown {what}: '{name[:80]}'; did you mean '{near}'?")
