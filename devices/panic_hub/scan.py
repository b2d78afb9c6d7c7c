"""How often a line is looked at, and whether that is often enough.

The modules of a port are asked in turn. A press is two looks in a row (`devices.panic_hub.line`), so a press of ``PRESS_MS`` whose contact
is at rest after ``SETTLE_MS`` must be long enough for two turns, and for a reading that is as old as it may be; a module that does not
answer has twice its time and is then left out for two turns, so that it costs the others no more than if it answered. What is too slow is
refused.
"""

from collections.abc import Sequence

from devices.common.settings import SettingsError
from devices.panic_hub.line import LOOKS

PRESS_MS = 60
"""The shortest press that is never lost."""
SETTLE_MS = 7
ALONE_MS = 20
"""From look to look at a module that has its port to itself: more would only cost power."""
GAP_MS = 2
"""Between an answer and the next question; above 19200 baud Modbus wants 1.75 ms."""
HOST_MS = 4
"""What the hub itself takes for a question and its answer, the gap included."""
BITS = 10
"""Of a byte on the wire, 8N1."""
QUESTION_BYTES = 8


def answer_bytes(channels: int) -> int:
    """Of the answer of a module with so many channels."""
    return 5 + 2 * channels


def exchange_ms(channels: int, baud: int, answer_ms: int) -> int:
    """How long a question to a module takes until the next can be asked."""
    bits = (QUESTION_BYTES + answer_bytes(channels)) * BITS
    return -(-bits * 1000 // baud) + answer_ms + HOST_MS


def pace_ms(channels: Sequence[int], baud: int, answer_ms: int) -> int:
    """How soon a module of one port is asked again if no other is to be asked; ``channels`` of its modules."""
    slowest_ms = exchange_ms(max(channels), baud, answer_ms)
    return max(ALONE_MS, slowest_ms) if len(channels) == 1 else slowest_ms


def look_ms(channels: Sequence[int], baud: int, answer_ms: int) -> int:
    """From look to look at each module of one port, on average of two at most, also beside one that does not answer."""
    return len(channels) * pace_ms(channels, baud, answer_ms)


def missed_pause_ms(channels: Sequence[int], baud: int, answer_ms: int) -> int:
    """How soon a module that did not answer is asked again: where there are others, not within two looks at them."""
    return LOOKS * look_ms(channels, baud, answer_ms) if len(channels) > 1 else 0


def most_ms(sample_ms: int) -> int:
    """From look to look at most, if a press is not to be lost."""
    return (PRESS_MS - SETTLE_MS - sample_ms) // LOOKS


def check(port: str, channels: Sequence[int], baud: int, answer_ms: int, sample_ms: int) -> None:
    """Raise SettingsError if a press could be lost between two looks at this port."""
    every_ms = look_ms(channels, baud, answer_ms)
    if every_ms <= most_ms(sample_ms):
        return
    many = f"its {len(channels)} modules are looked at" if len(channels) > 1 else "its module is looked at"
    raise SettingsError(
        f"on port {port} a press of {PRESS_MS} ms could be lost: {many} every {every_ms} ms at {baud} baud and answer_ms {answer_ms}, "
        f"and {max(0, most_ms(sample_ms))} ms is the most; raise baud (in the modules, too), lower answer_ms, or take another port"
    )
