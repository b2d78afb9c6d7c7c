"""``dabyl simulate board``: firmware on a simulated board, pressed and cut off its power, and what became of each press."""

import asyncio
import json
import pathlib
import shutil
import signal
import tempfile

import click

from provisioning.firmware.bundle import BundleError, make
from provisioning.firmware.modules import NeedsError
from simulators.board.enrolled import Wiring
from simulators.board.trial import perform
from simulators.errors import SimulatorError
from simulators.gpio.wiring import BUTTON

KINDS = {
    "sos-button": Wiring("sos-button", {"button_pin": 4, "lamp_pin": 2}, {4: BUTTON}, 4),
}
HEAP_KB = 640
TREE = pathlib.Path(__file__).parents[2]
EPILOG = """\b
Examples
  dabyl simulate board --kind sos-button --presses 20 --power-cuts 5 --json

\b
Exit codes
  0  nothing lost, nothing duplicated     2  wrong options
  1  something was lost or duplicated     3  a part of the site did not come up
"""


@click.group(name="dabyl simulate")
def _simulate() -> None:
    """Simulated hardware below unmodified firmware."""


@_simulate.command(name="board", epilog=EPILOG)
@click.option("--kind", type=click.Choice(sorted(KINDS)), default="sos-button", show_default=True, help="Device kind.")
@click.option("--presses", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Press so often.")
@click.option("--power-cuts", type=click.IntRange(0, 10_000), default=0, help="Cut the power so often meanwhile.")
@click.option(
    "--bundle",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    help="Folder with the firmware, as it lies at the root of a board's flash; compiled from this tree if left out.",
)
@click.option(
    "--heap-kb",
    type=click.IntRange(64, 8192),
    default=HEAP_KB,
    show_default=True,
    help="Heap of the firmware; its code is in there as well, which a board would have frozen in its image.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all randomness.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def _board(
    kind: str, presses: int, power_cuts: int, bundle: pathlib.Path | None, heap_kb: int, seed: int, as_json: bool
) -> int:
    """A board that is pressed, with real MicroPython, broker, TLS and center, all on this machine."""
    if power_cuts > presses:
        raise click.UsageError("--power-cuts are at most --presses")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    try:
        if bundle is None:
            make(TREE, folder / "bundle", [kind])
            bundle = folder / "bundle" / "flash"
        found = asyncio.run(
            perform(
                folder / "site", bundle, KINDS[kind], presses=presses, power_cuts=power_cuts, heap_kb=heap_kb, seed=seed
            )
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    times = found["press_to_subscriber_ms"]
    rows = {**found, "press_to_subscriber_ms": f"p50 {times['p50']}, p99 {times['p99']}, n {times['n']}"}
    table = "\n".join(f"{name.replace('_', ' '):<26}{value}" for name, value in rows.items())
    click.echo(json.dumps(found) if as_json else table)
    return 1 if found["lost"] or found["duplicated"] else 0


def main(argv: list[str]) -> int:
    """Carry out the command line after ``dabyl simulate``; the exit code."""
    try:
        code = _simulate.main(args=argv, standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (SimulatorError, BundleError, NeedsError) as error:
        click.echo(f"dabyl simulate: {error}", err=True)
        return 3
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        click.echo("dabyl simulate: stopped", err=True)
        return 130
    return int(code or 0)
