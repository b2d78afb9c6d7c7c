"""A crossing in real time, below an unmodified controller: serial lines as pseudo-terminals, pins as a simulated board.

A thread lets the world's time pass, paces each line as its baud rate and its sensor would, answers Modbus requests, and reads what the
controller's pins do to the lamps. A path stays the same however often its line is unplugged; where nobody reads, bytes are lost, as on a
real line.
"""

import itertools
import pathlib
import select
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from simulators.gpio.hardware import BUTTON, Contact, Hardware, Output
from simulators.gpio.records import HIGH, LOW
from simulators.lines.port import Fault
from simulators.lines.pty import Pty
from simulators.street.modules import UNITS
from simulators.street.rig import LINES, Rig
from simulators.street.world import Plan, World

LEFT_PIN, RIGHT_PIN, BUTTON_PIN, PIR_PIN = 23, 24, 17, 27
"""As the crosswalk's settings have them by default."""
PINS = {"left": LEFT_PIN, "right": RIGHT_PIN}
MOTION = Contact(closed=HIGH, opened=LOW)
"""The PIR's output: 3.3 V while it sees somebody."""
REST_MIN_MS, REST_MAX_MS = 1.0, 5.0
"""Between two looks at pins and lines."""
PRESS_MS = 150


class Street:
    """One crossing at work.

    Args:
        folder: where its paths are made; short, for the board's socket lies in it.
        plan: of the street.
        fitted: the lines that there are, of ``simulators.street.rig.LINES``.
        flashed: called from the street's thread with a lamp and the instant (ns of CLOCK_MONOTONIC) at which it begins to give light.

    ``settings`` are those of a crosswalk controller for it; ``environment`` is what its process needs to find the board. ``units`` are the
    Modbus units on the line ``io``: relays (the lamps' supply is coil 0), analog (input registers 0 and 1: the loops of the left and the
    right lamp's transducer of 2000 mA, in microamperes) and inputs (input 0: the PIR). The line ``farside`` leads to a far unit over its
    radio.
    """

    units = UNITS

    def __init__(
        self,
        folder: pathlib.Path,
        plan: Plan,
        fitted: tuple[str, ...] = LINES,
        flashed: Callable[[str, int], None] = lambda _lamp, _at_ns: None,
    ) -> None:
        self._folder = folder
        self.began_ns = 0
        """When its time began, of CLOCK_MONOTONIC."""
        self._fitted = fitted
        self.rig = Rig(
            World(plan, self._pressed),
            self._settings_of(plan),
            lambda lamp, at_ms: flashed(lamp, self.began_ns + round(at_ms * 1_000_000)),
        )
        self._lines: dict[str, Pty] = {}
        self._lock = threading.RLock()
        self._seen: dict[str, Output] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="street", daemon=True)
        self.board: Hardware

    @property
    def settings(self) -> dict[str, object]:
        """Of the controller: ports, pins, the crossing's length."""
        return self._settings_of(self.rig.world.plan)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the controller's process."""
        return {"GPIOZERO_PIN_FACTORY": "dabyl", "DABYL_GPIO_SOCKET": str(self._folder / "board")}

    def start(self) -> None:
        """Open all lines and pins, and let time run."""
        self.board = Hardware(
            self._folder / "board", contacts={BUTTON_PIN: BUTTON, PIR_PIN: MOTION}, seed=self.rig.world.plan.seed
        )
        self._lines = {name: Pty(self._path(name)) for name in self._fitted}
        self.began_ns = time.monotonic_ns()
        self._thread.start()

    def stop(self) -> None:
        """Close everything; safe to call twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._thread.join()
        for line in self._lines.values():
            line.unplug()
        self.board.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def break_it(self, what: str, how: str) -> None:
        """As ``Rig.break_it``, from any thread; an unplugged line's path is gone within some milliseconds."""
        with self._lock:
            self.rig.break_it(what, how)

    def lit(self) -> bool:
        """Whether the beacon is seen as lit now."""
        with self._lock:
            return self.rig.glows(self._now_ms())

    def dark_for_ms(self) -> float:
        """How long no lamp has given light."""
        with self._lock:
            return self.rig.dark_for_ms(self._now_ms())

    def _settings_of(self, plan: Plan) -> dict[str, object]:
        ports = {f"{name}_port": str(self._path(name)) if name in self._fitted else "" for name in LINES}
        pins = {"left_pin": LEFT_PIN, "right_pin": RIGHT_PIN, "button_pin": BUTTON_PIN, "pir_pin": PIR_PIN}
        kept = {"counts_file": str(self._path("counts"))}
        return {**ports, **pins, **kept, "crossing_mm": plan.length_mm}

    def _path(self, name: str) -> pathlib.Path:
        return self._folder / name

    def _now_ms(self) -> float:
        return (time.monotonic_ns() - self.began_ns) / 1_000_000

    def _pressed(self, side: int, at_ms: int) -> None:
        if side < 0:
            self.board.press(BUTTON_PIN, PRESS_MS)
        elif self.rig.far:
            self.rig.far.press(at_ms)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                now_ms = self._now_ms()
                self._plug()
                self._drive_lamps()
                for said in self.rig.advance(now_ms):
                    if said.name == "pir":
                        self._move_pir(said.level)
                    elif said.name in self._lines and self._lines[said.name].plugged:
                        self._lines[said.name].write(said.data)
                rest_ms = min(max(self.rig.due_ms - now_ms, REST_MIN_MS), REST_MAX_MS)
                masters = {line.master: name for name, line in self._lines.items() if line.plugged}
            for master in select.select(list(masters), [], [], rest_ms / 1000)[0]:
                self._listen(masters[master])

    def _plug(self) -> None:
        """Pull and plug lines, in the one thread that reads them."""
        for name, line in self._lines.items():
            if line.plugged != (self.rig.ports[name].fault != Fault.UNPLUGGED):
                (line.unplug if line.plugged else line.plug)()

    def _listen(self, name: str) -> None:
        with self._lock:
            line = self._lines[name]
            if line.plugged:
                self.rig.write(name, line.read(), self._now_ms())

    def _move_pir(self, level: bool) -> None:
        self.board.drive(PIR_PIN, HIGH if level else LOW)

    def _drive_lamps(self) -> None:
        """All that the pins did since the last look, at the instant at which they did: this thread may come late, a flash is short."""
        for name, pin in PINS.items():
            output = self.board.output(pin)
            if output is None or output is self._seen.get(name):
                continue
            for change in changes_after(self._seen.get(name), self.board.history(pin)):
                self._seen[name] = change
                self.rig.drive(name, change.duty, (change.since_ns - self.began_ns) / 1_000_000)


def changes_after(seen: Output | None, history: Sequence[Output]) -> list[Output]:
    """What came after the change that was seen last."""
    fresh = list(itertools.takewhile(lambda change: change is not seen, reversed(history)))
    return fresh[::-1]
