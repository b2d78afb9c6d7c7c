"""One board on a site of its own: real broker, center and consumer around it, and an operator's hands."""

import asyncio
import contextlib
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from agent.keys.file import FileKey
from agent.wire import command, cose, topics
from simulators.account import presses_verified
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.kinds import HEAP_KB, Wiring
from simulators.errors import DemoError
from simulators.running_site import WAIT_S, RunningSite
from simulators.site import CENTER, HOST

OPERATOR = "center-desk"
COMMAND_S = 30
"""A command that was not taken by then is refused."""
AGAIN_S = 0.5
SEND_S = 10.0
ENDS = ("dabyl.command.completed", "dabyl.command.failed", "dabyl.command.refused")


class Scene(RunningSite):
    """An open scene.

    Args:
        directory: a folder with a short path, for what the site keeps.
        bundle: the firmware, as it lies at the root of a board's flash.
        wiring: of the board's kind.
        heap_kb: of the firmware.
        seed: of the bounce.
    """

    def __init__(
        self, directory: pathlib.Path, bundle: pathlib.Path, wiring: Wiring, *, heap_kb: int = HEAP_KB, seed: int = 0
    ) -> None:
        self.wiring = wiring
        self.device = f"{wiring.kind}-1"
        super().__init__(directory, (self.device,), operators=(OPERATOR,))
        self._bundle = bundle
        self._heap_kb = heap_kb
        self._seed = seed
        self._commands = 0
        self._operations = 0

    async def _open(self) -> None:
        await super()._open()
        flash = await asyncio.to_thread(
            enrolled, self._directory / "flash", self._bundle, self.wiring, self.site, self.device
        )
        self.board = await self._stack.enter_async_context(
            Board(flash, contacts=self.wiring.contacts, heap_kb=self._heap_kb, seed=self._seed)
        )
        await self.on_line()

    async def press(self, ms: float = 120) -> int:
        """Press its button; the instant of the touch, in monotonic ns."""
        self._operations = self.board.flash.operations
        return await self.board.press(self.wiring.pin("button"), ms)

    async def cut_network(self) -> None:
        """Cut the board off its broker until its power is cut: what is pressed until then, only its flash knows."""
        await self.board.radio.network(self.site.broker.port).down()

    async def cut_power(self) -> None:
        """Take the power and give it back, once the press before is kept: a cut before that would be a press that nobody was there to feel.

        Returns when the board is on line again.
        """
        await self.board.written(self._operations)
        await self.board.power_off()
        await self.board.radio.network(self.site.broker.port).up()
        await self.board.power_on()
        await self.on_line()

    async def on_line(self) -> None:
        """Wait until the board listens at its broker: before that a command would be lost, and a press late."""
        await self.board.printed("info connected", WAIT_S)

    async def drained(self, presses: int) -> None:
        """Wait until the consumer has every press, or for a minute."""
        with contextlib.suppress(DemoError):
            await self.until(lambda: presses_verified(self.consumer.events()) >= presses, "")

    async def close(self, boot: int, seq: int) -> None:
        """An operator closes an alarm, with the product's own command."""
        if not await self.move_alarm(self.device, boot, seq, "closed"):
            raise DemoError(f"the center did not take the closing of {self.device} {boot}/{seq}")

    async def command(self, name: str, args: Mapping[str, object]) -> dict[str, Any]:
        """The center commands; the data of the event by which the device ends it.

        Raises:
            DemoError: it did not answer.
        """
        while True:
            self._commands += 1
            n = self._commands
            await asyncio.to_thread(self._send, n, name, dict(args))
            await self.until(
                lambda n=n: self._answer(n) is not None,  # type: ignore[misc]
                lambda: f"the board did not answer; its console says:\n{self.board.console.tail()}",
            )
            answer = self._answer(n)
            assert answer is not None
            if answer.get("reason") != "time-unknown":  # no receipt has told it the time since it was started
                return answer
            await asyncio.sleep(AGAIN_S)

    def _answer(self, n: int) -> dict[str, Any] | None:
        ends = (event["data"] for event in self.consumer.events() if event["type"] in ENDS)
        return next((data for data in ends if data.get("n") == n), None)

    def _send(self, n: int, name: str, args: dict[str, object]) -> None:
        site = self.site
        order = command.Command(self.device, CENTER, n, time.time_ns() // 1_000_000, COMMAND_S, name, args)
        signer = FileKey.load(str(site.center_identity.key))
        desk = site.operators[OPERATOR]
        client = Client(CallbackAPIVersion.VERSION2, client_id=OPERATOR)
        client.tls_set(str(site.root), str(desk.chain), str(desk.key))
        client.connect(HOST, site.broker.port)
        client.loop_start()
        try:
            message = cose.sign(order.encode(), command.CONTEXT, signer)
            client.publish(topics.topic(self.device, topics.COMMAND), message, 1).wait_for_publish(SEND_S)
        finally:
            client.disconnect()
            client.loop_stop()
