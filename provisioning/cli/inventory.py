"""``dabyl provision plan`` and ``inventory``: what is to be where, and what is: as a list, as CSV, or as the center's registry."""

import pathlib
import time

import click

import devices as devices_package
from provisioning.addresses import Addressing
from provisioning.authority.state_files import replace_public
from provisioning.bench import TREE
from provisioning.cli.common import INSTALLATION, INVENTORY, in_language, language_of
from provisioning.firmware.modules import kinds as boards
from provisioning.installation import networks_in
from provisioning.inventory.export import registry, table
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import STATES
from provisioning.messages import text
from provisioning.plan.check import read

FORMS = ("list", "csv", "registry")
NO_KINDS = ("common", "firmware", "sensors")


@click.command(
    epilog="\b\nExamples:\n  dabyl provision plan devices.csv\n"
    "  dabyl provision plan devices.csv --move          places or addresses of some were wrong, or are others now\n"
)
@click.argument("table", type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.option("--move", is_flag=True, help="Devices that are there already are where the table says, from now on.")
@INVENTORY
@INSTALLATION
@in_language
def plan(
    table: pathlib.Path, move: bool, inventory: pathlib.Path, installation: pathlib.Path, language: str | None
) -> None:
    """Take the devices of a table (CSV or XLSX) into the inventory, all or none.

    Columns as of `batch`, which plans and enrols at once what comes on a cable. A board learns its new address, and its new place if it
    knows that itself (a panic button), by `serial NAME`; the center by a new registry.
    """
    devices = read(table, kinds(), Addressing(networks_in(installation), boards(TREE)))
    with Inventory(inventory) as opened:
        new = opened.plan(devices, time.time_ns() // 1_000_000, move=move)
    click.echo(text(language_of(language), "said.planned", new=len(new), there=len(devices) - len(new)))


def kinds() -> set[str]:
    """All kinds of devices, for microcontrollers and Linux."""
    folders = {path.parent.name for path in pathlib.Path(devices_package.__file__ or "").parent.glob("*/__init__.py")}
    return {name.replace("_", "-") for name in folders.difference(NO_KINDS)}


@click.command(
    "inventory",
    epilog="\b\nExamples:\n  dabyl provision inventory\n  dabyl provision inventory --form csv > devices.csv\n"
    "  dabyl provision inventory --form registry --out registry.json        for the center, which reads it again by itself\n",
)
@INVENTORY
@click.option("--state", type=click.Choice(STATES), help="Only devices in this state.")
@click.option("--form", type=click.Choice(FORMS), default="list", show_default=True, help="How to print it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Replace this file, in one step.")
@in_language
def show(inventory: pathlib.Path, state: str | None, form: str, out: pathlib.Path | None, language: str | None) -> None:
    """Print which devices there are, where they hang, and how far they are."""
    spoken = language_of(language)
    with Inventory(inventory, create=False) as opened:
        devices = opened.devices(state)
    if form == "csv":
        content = table(devices)
    elif form == "registry":
        content = registry(devices, time.time_ns() // 1_000_000)
    else:
        width = max((len(one.address) + 1 for one in devices if one.address), default=0)
        content = "".join(
            f"{one.name:<24} {one.state:<9} {one.kind:<14} {one.serial:<18} {one.address:<{width}}{one.place}\n"
            for one in devices
        )
        content += text(spoken, "said.devices", count=len(devices)) + "\n"
    if out is None:
        click.echo(content, nl=False)
        return
    replace_public(out, content.encode())
    click.echo(text(spoken, "said.written", file=out, count=len(devices)), err=True)
