"""``dabyl demo``: the whole path on one machine, with a person at the keys or unattended."""

import asyncio
import json
import pathlib
import shutil
import signal
import sys
import tempfile
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulators.demo.live import Performance
from simulators.demo.stage import Stage
from simulators.demo.unattended import perform
from simulators.errors import SimulatorError

EPILOG = """\b
Examples
  dabyl demo                              keys: press, hold, cut the network, kill the agent …
  dabyl demo --presses 50 --json          unattended
  dabyl demo --presses 20 --cuts 3 --kills 2

\b
Exit codes
  0  nothing lost, nothing duplicated     2  wrong options, or no terminal and no --presses
  1  something was lost or duplicated     3  a part of the demo did not come up
"""


@click.command(name="dabyl demo", epilog=EPILOG)
@click.option(
    "--presses", type=click.IntRange(1, 100_000), help="Press so often without a person, then tell what became of it."
)
@click.option("--cuts", type=click.IntRange(0, 10_000), default=0, help="Cut the network so often meanwhile.")
@click.option("--kills", type=click.IntRange(0, 10_000), default=0, help="Kill the agent (-9) so often meanwhile.")
@click.option(
    "--engine", type=click.Choice(["mosquitto", "nats"]), help="The broker; default: Mosquitto where installed."
)
@click.option("--seed", type=int, default=1, help="Of all randomness.")
@click.option("--keep", type=click.Path(path_type=pathlib.Path), help="Keep the site's files in this new folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table (with --presses).")
def _demo(
    presses: int | None, cuts: int, kills: int, engine: str | None, seed: int, keep: pathlib.Path | None, as_json: bool
) -> int:
    """Broker with mutual TLS, operations center and one simulated SOS button, as separate processes.

    Each press is followed from the touch to the lamp that shows the center's signed receipt.
    """
    if presses is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("without a terminal there are no keys to press: add --presses 50")
    if presses is not None and cuts + kills > presses:
        raise click.UsageError("--cuts and --kills together are at most --presses")
    if keep is not None and keep.exists():
        raise click.UsageError(f"--keep {keep} exists already: name a new folder")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    try:
        found = _run(folder, presses, cuts, kills, engine, seed)
    finally:
        if keep is not None:
            shutil.copytree(folder, keep, ignore=shutil.ignore_patterns("gpio"), dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    if found is None:
        return 0
    click.echo(json.dumps(found) if as_json else _table(found))
    return 1 if found["lost"] or found["duplicated"] else 0


def main(argv: list[str]) -> int:
    """Carry out the command line after ``dabyl demo``; the exit code."""
    try:
        code = _demo.main(args=argv, standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except SimulatorError as error:
        click.echo(f"dabyl demo: {error}", err=True)
        return 3
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        click.echo("dabyl demo: stopped", err=True)
        return 130
    return int(code or 0)


def _run(
    folder: pathlib.Path, presses: int | None, cuts: int, kills: int, engine: str | None, seed: int
) -> dict[str, Any] | None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=presses is not None)
    if presses is None:
        return asyncio.run(_attended(folder, engine, seed, console))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("presses", total=presses)
        return asyncio.run(
            _unattended(folder, presses, cuts, kills, engine, seed, lambda n: progress.update(task, completed=n))
        )


async def _attended(folder: pathlib.Path, engine: str | None, seed: int, console: Console) -> None:
    with console.status("starting broker, center and button …"):
        stage = Stage(folder, engine=engine, seed=seed)
        await stage.__aenter__()
    try:
        await Performance(stage, console).run()
    finally:
        await stage.__aexit__(None, None, None)


async def _unattended(
    folder: pathlib.Path, presses: int, cuts: int, kills: int, engine: str | None, seed: int, progress: Any
) -> dict[str, Any]:
    async with Stage(folder, engine=engine, seed=seed) as stage:
        return await perform(stage, presses, cuts=cuts, kills=kills, seed=seed, progress=progress)


def _table(found: dict[str, Any]) -> str:
    times = found["press_to_receipt_ms"]
    rows = {
        "broker": found["broker"],
        "presses": found["presses"],
        "verified": found["verified"],
        "lost": found["lost"],
        "duplicated": found["duplicated"],
        "refused": found["refused"],
        "lamp showed the receipt": found["lamp_received"],
        "press to receipt, p50": f"{times['p50']} ms",
        "press to receipt, p99": f"{times['p99']} ms",
    }
    return "\n".join(f"{name:<26}{value}" for name, value in rows.items())
