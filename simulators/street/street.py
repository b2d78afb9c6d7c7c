"""A crossing in real time, below an unmodified controller: what its pins do to the lamps is read back, and its Modbus requests answered."""

import itertools
import pathlib
from collections.abc import Callable, Sequence

from simulators.gpio.hardware import BUTTON, Contact, Output
from simulators.gpio.records import HIGH, LOW
from simulators.lines.live_rig import LiveRig
from simulators.street.modules import UNITS
from simulators.street.rig import LINES, Rig
from simulators.street.world import Plan, World

LEFT_PIN, RIGHT_PIN, BUTTON_PIN, PIR_PIN = 23, 24, 17, 27
"""As the crosswalk's settings have them by default."""
PINS = {"left": LEFT_PIN, "right": RIGHT_PIN}
MOTION = Contact(closed=HIGH, opened=LOW)
"""The PIR's output: 3.3 V while it sees somebody."""
PRESS_MS = 150


class Street(LiveRig[Rig]):
    """One crossing at work.

    Args:
        folder: where its paths are made; short, for the board's socket lies in it.
        plan: of the street.
        fitted: the lines that there are, of ``simulators.street.rig.LINES``.
        flashed: called from the street's thread with a lamp and the instant (ns of CLOCK_MONOTONIC) at which it begins to give light.

    ``settings`` are those of a crosswalk controller for it. ``units`` are the Modbus units on the line ``io``: relays (the lamps' supply is
    coil 0), analog (input registers 0 and 1: the loops of the left and the right lamp's transducer of 2000 mA, in microamperes) and inputs
    (input 0: the PIR). The line ``farside`` leads to a far unit over its radio.
    """

    units = UNITS

    def __init__(
        self,
        folder: pathlib.Path,
        plan: Plan,
        fitted: tuple[str, ...] = LINES,
        flashed: Callable[[str, int], None] = lambda _lamp, _at_ns: None,
    ) -> None:
        self.settings = _settings_of(plan, folder, fitted)
        world = World(plan, self._pressed)
        rig = Rig(world, self.settings, lambda lamp, at_ms: flashed(lamp, self._at_ns(at_ms)))
        super().__init__(folder, rig, {BUTTON_PIN: BUTTON, PIR_PIN: MOTION}, plan.seed)
        self._seen: dict[str, Output] = {}

    def lit(self) -> bool:
        """Whether the beacon is seen as lit now."""
        with self._lock:
            return self.rig.glows(self._now_ms())

    def dark_for_ms(self) -> float:
        """How long no lamp has given light."""
        with self._lock:
            return self.rig.dark_for_ms(self._now_ms())

    def _pressed(self, side: int, at_ms: int) -> None:
        if side < 0:
            self.board.press(BUTTON_PIN, PRESS_MS)
        elif self.rig.far:
            self.rig.far.press(at_ms)

    def _advance(self, now_ms: float) -> None:
        self._drive_lamps()
        for said in self.rig.advance(now_ms):
            if said.name == "pir":
                self._move_pir(said.level)
            else:
                self._say(said.name, said.data)

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


def _settings_of(plan: Plan, folder: pathlib.Path, fitted: Sequence[str]) -> dict[str, object]:
    ports = {f"{name}_port": str(folder / name) if name in fitted else "" for name in LINES}
    pins = {"left_pin": LEFT_PIN, "right_pin": RIGHT_PIN, "button_pin": BUTTON_PIN, "pir_pin": PIR_PIN}
    kept = {"counts_file": str(folder / "counts")}
    return {**ports, **pins, **kept, "crossing_mm": plan.length_mm}


def changes_after(seen: Output | None, history: Sequence[Output]) -> list[Output]:
    """What came after the change that was seen last."""
    fresh = list(itertools.takewhile(lambda change: change is not seen, reversed(history)))
    return fresh[::-1]
