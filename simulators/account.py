"""What became of presses, by what a consumer of the verified topics received. Pure."""

import statistics
from collections.abc import Sequence
from typing import Any


def of_device(events: Sequence[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    """The CloudEvents of one device."""
    source = f"urn:dabyl:device:{device}"
    return [event for event in events if event["source"] == source]


def presses_verified(events: Sequence[dict[str, Any]]) -> int:
    """How many presses the verified alarms stand for.

    Each alarm is one press, and its escalations count the presses since, the first included. The highest count stands; a device that was
    started again goes on with an alarm that it knows, but not with its count, so the counts of each boot stand for themselves.
    """
    raised: set[tuple[int, int]] = set()
    more: dict[tuple[int, int, int], int] = {}
    for event in events:
        if event["type"] == "dabyl.alarm.raised":
            raised.add((event["dabylboot"], event["dabylseq"]))
        elif event["type"] == "dabyl.alarm.escalated":
            boot, seq = event["data"]["alarm"]
            raised.add((boot, seq))
            name = (boot, seq, event["dabylboot"])
            more[name] = max(event["data"]["count"] - 1, more.get(name, 0))
    return len(raised) + sum(more.values())


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The ``percent``-th percentile, interpolated, to a tenth; None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 1)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)
