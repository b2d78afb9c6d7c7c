"""An installation in one file, ``installation.toml``: what the laptop needs to know to enrol devices for it. Read whole, every key checked.

The file holds the Wi-Fi's passwords, so it is for its owner's eyes only. Paths in it are relative to its folder.
"""

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any

from agent.config import checked, nearest
from agent.errors import ConfigError
from agent.keys.errors import KeysError, OpenToOthersError
from agent.keys.secret_file import read_secret
from provisioning.addresses import Network, networks
from provisioning.errors import InputError
from provisioning.messages import LANGUAGES

MAX_FILE = 65536
_FILE = (str, "", 0, 4096)
AUTHORITY = {"directory": (str, "ca", 1, 4096, "folder of the certificate authority")}
CENTER = {"keys": (list, ["center.pub.pem"], 1, 8, "public keys of the centers that devices believe, PEM files")}
LISTEN = {
    "host": (str, "", 0, 253, "broker that the laptop listens at; empty: the first of the devices' brokers"),
    "port": (int, 8883, 1, 65535, "its port"),
    "certificate": (str, "listener/chain.pem", 1, 4096, "the laptop's certificate (role consumer), PEM"),
    "key": (str, "listener/key.pem", 1, 4096, "its private key, PEM, mode 0600"),
}
FIRMWARE = {"bundle": (*_FILE, "folder 'flash' of a bundle; empty: compiled for the kind")}
INVENTORY = {"database": (str, "inventory.db", 1, 4096, "file with all devices, made when it is not there")}
INSTALLER = {"language": (str, "", 0, 2, "language of texts: en, ru or kk; empty: the system's")}
TABLES: dict[str, dict[str, Any]] = {
    "installer": INSTALLER,
    "authority": AUTHORITY,
    "center": CENTER,
    "listen": LISTEN,
    "firmware": FIRMWARE,
    "inventory": INVENTORY,
}
PASSED_ON = ("broker", "wifi", "link", "kind")
"""What boards get, and is checked as they check it: see docs/devices/firmware.md. Fixed addresses are each device's own."""


@dataclasses.dataclass(frozen=True)
class Installation:
    """A checked installation file.

    ``kinds`` is each device kind's table of settings, ``link`` what boards get as theirs, ``networks`` are those of fixed addresses.
    """

    authority: Path
    center_keys: tuple[Path, ...]
    brokers: tuple[dict[str, Any], ...]
    wifi: tuple[dict[str, Any], ...]
    networks: tuple[Network, ...]
    listen_host: str
    listen_port: int
    certificate: Path
    key: Path
    bundle: Path | None
    inventory: Path
    kinds: dict[str, dict[str, Any]]
    link: dict[str, int]


def read(path: Path) -> Installation:
    """The installation in the file.

    Raises:
        InputError: missing, open to others, no TOML, or with something unknown, ill-typed or out of range.
    """
    if not path.exists():
        raise InputError("installation-absent", file=path)
    try:
        document = tomllib.loads(read_secret(os.fspath(path), MAX_FILE, "the file").decode("utf-8"))
        return parsed(path, document)
    except OpenToOthersError:
        raise InputError("installation-open", file=path) from None
    except (KeysError, ConfigError) as error:
        raise InputError("installation", reason=str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("installation", reason=f"{path}: {error}") from None


def networks_in(path: Path) -> tuple[Network, ...]:
    """The networks of fixed addresses that the file names; none where there is no file yet.

    Raises:
        InputError: as `read`.
    """
    return read(path).networks if path.exists() else ()


def language_in(path: Path) -> str | None:
    """The language that the file names; None where there is no file, or none that can be read, of which others will tell."""
    try:
        with path.open("rb") as file:
            language = tomllib.loads(file.read(MAX_FILE).decode("utf-8"))["installer"]["language"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return language if language in LANGUAGES else None


def parsed(path: Path, document: dict[str, Any]) -> Installation:
    """The installation that the file's tables tell.

    Raises:
        ConfigError: something is unknown, ill-typed or out of range.
    """
    folder = path.parent
    brokers, wifi = (_tables(document.pop(name, None), f"{path}: [[{name}]]") for name in ("broker", "wifi"))
    link, kinds = (_table(document.pop(name, {}), f"{path}: [{name}]") for name in ("link", "kind"))
    for kind, settings in kinds.items():
        _table(settings, f"{path}: [kind.{kind}]")
    for name in document:
        if name not in TABLES:
            raise ConfigError(f"{path}: no table [{name}] is known{nearest(name, (*TABLES, *PASSED_ON))}")
    tables = {name: checked(document.get(name, {}), table, f"{path}: [{name}]") for name, table in TABLES.items()}
    if tables["installer"]["language"] not in ("", *LANGUAGES):
        raise ConfigError(f"{path}: [installer]: 'language' is one of {', '.join(LANGUAGES)}")
    listen = tables["listen"]
    if not listen["host"]:
        listen |= {"host": str(brokers[0].get("host", "")), "port": brokers[0].get("port", listen["port"])}
    bundle = tables["firmware"]["bundle"]
    return Installation(
        authority=folder / tables["authority"]["directory"],
        center_keys=tuple(folder / str(name) for name in tables["center"]["keys"]),
        brokers=brokers,
        wifi=wifi,
        networks=networks(wifi, f"{path}: [[wifi]]"),
        listen_host=listen["host"],
        listen_port=listen["port"],
        certificate=folder / listen["certificate"],
        key=folder / listen["key"],
        bundle=folder / bundle if bundle else None,
        inventory=folder / tables["inventory"]["database"],
        kinds=kinds,
        link=link,
    )


def _tables(given: object, where: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(given, list) or not given:
        raise ConfigError(f"{where}: name at least one, each in a table of its own")
    return tuple(_table(entry, where) for entry in given)


def _table(given: object, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError(f"{where} is a table")
    return given
