"""The stage: broker, network, center, consumer, and two buttons of one site, as separate processes."""

import asyncio
import pathlib
from collections.abc import Mapping
from typing import Any

from simulators.account import of_device
from simulators.board.firmware import compiled, lacking
from simulators.demo import linux, microcontroller
from simulators.demo.button import Button
from simulators.demo.linux import LinuxButton
from simulators.demo.microcontroller import BoardButton
from simulators.network.proxy import Network
from simulators.running_site import RunningSite


class Stage(RunningSite):
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
        self.without_board = lacking()
        devices = [linux.DEVICE] if self.without_board else [linux.DEVICE, microcontroller.DEVICE]
        super().__init__(directory, devices, engine=engine)
        self._bundle = bundle
        self._seed = seed
        self._events: list[dict[str, Any]] = []
        self.buttons: list[Button] = []

    async def _open(self) -> None:
        making: asyncio.Task[pathlib.Path] | None = None
        if self.without_board is None:
            making = asyncio.create_task(self._firmware(), name="the firmware")
            self._stack.push_async_callback(asyncio.wait, [making])
        await super()._open()
        self.network = Network(self.site.broker.port, seed=self._seed)
        await self._stack.enter_async_context(self.network)
        await self._add_linux()
        if making is not None:
            await self._add_board(await making)
        for button in self.buttons:  # a device's first event at the consumer shows that every part of its path is up
            await self.until(
                lambda button=button: bool(self.events(button)),  # type: ignore[misc]
                lambda button=button: f"the {button.title} was not heard of: {self.center.said()}",  # type: ignore[misc]
            )

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
        await button.listens(linux.START_S)

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

    def events(self, button: Button) -> list[dict[str, Any]]:
        """The CloudEvents of a button that came to the consumer, repetitions included."""
        fresh = self.consumer.deliveries[len(self._events) :]
        self._events += [delivery.event for delivery in fresh]
        return of_device(self._events, button.device)

    def _center_said(self, line: Mapping[str, Any]) -> None:
        super()._center_said(line)
        for button in self.buttons:
            button.follower.center_said(line)
