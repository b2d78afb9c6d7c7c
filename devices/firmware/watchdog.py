"""The watchdog: short while the board works, so that a press waits for nobody; long for what holds the processor and is no hang.

On an ESP32 the same watchdog takes another time whenever it is made again, and cannot be switched off. MicroPython subset.
"""

from machine import WDT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")

WORKING_MS = 3000
"""Longer than the longest step of ordinary work: a step of a TLS handshake, an erase of flash."""


class Watchdog:
    """Waits ``long_ms``, until ``shorten`` is called."""

    def __init__(self, long_ms: int) -> None:
        self._long_ms = self._ms = long_ms
        self.feed = WDT(timeout=long_ms).feed

    def shorten(self) -> None:
        """The start is over."""
        self._ms = WORKING_MS
        WDT(timeout=WORKING_MS)

    def patiently(self, call: "Callable[..., Result]", *arguments: object) -> "Result":
        """``call`` it, which may take seconds without feeding: making a table, resolving a name."""
        WDT(timeout=self._long_ms)
        try:
            return call(*arguments)
        finally:
            WDT(timeout=self._ms)
