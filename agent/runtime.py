"""The agent at work on Linux: a device on an asyncio loop, with journal, link, hardware and the service manager.

The loop does everything but waiting for the disk. No trouble of network, disk or clock ends the agent.
"""

import asyncio
import gc
import os

from agent import __version__, health
from agent.device import Device
from agent.errors import ConfigError, HardwareError
from agent.journal.keeper import Keeper
from agent.keys.credentials import load_chain
from agent.keys.errors import KeysError
from agent.keys.validity import due_ms
from agent.link.link import PRESENCE_EVERY_S, Link
from agent.link.outbox import Outbox
from agent.schedule import LoopSchedule
from agent.wire import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agent.centers import Centers
    from agent.clock import Clock
    from agent.config import Config
    from agent.journal.log import Journal
    from agent.kinds import Kind
    from agent.log import Log
    from agent.seal import Sealed
    from agent.service import Service
    from agent.wire.cose import Signer

FLOOR_EVERY_S = 3600
RENEWAL_FIRST_S = 5
"""After the start, whether the certificate is due is looked at so soon; then, a little apart on each device, every hour."""
RENEWAL_EVERY_S = 3600
STUCK_MS = 60_000
"""How far the link may be behind what it last said it would do; beyond that the watchdog is not fed."""


class Agent(Device):
    """One device's agent, put together by ``agent.start``. ``run`` lasts until it is cancelled."""

    def __init__(
        self,
        config: "Config",
        kind: "Kind",
        signer: "Signer",
        certificates: "list[bytes]",
        centers: "Centers",
        journal: "Journal",
        clock: "Clock",
        service: "Service",
        log: "Log",
    ) -> None:
        name, keepalive_s = config.device["id"], config.link["keepalive_s"]
        super().__init__(name, kind.KIND, keepalive_s, __version__, signer, certificates, centers, journal, clock, log)
        self._config = config
        self._kind = kind
        self._service = service
        self._state = config.resolve(config.device["state"])

    async def run(self) -> None:
        """Work until cancelled, then stop cleanly: outputs off, goodbye said, journal synced.

        Raises:
            ConfigError: the kind's settings are wrong.
            HardwareError: the hardware cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        schedule = LoopSchedule(self._loop)
        try:
            logic = self._kind.make_logic(self._config.settings, schedule.now_ms())
        except ValueError as error:
            raise ConfigError(f"{self._config.path}: [settings]: {error}") from None
        try:
            binding = self._kind.make_binding(self._config.settings, self._edge)
        except (OSError, ValueError, RuntimeError, ImportError) as error:  # the logic has found the settings right
            raise HardwareError(f"the device's hardware cannot be opened: {error}") from None
        self._keep: Callable[[str, bytes], None] | None = getattr(binding, "keep", None)
        self._begin_boot()
        link = self._config.link
        outbox = Outbox(
            self._journal.next,
            self._head,
            link["window"],
            link["backlog_rate"],
            link["alarm_retry_ms"],
            link["event_retry_ms"],
        )
        self._link = Link(
            self._device,
            self._brokers(),
            link,
            outbox,
            self._clock,
            self._log,
            _random,
            self._presence,
            self._message,
            self._link_changed,
            self._quarantined,
        )
        self._disk = Keeper(self._journal, self._loop, on_kept=self._kept, on_trouble=self._disk_trouble)
        self._put_together(schedule, logic, binding, outbox, self._link, self._disk)
        try:
            self._open()
        except HardwareError:
            await self._disk.stop()
            raise
        gc.freeze()  # what a start has made stays as long as the process: the collector need not look at it again and again
        try:
            self._begin()
            self._service.ready(f"{self._device}: boot {self._sealer.boot}")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run(), name="link")
                tasks.create_task(self._heartbeat(), name="heartbeat")
                tasks.create_task(self._announce(), name="presence")
                tasks.create_task(self._save_floor(), name="time floor")
                if self._config.enrolment["server"]:
                    tasks.create_task(self._renew(), name="renewal")
                if self._service.watchdog_s is not None:
                    tasks.create_task(self._watchdog(self._service.watchdog_s), name="watchdog")
        finally:
            await self._stop()

    async def _stop(self) -> None:
        self._service.stopping()
        try:
            self._halt()
        finally:
            await self._link.stop()
            self._note_floor()
            await self._disk.stop()

    def _brokers(self) -> "list[dict[str, Any]]":
        config = self._config
        return [
            {
                "host": broker["host"],
                "port": broker["port"],
                "ca": config.resolve(broker["ca"]),
                "certificate": config.resolve(config.keys["certificate"]),
                "key": config.resolve(config.keys["key"]),
            }
            for broker in config.brokers
        ]

    def _edge(self, name: str, value: "Any", time_ms: int) -> None:
        """An input changed; called from the hardware's thread."""
        try:
            self._loop.call_soon_threadsafe(self._input, name, value, time_ms)
        except RuntimeError:
            return  # the loop has ended

    def _sealed(self, tag: int, sealed: "Sealed") -> None:
        if self._keep is not None:
            self._keep(sealed.type, sealed.envelope)
        super()._sealed(tag, sealed)

    def _recall(self, boot: int, seq: int, payload: bytes) -> str:
        recall = getattr(self._logic, "recall", None)
        if recall is None:
            return super()._recall(boot, seq, payload)
        told = event.decode(payload)
        recall(boot, seq, told.data)
        return told.type

    def _link_changed(self, up: bool) -> None:
        self._service.status(f"{self._device}: {'connected' if up else 'no connection'}")
        super()._link_changed(up)

    # Regular duties

    async def _heartbeat(self) -> None:
        while True:
            data = health.report(self._state, self._journal)
            data.update(
                broker=self._link.broker, session=self._link.session, up=self._link.up, refused=self._obedience.refused
            )
            self._outgoing.emit("health.report", data)
            await asyncio.sleep(self._config.device["heartbeat_s"])

    async def _announce(self) -> None:
        # The center misses a device that is silent for 1.5 keepalives; MQTT's own pings end at the broker. Where the heartbeat is
        # slower than that, presence is the sign of life.
        keepalive_s = self._config.link["keepalive_s"]
        every_s = keepalive_s if self._config.device["heartbeat_s"] > keepalive_s else PRESENCE_EVERY_S
        while True:
            await asyncio.sleep(every_s)
            self._link.announce()

    async def _save_floor(self) -> None:
        while True:
            await asyncio.sleep(FLOOR_EVERY_S)
            self._note_floor()

    async def _renew(self) -> None:
        wait_s: float = RENEWAL_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = RENEWAL_EVERY_S * (500 + _random()) / 1000
            try:
                await self._renew_if_due()
            except KeysError as error:
                self._log.error("the certificate is not looked after", reason=str(error))

    async def _renew_if_due(self) -> None:
        """Renew the certificate in time. What does so is loaded only then. Raises KeysError."""
        config = self._config
        key, certificate = config.resolve(config.keys["key"]), config.resolve(config.keys["certificate"])
        signing = config.resolve(config.keys["signing_certificate"] or certificate)
        now_ms = self._clock.now()[0]
        if now_ms < min(due_ms(load_chain(path)[0]) for path in (certificate, signing)):
            return
        from agent.renewal import renewed  # noqa: PLC0415  most of the time nobody needs it

        found = await renewed(config.path, key, certificate, self._link, self._log, now_ms)
        if found is None:
            return
        if config.keys["signing"]:
            self._certificates = load_chain(signing)
        else:
            self._signer, self._certificates = found
            self._sealer.signer = self._signer
        self._link.announce()

    async def _watchdog(self, every_s: float) -> None:
        """Feed the watchdog while there is progress: the loop turns, and what is due to be sent does get sent."""
        while True:
            if self._link.behind_ms < STUCK_MS:
                self._service.alive()
            await asyncio.sleep(every_s)


def _random() -> int:
    return int.from_bytes(os.urandom(4)) % 1000
