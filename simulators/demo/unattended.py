"""The demo without a person: presses, and an account of what became of each."""

import asyncio
import collections
import random
import time
from collections.abc import Callable
from typing import Any

from simulators.account import percentile, presses_verified
from simulators.demo.stage import Stage

SPACING_S = 0.7
"""Each press is an event of its own while the button's allowance lasts: 20 in a row, one more a second (docs/devices/sos-button.md)."""
RECEIPT_S = 30.0
RECEIVED_LIGHT_MS = 400
"""Waiting for a receipt the lamp is lit for 250 ms at most; only a receipt lights it longer (docs/devices/sos-button.md)."""


async def perform(
    stage: Stage, presses: int, *, cuts: int, kills: int, seed: int, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Press ``presses`` times and wait until all is said; the account.

    Args:
        stage: open.
        presses: how many.
        cuts: how often, at random, the network is cut before a press and restored after it.
        kills: how often, at random, the agent is killed (-9) after a press, and started again.
        seed: of the randomness.
        progress: told after each press how many were made.
    """
    rng = random.Random(seed)  # noqa: S311  reproducible mischief, no secrets
    mischief = rng.sample(range(presses), min(presses, cuts + kills))
    cut, kill = set(mischief[:cuts]), set(mischief[cuts:])
    lamps = 0
    for number in range(presses):
        began = time.monotonic()
        if number in cut:
            await stage.network_switch()
        touched_ns = stage.press()
        if number in kill:
            # After the debounce, when the agent has taken the press; before, no agent was there to see it.
            await asyncio.sleep(0.05 + rng.random() / 10)
            await stage.kill_agent()
            await stage.start_agent()
        if number in cut:
            await asyncio.sleep(0.5)
            await stage.network_switch()
        if number not in kill:
            lamps += await _lamp_shows_receipt(stage, touched_ns)
        if number % 5 == 4:
            await _close_alarm(stage)
        progress(number + 1)
        await asyncio.sleep(max(0.0, began + SPACING_S - time.monotonic()))
    await _drained(stage, presses)
    return account(stage, presses, lamps)


def account(stage: Stage, presses: int, lamps: int) -> dict[str, Any]:
    """What became of the presses, by what the consumer received and by what agent and center said."""
    events = stage.consumer.events()
    ids = collections.Counter(event["id"] for event in events)
    verified = presses_verified(events)
    times = sorted(
        ms
        for journey in stage.follower.alarms()
        if journey.pressed_ns is not None and (ms := journey.ms("receipt")) is not None
    )
    return {
        "presses": presses,
        "verified": verified,
        "lost": presses - verified,
        "duplicated": sum(count - 1 for count in ids.values()),
        "refused": stage.follower.refused,
        "conflicts": sum(bool(event.get("dabylconflict")) for event in events),
        "lamp_received": lamps,
        "press_to_receipt_ms": {"p50": percentile(times, 50), "p99": percentile(times, 99), "n": len(times)},
        "broker": stage.site.broker.engine,
    }


async def _lamp_shows_receipt(stage: Stage, touched_ns: int) -> bool:
    """Whether the lamp itself, read back from the board, comes to show the receipt."""
    until = time.monotonic() + RECEIPT_S
    while time.monotonic() < until:
        latest = next(reversed(stage.follower.alarms()), None)
        if latest is not None and latest.pressed_ns == touched_ns and "receipt" in latest.stages:
            lit_ms = stage.longest_light_ms(latest.stages["receipt"], time.monotonic_ns())
            # A further press on a received alarm flickers for a second; its receipt is what counts then.
            if lit_ms >= RECEIVED_LIGHT_MS or latest.type != "alarm.raised":
                return True
        await asyncio.sleep(0.01)
    return False


async def _close_alarm(stage: Stage) -> None:
    raised = [journey for journey in stage.follower.alarms() if journey.type == "alarm.raised"]
    if raised:
        await stage.move_alarm(raised[-1].boot, raised[-1].seq, "closed")


async def _drained(stage: Stage, presses: int) -> None:
    """Wait until the consumer has every press, or until nothing more has come for a while."""
    until = time.monotonic() + RECEIPT_S
    while time.monotonic() < until and presses_verified(stage.consumer.events()) < presses:  # noqa: ASYNC110  as in Stage
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # for what would come twice
