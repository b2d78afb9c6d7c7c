"""``dabyl provision inventory``: what is where, as a table, as CSV, or as the center's registry."""

import pathlib
import time

import click

from provisioning.inventory.export import registry, table
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import STATES

FORMS = ("list", "csv", "registry")


@click.command(
    epilog="\b\nExamples:\n  dabyl provision inventory\n  dabyl provision inventory --form csv > devices.csv\n"
    "  dabyl provision inventory --form registry > registry.json\n"
)
@click.option(
    "--inventory",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default="inventory.db",
    show_default=True,
    help="The inventory's file.",
)
@click.option("--state", type=click.Choice(STATES), help="Only devices in this state.")
@click.option("--form", type=click.Choice(FORMS), default="list", show_default=True, help="How to print it.")
def inventory(inventory: pathlib.Path, state: str | None, form: str) -> None:
    """Print which devices there are, where they hang, and how far they are."""
    with Inventory(inventory, create=False) as opened:
        devices = opened.devices(state)
    if form == "csv":
        click.echo(table(devices), nl=False)
    elif form == "registry":
        click.echo(registry(devices, time.time_ns() // 1_000_000), nl=False)
    else:
        for device in devices:
            click.echo(f"{device.name:<24} {device.state:<9} {device.kind:<14} {device.serial:<18} {device.place}")
        click.echo(f"{len(devices)} devices")
