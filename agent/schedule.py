"""When something is to be done, on an asyncio loop. A board has its own of the same shape (see ``agent.device``)."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable


class LoopSchedule:
    """The loop's turns and times."""

    def __init__(self, loop: "AbstractEventLoop") -> None:
        self._loop = loop

    def now_ms(self) -> int:
        """Milliseconds of the monotonic clock."""
        return time.monotonic_ns() // 1_000_000

    def soon(self, call: "Callable[[], object]") -> None:
        """Call in the loop's next turn."""
        self._loop.call_soon(call)

    def at(self, due_ms: int, call: "Callable[[], object]") -> "TimerHandle":
        """Call at the beginning of that millisecond, or at once if it has passed; can be cancelled."""
        return self._loop.call_later(max(0, due_ms * 1_000_000 - time.monotonic_ns()) / 1e9, call)
