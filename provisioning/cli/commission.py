"""``dabyl provision commission``: a walk through the building that ends in a signed acceptance record."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.keys.file import FileKey
from provisioning.acceptance import PASSED, RESULTS, Entry, digest, document, write
from provisioning.acceptance_pdf import pdf
from provisioning.bench import opened
from provisioning.cli.common import agreed, common, is_terminal, language_of, passphrase, typed
from provisioning.errors import InputError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import ENROLLED, Device
from provisioning.messages import text
from provisioning.walk import walk

INCOMPLETE = 1


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision commission --by 'A. Ivanov' --out acceptance\n"
    "  dabyl provision commission --building 'School 5' --by 'A. Ivanov' --out school-5\n"
    "\b\n"
    "Press the buttons in any order; Ctrl-C to say that one does not work, or to end. Whoever is interrupted runs it again.\n"
    "Verify the record:  openssl x509 -in listener/chain.pem -pubkey -noout > key.pem\n"
    "                    openssl dgst -sha256 -verify key.pem -signature acceptance.json.sig acceptance.json\n"
    "Exit codes: 0 all passed, 1 not all, 2 laptop or files.\n"
)
@click.argument("names", nargs=-1)
@click.option("--building", help="Only devices of this building.")
@click.option("--by", required=True, help="Who walks; stands in the record.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for acceptance.json, its signature, and acceptance.pdf.",
)
@click.option("--wait", type=click.IntRange(1, 86400), default=300, show_default=True, help="Seconds for a press.")
@common
def commission(
    names: tuple[str, ...],
    building: str | None,
    by: str,
    out: Path,
    wait: int,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> int:
    """Walk the building: press each button, see it verified with its room, and sign what passed."""
    spoken = language_of(language)
    if not is_terminal():
        raise click.UsageError("it asks what the lamps show: run it on a terminal")
    with opened(installation, passphrase(passphrase_file)) as (bench, _firmware):
        devices = _chosen(bench.inventory, names, building)
        entries = walk(bench, devices, out, Person(spoken), wait)
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        root = x509.load_pem_x509_certificate(bench.authority.root_pem.encode("ascii")).public_bytes(Encoding.DER)
        record = document(entries, by=by, made=made, authority=hashlib.sha256(root).hexdigest())
        write(out, record, pdf(record, spoken), FileKey.load(str(bench.installation.key)))
    counts = record["counts"]
    told = {**counts, "folder": str(out), "sha256": digest(record)}
    words = text(spoken, "acceptance.counts", **{name.replace("-", "_"): counts[name] for name in RESULTS})
    click.echo(json.dumps(told, sort_keys=True) if as_json else f"{out}: {words}")
    return 0 if counts[PASSED] == len(entries) else INCOMPLETE


class Person:
    """Who walks, at a terminal."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._left: set[str] = set()

    def left(self, entries: list[Entry]) -> None:
        """List what is left."""
        self._left = {entry.name for entry in entries}
        click.echo("\n" + self._text("left", count=len(entries)), err=True)
        for entry in entries[:20]:
            click.echo(f"  {entry.name}  {', '.join(str(value) for value in _words(entry))}", err=True)

    def seen(self, entry: Entry) -> tuple[bool, str]:
        """Tell of the press, and ask what the terminal cannot see."""
        click.echo("\n" + self._text("seen", name=entry.name, place=", ".join(_words(entry)) or "—"), err=True)
        lamp = agreed(self._language, self._text("lamp-asked"), default=True)
        photo = click.prompt(self._text("photo-asked"), default="", show_default=False, err=True)
        return lamp, photo

    def waiting(self) -> str | None:
        """Ask what to do."""
        while True:
            answer = typed(
                click.prompt(self._text("waiting"), default="", show_default=False, prompt_suffix="\n> ", err=True)
            )
            if answer == "q":
                return None
            if not answer or answer in self._left:
                return answer
            click.echo("! " + self._text("not-left", name=answer), err=True)

    def _text(self, key: str, **facts: object) -> str:
        return text(self._language, f"acceptance.{key}", **facts)


def _chosen(inventory: Inventory, names: Iterable[str], building: str | None) -> list[Device]:
    """The devices that were asked for, or all that have a certificate.

    Raises:
        InputError: there are none.
    """
    found = [inventory.get(name) for name in names] or [
        device
        for device in inventory.devices()
        if device.has_reached(ENROLLED) and building in (None, device.place.building)
    ]
    if not found:
        raise InputError("walk-nobody")
    return found


def _words(entry: Entry) -> list[str]:
    return [str(entry.place[word]) for word in ("building", "floor", "room") if word in entry.place]
