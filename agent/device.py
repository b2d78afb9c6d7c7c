"""A device at work, whatever it runs on: inputs to its logic, its effects to journal, link and hardware, receipts back to the logic.

``agent.runtime`` makes it an agent on Linux, ``devices.firmware.app`` a board's firmware; they bring the loop, the disk, the link, the
hardware and the regular duties. An alarm is published while it is being written; the promise "kept" waits for the disk, and an event is
settled only by a center's signed receipt. Runs on MicroPython and CPython alike.
"""

import os

from agent.effects import EMIT
from agent.errors import HardwareError
from agent.keys.errors import KeysError
from agent.link.errors import LinkError
from agent.obey import Obedience
from agent.outgoing import Outgoing
from agent.seal import Sealer
from agent.wire import chain, cose, event, presence
from agent.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agent.clock import Clock
    from agent.journal.log import Journal
    from agent.kinds import Binding, Effects, Logic
    from agent.link.outbox import Outbox
    from agent.parts import Centers, Keeper, Link, Log, Schedule, Timer
    from agent.seal import Sealed
    from agent.wire.cose import Signer

REREAD_MS = 30_000
"""How often inputs are read again, so that a lost edge heals. Edges are not lost in ordinary life, and each look wakes the processor."""
SLICE = 16
"""Effects carried out without a pause, some milliseconds of work."""


class Device:
    """One boot of one device. Who derives from it calls ``_begin_boot``, ``_put_together``, ``_open`` and ``_begin`` in this order, and
    at the end ``_halt``.

    Args:
        name: the device's identity.
        kind: its kind's name, as in events.
        keepalive_s: within what the center may expect a sign of life, told in presence.
        version: of the software, told in presence.
        signer: signs events and presence.
        certificates: the device's chain, DER.
        centers: whose receipts and commands count.
        journal: opened.
        clock: the device's time.
        log: for people.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        keepalive_s: int,
        version: str,
        signer: "Signer",
        certificates: "list[bytes]",
        centers: "Centers",
        journal: "Journal",
        clock: "Clock",
        log: "Log",
    ) -> None:
        self._device = name
        self._kind_name = kind
        self._keepalive_s = keepalive_s
        self._version = version
        self._signer = signer
        self._certificates = certificates
        self._centers = centers
        self._journal = journal
        self._clock = clock
        self._log = log
        self._rest: "Effects" = []
        self._rest_begun = 0
        self._going_on = False
        self._stopped = False
        self._timer: "Timer | None" = None
        self._rereading: "Timer | None" = None

    def _begin_boot(self) -> None:
        """Draw the boot's number and make it durable, before anything of this boot is sent."""
        journal = self._journal
        last = journal.last
        draw = int.from_bytes(os.urandom(4), "big") & 0x7FFFFFFF
        boot = chain.next_boot(journal.notes.get("boot", 0), journal.notes.get("boot_floor"), draw)
        if boot < chain.VOLATILE:
            journal.note("boot", boot)
            if not journal.sync():
                boot = chain.VOLATILE | draw
                self._log.error("the boot number cannot be kept", disk=_trouble(journal), boot=boot)
        prev = chain.ZERO if last is None else last[2]
        self._sealer = Sealer(self._device, self._kind_name, chain.Chain(boot, prev), self._signer, self._clock)

    def _put_together(
        self,
        schedule: "Schedule",
        logic: "Logic",
        binding: "Binding",
        outbox: "Outbox",
        link: "Link",
        keeper: "Keeper",
    ) -> None:
        """Take the parts that this boot works with; ``link`` and ``keeper`` call back the methods below."""
        self._schedule = schedule
        self._logic = logic
        self._binding = binding
        self._outbox = outbox
        self._keeper = keeper
        self._outgoing = Outgoing(schedule, self._sealer, self._journal, keeper, link, self._log, self._sealed)
        self._obedience = Obedience(
            self._device,
            self._centers,
            self._journal,
            keeper,
            outbox,
            self._outgoing,
            self._clock,
            self._log,
            self._receipt,
            self._command,
        )

    def _open(self) -> None:
        """Emit the boot's first event, then take the hardware.

        Raises:
            HardwareError: it cannot be opened. The first event is in the journal all the same.
        """
        self._first_event()
        try:
            self._binding.start()
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise HardwareError("the device's hardware cannot be opened: %s" % error) from None

    def _begin(self) -> None:
        """Answer for what the last boot left undone, and let the logic begin."""
        self._obedience.started()
        self._carry_out(self._logic.started(self._unsettled_alarms(), self._schedule.now_ms()))
        if self._journal.trouble is not None:  # the keeper tells what changes
            self._input("disk", 1, self._schedule.now_ms())
        self._reread()

    def _halt(self) -> None:
        """Give the hardware back, and seal what the logic has said already. Nothing is sent by this."""
        self._stopped = True
        for timer in (self._timer, self._rereading):
            if timer is not None:
                timer.cancel()
        try:
            self._binding.close()
        finally:
            while self._rest:
                self._next_slice()

    def _head(self) -> int:
        return self._outgoing.head

    def _first_event(self) -> None:
        last = self._journal.last
        data: "dict[str, object]" = {"version": self._version, "last": None if last is None else list(last)}
        fresh = last is None and not self._journal.notes
        self._outgoing.emit("device.reset" if fresh else "device.booted", data)

    def _unsettled_alarms(self) -> "list[tuple[int, int, int]]":
        """Alarms of earlier boots that no receipt has settled, for the logic to adopt."""
        found = []
        for _position, _rank, boot, seq, envelope in self._journal.unsettled_alarms():
            try:
                type_ = self._recall(boot, seq, cose.parse(envelope).payload)
            except WireError:
                continue  # damaged on the disk; the center will say so
            self._outgoing.open_alarms[boot, seq] = type_
            if type_ == "alarm.raised":
                found.append((boot, seq, 0))
        return found

    def _recall(self, boot: int, seq: int, payload: bytes) -> str:  # noqa: ARG002  the agent on Linux takes them
        """The type of an alarm event that no receipt has settled."""
        return event.type_of(payload)

    # Inputs and effects

    def _input(self, name: str, value: "Any", time_ms: int) -> None:
        """What the binding reports, see ``agent.kinds.Kind.make_binding``."""
        if value is not None:
            if self._log.tracing:
                self._log.stage("input", name=name, value=value, at_ms=time_ms)
            self._carry_out(self._logic.input(name, value, time_ms))
        self._look_ahead()

    def _reread(self) -> None:
        now_ms = self._schedule.now_ms()
        # First, so that one fault does not end it.
        self._rereading = self._schedule.at(now_ms + REREAD_MS, self._reread)
        for name, value in self._binding.read().items():
            self._carry_out(self._logic.input(name, value, now_ms))
        self._look_ahead()

    def _tick(self) -> None:
        self._timer = None
        now_ms = self._schedule.now_ms()
        due_ms = self._logic.next_tick_ms(now_ms)
        if due_ms is not None and due_ms <= now_ms:
            self._carry_out(self._logic.tick(now_ms))
        self._binding.step(self._schedule.now_ms())
        self._look_ahead()

    def _look_ahead(self) -> None:
        if self._stopped:
            return
        now_ms = self._schedule.now_ms()
        due_ms = self._logic.next_tick_ms(now_ms)
        step_ms = self._binding.next_step_ms(now_ms)
        if due_ms is None or (step_ms is not None and step_ms < due_ms):
            due_ms = step_ms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_ms is not None:
            self._timer = self._schedule.at(due_ms, self._tick)

    def _carry_out(self, effects: "Effects") -> None:
        """Do what the logic asks: a long list in slices, between which disk, network and inputs get their turn."""
        for effect in effects[:SLICE]:
            self._do(effect)
        if len(effects) > SLICE:
            self._rest.extend(effects[SLICE:])
            self._go_on_soon()
        if effects:
            self._look_ahead()

    def _go_on_soon(self) -> None:
        if not self._going_on:
            self._going_on = True
            self._schedule.soon(self._go_on)

    def _go_on(self) -> None:
        self._going_on = False
        self._next_slice()
        if self._rest:
            self._go_on_soon()

    def _next_slice(self) -> None:
        batch = self._rest[self._rest_begun : self._rest_begun + SLICE]
        self._rest_begun += len(batch)
        for effect in batch:  # which may add to the rest
            self._do(effect)
        if self._rest_begun >= len(self._rest):
            self._rest = []
            self._rest_begun = 0

    def _do(self, effect: "tuple[Any, ...]") -> None:
        if effect[0] == EMIT:
            _, tag, type_, data = effect
            self._outgoing.emit(type_, data, tag)
        elif not self._stopped:  # the outputs are off, and stay so
            _, name, pattern = effect
            self._binding.output(name, pattern, self._schedule.now_ms())
            if self._log.tracing:
                self._log.stage("output", name=name, pattern=pattern)

    def _sealed(self, tag: int, sealed: "Sealed") -> None:
        self._carry_out(self._logic.sealed(tag, sealed.boot, sealed.seq, self._schedule.now_ms()))

    # What journal and disk say

    def _kept(self, position: int) -> None:
        self._outgoing.kept(position)
        self._obedience.kept(position)

    def _disk_trouble(self, trouble: "tuple[int, str] | None") -> None:
        if trouble is None:
            self._log.info("the disk is well again")
        else:
            self._log.error("the disk is in trouble; events are sent, but kept in memory only", reason=trouble[1])
            self._obedience.disk_trouble()
        self._input("disk", int(trouble is not None), self._schedule.now_ms())

    def _note_floor(self) -> None:
        at, quality = self._clock.now()
        if quality == event.CLOCK_SYNCHRONISED and at > self._journal.notes.get("time_floor", 0):
            self._journal.note("time_floor", at)
            self._keeper.wake()

    # What the center says

    def _message(self, leaf: str, message: bytes) -> None:
        self._obedience.message(leaf, message)

    def _receipt(self, boot: int, seq: int, state: int) -> None:
        self._tell_time()
        self._carry_out(self._logic.receipt(boot, seq, state, self._schedule.now_ms()))

    def _command(self, name: str, args: "dict[str, object]") -> "dict[str, object] | None":
        self._tell_time()
        result, effects = self._logic.command(name, args, self._schedule.now_ms())
        self._carry_out(effects)
        return result

    def _tell_time(self) -> None:
        """The logic learns the time of day where a clock or a signed receipt has told it: a drill is till then."""
        at = self._clock.known()
        if at is not None:
            self._carry_out(self._logic.input("clock", at, self._schedule.now_ms()))

    # What the link says

    def _presence(self, session: int, online: bool) -> bytes:
        at, quality = self._clock.now()
        said = presence.Presence(
            self._device,
            self._kind_name,
            self._sealer.boot,
            session,
            online,
            at,
            quality,
            self._clock.up(),
            self._keepalive_s,
            "dabyl " + self._version,
        )
        try:
            return cose.sign(said.encode(), presence.CONTEXT, self._signer, cose.x5chain(self._certificates))
        except KeysError as error:
            raise LinkError("the key does not sign: %s" % error) from None

    def _link_changed(self, up: bool) -> None:
        self._log.stage("link", up=up)
        self._carry_out(self._logic.link(up, self._schedule.now_ms()))

    def _quarantined(self, boot: int, seq: int, size: int) -> None:
        self._log.error("the broker refuses an event for its size", boot=boot, seq=seq, bytes=size)
        self._outgoing.emit("link.quarantined", {"boot": boot, "seq": seq, "bytes": size})


def _trouble(journal: "Journal") -> str:
    return "ok" if journal.trouble is None else journal.trouble[1]
