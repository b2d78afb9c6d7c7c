"""``dabyl provision batch``: all devices of a table, one board after another."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from provisioning import batch as work
from provisioning.addresses import Addressing
from provisioning.bench import TREE, opened
from provisioning.cable.ports import boards
from provisioning.cli.common import BUNDLE, FILE, Telling, common, language_of, passphrase
from provisioning.cli.person import Person
from provisioning.firmware.modules import kinds
from provisioning.hands import SimulatedHands
from provisioning.installation import networks_in
from provisioning.messages import text
from provisioning.plan.check import read

FAILED = 1


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision batch devices.csv --check          only look whether the table is good\n"
    "  dabyl provision batch devices.xlsx                 plug in one board after another, as it says\n"
    "  dabyl provision batch devices.csv --simulated --json\n"
    "\b\n"
    "Columns, in any order: name, kind, room; serial, address, site, building, floor, latitude, longitude, district, city,\n"
    "region. An address is a board's fixed IPv4 address, in a network with netmask and gateway in the installation's file.\n"
    "Commas, semicolons or tabs; UTF-8 with or without a byte order mark. Nothing is touched unless every row is good.\n"
    "Run again after any interruption: what is finished stays finished, what was begun goes on.\n"
    "Exit codes: 0 all registered, 1 some are not, 2 table or laptop.\n"
)
@click.argument("table", type=FILE)
@click.option("--check", is_flag=True, help="Only check the table.")
@click.option("--simulated", is_flag=True, help="With simulated boards, broker and center on this machine.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the simulated installation is kept.  [default: the table's name with .simulated]",
)
@BUNDLE
@common
def batch(
    table: Path,
    check: bool,
    simulated: bool,
    folder: Path | None,
    bundle: Path | None,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> int:
    """Enrol all devices of a table (CSV or XLSX)."""
    spoken = language_of(language)
    able = kinds(TREE)
    devices = read(table, able, None if simulated else Addressing(networks_in(installation), able))
    if check:
        click.echo(
            json.dumps({"devices": len(devices)}) if as_json else text(spoken, "said.checked", count=len(devices))
        )
        return 0
    hands: SimulatedHands | Person
    with contextlib.ExitStack() as stack:
        if simulated:
            place = folder or table.with_name(table.name + ".simulated")
            hands = stack.enter_context(SimulatedHands(place, (device.name for device in devices)))
            installation = hands.installation
            devices = read(table, able, Addressing(networks_in(installation), able))  # the workshop's networks
        else:
            hands = Person(spoken, boards)
        bench, firmware = stack.enter_context(opened(installation, passphrase(passphrase_file), bundle=bundle))
        telling = Telling(language, quiet=simulated)
        with _bar(len(devices), shown=simulated) as finished:
            outcomes = work.run(bench, firmware, devices, hands, telling, finished)
    registered = sum(one.registered for one in outcomes)
    if as_json:
        report: dict[str, Any] = {
            "registered": registered,
            "failed": len(outcomes) - registered,
            "resumed": sum(one.registered and one.resumed for one in outcomes),
            "devices": [one.told(spoken) for one in outcomes],
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        for one in outcomes:
            if one.error is not None:
                click.echo(f"{one.name}: {one.error.told(spoken)}")
        click.echo(text(spoken, "guide.summary", done=registered, left=len(outcomes) - registered))
    return 0 if registered == len(outcomes) else FAILED


@contextlib.contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Any]:
    """A bar on standard error, where that is a terminal, and where nobody is being told what to do there."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("", total=total)
        yield lambda outcome: bar.update(task, advance=1, description=outcome.name)
