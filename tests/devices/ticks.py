"""The time of a device's logic in a test: it is ticked exactly when it asks for it."""

from collections.abc import Iterator
from typing import Any


def ticks(logic: Any, now_ms: int, end_ms: int) -> Iterator[int]:
    """The moments up to ``end_ms`` at which the logic is due, each to be ticked before the next one is taken."""
    while True:
        due = logic.next_tick_ms(now_ms)
        assert due is not None
        assert due >= now_ms
        if due > end_ms:
            return
        now_ms = due
        yield now_ms
        after = logic.next_tick_ms(now_ms)
        assert after is not None
        assert after > now_ms, "a due tick left something due: busy loop"
