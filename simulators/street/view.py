"""What a person sees of the street: the crossing from above, the beacon, what each sensor believes, and the account so far. Pure."""

import dataclasses
from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulators.street.account import account
from simulators.street.place import BACK_M, POLE_M
from simulators.street.rig import LAMPS
from simulators.street.run import Run

HALF_WIDTH_M = 22.0
MARGIN_M = 4.6
"""Of the street beyond each kerb that is drawn."""
ROWS = (11, 17)
"""Of the street, least and most."""
BELOW = 11
"""Lines that are not the street: frame, beliefs and account, legend."""
ROAD, STRIPE, PAVEMENT, PAD = "on grey23", "grey85 on grey50", "on grey7", "on grey15"
PEOPLE = {"adult": "●", "child": "•", "elder": "○", "wheelchair": "&"}
BELIEFS = {True: ("somebody", "bold yellow"), False: ("nobody", "green"), None: ("does not count", "red")}
STATES = {
    "dark": "dark: nobody is there",
    "gathering": "dark: a sensor claims somebody",
    "held": "LIT: somebody is there",
    "ending": "LIT: the time to cross runs",
}
LEGEND = "● adult  • child  ○ elder  & wheelchair  ▶ vehicle  ✕ seen by a radar  ◆ lit"
SIDES = "far side", "near side: the controller"
EVENTS = 3
Put = Callable[[float, float, str, str], None]


@dataclasses.dataclass(frozen=True)
class Moment:
    """What changes between two pictures besides the run itself: the lamps that flashed, and the latest events."""

    flashed: frozenset[str]
    events: Sequence[tuple[int, str, str]]
    speed: float


class Picture:
    """The whole screen, for terminals from 80 columns and 24 lines on."""

    def __init__(self, run: Run, moment: Moment) -> None:
        self._run = run
        self._moment = moment

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """The street above, beliefs and account below it."""
        run = self._run
        minutes, seconds = divmod(run.now_ms // 1000, 60)
        clock = f"{int(run.world.hour):02}:{int(run.world.hour % 1 * 60):02}"
        plan = run.world.plan
        title = f"{plan.weather}, {clock}, seed {plan.seed} · {minutes}:{seconds:02} at {self._moment.speed:g}x"
        yield Panel(
            Group(*self._street(options.max_width - 4, options.size.height - BELOW)),
            title=title,
            border_style="dim",
            padding=(0, 1),
        )
        below = Table.grid(expand=True, padding=(0, 2, 0, 0))
        below.add_column(ratio=1)
        below.add_column(ratio=1)
        below.add_row(self._beliefs(), self._account())
        yield below
        yield Text(LEGEND, style="dim", no_wrap=True, overflow="ellipsis")

    def _street(self, width: int, room: int) -> list[Text]:
        run = self._run
        length_m = run.world.length_m
        top_m = length_m + MARGIN_M
        rows = min(max(room, ROWS[0]), ROWS[1])
        row_m = (top_m + MARGIN_M) / rows
        scale = width / (2 * HALF_WIDTH_M)
        cells = [
            [(" ", self._ground(top_m - (row + 0.5) * row_m, column, scale)) for column in range(width)]
            for row in range(rows)
        ]

        def put(x_m: float, y_m: float, mark: str, style: str) -> None:
            row, column = int((top_m - y_m) / row_m), int((x_m + HALF_WIDTH_M) * scale)
            if 0 <= row < rows and 0 <= column < width:
                ground = cells[row][column][1].rpartition("on ")[2]
                cells[row][column] = (mark, f"{style} on {ground}")

        for column in range(0, width, 4):
            if abs(column / scale - HALF_WIDTH_M) > 2.5:
                put(column / scale - HALF_WIDTH_M + 0.01, length_m / 2, "─", "grey70")
        for vehicle in run.world.vehicles:
            back = -1 if vehicle.lane == 0 else 1
            for part in range(max(2, int(vehicle.length_m * scale))):
                mark = ("▶" if vehicle.lane == 0 else "◀") if part == 0 else "█"
                style = "bright_cyan" if vehicle.gives_way else "cyan"
                put(vehicle.x_m + back * part / scale, vehicle.y_m(length_m), mark, style)
        self._radars(put)
        for one in run.world.pedestrians:
            put(one.x_m, one.y_m, PEOPLE[one.kind], "bold bright_white")
        self._beacons(put)
        _name_sides(cells)
        return [Text.assemble(*row, no_wrap=True) for row in cells]

    def _ground(self, y_m: float, column: int, scale: float) -> str:
        x_m = column / scale - HALF_WIDTH_M
        length_m = self._run.world.length_m
        if 0 < y_m < length_m:
            return STRIPE if abs(x_m) < 2 and column % 4 < 2 else ROAD
        return PAD if abs(x_m) < 2 and -2.3 < y_m < length_m + 2.3 else PAVEMENT

    def _radars(self, put: Put) -> None:
        rig = self._run.rig
        for target in rig.tracker.targets:
            put(POLE_M - target.y_mm / 1000, target.x_mm / 1000 - BACK_M, "✕", "bold bright_red")
        for target in rig.far.tracker.targets if rig.far else ():
            depth_m = BACK_M - target.x_mm / 1000
            put(POLE_M - target.y_mm / 1000, self._run.world.length_m + depth_m, "✕", "bold bright_red")

    def _beacons(self, put: Put) -> None:
        length_m = self._run.world.length_m
        for place, lamp in enumerate(LAMPS):
            lit = lamp in self._moment.flashed
            put(-3.4 + place * 6.4, -0.4, "◆" if lit else "◇", "bold bright_yellow" if lit else "grey50")
        far = self._run.rig.far
        for x_m in (-3.4, 3.0) if far else ():
            lit = far is not None and far.lit_ms < self._run.now_ms
            put(x_m, length_m + 0.4, "◆" if lit else "◇", "bold bright_yellow" if lit else "grey50")

    def _beliefs(self) -> Table:
        run = self._run
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        crossing = run.controller.crossing
        state = crossing.state
        table.add_row("beacon", Text(STATES[state], style="bold yellow" if crossing.lit else "green"))
        for name, belief in crossing.believed().items():
            said, style = BELIEFS[belief]
            table.add_row(name, Text.assemble((said, style), f"  {self._seen(name)}"))
        if run.rig.far:
            said, style = BELIEFS[run.rig.far.pedestrian]
            table.add_row("far side", Text(said, style=style))
        speed = run.rig.speed.said if "speed" in run.rig.ports else None
        if speed is not None:
            table.add_row("vehicle", f"{speed.mm_s * 3.6 / 1000:.0f} km/h {'towards' if speed.towards else 'away'}")
        currents = " ".join(f"{name} {lamp.ma(run.now_ms):.0f} mA" for name, lamp in run.rig.lamps.items())
        table.add_row("lamps", currents)
        for name, fault in run.faults.items():
            table.add_row(Text(name, style="red"), Text(fault, style="bold red"))
        return table

    def _seen(self, name: str) -> str:
        rig = self._run.rig
        if name == "tracker":
            return f"{len(rig.tracker.targets)} targets"
        if name == "presence":
            said = rig.presence.said
            return f"{said.distance_mm / 1000:.1f} m" if said.moving or said.still else ""
        return ""

    def _account(self) -> Table:
        told = account(self._run)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        latency = told["detection_to_lamp_ms"]
        missed = Text(f"missed {told['missed']}", style="bold red" if told["missed"] else "green")
        false = Text(f"false {told['false_calls']}", style="bold red" if told["false_calls"] else "green")
        table.add_row("people", f"{told['pedestrians']} crossed, {told['asked']} needed light")
        table.add_row("lit", Text(" · ").join([Text(f"{told['activations']} times"), false, missed]))
        table.add_row(
            "delay",
            "" if latency["p50"] is None else f"{latency['p50']:.0f} ms after detection, p99 {latency['p99']:.0f}",
        )
        table.add_row("cars", f"{told['violations_true']} did not give way, {told['violations_reported']} reported")
        for at_ms, kind, what in self._moment.events[-EVENTS:]:
            table.add_row(Text(f"{at_ms // 60000}:{at_ms // 1000 % 60:02}", style="dim"), Text(f"{kind} {what}"))
        return table


def _name_sides(cells: list[list[tuple[str, str]]]) -> None:
    """Which side is which, on the pavement where there is nobody."""
    for row, words in ((cells[0], SIDES[0]), (cells[-1], SIDES[1])):
        for column, letter in enumerate(words):
            mark, ground = row[column]
            if mark == " ":
                row[column] = (letter, f"grey50 {ground}")
