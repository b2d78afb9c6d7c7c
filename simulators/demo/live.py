"""The demo in a terminal: a person's keys go to the stage, the stage is drawn ten times a second."""

import asyncio
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from simulators.account import presses_verified
from simulators.demo.button import Button
from simulators.demo.journey import Journey
from simulators.demo.stage import Stage
from simulators.demo.view import ALARM, ButtonScene, Picture, Scene

FRAMES = 10
SHOWN = 40
FELT_NS = 250_000_000
"""A younger press may not be kept yet."""
OPERATOR = {"a": "acknowledged", "d": "dispatched", "c": "closed"}
# For the button on Linux and the one on a board: the keys to press, to hold, and to make it fail, and what the last two do.
KEYS = (
    ("p", "h", "k", "kill -9 / start the agent"),
    ("b", "g", "x", "cut / restore its power"),
)
HELD = ("held: after 5 s it is reported as stuck, once", "held: after 5 s it is a lockdown, on the same alarm")
FAILED = (
    "kill -9: presses are lost only while no agent runs; k starts it again",
    "no power: what was felt before is kept on its flash; x gives the power back",
)


class Performance:
    """One person's demo on an open stage."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage = stage
        self._console = console
        self._message = "press p or b: everything you see comes from real processes with mutual TLS between them"
        if stage.without_board is not None:
            self._message = f"without the microcontroller: {stage.without_board}"
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the person quits."""
        loop = asyncio.get_running_loop()
        with _keyboard(), Live(console=self._console, screen=True, auto_refresh=False) as live:
            loop.add_reader(sys.stdin.fileno(), self._key)
            try:
                while not self._over.is_set():
                    live.update(Picture(self._scene()), refresh=True)
                    await asyncio.sleep(1 / FRAMES)
            finally:
                loop.remove_reader(sys.stdin.fileno())
                for task in self._tasks:
                    task.cancel()

    def _key(self) -> None:
        for key in sys.stdin.read(1):
            task = asyncio.get_running_loop().create_task(self._act(key.lower()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _act(self, key: str) -> None:
        if key in ("q", "\x04", "\x03"):
            self._over.set()
        elif key == "n":
            up = await self._stage.network_switch()
            self._message = "the network is back" if up else "the network is cut: press, and watch it wait"
        elif key in OPERATOR:
            await self._operator(OPERATOR[key])
        for number, button in enumerate(self._stage.buttons):
            press, hold, fail, _meaning = KEYS[number]
            if key == press or (key == " " and number == 0):
                self._message = "pressed for 120 ms, with the contacts' bounce"
                await button.press()
            elif key == hold:
                await button.hold()
                self._message = HELD[number] if button.held else "let go"
            elif key == fail:
                await self._fail_or_recover(number, button)

    async def _fail_or_recover(self, number: int, button: Button) -> None:
        if button.runs:
            self._message = FAILED[number]
            button.follower.forget_touches(time.monotonic_ns() - FELT_NS)
            await button.fail()
        else:
            self._message = "started: what was kept and not receipted goes out now"
            await button.recover()

    async def _operator(self, state: str) -> None:
        raised = [
            (journey.stages.get("verified", 0), button.device, journey)
            for button in self._stage.buttons
            if (journey := button.follower.raised()) is not None
        ]
        if not raised:
            self._message = "no alarm yet: press first"
            return
        _verified_ns, device, latest = max(raised, key=lambda one: one[0])
        done = await self._stage.move_alarm(device, latest.boot, latest.seq, state)
        self._message = f"the operator has set {device}'s alarm to {state}" if done else "the center refused that"

    def _scene(self) -> Scene:
        stage = self._stage
        buttons = [self._button(number, button) for number, button in enumerate(stage.buttons)]
        journeys = [
            journey
            for button in stage.buttons
            for journey in list(button.follower.journeys.values())[-SHOWN:]
            if journey.type
        ]
        return Scene(
            buttons=buttons,
            network_up=stage.network.is_up,
            broker=stage.site.broker.engine,
            message=self._message,
            journeys=sorted(journeys, key=_began),
        )

    def _button(self, number: int, button: Button) -> ButtonScene:
        press, hold, fail, meaning = KEYS[number]
        events = self._stage.events(button)
        verified = presses_verified(events)
        if verified >= button.touches:
            button.follower.forget_touches()
        levels = [event["data"]["level"] for event in events if event["data"].get("level") in button.levels]
        lamp = button.lamp()
        return ButtonScene(
            title=button.title,
            device=button.device,
            keys=((press, "press"), (hold, "hold / let go"), (fail, meaning)),
            light=button.brightness,
            lamp=lamp,
            held=button.held,
            state=button.state,
            linked=button.linked,
            presses=button.touches,
            verified=min(verified, button.touches),  # a hold across a closing raises a second alarm of one press
            level=levels[-1] if levels and lamp in ALARM else "",
        )


def _began(journey: Journey) -> int:
    return journey.pressed_ns or min(journey.stages.values())


@contextmanager
def _keyboard() -> Iterator[None]:
    """Single keys without Enter and without echo."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
