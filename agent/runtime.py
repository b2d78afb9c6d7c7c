"""The agent at work: inputs to the device's logic, its effects to journal, link and hardware, receipts back to the logic.

One asyncio loop does everything but waiting for the disk. An alarm is published while it is being written; the promise "kept" waits
for the disk, and an event is settled only by a center's signed receipt. No trouble of network, disk or clock ends the agent.
"""

import asyncio
import collections
import os
import time

from agent import __version__, health
from agent.effects import EMIT
from agent.errors import ConfigError, HardwareError
from agent.journal.keeper import Keeper
from agent.keys.errors import KeysError
from agent.link.errors import LinkError
from agent.link.link import PRESENCE_EVERY_S, Link
from agent.link.outbox import Outbox
from agent.obey import Obedience
from agent.outgoing import Outgoing
from agent.seal import Sealer
from agent.wire import chain, cose, event, presence
from agent.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agent.centers import Centers
    from agent.clock import Clock
    from agent.config import Config
    from agent.journal.log import Journal
    from agent.kinds import Effects, Kind
    from agent.log import Log
    from agent.seal import Sealed
    from agent.service import Service
    from agent.wire.cose import Signer

REREAD_MS = 30_000
"""How often inputs are read again, so that a lost edge heals. Edges are not lost in ordinary life, and each look wakes the processor."""
SLICE = 20
"""Effects carried out without a pause, some milliseconds of work."""
FLOOR_EVERY_S = 3600
STUCK_MS = 60_000
"""How far the link may be behind what it last said it would do; beyond that the watchdog is not fed."""


class Agent:
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
        self._config = config
        self._kind = kind
        self._signer = signer
        self._certificates = certificates
        self._centers = centers
        self._journal = journal
        self._clock = clock
        self._service = service
        self._log = log
        self._device: str = config.device["id"]
        self._state = config.resolve(config.device["state"])
        self._rest: collections.deque[tuple[Any, ...]] = collections.deque()
        self._rereading: asyncio.TimerHandle | None = None
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Work until cancelled, then stop cleanly: outputs off, goodbye said, journal synced.

        Raises:
            ConfigError: the kind's settings are wrong.
            HardwareError: the hardware cannot be opened.
        """
        self._loop = loop = asyncio.get_running_loop()
        journal = self._journal
        now_ms = _monotonic_ms()
        try:
            self._logic = self._kind.make_logic(self._config.settings, now_ms)
        except ValueError as error:
            raise ConfigError(f"{self._config.path}: [settings]: {error}") from None
        try:
            self._binding = self._kind.make_binding(self._config.settings, self._edge)
        except (OSError, ValueError, RuntimeError, ImportError) as error:  # the logic has found the settings right
            raise HardwareError(f"the device's hardware cannot be opened: {error}") from None
        self._begin_boot()
        link = self._config.link
        self._outbox = Outbox(
            journal.next,
            lambda: self._outgoing.head,
            link["window"],
            link["backlog_rate"],
            link["alarm_retry_ms"],
            link["event_retry_ms"],
        )
        self._link = Link(
            self._device,
            self._brokers(),
            link,
            self._outbox,
            self._clock,
            self._log,
            _random,
            self._presence,
            self._message,
            self._link_changed,
            self._quarantined,
        )
        self._keeper = Keeper(journal, loop, on_kept=self._kept, on_trouble=self._disk_trouble)
        self._outgoing = Outgoing(loop, self._sealer, journal, self._keeper, self._link, self._log, self._sealed)
        self._obedience = Obedience(
            self._device,
            self._state,
            self._centers,
            journal,
            self._keeper,
            self._outbox,
            self._outgoing,
            self._clock,
            self._log,
            self._receipt,
            self._command,
        )
        self._first_event()
        try:
            self._binding.start()
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            await self._keeper.stop()
            raise HardwareError(f"the device's hardware cannot be opened: {error}") from None
        try:
            self._obedience.started()
            self._carry_out(self._logic.started(self._unsettled_alarms(), now_ms))
            self._reread()
            self._service.ready(f"{self._device}: boot {self._sealer.boot}")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run(), name="link")
                tasks.create_task(self._heartbeat(), name="heartbeat")
                tasks.create_task(self._announce(), name="presence")
                tasks.create_task(self._save_floor(), name="time floor")
                if self._service.watchdog_s is not None:
                    tasks.create_task(self._watchdog(self._service.watchdog_s), name="watchdog")
        finally:
            await self._stop()

    async def _stop(self) -> None:
        self._service.stopping()
        self._stopped = True
        for timer in (self._timer, self._rereading):
            if timer is not None:
                timer.cancel()
        try:
            self._binding.close()
        finally:
            while self._rest:
                self._do(self._rest.popleft())
            await self._link.stop()
            self._note_floor()
            await self._keeper.stop()

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

    # The boot

    def _begin_boot(self) -> None:
        """Draw the boot's number and make it durable, before anything of this boot is sent."""
        journal = self._journal
        last = journal.last
        draw = int.from_bytes(os.urandom(4)) & 0x7FFFFFFF
        boot = chain.next_boot(journal.notes.get("boot", 0), journal.notes.get("boot_floor"), draw)
        if boot < chain.VOLATILE:
            journal.note("boot", boot)
            if not journal.sync():
                boot = chain.VOLATILE | draw
                self._log.error("the boot number cannot be kept", disk=_trouble(journal), boot=boot)
        prev = chain.ZERO if last is None else last[2]
        self._sealer = Sealer(self._device, self._kind.KIND, chain.Chain(boot, prev), self._signer, self._clock)

    def _first_event(self) -> None:
        last = self._journal.last
        data: dict[str, object] = {"version": __version__, "last": None if last is None else list(last)}
        fresh = last is None and not self._journal.notes
        self._outgoing.emit("device.reset" if fresh else "device.booted", data)

    def _unsettled_alarms(self) -> "list[tuple[int, int, int]]":
        """Alarms of earlier boots that no receipt has settled, for the logic to adopt."""
        found = []
        for _position, _rank, boot, seq, envelope in self._journal.unsettled_alarms():
            try:
                made = event.decode(cose.parse(envelope).payload)
            except WireError:
                continue  # damaged on the disk; the center will say so
            self._outgoing.open_alarms[boot, seq] = made.type
            if made.type == "alarm.raised":
                found.append((boot, seq, 0))
        return found

    # Inputs and effects

    def _edge(self, name: str, value: int, time_ms: int) -> None:
        """An input changed; called from the hardware's thread."""
        try:
            self._loop.call_soon_threadsafe(self._input, name, value, time_ms)
        except RuntimeError:
            return  # the loop has ended

    def _input(self, name: str, value: int, time_ms: int) -> None:
        if self._log.tracing:
            self._log.stage("input", name=name, value=value, at_ms=time_ms)
        self._carry_out(self._logic.input(name, value, time_ms))
        self._schedule()

    def _reread(self) -> None:
        # First, so that one fault does not end it.
        self._rereading = self._loop.call_later(REREAD_MS / 1000, self._reread)
        now_ms = _monotonic_ms()
        for name, value in self._binding.read().items():
            self._carry_out(self._logic.input(name, value, now_ms))
        self._schedule()

    def _tick(self) -> None:
        self._timer = None
        now_ms = _monotonic_ms()
        due_ms = self._logic.next_tick_ms(now_ms)
        if due_ms is not None and due_ms <= now_ms:
            self._carry_out(self._logic.tick(now_ms))
        self._binding.step(_monotonic_ms())
        self._schedule()

    def _schedule(self) -> None:
        if self._stopped:
            return
        now_ms = _monotonic_ms()
        dues = (self._logic.next_tick_ms(now_ms), self._binding.next_step_ms(now_ms))
        due_ms = min((due for due in dues if due is not None), default=None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_ms is not None:
            wait_ns = max(0, due_ms * 1_000_000 - time.monotonic_ns())  # to the beginning of the due millisecond
            self._timer = self._loop.call_later(wait_ns / 1e9, self._tick)

    def _carry_out(self, effects: "Effects") -> None:
        """Do what the logic asks: a long list in slices, between which disk, network and inputs get their turn."""
        for effect in effects[:SLICE]:
            self._do(effect)
        if len(effects) > SLICE:
            if not self._rest:
                self._loop.call_soon(self._go_on)
            self._rest.extend(effects[SLICE:])
        if effects:
            self._schedule()

    def _go_on(self) -> None:
        for _ in range(min(SLICE, len(self._rest))):
            self._do(self._rest.popleft())
        if self._rest:
            self._loop.call_soon(self._go_on)

    def _do(self, effect: "tuple[Any, ...]") -> None:
        if effect[0] == EMIT:
            _, tag, type_, data = effect
            self._outgoing.emit(type_, data, tag)
        elif not self._stopped:  # the outputs are off, and stay so
            _, name, pattern = effect
            self._binding.output(name, pattern, _monotonic_ms())
            if self._log.tracing:
                self._log.stage("output", name=name, pattern=pattern)

    def _sealed(self, tag: int, sealed: "Sealed") -> None:
        self._carry_out(self._logic.sealed(tag, sealed.boot, sealed.seq, _monotonic_ms()))

    def _kept(self, position: int) -> None:
        self._outgoing.kept(position)
        self._obedience.kept(position)

    def _disk_trouble(self, trouble: "tuple[int, str] | None") -> None:
        if trouble is None:
            self._log.info("the disk is well again")
        else:
            self._log.error("the disk is in trouble; events are sent, but kept in memory only", reason=trouble[1])
            self._obedience.disk_trouble()

    # What the center says

    def _message(self, leaf: str, message: bytes) -> None:
        self._obedience.message(leaf, message)

    def _receipt(self, boot: int, seq: int, state: int) -> None:
        self._carry_out(self._logic.receipt(boot, seq, state, _monotonic_ms()))

    def _command(self, name: str, args: "dict[str, object]") -> "dict[str, object] | None":
        result, effects = self._logic.command(name, args, _monotonic_ms())
        self._carry_out(effects)
        return result

    # The link

    def _presence(self, session: int, online: bool) -> bytes:
        at, quality = self._clock.now()
        said = presence.Presence(
            self._device,
            self._kind.KIND,
            self._sealer.boot,
            session,
            online,
            at,
            quality,
            self._clock.up(),
            self._config.link["keepalive_s"],
            f"dabyl {__version__}",
        )
        try:
            return cose.sign(said.encode(), presence.CONTEXT, self._signer, cose.x5chain(self._certificates))
        except KeysError as error:
            raise LinkError(f"the key does not sign: {error}") from None

    def _link_changed(self, up: bool) -> None:
        self._log.stage("link", up=up)
        self._service.status(f"{self._device}: {'connected' if up else 'no connection'}")
        self._carry_out(self._logic.link(up, _monotonic_ms()))

    def _quarantined(self, boot: int, seq: int, size: int) -> None:
        self._log.error("the broker refuses an event for its size", boot=boot, seq=seq, bytes=size)
        self._outgoing.emit("link.quarantined", {"boot": boot, "seq": seq, "bytes": size})

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

    def _note_floor(self) -> None:
        at, quality = self._clock.now()
        if quality == event.CLOCK_SYNCHRONISED and at > self._journal.notes.get("time_floor", 0):
            self._journal.note("time_floor", at)
            self._keeper.wake()

    async def _watchdog(self, every_s: float) -> None:
        """Feed the watchdog while there is progress: the loop turns, and what is due to be sent does get sent."""
        while True:
            if self._link.behind_ms < STUCK_MS:
                self._service.alive()
            await asyncio.sleep(every_s)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _random() -> float:
    return int.from_bytes(os.urandom(4)) / (1 << 32)


def _trouble(journal: "Journal") -> str:
    return "ok" if journal.trouble is None else journal.trouble[1]
