"""What a person sees of the demo: the buttons with their lamps, the parts, and each press's way in milliseconds. Pure: a state in, a
picture for rich out.
"""

import dataclasses
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulators.demo.journey import STAGES, Journey

MEANING = {
    "dark": "dark",
    "idle": "ready",
    "offline": "ready, but no connection",
    "pressed": "pressed again",
    "sending": "sending: the center has not signed yet",
    "sending-no-link": "sending, no connection: the press is kept",
    "received": "RECEIVED: the center has signed",
    "acknowledged": "ACKNOWLEDGED: an operator has it",
    "dispatched": "DISPATCHED: help is on the way",
    "closed": "closed",
    "fault": "fault: the button is stuck",
    "tamper": "the enclosure is open",
    "test-armed": "test: press now",
    "test-passed": "test passed",
    "drill": "drill",
    "identify": "here I am",
}
ALARM = ("pressed", "sending", "sending-no-link", "received", "acknowledged", "dispatched")
"""What a lamp shows while an alarm is open."""
STATE_NAMES = ("", "received", "acknowledged", "dispatched", "closed")
KEYS = (("n", "cut / restore network"), ("a", "acknowledge"), ("d", "dispatch"), ("c", "close"), ("q", "quit"))
BESIDE = 130
"""Columns from which two buttons have room beside each other."""
LINES = 24
AROUND = 5
"""Lines that are no button's and no event's: two heads, the keys, a message of two lines."""
ROOM = (
    (150, STAGES),
    (110, ("sealed", "kept", "verified", "signed", "receipt", "lamp")),
    (0, ("sealed", "verified", "signed", "lamp")),
)
"""Columns from which there is room for these stages."""


@dataclasses.dataclass(frozen=True)
class ButtonScene:
    """What is shown of one button. ``keys``: what a person can do to it."""

    title: str
    device: str
    keys: Sequence[tuple[str, str]]
    light: float
    lamp: str
    held: bool
    state: str
    linked: bool
    presses: int
    verified: int
    level: str = ""


@dataclasses.dataclass(frozen=True)
class Scene:
    """Everything that the picture shows. ``journeys`` of both buttons, in the order of their beginnings."""

    buttons: Sequence[ButtonScene]
    network_up: bool
    broker: str
    message: str
    journeys: Sequence[Journey]


class Picture:
    """The whole screen, for terminals from 80 columns on."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Buttons side by side where there is room, else one above the other."""
        scene = self._scene
        wide = options.max_width >= BESIDE
        stages = next(stages for columns, stages in ROOM if options.max_width >= columns)
        panels = [_panel(button) for button in scene.buttons]
        if wide:
            beside = Table.grid(expand=True)
            for _ in panels:
                beside.add_column(ratio=1)
            beside.add_row(*panels)
            yield beside
        else:
            yield Group(*panels)
        room = (options.height or LINES) - (1 if wide else len(panels)) * 5 - AROUND
        yield _table(scene, stages, max(1, room))
        yield _keys([*KEYS])
        yield Text(scene.message, style="yellow")


def _panel(button: ButtonScene) -> Panel:
    glow = round(60 + 195 * button.light) if button.light > 0 else 45
    lamp = Text("⬤ " if button.light > 0 else "◯ ", style=f"rgb({glow},{glow // 4},{glow // 5})")
    lamp.append(MEANING.get(button.lamp, button.lamp), style="bold")
    if button.level:
        lamp.append(f"  level {button.level}", style="red")
    runs = button.state.startswith("runs")
    facts = Text("  ").join([
        Text.assemble(("held down", "red") if button.held else ("free", "green")),
        Text(button.state, style="green" if runs else "red"),
        Text.assemble(("connected", "green") if button.linked else ("no connection", "red")),
        Text.assemble("presses ", (str(button.presses), "bold"), " · verified ", (str(button.verified), "bold")),
    ])  # fmt: skip
    return Panel(Group(lamp, facts, _keys(button.keys)), title=f"{button.title} · {button.device}", border_style="dim")


def _table(scene: Scene, stages: Sequence[str], rows: int) -> Table:
    title = Text.assemble(
        "milliseconds since the touch    network ",
        ("up", "green") if scene.network_up else ("CUT", "red"),
        f"    broker {scene.broker}",
    )
    table = Table(expand=True, header_style="dim", title=title, title_style="dim", box=None, padding=(0, 1, 0, 0))
    table.add_column("device", no_wrap=True)
    table.add_column("event", no_wrap=True)
    for stage in stages:
        table.add_column(stage, justify="right", no_wrap=True)
    table.add_column("alarm", no_wrap=True)
    for journey in scene.journeys[-rows:]:
        name = Text(journey.type, style="bold" if journey.type.startswith("alarm") else "dim")
        name.append(f" {journey.seq}", style="dim")
        cells = [_cell(journey, stage) for stage in stages]
        device = Text(journey.device, style="dim")
        table.add_row(device, name, *cells, Text(STATE_NAMES[journey.state], style="green"))
    return table


def _cell(journey: Journey, stage: str) -> Text:
    ms = journey.ms(stage)
    if ms is None:
        return Text("·", style="dim")
    # Read from its pin, a lamp's light is known for a receipt's a while later than it was one.
    by = "≤" if stage == "lamp" and "receipt" not in journey.stages else ""
    return Text(f"{by}{ms:,.{0 if ms >= 1000 else 1}f}", style="green" if stage in ("receipt", "lamp") else "")


def _keys(keys: Sequence[tuple[str, str]]) -> Columns:
    return Columns(
        [Text.assemble((f" {key} ", "reverse"), f" {meaning}", no_wrap=True) for key, meaning in keys], padding=(0, 2)
    )
