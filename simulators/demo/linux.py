"""The SOS button on Linux: the unmodified agent, a process of its own, on a simulated board."""

import asyncio
import signal
import time
from collections.abc import Sequence

from simulators.demo.button import Button
from simulators.demo.journey import Follower
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.gpio.wiring import Output
from simulators.processes import Child
from simulators.site import BUTTON_PIN, LAMP_PIN, SUPPLY_PIN, TAMPER_PIN, Device

DEVICE = "sos-0001"
START_S = 30.0
LOOK_S = 0.005


class LinuxButton(Button):
    """The button and its agent."""

    def __init__(self, device: Device, seed: int) -> None:
        super().__init__(DEVICE, "SOS button on Linux", Follower(DEVICE))
        self._device = device
        self._agent: Child | None = None
        self._touched_ns = 0
        self._board = Hardware(device.board, contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=seed)
        self.close = self._board.close

    async def press(self) -> int:
        """Press, at once."""
        touched_ns = self._touched_ns = self._board.press(BUTTON_PIN)
        self.touches += 1
        self.follower.touched(touched_ns)
        return touched_ns

    async def hold(self) -> None:
        """Hold, or let go."""
        self.held = not self.held
        if self.held:
            self.touches += 1
            self.follower.touched(self._board.hold(BUTTON_PIN))
        else:
            self._board.release(BUTTON_PIN)

    async def fail(self) -> None:
        """SIGKILL, as a crash or a power cut is to the process."""
        await self.end(signal.SIGKILL)

    async def recover(self) -> None:
        """Start the agent."""
        self.follower.forget_positions()
        command = self._device.agent("--log", "trace")
        self._agent = await Child.start(
            "agent", command, self.follower.agent_said, environment=self._device.environment
        )

    async def kept(self, timeout_s: float) -> None:
        """By its agent's trace: an alarm counts as kept once it is on disk."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and not self.follower.kept(self._touched_ns):  # noqa: ASYNC110  as in Stage
            await asyncio.sleep(LOOK_S)

    async def listens(self, timeout_s: float) -> None:
        """Its agent has its pins."""
        await self._board.connected(timeout_s)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the agent."""
        if self._agent is not None:
            await self._agent.end(number)

    @property
    def state(self) -> str:
        """Whether the agent runs, and as which process."""
        return f"runs ({self._agent.pid})" if self._agent is not None and self._agent.running else "killed"

    @property
    def linked(self) -> bool:
        """By the agent's word."""
        return self.follower.linked and self.runs

    def light(self) -> Sequence[Output]:
        """By the simulated board's pin, which keeps its level when the agent dies."""
        return self._board.history(LAMP_PIN)

    def lamp(self) -> str:
        """By the agent's word."""
        return self.follower.lamp if self.runs else "dark"
