"""What a person sees of the demo: the lamp, the parts, and each press's way in milliseconds. Pure: a state in, a picture for rich out."""

import dataclasses
from collections.abc import Sequence

from rich.console import Group, RenderableType
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
    "sending-no-link": "sending, but no connection: the press is kept and goes out as soon as there is one",
    "received": "RECEIVED: the center has signed that it stored the alarm",
    "acknowledged": "ACKNOWLEDGED: an operator has it",
    "dispatched": "DISPATCHED: help is on the way",
    "closed": "closed",
    "fault": "fault: the button is stuck",
    "tamper": "the enclosure is open",
    "test-armed": "test: press now",
    "test-passed": "test passed",
    "identify": "here I am",
}
STATE_NAMES = ("", "received", "acknowledged", "dispatched", "closed")
KEYS = (
    ("p", "press"),
    ("h", "hold / let go"),
    ("n", "cut / restore the network"),
    ("k", "kill -9 / start the agent"),
    ("a", "operator acknowledges"),
    ("d", "dispatches"),
    ("c", "closes"),
    ("q", "quit"),
)


@dataclasses.dataclass(frozen=True)
class Scene:
    """Everything that the picture shows."""

    light: float
    lamp: str
    held: bool
    agent: str
    linked: bool
    network_up: bool
    broker: str
    presses: int
    verified: int
    message: str
    journeys: Sequence[Journey]


def picture(scene: Scene) -> RenderableType:
    """The whole screen."""
    return Group(_top(scene), _table(scene.journeys), _keys(), Text(scene.message, style="yellow"))


def _top(scene: Scene) -> Panel:
    glow = round(60 + 195 * scene.light) if scene.light > 0 else 45
    lamp = Text("⬤ ", style=f"rgb({glow},{glow // 4},{glow // 5})")
    lamp.append(MEANING.get(scene.lamp, scene.lamp), style="bold")
    parts = Table.grid(padding=(0, 3))
    parts.add_row(
        Text.assemble("button ", ("held down", "red") if scene.held else ("free", "green")),
        Text.assemble("agent ", (scene.agent, "green" if scene.agent.startswith("runs") else "red")),
        Text.assemble("network ", ("up", "green") if scene.network_up else ("CUT", "red")),
        Text.assemble("link ", ("connected", "green") if scene.linked else ("down", "red")),
        Text.assemble("broker ", (scene.broker, "green")),
        Text.assemble("presses ", (str(scene.presses), "bold"), " · verified ", (str(scene.verified), "bold")),
    )
    return Panel(Group(lamp, parts), title="Dabyl: one press, proven end to end", border_style="dim")


def _table(journeys: Sequence[Journey]) -> Table:
    table = Table(expand=True, header_style="dim", title="milliseconds since the touch", title_style="dim")
    table.add_column("event")
    for stage in STAGES:
        table.add_column(stage, justify="right")
    table.add_column("alarm")
    for journey in journeys:
        name = Text(journey.type, style="bold" if journey.type.startswith("alarm") else "dim")
        name.append(f"  {journey.seq}", style="dim")
        cells = [_cell(journey, stage) for stage in STAGES]
        table.add_row(name, *cells, Text(STATE_NAMES[journey.state], style="green"))
    return table


def _cell(journey: Journey, stage: str) -> Text:
    ms = journey.ms(stage)
    if ms is None:
        return Text("·", style="dim")
    return Text(f"{ms:,.1f}", style="green" if stage in ("receipt", "lamp") else "")


def _keys() -> Text:
    line = Text()
    for key, meaning in KEYS:
        line.append(f" {key} ", style="reverse")
        line.append(f"\u00a0{meaning}   ".replace(" ", "\u00a0").replace("\u00a0\u00a0\u00a0", "   "))
    return line
