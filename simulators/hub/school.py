"""A school in real time, below an unmodified hub: ports as pseudo-terminals, the hub's lamp and enclosure as a simulated board.

A thread lets time pass, paces each line as its baud rate would, and answers for the modules. A path stays the same however often its port
is unplugged.
"""

import pathlib
import select
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from simulators.gpio import physics
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.hub.module import CHANNELS
from simulators.hub.rig import BAUD, BUILDING, MODULES_PER_PORT, Rig, place
from simulators.lines.port import Fault
from simulators.lines.pty import Pty
from simulators.site import LAMP_PIN, SUPPLY_PIN, TAMPER_PIN

REST_MIN_MS, REST_MAX_MS = 0.2, 5.0
"""Between two looks at the lines."""


class School:
    """One school at work.

    Args:
        folder: where its paths are made; short, for the board's socket lies in it.
        zones: how many buttons.
        seed: of everything random.

    ``settings`` are those of a hub for it; ``environment`` is what its process needs to find the board.
    """

    def __init__(self, folder: pathlib.Path, zones: int = 8, seed: int = 0) -> None:
        self._folder = folder
        self._seed = seed
        self.rig = Rig(zones, seed)
        self._lines: dict[str, Pty] = {}
        self._lock = threading.RLock()
        self._began_ns = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="school", daemon=True)
        self.board: Hardware

    @property
    def settings(self) -> dict[str, object]:
        """Of the hub: modules, zones, pins."""
        modules = [
            {
                "port": str(self._folder / f"io{number // MODULES_PER_PORT}"),
                "unit": number % MODULES_PER_PORT + 1,
                "channels": CHANNELS,
            }
            for number in range(len(self.rig.modules))
        ]
        zones = []
        for number in range(len(self.rig.zones)):
            where = place(number)
            where["name"] = where.pop("zone")
            zones.append({**where, "module": number // CHANNELS + 1, "channel": number % CHANNELS + 1})
        pins = {"lamp_pin": LAMP_PIN, "tamper_pin": TAMPER_PIN, "supply_pin": SUPPLY_PIN, "supply_active_low": True}
        return {"building": BUILDING, "baud": BAUD, "modules": modules, "zones": zones, **pins}

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the hub's process."""
        return {"GPIOZERO_PIN_FACTORY": "dabyl", "DABYL_GPIO_SOCKET": str(self._folder / "board")}

    def start(self) -> None:
        """Open all ports and pins, and let time run."""
        self.board = Hardware(self._folder / "board", contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=self._seed)
        self._lines = {name: Pty(self._folder / name) for name in self.rig.ports}
        self._began_ns = time.monotonic_ns()
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

    def press(self, zone: int, held_ms: float = 150, bounce: physics.BouncePattern = physics.POOR) -> int:
        """Press a button, counted from 0; the instant of the touch, in ns of CLOCK_MONOTONIC."""
        with self._lock:
            now_ms = self._now_ms()
            self.rig.zones[zone].press(now_ms, held_ms, bounce)
            return self._began_ns + round(now_ms * 1_000_000)

    def break_it(self, what: str, how: str) -> None:
        """As ``Rig.break_it``, from any thread; an unplugged port's path is gone within some milliseconds."""
        with self._lock:
            self.rig.break_it(what, how)

    def looked_at(self) -> bool:
        """Whether somebody has just asked every module that is alive."""
        with self._lock:
            now_ms = self._now_ms()
            return all(
                one.asked and now_ms - one.asked[-1] < 10 * REST_MAX_MS for one in self.rig.modules if one.powered
            )

    def looks(self) -> list[list[int]]:
        """When each module was asked, in ns of CLOCK_MONOTONIC."""
        with self._lock:
            return [
                [self._began_ns + round(at_ms * 1_000_000) for at_ms in module.asked] for module in self.rig.modules
            ]

    def _now_ms(self) -> float:
        return (time.monotonic_ns() - self._began_ns) / 1_000_000

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                self._plug()
                now_ms = self._now_ms()
                for name, data in self.rig.advance(now_ms):
                    if self._lines[name].plugged:
                        self._lines[name].write(data)
                rest_ms = min(max(self.rig.due_ms - now_ms, REST_MIN_MS), REST_MAX_MS)
                masters = {line.master: name for name, line in self._lines.items() if line.plugged}
            for master in select.select(list(masters), [], [], rest_ms / 1000)[0]:
                self._listen(masters[master])

    def _plug(self) -> None:
        """Pull and plug ports, in the one thread that reads them."""
        for name, line in self._lines.items():
            if line.plugged != (self.rig.ports[name].fault != Fault.UNPLUGGED):
                (line.unplug if line.plugged else line.plug)()

    def _listen(self, name: str) -> None:
        with self._lock:
            line = self._lines[name]
            if line.plugged:
                self.rig.write(name, line.read(), self._now_ms())
