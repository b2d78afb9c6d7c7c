"""What belongs onto the flash of one device: the firmware bundle, and what makes it this device."""

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from devices.common.settings import SettingsError
from devices.firmware.config import MAX_FILE, Config, ConfigError
from provisioning.addresses import as_told
from provisioning.errors import InputError, SetupError
from provisioning.installation import Installation

MAIN = "/main.py"
FOLDER = "/a"
MANIFEST = FOLDER + "/manifest.json"
CONFIG = "/device.json"
KEY = "/keys/device.key"
CERTIFICATE = "/keys/device.der"
PLACE = ("building", "floor", "room")
_FILES_MAX = 500
_BYTES_MAX = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A firmware bundle: files by their path on the board, the kinds it is for, and the format of its compiled code."""

    files: Mapping[str, bytes]
    kinds: tuple[str, ...]
    mpy: str


def read_bundle(folder: Path) -> Bundle:
    """The bundle in the folder ``flash`` that ``scripts/firmware`` makes.

    Raises:
        SetupError: there is none, or it is cut off or damaged.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())[: _FILES_MAX + 1]
        files = {f"/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
    except OSError:
        raise SetupError("bundle", folder=folder) from None
    return bundle_of(files, folder)


def bundle_of(files: Mapping[str, bytes], origin: Path) -> Bundle:
    """The bundle that these files are, which ``origin`` holds.

    Raises:
        SetupError: they are none, or not whole.
    """
    try:
        facts = json.loads(files[MANIFEST])
        kinds, mpy = tuple(facts["kinds"]), str(facts["mpy"])
        sums = {f"{FOLDER}/{name}": told["sha256"] for name, told in facts["files"].items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        raise SetupError("bundle", folder=origin) from None
    damaged = [path for path in sums if hashlib.sha256(files.get(path, b"")).hexdigest() != sums[path]]
    size = sum(len(data) for data in files.values())
    if damaged or MAIN not in files or len(files) > _FILES_MAX or size > _BYTES_MAX:
        raise SetupError("bundle", folder=origin)
    return Bundle(files, kinds, mpy)


def in_order(files: Mapping[str, bytes]) -> list[str]:
    """Paths in the order in which they may go over: a copy's manifest after the copy, and what starts it all last."""
    last = (MANIFEST, MAIN)
    return sorted(files, key=lambda path: (last.index(path) + 1 if path in last else 0, path))


def device_json(installation: Installation, name: str, kind: str, place: Mapping[str, str], address: str = "") -> bytes:
    """A board's configuration, checked as the board will check it; ``address`` is its fixed one, empty for DHCP.

    Raises:
        InputError: the kind's settings, the networks or the brokers are not as a board takes them.
        RecordError: no network of the installation has this address for a device.
    """
    try:
        module = importlib.import_module(f"devices.{kind.replace('-', '_')}")
        known = module.SETTINGS
    except (ImportError, AttributeError):
        raise InputError("kind", kind=kind) from None
    settings = dict(installation.kinds.get(kind, {}))
    settings |= {word: place[word] for word in PLACE if word in known and place.get(word)}
    document = {
        "device": {"id": name, "kind": kind},
        "wifi": as_told(installation.wifi, installation.networks, address),
        "brokers": list(installation.brokers),
        "link": installation.link,
        "settings": settings,
    }
    try:
        Config(document)
        importlib.import_module(f"devices.{kind.replace('-', '_')}.settings").completed(settings)
    except (ConfigError, SettingsError) as error:
        raise InputError("settings", device=name, reason=str(error)) from None
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_FILE:
        raise InputError("settings", device=name, reason=f"device.json has {len(data)} bytes, at most {MAX_FILE}")
    return data


def identity_files(chain_pem: str, root_pem: str, center_keys: tuple[Path, ...]) -> dict[str, bytes]:
    """What a board keeps beside its key, in the form it reads.

    Raises:
        SetupError: a center's key cannot be read.
    """
    leaf, issuer = x509.load_pem_x509_certificates(chain_pem.encode("ascii"))
    root = x509.load_pem_x509_certificate(root_pem.encode("ascii"))
    centers = b""
    for path in center_keys:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError):
            raise SetupError("center-key", file=path) from None
        centers += key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "/keys/centers.der": centers,
        "/keys/issuer.der": issuer.public_bytes(Encoding.DER),
        "/keys/root.der": root.public_bytes(Encoding.DER),
        CERTIFICATE: leaf.public_bytes(Encoding.DER),
    }
