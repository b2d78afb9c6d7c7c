"""The stage: broker, network, center, consumer, board and agent of one site, as separate processes around one simulated button."""

import asyncio
import contextlib
import pathlib
import signal
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

from simulators.consumer import Consumer
from simulators.demo.journey import Follower
from simulators.errors import DemoError
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.network.proxy import Network
from simulators.processes import Child
from simulators.site import BUTTON_PIN, CONSUMER, LAMP_PIN, SUPPLY_PIN, TAMPER_PIN, Site, dabyl

DEVICE = "sos-0001"
START_S = 30.0
WAIT_STEP_S = 0.01


class Stage:
    """An open stage. The agent reaches the broker through a network that can be cut; everything else is what runs in the field.

    Args:
        directory: an empty or new folder for the site, with a short path.
        engine: broker engine to take, or None for the one that is there.
        seed: of the board's and the network's randomness.
    """

    def __init__(self, directory: pathlib.Path, *, engine: str | None = None, seed: int = 0) -> None:
        self._directory = directory
        self._engine = engine
        self._seed = seed
        self._stack = contextlib.AsyncExitStack()
        self._holding = False
        self.follower = Follower(DEVICE)
        self.touches = 0

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        self.site = site = await asyncio.to_thread(Site, self._directory / "site", (DEVICE,), prefer=self._engine)
        await asyncio.to_thread(site.broker.start)
        self._stack.push_async_callback(asyncio.to_thread, site.broker.stop)
        self.network = Network(site.broker.port, seed=self._seed)
        await self._stack.enter_async_context(self.network)
        # Quick to come back, because a person is watching; everything else as in the field.
        self.device = site.add_device(
            DEVICE,
            ports=[self.network.port],
            settings={"stuck_s": 5},
            link={"keepalive_s": 10, "retry_min_ms": 250, "retry_max_ms": 3000},
        )
        self.board = Hardware(self.device.board, contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=self._seed)
        self._stack.callback(self.board.close)
        self._connected = asyncio.Event()
        self.center = await Child.start("center", site.center("--log", "json"), self._center_said)
        self._stack.push_async_callback(self.center.end)
        await self._until(lambda: self._connected.is_set() or not self.center.running, "the center to connect")
        if not self.center.running:
            raise DemoError(f"the center ended: {self.center.said()}")
        self.consumer = Consumer(
            site.broker.port,
            root=site.root,
            chain=site.consumer_identity.chain,
            key=site.consumer_identity.key,
            name=CONSUMER,
        )
        self._stack.callback(self.consumer.close)
        await self.start_agent()
        self._stack.push_async_callback(self._end_agent)
        # Its first event at the consumer shows that every part of the path is up.
        await self._until(lambda: bool(self.consumer.deliveries), "the first event to come through")

    async def start_agent(self) -> None:
        """Start the agent, on its old state if it has one."""
        self.follower.forget_positions()
        command = self.device.agent("--log", "trace")
        self.agent = await Child.start("agent", command, self.follower.agent_said, environment=self.device.environment)
        await self.board.connected(START_S)

    async def kill_agent(self) -> None:
        """SIGKILL, as a crash or a power cut is to the process."""
        await self.agent.end(signal.SIGKILL)

    @property
    def agent_runs(self) -> bool:
        """Whether the agent lives."""
        return self.agent.running

    def press(self, hold_ms: float = 120) -> int:
        """A finger presses the button, with bounce; the instant of the touch (monotonic ns)."""
        self.touches += 1
        touched_ns = self.board.press(BUTTON_PIN, hold_ms)
        self.follower.touched(touched_ns)
        return touched_ns

    def hold(self) -> bool:
        """Hold the button, or let it go; whether it is held now."""
        self._holding = not self._holding
        if self._holding:
            self.touches += 1
            self.follower.touched(self.board.hold(BUTTON_PIN))
        else:
            self.board.release(BUTTON_PIN)
        return self._holding

    async def network_switch(self) -> bool:
        """Cut the network between agent and broker, or restore it; whether it is up now."""
        if self.network.is_up:
            await self.network.down()
        else:
            await self.network.up()
        return self.network.is_up

    async def move_alarm(self, boot: int, seq: int, state: str) -> bool:
        """An operator acknowledges, dispatches or closes an alarm, with the product's own command; whether it was done."""
        command = [*dabyl(), "center", "acknowledge", DEVICE, str(boot), str(seq), "--state", state, "--by", "demo"]
        process = await asyncio.create_subprocess_exec(
            *command,
            "--config",
            str(self.site.center_config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0

    def light(self) -> float:
        """How bright the button's lamp is now, 0 to 1, as read back from the board."""
        output = self.board.output(LAMP_PIN)
        return output.duty if output is not None and self.agent_runs else 0.0

    def longest_light_ms(self, since_ns: int, now_ns: int) -> float:
        """The longest time without a break that the lamp was lit, since ``since_ns``, as read back from the board."""
        longest, lit_ns = 0, None
        for output in self.board.history(LAMP_PIN):
            if output.lit and lit_ns is None:
                lit_ns = output.since_ns
            elif not output.lit and lit_ns is not None:
                longest = max(longest, output.since_ns - max(lit_ns, since_ns))
                lit_ns = None
        if lit_ns is not None:
            longest = max(longest, now_ns - max(lit_ns, since_ns))
        return longest / 1_000_000

    async def _end_agent(self) -> None:
        await self.agent.end()

    async def _until(self, reached: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(START_S):
                while not reached():  # noqa: ASYNC110  what is waited for happens in other processes and threads
                    await asyncio.sleep(WAIT_STEP_S)
        except TimeoutError:
            told = self.center.said()
            raise DemoError(f"waited {START_S:.0f} s in vain for {what}{': ' + told if told else ''}") from None

    def _center_said(self, line: Mapping[str, Any]) -> None:
        if line.get("what") == "connected":
            self._connected.set()
        self.follower.center_said(line)
