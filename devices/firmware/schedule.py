"""When something is to be done, on a board: the shape of ``agent.schedule`` with MicroPython's asyncio and a clock that never wraps."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_LONGEST_MS = 86_400_000
"""One sleep at most: the counter's half period bounds it."""


class Schedule:
    """Turns and times. ``ticks`` and ``ticks_diff`` are MicroPython's millisecond counter, which wraps after twelve days."""

    def __init__(self, ticks: "Callable[[], int]", ticks_diff: "Callable[[int, int], int]") -> None:
        self._ticks = ticks
        self._ticks_diff = ticks_diff
        self._last = ticks()
        self._now_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since this was made. It must be asked at least once in six days, which every heartbeat does."""
        ticks = self._ticks()
        self._now_ms += self._ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now_ms

    def then_ms(self, ticks: int) -> int:
        """The millisecond of a counter reading that was taken a short while ago, in an interrupt for example."""
        return self.now_ms() - max(0, self._ticks_diff(self._last, ticks))

    def soon(self, call: "Callable[[], object]") -> None:
        """Call in the loop's next turn."""
        self.at(0, call)

    def at(self, due_ms: int, call: "Callable[[], object]") -> "Any":
        """Call at that time, whatever holds the loop until then; the task can be cancelled."""
        return asyncio.create_task(self._at(due_ms, call))

    async def _at(self, due_ms: int, call: "Callable[[], object]") -> None:
        while True:
            wait_ms = due_ms - self.now_ms()  # asked here, for the task may begin late
            if wait_ms <= 0:
                break
            await asyncio.sleep_ms(min(wait_ms, _LONGEST_MS))  # type: ignore[attr-defined]  # MicroPython's
        call()
