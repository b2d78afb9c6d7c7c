"""Presses on a board that is cut off its power meanwhile, and an account of what became of each, by what a consumer received."""

import asyncio
import collections
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from simulators.account import percentile, presses_verified
from simulators.board.scene import Scene
from simulators.consumer import Delivery

SPACING_S = 0.7
"""Each press is an event of its own while the button's allowance lasts: 20 in a row, one more a second."""
OFF_S = 0.3
"""At least so long is the finger off between two presses, whatever a busy machine delays: contact that is hardly open is one press."""
TWICE_S = 0.5
SAID_MAX = 200


def chosen(presses: int, power_cuts: int, seed: int) -> set[int]:
    """The numbers of the presses after which the power goes."""
    rng = random.Random(seed)  # noqa: S311  reproducible mischief, no secrets
    return set(rng.sample(range(presses), min(presses, power_cuts)))


async def perform(scene: Scene, presses: int, cuts: set[int], progress: Callable[[int], None]) -> dict[str, Any]:
    """Press, cut the power, wait until all is said; the account.

    Args:
        scene: open.
        presses: how many.
        cuts: the numbers of those after which the power goes.
        progress: told after each press how many were made.
    """
    touched = []
    for number in range(presses):
        began = time.monotonic()
        if number in cuts:
            await scene.cut_network()
        touched_ns = await scene.press()
        if number in cuts:
            await scene.cut_power()
        else:
            touched.append(touched_ns)
            await scene.board.taken()
        progress(number + 1)
        await asyncio.sleep(max(began + SPACING_S - time.monotonic(), OFF_S))
    await scene.drained(presses)
    await asyncio.sleep(TWICE_S)  # for what would come twice
    return account(presses, touched, scene.consumer.deliveries)


def evidence(events: Sequence[dict[str, Any]], lines: Sequence[tuple[int, str]]) -> list[str]:
    """What helps to find a press that was lost.

    Args:
        events: that the consumer received.
        lines: of the board's console, with the number of the start.
    """
    came = [
        f"{event['type']} {event['dabylboot']}/{event['dabylseq']} {json.dumps(event['data'])}"
        for event in events
        if event["type"].startswith("dabyl.alarm.")
    ]
    said = [f"start {boot}: {line}" for boot, line in lines]
    return ["Presses are lost. These came:", *came, "What the board said at last:", *said[-SAID_MAX:]]


def account(presses: int, touched_ns: Sequence[int], deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """What became of the presses.

    Args:
        presses: how many were made.
        touched_ns: instants of those after which the power stayed.
        deliveries: all that the consumer received, repetitions included.
    """
    events = [delivery.event for delivery in deliveries]
    ids = collections.Counter(event["id"] for event in events)
    verified = presses_verified(events)
    arrivals = sorted(
        delivery.at_ns
        for delivery in {delivery.event["id"]: delivery for delivery in reversed(deliveries)}.values()
        if delivery.event["type"] in {"dabyl.alarm.raised", "dabyl.alarm.escalated"}
    )
    times = []
    for began_ns, next_ns in zip(touched_ns, [*touched_ns[1:], None], strict=True):
        first_ns = next((at_ns for at_ns in arrivals if at_ns >= began_ns), None)
        if first_ns is not None and (next_ns is None or first_ns < next_ns):
            times.append((first_ns - began_ns) / 1e6)
    return {
        "presses": presses,
        "verified": verified,
        "lost": max(0, presses - verified),
        "duplicated": sum(count - 1 for count in ids.values()) + max(0, verified - presses),
        "press_to_subscriber_ms": {"p50": percentile(times, 50), "p99": percentile(times, 99), "n": len(times)},
    }
