"""``dabyl simulate board``: firmware on a simulated board, pressed and cut off its power, and what became of each press."""

import asyncio
import importlib
import json
import pathlib
from typing import Any, ClassVar

import click

from simulators.board import calls, trial
from simulators.board.firmware import compiled, lacking
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.board.options import BUNDLE
from simulators.board.scene import Scene
from simulators.command_line import carry_out, workplace
from simulators.errors import SimulatorError
from simulators.progress import progress

TRIALS = {"sos-button": trial.perform, "panic-button": calls.perform}
EPILOG = """\b
Examples
  dabyl simulate board --kind sos-button --presses 20 --power-cuts 5 --json
  dabyl simulate board --kind panic-button --presses 12

\b
A panic button is called with by turns: one press, three presses, a hold of five seconds, and one press in a drill. Each
call is an alarm of its own, which the center closes.
  levels   calls that came out at the level they meant      felt    presses that the motor has answered
  drills   calls that were made in a drill                  heard   sounds of the buzzer, which is to be silent
  wrong    what is wrong with a call: its level, its place, more than one alarm, drill and reality mixed up

\b
Exit codes
  0    nothing lost, nothing duplicated, nothing wrong     2    wrong options
  1    something was                                       3    a part of the site did not come up
  130  stopped (Ctrl-C); nothing stays behind
"""


class _Simulations(click.Group):
    """Loads badge, hub and street when they are asked for: they need libraries that boards do without."""

    _extras: ClassVar = {"badge": "simulators", "hub": "panic-hub", "street": "crosswalk"}

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), *self._extras]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self._extras:
            return super().get_command(context, name)
        try:
            module = importlib.import_module(f"simulators.{name}.cli")
        except ModuleNotFoundError as error:
            if (error.name or "").split(".", 1)[0] in ("agent", "devices", "simulators"):
                raise
            extra = self._extras[name]
            raise SimulatorError(f"needs '{error.name}'; install it with: pip install 'dabyl[{extra}]'") from None
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command


@click.group(name="dabyl simulate", cls=_Simulations)
def _simulate() -> None:
    """Simulated hardware below unmodified firmware and logic."""


@_simulate.command(name="board", epilog=EPILOG)
@click.option("--kind", type=click.Choice(sorted(KINDS)), default="sos-button", show_default=True, help="Device kind.")
@click.option("--presses", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Press so often.")
@click.option("--power-cuts", type=click.IntRange(0, 10_000), default=0, help="Cut it off network and power so often.")
@BUNDLE
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
    if (reason := lacking()) is not None:
        raise SimulatorError(reason)
    with workplace() as folder:
        found = asyncio.run(_pressed(folder, bundle, kind, presses, power_cuts, heap_kb, seed))
    click.echo(json.dumps(found) if as_json else _table(found))
    return 1 if found["lost"] or found["duplicated"] or found.get("wrong") or found.get("heard") else 0


def main(argv: list[str]) -> int:
    """Carry out the command line after ``dabyl simulate``; the exit code."""
    return carry_out(_simulate, argv)


async def _pressed(
    folder: pathlib.Path, bundle: pathlib.Path | None, kind: str, presses: int, power_cuts: int, heap_kb: int, seed: int
) -> dict[str, Any]:
    with progress(f"{kind}: presses", presses) as told:
        if bundle is None:
            bundle = await asyncio.to_thread(compiled, folder / "bundle", [kind])
        async with Scene(folder, bundle, KINDS[kind], heap_kb=heap_kb, seed=seed) as scene:
            found = await TRIALS[kind](scene, presses, trial.chosen(presses, power_cuts, seed), told)
            if found["lost"]:
                for line in trial.evidence(scene.consumer.events(), scene.board.console.lines):
                    click.echo(line, err=True)
            return found


def _table(found: dict[str, Any]) -> str:
    times = found["press_to_subscriber_ms"]
    rows = {**found, "press_to_subscriber_ms": f"p50 {times['p50']}, p99 {times['p99']}, n {times['n']}"}
    if "levels" in found:
        rows["levels"] = ", ".join(f"{level} {count}" for level, count in found["levels"].items())
        rows["wrong"] = "\n".ljust(27).join(found["wrong"]) or "nothing"
    return "\n".join(f"{name.replace('_', ' '):<26}{value}" for name, value in rows.items())
