"""Hardware in real time, below an unmodified agent: serial lines as pseudo-terminals, pins as a simulated board.

A thread lets the rig's time pass, paces each line as its baud rate and its instrument would, and brings it what the agent sends. A path
stays the same however often its line is unplugged; where nobody reads, bytes are lost, as on a real line.
"""

import abc
import os
import pathlib
import select
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from simulators.gpio.hardware import Contact, Hardware
from simulators.lines.port import Fault, Port
from simulators.lines.pty import Pty

REST_MAX_MS = 5.0
"""Between two looks at pins and lines, at most."""


class LineRig(Protocol):
    """What hangs on the lines. Pure; times are milliseconds since it began."""

    ports: dict[str, Port]

    @property
    def due_ms(self) -> float:
        """When something is due."""

    def write(self, name: str, data: bytes, now_ms: float, /) -> None:
        """The agent sends on a line."""

    def break_it(self, what: str, how: str) -> None:
        """Make something go wrong, or well again with ``how`` "well". Raises WiringError if that is not possible."""


RigT = TypeVar("RigT", bound=LineRig)


class LiveRig(abc.ABC, Generic[RigT]):
    """A rig at work between ``start`` and ``stop``.

    Args:
        folder: where its paths are made, each line's under its name; short, for the board's socket ``board`` lies in it.
        rig: what hangs on the lines.
        contacts: of the board, by pin.
        seed: of their bounce.

    ``environment`` is what the agent's process needs to find the board.
    """

    rest_min_ms = 1.0
    """Between two looks, at least."""

    def __init__(self, folder: pathlib.Path, rig: RigT, contacts: Mapping[int, Contact], seed: int) -> None:
        self.rig = rig
        self.board: Hardware
        self.began_ns = 0
        """When its time began, of CLOCK_MONOTONIC."""
        self._folder = folder
        self._contacts = contacts
        self._seed = seed
        self._lines: dict[str, Pty] = {}
        self._lock = threading.RLock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the agent's process."""
        return {"GPIOZERO_PIN_FACTORY": "dabyl", "DABYL_GPIO_SOCKET": os.fspath(self._folder / "board")}

    def start(self) -> None:
        """Open all lines and pins, and let time run."""
        self.board = Hardware(self._folder / "board", contacts=self._contacts, seed=self._seed)
        self._lines = {name: Pty(self._folder / name) for name in self.rig.ports}
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
        """As the rig's, from any thread; an unplugged line's path is gone within some milliseconds."""
        with self._lock:
            self.rig.break_it(what, how)

    @abc.abstractmethod
    def _advance(self, now_ms: float) -> None:
        """Let the rig's time pass, and bring the agent what comes of it."""

    def _say(self, name: str, data: bytes) -> None:
        """Bytes of a line come to the agent, if it is plugged."""
        if self._lines[name].plugged:
            self._lines[name].write(data)

    def _now_ms(self) -> float:
        return (time.monotonic_ns() - self.began_ns) / 1_000_000

    def _at_ns(self, at_ms: float) -> int:
        """A time of the rig, of CLOCK_MONOTONIC."""
        return self.began_ns + round(at_ms * 1_000_000)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                self._plug()
                now_ms = self._now_ms()
                self._advance(now_ms)
                rest_ms = min(max(self.rig.due_ms - now_ms, self.rest_min_ms), REST_MAX_MS)
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
