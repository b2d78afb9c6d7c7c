"""The demo without a person: presses on both buttons, and an account of what became of each."""

import asyncio
import collections
import random
import time
from collections.abc import Callable
from typing import Any

from simulators import lamp
from simulators.account import percentile, presses_verified
from simulators.demo.button import Button
from simulators.demo.stage import Stage

SPACING_S = 0.7
"""Each press is an event of its own while the button's allowance lasts: 20 in a row, one more a second (docs/devices/sos-button.md)."""
RECEIPT_S = 30.0
CLOSE_EVERY = 5
LOOK_S = 0.01


async def perform(
    stage: Stage, presses: int, *, cuts: int, kills: int, seed: int, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Press each button ``presses`` times and wait until all is said; the account of the one on Linux, and in it that of the board's.

    Args:
        stage: open.
        presses: how many.
        cuts: how often, at random, the network is cut before a press and restored after it.
        kills: how often, at random, the agent is killed (-9) and the board's power is cut after a press, and each started again.
        seed: of the randomness.
        progress: told after each press how many were made.
    """
    rng = random.Random(seed)  # noqa: S311  reproducible mischief, no secrets
    mischief = rng.sample(range(presses), min(presses, cuts + kills))
    cut, kill = set(mischief[:cuts]), set(mischief[cuts:])
    lamps: collections.Counter[str] = collections.Counter()
    for number in range(presses):
        began = time.monotonic()
        if number in cut:
            await stage.network_switch()
        shown = asyncio.gather(*(_pressed(button, rng.random() / 10, fails=number in kill) for button in stage.buttons))
        if number in cut:
            await asyncio.sleep(0.5)
            await stage.network_switch()
        for button, seen in zip(stage.buttons, await shown, strict=True):
            lamps[button.device] += seen
        if number % CLOSE_EVERY == CLOSE_EVERY - 1:
            await asyncio.gather(*(_close_alarm(stage, button) for button in stage.buttons))
        progress(number + 1)
        await asyncio.sleep(max(0.0, began + SPACING_S - time.monotonic()))
    await _drained(stage, presses)
    accounts = [account(stage, button, presses, lamps[button.device]) for button in stage.buttons]
    board = accounts[1] if len(accounts) > 1 else None
    return {**accounts[0], "broker": stage.site.broker.engine, "board": board}


def account(stage: Stage, button: Button, presses: int, lamps: int) -> dict[str, Any]:
    """What became of the presses of one button, by what the consumer received and by what agent and center said."""
    events = stage.events(button)
    ids = collections.Counter(event["id"] for event in events)
    verified = presses_verified(events)
    follower = button.follower
    times = sorted(
        ms
        for journey in follower.alarms()
        if journey.pressed_ns is not None and (ms := journey.ms(follower.proof)) is not None
    )
    return {
        "presses": presses,
        "verified": verified,
        "lost": presses - verified,
        "duplicated": sum(count - 1 for count in ids.values()),
        "refused": follower.refused,
        "conflicts": sum(bool(event.get("dabylconflict")) for event in events),
        "lamp_received": lamps,
        f"press_to_{follower.proof}_ms": {
            "p50": percentile(times, 50),
            "p99": percentile(times, 99),
            "n": len(times),
        },
    }


async def _pressed(button: Button, later_s: float, *, fails: bool) -> bool:
    """Press; whether the lamp comes to show the receipt. A button that fails after it is started again instead."""
    touched_ns = await button.press()
    if not fails:
        return await _lamp_shows_receipt(button, touched_ns)
    await button.kept(RECEIPT_S)
    await asyncio.sleep(later_s)
    await button.fail()
    await button.recover()
    await button.listens(RECEIPT_S)
    return False


async def _lamp_shows_receipt(button: Button, touched_ns: int | None) -> bool:
    """Whether the lamp itself, read back from the board, comes to show the receipt."""
    follower = button.follower
    until = time.monotonic() + RECEIPT_S
    while time.monotonic() < until:
        latest = next(reversed(follower.alarms()), None)
        if latest is not None and latest.pressed_ns == touched_ns and follower.proof in latest.stages:
            # A further press on a received alarm flickers for a second; its receipt is what counts then.
            if latest.type != "alarm.raised":
                return True
            if lamp.shown_by(button.light(), latest.stages[follower.proof], time.monotonic_ns()) is not None:
                return True
        await asyncio.sleep(LOOK_S)
    return False


async def _close_alarm(stage: Stage, button: Button) -> None:
    raised = button.follower.raised()
    if raised is not None:
        await stage.move_alarm(button.device, raised.boot, raised.seq, "closed")


async def _drained(stage: Stage, presses: int) -> None:
    """Wait until the consumer has every press, or until nothing more has come for a while."""
    until = time.monotonic() + RECEIPT_S
    while time.monotonic() < until and any(  # noqa: ASYNC110  as in Stage
        presses_verified(stage.events(button)) < presses for button in stage.buttons
    ):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # for what would come twice
