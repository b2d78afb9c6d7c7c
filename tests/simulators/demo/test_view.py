"""The demo's screen: what it says of both buttons, in narrow and wide terminals, and without colour."""

import io
from typing import Any

import pytest
from rich.console import Console

from simulators.demo.journey import Journey
from simulators.demo.view import KEYS as COMMON_KEYS
from simulators.demo.view import ButtonScene, Picture, Scene

MS = 1_000_000
KEYS = (("p", "press"), ("h", "hold / let go"), ("k", "kill -9 / start the agent"))
LINUX = ButtonScene(
    "SOS button on Linux", "sos-0001", KEYS, 1.0, "received",
    held=False, state="runs (4711)", linked=True, presses=1, verified=1,
)  # fmt: skip
BOARD = ButtonScene(
    "Panic button on a microcontroller", "panic-0001", KEYS, 0.0, "sending-no-link",
    held=True, state="no power", linked=False, presses=12, verified=11, level="lockdown",
)  # fmt: skip


def journey(device: str, seq: int, **stages_ms: float) -> Journey:
    stages = {name: round(ms * MS) for name, ms in stages_ms.items()}
    return Journey(device, 1, seq, "alarm.escalated", pressed_ns=0, stages=stages, state=2)


def shown(width: int, height: int = 24, *journeys: Journey, buttons: Any = (LINUX, BOARD)) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, force_terminal=True)
    scene = Scene(buttons, network_up=False, broker="mosquitto", message="the network is cut", journeys=journeys)
    console.print(Picture(scene))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text).rstrip("\n").split("\n")


MANY = [journey("panic-0001", seq, verified=50, signed=12_345.6, lamp=12_745.6) for seq in range(100_000, 100_060)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (109, 30), (110, 24), (129, 24), (130, 24), (150, 60)])
def test_the_screen_is_full_at_most_and_no_key_or_event_is_cut(width: int, height: int) -> None:
    lines = shown(width, height, *MANY)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    assert text.count("kill -9 / start the agent") == 2
    assert "quit" in text
    assert "the network is cut" in text
    assert "alarm.escalated 100059" in text, "the last events are those shown"
    assert "≤12,746" in text


@pytest.mark.parametrize("width", [80, 130])
def test_without_colour_everything_is_said_in_words(width: int) -> None:
    text = "\n".join(shown(width, 24, journey("sos-0001", 7, sealed=30, verified=34.5, signed=40, receipt=44, lamp=45)))
    for said in (
        "⬤ RECEIVED", "◯ sending, no connection", "level lockdown", "held down", "free", "runs (4711)", "no power", "no connection",
        "presses 12 · verified 11", "network CUT", "34.5", " 45.0 acknowledged",
    ):  # fmt: skip
        assert said in text, said


def test_a_key_and_what_it_does_stay_on_one_line_in_a_terminal_that_is_too_narrow() -> None:
    text = "\n".join(shown(44, 40))
    for _key, meaning in (*KEYS, *COMMON_KEYS):
        assert meaning in text


def test_one_button_has_the_screen_for_itself() -> None:
    lines = shown(130, 24, buttons=(LINUX,))
    assert sum("sos-0001" in line for line in lines) == 1
    assert not any("panic" in line for line in lines)
