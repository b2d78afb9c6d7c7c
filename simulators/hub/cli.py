"""``dabyl simulate hub``: a school's buttons pressed, its cables cut and its hub killed, and what became of each press."""

import asyncio
import json
import pathlib
import time
from typing import Any

import click

from simulators.command_line import workplace
from simulators.hub import trial
from simulators.hub.rig import ZONES_MAX
from simulators.hub.scene import Scene
from simulators.progress import progress

EPILOG = """\b
Examples
  dabyl simulate hub --zones 8 --presses 20 --json
  dabyl simulate hub --zones 32 --presses 100 --kills 3 --cuts 2

\b
press to alarm   from the first touch until the agent has signed the alarm and handed it over
unseen           presses that were not looked at twice, or not let go for two looks before: this machine is too busy
look             from one look at a module to the next; a press of 60 ms needs two
wrong            alarms that name another place, cut cables that were not told, faults that nobody made

\b
Exit codes
  0    nothing lost, nothing duplicated, nothing wrong     2    wrong options
  1    something was                                       3    a part of the site did not come up
  130  stopped (Ctrl-C); nothing stays behind
"""


@click.command(name="hub", epilog=EPILOG)
@click.option("--zones", type=click.IntRange(1, ZONES_MAX), default=8, show_default=True, help="Buttons.")
@click.option("--presses", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Press so often.")
@click.option("--kills", type=click.IntRange(0, 1000), default=0, help="Kill the agent (SIGKILL) so often meanwhile.")
@click.option("--cuts", type=click.IntRange(0, 1000), default=0, help="Cut and mend so many cables meanwhile.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all randomness.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def hub(zones: int, presses: int, kills: int, cuts: int, seed: int, as_json: bool) -> int:
    """A school of wired panic buttons on one hub, with real agent, broker, TLS and center, all on this machine."""
    if kills + cuts >= presses:
        raise click.UsageError("--kills and --cuts together are less than --presses: each comes between two presses")
    if cuts and zones == 1:
        raise click.UsageError("--cuts needs two zones: nobody presses where the cable is cut")
    with workplace() as folder:
        found = asyncio.run(_pressed(folder, zones, presses, kills, cuts, seed))
    click.echo(json.dumps(found) if as_json else _table(found))
    return 1 if found["lost"] or found["duplicated"] or found["wrong"] else 0


async def _pressed(folder: pathlib.Path, zones: int, presses: int, kills: int, cuts: int, seed: int) -> dict[str, Any]:
    began = time.monotonic()
    with progress("presses", presses) as told:
        async with Scene(folder, zones, seed=seed) as scene:
            found = await trial.perform(scene, presses, kills, cuts, seed, told)
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def _table(found: dict[str, Any]) -> str:
    rows = {**found, "wrong": "\n".ljust(27).join(found["wrong"]) or "nothing"}
    for name in ("press_to_alarm_ms", "press_to_subscriber_ms", "look_ms"):
        rows[name] = ", ".join(f"{part} {value}" for part, value in found[name].items())
    return "\n".join(f"{name.replace('_', ' '):<26}{value}" for name, value in rows.items())
