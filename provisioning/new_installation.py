"""A new installation, step by step: the authority, the laptop's own certificate, the center's key, and ``installation.toml`` last.

Each step looks first what is there already, and nothing that is there is replaced: whoever is interrupted begins again, and it goes on.
"""

import dataclasses
import json
import os
import re
import shutil
import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from agent.durable import replace_file
from agent.errors import ConfigError
from agent.keys.file import FileKey
from agent.keys.names import CONSUMER
from agent.keys.request import certificate_request
from agent.keys.secret_file import sync_directory
from provisioning.authority.authority import Authority, is_name
from provisioning.authority.state_files import replace_public
from provisioning.cable.certificates import certificate_for
from provisioning.cable.contents import device_json
from provisioning.errors import InputError, SetupError
from provisioning.installation import parsed

LAPTOP = "installer-1"
CENTER_KEY = "center.pub.pem"
CHAIN, KEY = "listener/chain.pem", "listener/key.pem"
WIRING = {"sos-button": {"button_pin": 32, "lamp_pin": 18}, "panic-button": {"button_pin": 32, "lamp_pin": 18}}
"""The pins of each kind of board, as docs/devices/firmware.md draws them; what not every device has fitted is left to the file."""
PORT = 8883
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PEM_MAX = 65536
_SSID_BYTES = 32
_PASSWORD = range(8, 64)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What only a person knows. ``brokers`` are host and port, ``wifi`` is name and password; an empty language is the system's."""

    authority: Path
    brokers: tuple[tuple[str, int], ...]
    wifi: tuple[str, str]
    language: str


def authority_name(said: str) -> str:
    """A name that the authority may have.

    Raises:
        InputError: it may not.
    """
    if not is_name(said):
        raise InputError("authority-name")
    return said


def broker_address(said: str) -> tuple[str, int]:
    """Host and port of ``host`` or ``host:port``.

    Raises:
        InputError: it is neither.
    """
    host, colon, port = said.strip().partition(":")
    if not _HOST.fullmatch(host) or (colon and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise InputError("broker-address", value=said[:80])
    return host, int(port) if colon else PORT


def wifi_name(said: str) -> str:
    """The name of a Wi-Fi.

    Raises:
        InputError: no Wi-Fi has such a name.
    """
    if not said or not said.isprintable() or len(said.encode()) > _SSID_BYTES:
        raise InputError("wifi-name", most=_SSID_BYTES)
    return said


def wifi_password(said: str) -> str:
    """The password of a Wi-Fi, "" for an open one.

    Raises:
        InputError: no Wi-Fi has such a password.
    """
    if said and (len(said) not in _PASSWORD or not said.isascii() or not said.isprintable()):
        raise InputError("wifi-password-form")
    return said


def center_key(file: Path) -> str:
    """The center's public key (PEM), from a file that holds it or the center's certificate.

    Raises:
        SetupError: it holds neither, or a key of another kind.
    """
    try:
        with file.open("rb") as opened:
            pem = opened.read(_PEM_MAX)
        key: object = _certified(pem) if b"BEGIN CERTIFICATE" in pem else load_pem_public_key(pem)
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise SetupError("center-key", file=file) from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise SetupError("center-key", file=file)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _certified(pem: bytes) -> object:
    return x509.load_pem_x509_certificate(pem).public_key()


def make_authority(directory: Path, name: str, passphrase: str | None, now_ms: int) -> None:
    """A new authority, whole or not there.

    Raises:
        AuthorityError: the passphrase is empty or too long, or the disk refuses.
    """
    half = directory.with_name(directory.name + ".new")
    shutil.rmtree(half, ignore_errors=True)  # of an interrupted one, which has issued nothing
    Authority.create(half, name, now_ms, passphrase=passphrase)
    half.rename(directory)
    sync_directory(os.fspath(directory.parent))


def make_listener(authority: Authority, folder: Path, laptop: str, now_ms: int) -> None:
    """The laptop's own key and certificate (role consumer), as far as they are not there.

    Raises:
        AuthorityError: the authority refuses, or its files cannot be written.
        KeysError: the key cannot be read or made, or the laptop's name is none.
    """
    chain, key = folder / CHAIN, folder / KEY
    if chain.exists():
        return
    key.parent.mkdir(mode=0o700, exist_ok=True)
    signer = FileKey.load(os.fspath(key)) if key.exists() else FileKey.generate(os.fspath(key))
    request = certificate_request(signer, laptop)
    _serial, text = certificate_for(authority, request, signer.kid, laptop, now_ms, role=CONSUMER)
    replace_public(chain, text.encode("ascii"))


def write(file: Path, answers: Answers) -> None:
    """Write the installation's file (mode 0600) in the place of whatever has its name.

    Raises:
        InputError: a board would not take what it says.
        OSError: the disk refuses.
    """
    text = document(file.parent, answers)
    try:
        installation = parsed(file, tomllib.loads(text))
    except (ConfigError, tomllib.TOMLDecodeError) as error:
        raise InputError("installation", reason=str(error)) from None
    for kind in WIRING:
        device_json(installation, "a-device", kind, {"building": "1", "room": "1"})
    replace_file(os.fspath(file), text.encode())


def document(folder: Path, answers: Answers) -> str:
    """The file's text."""
    inside = answers.authority.is_relative_to(folder)
    authority = answers.authority.relative_to(folder) if inside else answers.authority.absolute()
    tables = [
        "# What this laptop knows of the installation: docs/provisioning.md. It holds the Wi-Fi's password: mode 0600.",
        *([_table("[installer]", language=answers.language)] if answers.language else []),
        _table("[authority]", directory=authority.as_posix()),
        _table("[center]", keys=[CENTER_KEY]),
        _table("[listen]", certificate=CHAIN, key=KEY),
        *(_table("[[broker]]", host=host, port=port) for host, port in answers.brokers),
        _table("[[wifi]]", ssid=answers.wifi[0], key=answers.wifi[1]),
        "# Pins as docs/devices/firmware.md draws them. Where an enclosure switch is fitted: tamper_pin = 33",
        *(_table(f"[kind.{kind}]", **pins) for kind, pins in WIRING.items()),
    ]
    return "\n\n".join(tables) + "\n"


def _table(head: str, **values: object) -> str:
    """A table of TOML, whose texts, numbers and lists are written as JSON's are."""
    return "\n".join([head, *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())])
