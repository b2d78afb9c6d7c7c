"""One sensor on a serial line of its own: its line's happenings in; readings, changes of its health, and what to send to it out."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from devices.sensors import gnss, ld2410, ld2450, ops243, vedirect
from devices.sensors.hilink import Answer
from devices.sensors.readings import Reading, Said, Status
from devices.sensors.serial_line import Closed, Happening, Opened
from devices.sensors.watch import Limits, Watch


class Decoder(Protocol):
    """What every decoder here is: bytes in, readings out, never an exception, no more memory than one frame."""

    @property
    def understood(self) -> int:
        """Frames so far that made sense."""

    @property
    def skipped(self) -> int:
        """Bytes so far that made none."""

    def feed(self, data: bytes, at_ms: int) -> Sequence[Reading | Answer]:
        """Take bytes as they come."""


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """What is to be known about a model of sensor.

    Args:
        baud: of its line as it leaves the factory.
        decoder: makes its decoder.
        limits: when it is in fault.
        setup: sent whenever its line has been opened, and when it was not understood for a while: it may have lost its supply. Nothing
            that a sensor keeps in its flash, which would wear out.
        probe: a harmless question for a sensor that is silent when it sees nothing.
        probe_ms: how often, 0 never.
    """

    baud: int
    decoder: Callable[[], Decoder]
    limits: Limits
    setup: bytes = b""
    probe: bytes = b""
    probe_ms: int = 0


MODELS = {
    "ld2450": Model(ld2450.BAUD, ld2450.Decoder, Limits(silent_ms=1_000, frozen_ms=30_000)),
    "ld2410": Model(ld2410.BAUD, ld2410.Decoder, Limits(silent_ms=1_000, frozen_ms=300_000)),
    "ops243": Model(
        ops243.BAUD, ops243.Decoder, Limits(silent_ms=10_000, frozen_ms=60_000), ops243.SETUP, ops243.PROBE, 3_000
    ),
    "vedirect": Model(vedirect.BAUD, vedirect.Decoder, Limits(silent_ms=5_000)),
    "gnss": Model(gnss.BAUD, gnss.Decoder, Limits(silent_ms=5_000, frozen_ms=10_000)),
}
"""By the name in a configuration. The numbers of somebody who stands and waits tremble, a tracking radar's more than those of one that
knows distances alone; to call a radar frozen too early would leave out the one who waits. A charger's may stand still all night."""


class Sensor:
    """One sensor.

    Args:
        name: as in ``Status``.
        model: from ``MODELS``, or made after its kind.
        send: takes what is to be sent.
        now_ms: monotonic.
    """

    def __init__(self, name: str, model: Model, send: Callable[[bytes], object], now_ms: int) -> None:
        self._model = model
        self._send = send
        self._decoder = model.decoder()
        self._watch = Watch(name, model.limits, now_ms)
        self._open = False
        self._asked_ms = now_ms
        self._understood_ms = now_ms

    def take(self, happening: Happening) -> list[Reading | Status]:
        """What follows from what happened to its line."""
        at_ms = happening.at_ms
        if isinstance(happening, Opened):
            self._open = True
            self._decoder = self._model.decoder()
            self._set_up(at_ms)
            return [*self._watch.opened(at_ms)]
        if isinstance(happening, Closed):
            self._open = False
            return [*self._watch.closed(at_ms)]
        understood, skipped = self._decoder.understood, self._decoder.skipped
        said = self._decoder.feed(happening.data, at_ms)
        readings = [one for one in said if not isinstance(one, Answer)]
        for reading in readings:
            self._watch.read(reading)
        noise = self._decoder.skipped - skipped
        sense = 0
        if self._decoder.understood > understood:
            self._understood_ms = at_ms
            sense = max(1, len(happening.data) - noise)
        return [*readings, *self._watch.heard(at_ms, sense, noise, overran=happening.overran)]

    def tick(self, now_ms: int) -> list[Status]:
        """Let time pass: ask what is to be asked, and judge."""
        asking_ms = self._next_question_ms()
        if asking_ms is not None and now_ms >= asking_ms:
            if now_ms - self._understood_ms > max(self._model.limits.silent_ms, self._model.probe_ms):
                self._set_up(now_ms)
            if self._model.probe:
                self._send(self._model.probe)
            self._asked_ms = now_ms
        return self._watch.tick(now_ms)

    def next_tick_ms(self) -> int | None:
        """When ``tick`` is wanted next, None if only the line can bring something."""
        due = (self._watch.next_tick_ms(), self._next_question_ms())
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _next_question_ms(self) -> int | None:
        every_ms = self._model.probe_ms or (self._model.limits.silent_ms if self._model.setup else 0)
        return self._asked_ms + every_ms if self._open and every_ms else None

    def _set_up(self, now_ms: int) -> None:
        self._asked_ms = now_ms
        self._understood_ms = now_ms
        if self._model.setup:
            self._send(self._model.setup)


class OneSensor:
    """A sensor with its line to itself."""

    def __init__(self, name: str, sensor: Sensor) -> None:
        self._name = name
        self._sensor = sensor

    def take(self, happening: Happening) -> list[Said]:
        """Readings and judgements."""
        return [(self._name, one, one.at_ms) for one in self._sensor.take(happening)]

    def tick(self, now_ms: int) -> list[Said]:
        """Judgements, and what is to be asked."""
        return [(self._name, one, one.at_ms) for one in self._sensor.tick(now_ms)]

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""
        return self._sensor.next_tick_ms()
