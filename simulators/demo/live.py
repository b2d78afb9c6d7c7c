"""The demo in a terminal: a person's keys go to the stage, the stage is drawn ten times a second."""

import asyncio
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from simulators.account import presses_verified
from simulators.demo.stage import Stage
from simulators.demo.view import Scene, picture

FRAMES = 10
SHOWN = 12
_OPERATOR = {"a": "acknowledged", "d": "dispatched", "c": "closed"}


class Performance:
    """One person's demo on an open stage."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage = stage
        self._console = console
        self._held = False
        self._message = "press p: everything you see comes from real processes with mutual TLS between them"
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the person quits."""
        loop = asyncio.get_running_loop()
        with _keyboard(), Live(console=self._console, screen=True, auto_refresh=False) as live:
            loop.add_reader(sys.stdin.fileno(), self._key)
            try:
                while not self._over.is_set():
                    live.update(picture(self._scene()), refresh=True)
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
        stage = self._stage
        if key in ("q", "\x04", "\x03"):
            self._over.set()
        elif key in ("p", " "):
            stage.press()
            self._message = "pressed for 120 ms, with the contacts' bounce"
        elif key == "h":
            self._held = stage.hold()
            self._message = "held: after 5 s it is reported as stuck, once" if self._held else "let go"
        elif key == "n":
            up = await stage.network_switch()
            self._message = "the network is back" if up else "the network is cut: press, and watch it wait"
        elif key == "k":
            await self._kill_or_start()
        elif key in _OPERATOR:
            await self._operator(_OPERATOR[key])

    async def _kill_or_start(self) -> None:
        if self._stage.agent_runs:
            await self._stage.kill_agent()
            self._message = "kill -9: presses are lost only while no agent runs; k starts it again"
        else:
            await self._stage.start_agent()
            self._message = "started: what was kept and not receipted goes out now"

    async def _operator(self, state: str) -> None:
        raised = [journey for journey in self._stage.follower.alarms() if journey.type == "alarm.raised"]
        if not raised:
            self._message = "no alarm yet: press first"
            return
        done = await self._stage.move_alarm(raised[-1].boot, raised[-1].seq, state)
        self._message = f"the operator has set the alarm to {state}" if done else "the center refused that"

    def _scene(self) -> Scene:
        stage = self._stage
        follower = stage.follower
        journeys = [journey for journey in follower.journeys.values() if journey.type]
        return Scene(
            light=stage.light(),
            lamp=follower.lamp if stage.agent_runs else "dark",
            held=self._held,
            agent=f"runs ({stage.agent.pid})" if stage.agent_runs else "killed",
            linked=follower.linked and stage.agent_runs,
            network_up=stage.network.is_up,
            broker=stage.site.broker.engine,
            presses=stage.touches,
            verified=presses_verified(stage.consumer.events()),
            message=self._message,
            journeys=journeys[-SHOWN:],
        )


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
