"""``dabyl simulate street``: a crossing with people and vehicles, watched in the terminal or counted."""

import collections
import json
import signal
import time
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from simulators.errors import WiringError
from simulators.progress import progress
from simulators.street.account import account
from simulators.street.rig import LINES
from simulators.street.run import Run, settings_for
from simulators.street.view import Moment, Picture
from simulators.street.weather import WEATHERS
from simulators.street.world import Plan

FRAMES = 12
NEAR_M = 6.0
"""A watched street begins when somebody is so near to the crossing, ..."""
LEAD_MS = 120_000
"""... or after so long."""
LEAP_MS = 200
STEP_MS = 5_000
UNWATCHED_S = 600.0
EPILOG = """\b
Examples
  dabyl simulate street --watch
  dabyl simulate street --watch --weather snow --night --speed 4
  dabyl simulate street --seed 7 --minutes 60 --json
  dabyl simulate street --minutes 5 --break tracker:blind --break lamp-left:broken

\b
asked    crossed, and the beacon was dark when they came: they needed a call
missed   of those: still dark one second after the step on the road; late: lit within that second
false    detections with nobody there; needless: with somebody there who did not mean to cross

\b
Exit codes
  0    done     2    wrong options     130  stopped (Ctrl-C), after the account of what was seen so far
"""


@click.command(name="street", epilog=EPILOG)
@click.option("--watch", is_flag=True, help="Draw the crossing live, from when somebody comes; Ctrl-C ends it.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all randomness.")
@click.option("--weather", type=click.Choice(list(WEATHERS)), default="clear", show_default=True)
@click.option("--night", is_flag=True, help="Begin at nine in the evening instead of noon.")
@click.option("--people", type=click.FloatRange(0, 2000), default=60.0, show_default=True, help="Groups an hour.")
@click.option(
    "--vehicles", type=click.FloatRange(0, 2000), default=180.0, show_default=True, help="An hour in each lane."
)
@click.option("--minutes", type=click.FloatRange(0, 10_000), default=0.0, help="How long the street lives; default: 10")
@click.option("--seconds", type=click.FloatRange(0, 600_000), default=0.0, help="And so much more; watched: no end.")
@click.option("--speed", type=click.FloatRange(0.1, 50), default=1.0, help="Watched: times faster than real.")
@click.option("--break", "broken", multiple=True, metavar="WHAT:HOW", help="Let something be broken from the start.")
@click.option("--json", "as_json", is_flag=True, help="The account as one JSON object.")
def street(
    watch: bool,
    seed: int,
    weather: str,
    night: bool,
    people: float,
    vehicles: float,
    minutes: float,
    seconds: float,
    speed: float,
    broken: tuple[str, ...],
    as_json: bool,
) -> int:
    """A crossing in its street, with the controller's own logic over the true bytes of its sensors."""
    plan = Plan(seed, weather, groups_h=people, vehicles_h=vehicles, begins_h=21.0 if night else 12.0)
    console = Console()
    if watch and (not console.is_terminal or console.is_dumb_terminal):
        raise click.UsageError("--watch needs a terminal; without one, leave it away")
    watcher = _Watcher()
    run = Run(plan, settings_for(plan, LINES), told=watcher.told)
    watcher.run = run
    for one in broken:
        what, _, how = one.partition(":")
        try:
            run.rig.break_it(what, how)
        except WiringError as error:
            raise click.UsageError(f"--break {one}: {error}") from error
    until_s = minutes * 60 + seconds
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = 0
    try:
        if watch:
            _watched(watcher, console, until_s, speed)
        else:
            _counted(run, round((until_s or UNWATCHED_S) * 1000))
    except KeyboardInterrupt:
        code = 130
    told = account(run)
    click.echo(json.dumps(told) if as_json else _table(told))
    return code


class _Watcher:
    """Keeps what a picture shows beside the run's present state."""

    run: Run

    def __init__(self) -> None:
        self.events: collections.deque[tuple[int, str, str]] = collections.deque(maxlen=8)

    def told(self, now_ms: int, kind: str, data: Mapping[str, Any]) -> None:
        what = data.get("by") or data.get("input") or ""
        state = data.get("state")
        self.events.append((now_ms, kind, f"{what} {state}" if state else str(what)))


def _watched(watcher: _Watcher, console: Console, until_s: float, speed: float) -> None:
    run = watcher.run
    while run.now_ms < LEAD_MS and not any(abs(one.x_m) < NEAR_M for one in run.world.pedestrians):
        run.until(run.now_ms + LEAP_MS)
    lead_s = run.now_ms / 1000
    began = time.monotonic()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not until_s or run.now_ms < (lead_s + until_s) * 1000:
            run.flashed = {name for name, lamp in run.rig.lamps.items() if lamp.lit}
            run.until(round((lead_s + (time.monotonic() - began) * speed) * 1000))
            moment = Moment(frozenset(run.flashed), list(watcher.events), speed)
            live.update(Picture(run, moment), refresh=True)
            time.sleep(1 / FRAMES)


def _counted(run: Run, until_ms: int) -> None:
    with progress("seconds", until_ms // 1000) as told:
        while run.now_ms < until_ms:
            run.until(min(until_ms, run.now_ms + STEP_MS))
            told(run.now_ms // 1000)


def _table(told: Mapping[str, Any]) -> str:
    rows = dict(told)
    for name in ("detection_to_lamp_ms", "detection_to_far_side_ms"):
        spread = told[name]
        rows[name] = ", ".join(f"{part} {value}" for part, value in spread.items()) if spread["n"] else "none"
    rows["faults"] = ", ".join(f"{name} {state}" for name, state in told["faults"].items()) or "none"
    return "\n".join(f"{name.replace('_', ' '):<26}{value}" for name, value in rows.items())
