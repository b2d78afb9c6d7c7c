"""``dabyl demo``: the whole path on one machine, with a person at the keys or unattended."""

import asyncio
import json
import pathlib
import shutil
import sys
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from simulators.board.options import BUNDLE
from simulators.command_line import carry_out, workplace
from simulators.demo.live import Performance
from simulators.demo.stage import Stage
from simulators.demo.unattended import perform
from simulators.errors import DemoError
from simulators.progress import progress

EPILOG = """\b
Examples
  dabyl demo                              keys: press, hold, cut the network, kill the agent, cut the power …
  dabyl demo --presses 50 --json          unattended
  dabyl demo --presses 20 --cuts 3 --kills 2

\b
Exit codes
  0  nothing lost, nothing duplicated     2  wrong options, or no terminal and no --presses
  1  something was lost or duplicated     3  a part of the demo did not come up
"""


@click.command(name="dabyl demo", epilog=EPILOG)
@click.option(
    "--presses",
    type=click.IntRange(1, 100_000),
    help="Press each button so often without a person, then tell what became of it.",
)
@click.option("--cuts", type=click.IntRange(0, 10_000), default=0, help="Cut the network so often meanwhile.")
@click.option(
    "--kills",
    type=click.IntRange(0, 10_000),
    default=0,
    help="Kill the agent (-9), and cut the board's power, so often meanwhile.",
)
@click.option(
    "--engine", type=click.Choice(["mosquitto", "nats"]), help="The broker; default: Mosquitto where installed."
)
@BUNDLE
@click.option("--seed", type=int, default=1, help="Of all randomness.")
@click.option("--keep", type=click.Path(path_type=pathlib.Path), help="Keep the site's files in this new folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table (with --presses).")
def _demo(
    presses: int | None,
    cuts: int,
    kills: int,
    engine: str | None,
    bundle: pathlib.Path | None,
    seed: int,
    keep: pathlib.Path | None,
    as_json: bool,
) -> int:
    """Broker with mutual TLS, operations center and two simulated buttons, as separate processes.

    An SOS button on Linux and a panic button on a microcontroller: each press is followed from the touch to the lamp that shows the
    center's signed receipt. Where MicroPython is not to be had, the demo goes on without the second.
    """
    if presses is None and (not (sys.stdin.isatty() and sys.stdout.isatty()) or Console().is_dumb_terminal):
        raise click.UsageError("without a terminal there is nothing to see and no key to press: add --presses 50")
    if presses is not None and cuts + kills > presses:
        raise click.UsageError("--cuts and --kills together are at most --presses")
    if keep is not None:
        try:
            keep.mkdir()
        except OSError as error:
            raise click.UsageError(f"--keep {str(keep)[:200]}: {error.strerror}; name a new folder") from None
    with workplace() as folder:
        try:
            found = _run(Stage(folder, engine=engine, bundle=bundle, seed=seed), presses, cuts, kills, seed)
        finally:
            if keep is not None:
                _kept(folder, keep)
    if found is None:
        return 0
    click.echo(json.dumps(found) if as_json else _table(found))
    accounts = [found, found["board"] or {"lost": 0, "duplicated": 0}]
    return 1 if any(account["lost"] or account["duplicated"] for account in accounts) else 0


def main(argv: list[str]) -> int:
    """Carry out the command line after ``dabyl demo``; the exit code."""
    return carry_out(_demo, argv)


def _kept(folder: pathlib.Path, keep: pathlib.Path) -> None:
    """Copy what the site left to ``keep``. Raises DemoError."""
    try:
        shutil.copytree(folder, keep, ignore=shutil.ignore_patterns("gpio"), dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise DemoError(f"--keep {str(keep)[:200]}: the files could not be copied there: {str(error)[:300]}") from None


def _run(stage: Stage, presses: int | None, cuts: int, kills: int, seed: int) -> dict[str, Any] | None:
    if presses is None:
        return asyncio.run(_attended(stage))
    with progress("presses", presses) as told:
        return asyncio.run(_unattended(stage, presses, cuts, kills, seed, told))


async def _attended(stage: Stage) -> None:
    console = Console()
    with console.status("starting broker, center and buttons …"):
        await stage.__aenter__()
    try:
        await Performance(stage, console).run()
    finally:
        await stage.__aexit__(None, None, None)


async def _unattended(
    stage: Stage, presses: int, cuts: int, kills: int, seed: int, told: Callable[[int], None]
) -> dict[str, Any]:
    async with stage:
        if stage.without_board is not None:
            click.echo(f"dabyl demo: without the microcontroller: {stage.without_board}", err=True)
        return await perform(stage, presses, cuts=cuts, kills=kills, seed=seed, progress=told)


def _table(found: dict[str, Any]) -> str:
    rows: list[tuple[Any, ...]] = [("", "Linux", "microcontroller")]
    board = found["board"] or {}
    rows += [
        (text, found[key], board.get(key, ""))
        for text, key in (
            ("presses", "presses"),
            ("verified", "verified"),
            ("lost", "lost"),
            ("duplicated", "duplicated"),
            ("refused", "refused"),
            ("lamp showed the receipt", "lamp_received"),
        )
    ]
    for key, text in (("press_to_receipt_ms", "press to receipt"), ("press_to_signed_ms", "press to signed receipt")):
        for part in ("p50", "p99"):
            cells = [f"{side[key][part]} ms" if key in side else "" for side in (found, board)]
            rows.append((f"{text}, {part}", *cells))
    lines = [f"{name:<30}{linux!s:<14}{micro}".rstrip() for name, linux, micro in rows]
    return "\n".join([f"{'broker':<30}{found['broker']}", *lines])
