"""``dabyl provision labels``: a sheet of labels to print."""

import hashlib
import json
import os
import time
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.durable import replace_file
from agent.keys.names import DEVICE, URN
from provisioning.authority.state_files import read_public
from provisioning.cli.common import FILE, common, language_of
from provisioning.errors import Cause, SetupError
from provisioning.installation import read
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import ENROLLED, REVOKED, Device
from provisioning.labels import Label, sheet
from provisioning.messages import text

_ROOT_MAX = 8192


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision labels --out labels.pdf                          all devices of the inventory\n"
    "  dabyl provision labels sos-017 sos-018 --out labels.pdf\n"
    "  dabyl provision labels --claims https://enrol.example:8443 --out labels.pdf\n"
    "\b\n"
    "A4, 24 labels of 70 x 37 mm. With --claims the QR code holds a one-time claim, made now, for each device whose board's serial\n"
    "number is known and which has no certificate yet; otherwise it holds the device's name.\n"
)
@click.argument("names", nargs=-1)
@click.option("--out", required=True, type=FILE, help="The PDF to write.")
@click.option("--claims", "server", metavar="URL", help="Make a claim for each; the server where it is redeemed.")
@common
def labels(
    names: tuple[str, ...],
    out: Path,
    server: str | None,
    installation: Path,
    passphrase_file: Path | None,  # noqa: ARG001  the authority's key is not needed, but every command takes it
    as_json: bool,
    language: str | None,
) -> None:
    """Write a sheet of labels (PDF): name, place in words, QR code."""
    spoken = language_of(language)
    found = read(installation)
    with Inventory(found.inventory, create=False) as inventory:
        devices = [inventory.get(name) for name in names] or [
            device for device in inventory.devices() if device.state != REVOKED
        ]
        root = _root(found.authority) if server else b""
        made = [_label(inventory, device, server, root) for device in devices]
    try:
        replace_file(os.fspath(out), sheet(made, spoken))  # mode 0600: a claim is a secret until it is used
    except OSError as error:
        raise SetupError("disk-file", file=out, reason=Cause.of(error)) from None
    told = {"labels": len(made), "claims": sum(bool(label.claim) for label in made), "file": str(out)}
    words = text(spoken, "said.labels", file=out, count=told["labels"], claims=told["claims"])
    click.echo(json.dumps(told, sort_keys=True) if as_json else words)


def _label(inventory: Inventory, device: Device, server: str | None, root: bytes) -> Label:
    place = device.place
    floor_room = ", ".join(part for part in (place.floor, place.room) if part)
    words = tuple(part for part in (place.site, place.building, floor_room) if part)
    code, claim = f"{URN}{DEVICE}:{device.name}", ""
    if server and device.serial and not device.has_reached(ENROLLED) and device.state != REVOKED:
        claim = claims.make(inventory, device.name, time.time_ns() // 1_000_000)
        code = claims.uri(device.name, claim, server, root)
    return Label(device.name, device.kind, words, code, claim)


def _root(authority: Path) -> bytes:
    pem = read_public(authority / "root.pem", _ROOT_MAX)
    return hashlib.sha256(x509.load_pem_x509_certificate(pem.encode("ascii")).public_bytes(Encoding.DER)).digest()
