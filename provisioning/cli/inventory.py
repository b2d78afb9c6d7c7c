"""``dabyl provision plan`` and ``inventory``: what is to be where, and what is: as a list, as CSV, or as the center's registry."""

import pathlib
import time

import click

import devices as devices_package
from provisioning.authority.state_files import replace_public
from provisioning.cli.common import LANGUAGE, Told
from provisioning.errors import ProvisionError
from provisioning.inventory.export import registry, table
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import STATES
from provisioning.messages import chosen
from provisioning.plan.check import read

FORMS = ("list", "csv", "registry")
NO_KINDS = ("common", "firmware", "sensors")
_INVENTORY = click.option(
    "--inventory",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default="inventory.db",
    show_default=True,
    help="The inventory's file.",
)


@click.command(
    epilog="\b\nExamples:\n  dabyl provision plan devices.csv\n"
    "  dabyl provision plan devices.csv --move          the places of some were wrong, or are others now\n"
)
@click.argument("table", type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.option("--move", is_flag=True, help="Devices that are there already hang where the table says, from now on.")
@_INVENTORY
@LANGUAGE
def plan(table: pathlib.Path, move: bool, inventory: pathlib.Path, language: str | None) -> None:
    """Take the devices of a table (CSV or XLSX) into the inventory, all or none.

    Columns as of `batch`, which plans and enrols at once what comes on a cable. A board that knows its place itself (a panic button) learns
    the new one by `serial NAME`; the center by a new registry.
    """
    try:
        devices = read(table, kinds())
        with Inventory(inventory) as opened:
            new = opened.plan(devices, time.time_ns() // 1_000_000, move=move)
    except ProvisionError as error:
        raise Told(error, chosen(language)) from None
    click.echo(f"{len(new)} devices planned, {len(devices) - len(new)} were there already.")


def kinds() -> set[str]:
    """All kinds of devices, for microcontrollers and Linux."""
    folders = {path.parent.name for path in pathlib.Path(devices_package.__file__ or "").parent.glob("*/__init__.py")}
    return {name.replace("_", "-") for name in folders.difference(NO_KINDS)}


@click.command(
    "inventory",
    epilog="\b\nExamples:\n  dabyl provision inventory\n  dabyl provision inventory --form csv > devices.csv\n"
    "  dabyl provision inventory --form registry --out registry.json        for the center, which reads it again by itself\n",
)
@_INVENTORY
@click.option("--state", type=click.Choice(STATES), help="Only devices in this state.")
@click.option("--form", type=click.Choice(FORMS), default="list", show_default=True, help="How to print it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Replace this file, in one step.")
def show(inventory: pathlib.Path, state: str | None, form: str, out: pathlib.Path | None) -> None:
    """Print which devices there are, where they hang, and how far they are."""
    with Inventory(inventory, create=False) as opened:
        devices = opened.devices(state)
    if form == "csv":
        text = table(devices)
    elif form == "registry":
        text = registry(devices, time.time_ns() // 1_000_000)
    else:
        lines = [f"{one.name:<24} {one.state:<9} {one.kind:<14} {one.serial:<18} {one.place}\n" for one in devices]
        text = "".join(lines) + f"{len(devices)} devices\n"
    if out is None:
        click.echo(text, nl=False)
        return
    replace_public(out, text.encode())
    click.echo(f"{out}: {len(devices)} devices", err=True)
