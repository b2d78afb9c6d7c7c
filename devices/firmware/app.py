"""The firmware at work: the portable device on a board, with the board's own journal store, link, hardware and watchdog."""

import asyncio
import gc
import os
import sys

import machine
import network

from agent import __version__
from agent.device import Device
from agent.health import journal_facts
from agent.journal.log import Journal
from agent.link.outbox import Outbox
from devices.firmware import factory
from devices.firmware.clock import BoardClock, since_ms
from devices.firmware.config import ConfigError
from devices.firmware.flash import BOUNDS, FlashStore
from devices.firmware.hardware import Hardware
from devices.firmware.identity import Identity
from devices.firmware.keeper import Keeper
from devices.firmware.link import Link
from devices.firmware.options import BUNDLED, KINDS
from devices.firmware.wifi import JOIN_MS, NO_LEASE, Wifi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from devices.firmware.config import Config
    from devices.firmware.log import SerialLog
    from devices.firmware.schedule import Schedule
    from devices.firmware.slots import Slots
    from devices.firmware.watchdog import Watchdog

JOURNAL = "/journal"
FEED_MS = 20
"""How often it is looked whether all goes on, a report can go or a badge can sleep, which has its radio on until then."""
STUCK_MS = 60_000
"""How far the link may be behind what it last said it would do; beyond that the watchdog is not fed."""
HEALTHY_MS = 30_000
"""A board that lives so long without a network has started well."""
_FLOOR = "time_floor"


class Board(Device):
    """One board at work. ``run`` lasts until the power goes.

    Raises:
        ConfigError: there is no such kind.
        SettingsError: the kind's settings are wrong.
        HardwareError: a pin is not to be had.
        BoardKeyError, LinkError: keys or certificates are missing, damaged or do not belong together.
        OSError: flash cannot be read, or is full.
    """

    first_broker = 0
    """Place of the broker that is tried first."""
    first_network = 0
    lease = NO_LEASE
    """What is known before of the address in the first network, see `Wifi`."""

    def __init__(
        self, config: "Config", schedule: "Schedule", log: "SerialLog", slots: "Slots", watchdog: "Watchdog"
    ) -> None:
        kind = config.device["kind"]
        table, patterns, make_logic = _parts(kind)
        # The lamp first: it says what is wrong with the rest.
        self._made = make_logic(config.settings, schedule.now_ms())
        settings = {name: config.settings.get(name, table[name][1]) for name in table}
        self._hardware = Hardware(settings, patterns, config.battery, schedule, self._input, slots.remember_lamp)
        resets = machine.reset_cause() == machine.PWRON_RESET and factory.asked(self._hardware, schedule, watchdog.feed)
        self._hardware.listen()
        journal = Journal(FlashStore(JOURNAL), **BOUNDS)
        report = journal.open()
        if report.bytes_cut or report.damaged or report.unreadable:
            log.warning("the journal was mended", bytes_cut=report.bytes_cut, damaged=len(report.damaged))
        if resets:
            self._reset(journal.unsettled_count(0), schedule, log, watchdog)
        identity = Identity(config.device["id"], config.secure_element, watchdog)
        self._tls = identity.tls
        floor_ms = max(journal.notes.get(_FLOOR, 0), since_ms(identity.chain[0]))
        clock = BoardClock(schedule.now_ms, floor_ms, self._floor)
        super().__init__(
            config.device["id"],
            kind,
            self._missed_s(config),
            __version__,
            identity.signer,
            identity.chain,
            identity.trust,
            journal,
            clock,
            log,
        )
        self._schedule = schedule
        self._config = config
        self._slots = slots
        self._watchdog = watchdog
        self._started_ms = schedule.now_ms()
        self._report_ms = 0
        self._well = False

    def _reset(self, alarms: int, schedule: "Schedule", log: "SerialLog", watchdog: "Watchdog") -> None:
        """Go back to the state before enrolment, unless alarms wait to be delivered."""
        if alarms:
            log.warning("no factory reset: alarms wait to be delivered", alarms=alarms)
            factory.show(self._hardware, "sending", schedule, watchdog.feed)
            return
        log.warning("factory reset")
        factory.erase()
        factory.show(self._hardware, "acknowledged", schedule, watchdog.feed)
        machine.reset()

    async def run(self) -> None:
        """Work."""
        config, schedule = self._config, self._schedule
        self._begin_boot()
        settings = config.link
        outbox = Outbox(
            self._journal.next,
            self._head,
            settings["window"],
            settings["backlog_rate"],
            settings["alarm_retry_ms"],
            settings["event_retry_ms"],
        )
        self._wifi = Wifi(
            network,
            _from(self.first_network, config.wifi),
            schedule.now_ms,
            self._log,
            _random,
            self._joined,
            self.lease,
        )
        self._link = Link(
            self._device,
            _from(self.first_broker, [(broker["host"], broker["port"]) for broker in config.brokers]),
            self._tls,
            self._watchdog.patiently,
            self._wifi,
            settings,
            outbox,
            self._clock,
            self._log,
            _random,
            self._presence,
            self._message,
            self._link_changed,
            self._quarantined,
        )
        keeper = Keeper(self._journal, schedule, self._kept, self._disk_trouble)
        self._put_together(schedule, self._made, self._hardware, outbox, self._link, keeper)
        self._open()
        self._begin()
        gc.collect()
        self._watchdog.shorten()
        self._log.info("started", device=self._device, boot=self._sealer.boot, free=gc.mem_free())  # type: ignore[attr-defined]
        for work in (self._wifi.run(), self._link.run(), self._hardware.run(), self._heartbeat()):
            asyncio.create_task(self._for_ever(work))  # noqa: RUF006  MicroPython's loop keeps its tasks
        await self._watch()

    async def _for_ever(self, work: "Any") -> None:
        """A part of the firmware must not end and leave the rest to look well: whatever ends one starts the board again."""
        try:
            await work
        except Exception as error:
            sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython's own
        machine.reset()

    async def _watch(self) -> None:
        """Feed the watchdog while there is progress."""
        while True:
            if self._link.behind_ms < STUCK_MS:
                self._watchdog.feed()
            if self._schedule.now_ms() - self._started_ms > HEALTHY_MS:
                self._healthy()
            await self._look()
            await asyncio.sleep_ms(FEED_MS)  # type: ignore[attr-defined]  # MicroPython's own

    def _tick(self) -> None:
        """What interrupted while the processor was held comes before what is due since."""
        self._timer = None
        self._hardware.look()
        if self._timer is not None:
            self._timer.cancel()  # type: ignore[unreachable]  # to look may have set it
        super()._tick()

    async def _heartbeat(self) -> None:
        """Report, and wait for a network before it as long as joining one may take, so that the report tells its strength."""
        while True:
            await asyncio.sleep_ms(max(0, self._report_ms - self._schedule.now_ms()))  # type: ignore[attr-defined]
            until_ms = self._schedule.now_ms() + JOIN_MS
            while self._wifi.rssi is None and self._schedule.now_ms() < until_ms:
                await asyncio.sleep_ms(FEED_MS)  # type: ignore[attr-defined]
            self._report_ms = self._schedule.now_ms() + self._config.device["heartbeat_s"] * 1000
            gc.collect()
            data = journal_facts(self._journal)
            data.update(
                {
                    "free": gc.mem_free(),  # type: ignore[attr-defined]  # MicroPython's own
                    "cause": machine.reset_cause(),
                    "broker": self._broker() + 1,
                    "session": self._link.session,
                    "up": self._link.up,
                    "refused": self._obedience.refused,
                }
            )
            rssi = self._wifi.rssi
            if rssi is not None:
                data["rssi"] = rssi
            self._outgoing.emit("health.report", data)

    def _missed_s(self, config: "Config") -> int:
        """Within what the center may expect a sign of life."""
        return int(config.link["keepalive_s"])

    async def _look(self) -> None:
        """Called every `FEED_MS`, for a board that does more."""

    def _broker(self) -> int:
        """Place of the broker in use or tried."""
        return (self.first_broker + self._link.broker - 1) % len(self._config.brokers)

    def _link_changed(self, up: bool) -> None:
        if up:
            self._wifi.reached()
            self._healthy()
        super()._link_changed(up)

    def _joined(self, joined: bool) -> None:
        if joined:
            self._link.hurry()

    def _healthy(self) -> None:
        if not self._well:
            self._well = True
            self._slots.healthy()

    def _floor(self, at_ms: int) -> None:
        self._journal.note(_FLOOR, at_ms)
        self._keeper.wake()


def _parts(kind: str) -> "tuple[Any, Any, Any]":
    """The kind's settings, its patterns, and the factory of its logic. Raises ConfigError."""
    if not BUNDLED:
        try:
            package: "Any" = __import__("devices." + kind.replace("-", "_"), None, None, ("KIND",))
            if package.KIND == kind:
                return package.SETTINGS, package.PATTERNS, package.make_logic
        except (ImportError, AttributeError):
            pass
    elif kind in KINDS:
        return KINDS[kind]
    raise ConfigError("device: this firmware has no kind '%s'" % kind)


def _from(place: int, entries: "list[Any]") -> "list[Any]":
    """The entries in their order, from that place on."""
    return entries[place:] + entries[:place]


def _random() -> int:
    return int.from_bytes(os.urandom(4), "big") % 1000
