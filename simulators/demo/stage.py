"""The stage: broker, network, center, consumer, and two buttons of one site, as separate processes."""

import asyncio
import contextlib
import pathlib
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

from simulators.account import of_device
from simulators.board.firmware import compiled, lacking
from simulators.consumer import Consumer
from simulators.demo import linux, microcontroller
from simulators.demo.button import Button
from simulators.demo.linux import START_S, LinuxButton
from simulators.demo.microcontroller import BoardButton
from simulators.errors import DemoError
from simulators.network.proxy import Network
from simulators.processes import Child
from simulators.site import CONSUMER, Site

WAIT_STEP_S = 0.01


class Stage:
    """An open stage. Devices reach the broker through a network that can be cut; everything else is what runs in the field.

    Args:
        directory: an empty or new folder for the site, with a short path.
        engine: broker engine to take, or None for the one that is there.
        bundle: the firmware, as it lies at the root of a board's flash, or None to compile it from this tree.
        seed: of the boards' and the network's randomness.

    Attributes:
        buttons: the one on Linux, and the one on a microcontroller where this machine can run it.
        without_board: why it cannot, else None.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        engine: str | None = None,
        bundle: pathlib.Path | None = None,
        seed: int = 0,
    ) -> None:
        self._directory = directory
        self._engine = engine
        self._bundle = bundle
        self._seed = seed
        self._stack = contextlib.AsyncExitStack()
        self._events: list[dict[str, Any]] = []
        self.buttons: list[Button] = []
        self.without_board = lacking()

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
        devices = [linux.DEVICE]
        making: asyncio.Task[pathlib.Path] | None = None
        if self.without_board is None:
            devices.append(microcontroller.DEVICE)
            making = asyncio.create_task(self._firmware(), name="the firmware")
            self._stack.push_async_callback(asyncio.wait, [making])
        self.site = site = await asyncio.to_thread(Site, self._directory / "site", devices, prefer=self._engine)
        await asyncio.to_thread(site.broker.start)
        self._stack.push_async_callback(asyncio.to_thread, site.broker.stop)
        self.network = Network(site.broker.port, seed=self._seed)
        await self._stack.enter_async_context(self.network)
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
        await self._add_linux()
        if making is not None:
            await self._add_board(await making)
        for button in self.buttons:  # a device's first event at the consumer shows that every part of its path is up
            await self._until(lambda button=button: bool(self.events(button)), f"the first event of the {button.title}")  # type: ignore[misc]

    async def _firmware(self) -> pathlib.Path:
        if self._bundle is not None:
            return self._bundle
        return await asyncio.to_thread(compiled, self._directory / "bundle", [microcontroller.KIND])

    async def _add_linux(self) -> None:
        # Quick to come back, because a person is watching; everything else as in the field.
        device = self.site.add_device(
            linux.DEVICE,
            ports=[self.network.port],
            settings={"stuck_s": 5},
            link={"keepalive_s": 10, "retry_min_ms": 250, "retry_max_ms": 3000},
        )
        button = LinuxButton(device, self._seed)
        self._stack.callback(button.close)
        self._stack.push_async_callback(button.end)
        self.buttons.append(button)
        await button.recover()

    async def _add_board(self, bundle: pathlib.Path) -> None:
        button = await asyncio.to_thread(
            BoardButton, self._directory / "flash", bundle, self.site, self.network.port, self._seed
        )
        self.buttons.append(button)
        await self._stack.enter_async_context(button.board)

    async def network_switch(self) -> bool:
        """Cut the network between devices and broker, or restore it; whether it is up now."""
        if self.network.is_up:
            await self.network.down()
        else:
            await self.network.up()
        return self.network.is_up

    async def move_alarm(self, device: str, boot: int, seq: int, state: str) -> bool:
        """An operator acknowledges, dispatches or closes an alarm, with the product's own command; whether it was done."""
        process = await asyncio.create_subprocess_exec(
            *self.site.order(device, boot, seq, state, by="demo"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0

    def events(self, button: Button) -> list[dict[str, Any]]:
        """The CloudEvents of a button that came to the consumer, repetitions included."""
        fresh = self.consumer.deliveries[len(self._events) :]
        self._events += [delivery.event for delivery in fresh]
        return of_device(self._events, button.device)

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
        for button in self.buttons:
            button.follower.center_said(line)
