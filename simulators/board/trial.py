"""Presses on a board that is cut off its power meanwhile, and an account of what became of each, by what a consumer received."""

import asyncio
import collections
import pathlib
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.board.board import Board
from simulators.board.enrolled import Wiring, enrolled
from simulators.consumer import Consumer, Delivery
from simulators.demo.processes import Child
from simulators.demo.unattended import percentile, presses_verified
from simulators.errors import DemoError
from simulators.site import CONSUMER, Site

DEVICE = "sos-board"
SPACING_S = 0.7
"""Each press is an event of its own while the button's allowance lasts: 20 in a row, one more a second."""
WAIT_S = 60.0
TOUCH_S = 0.25
"""After so long the firmware has taken a press and keeps it; a cut before that would be a press that nobody was there to feel."""


async def perform(
    directory: pathlib.Path,
    bundle: pathlib.Path,
    wiring: Wiring,
    *,
    presses: int,
    power_cuts: int,
    heap_kb: int,
    seed: int,
) -> dict[str, Any]:
    """Bring up broker, center and consumer, press, cut the power, wait until all is said; the account.

    Args:
        directory: an empty folder with a short path.
        bundle: the firmware, as it lies at the root of a board's flash.
        wiring: of the device kind.
        presses: how many.
        power_cuts: how often, at random, the power goes after a press.
        heap_kb: of the firmware.
        seed: of all randomness.
    """
    rng = random.Random(seed)  # noqa: S311  reproducible mischief, no secrets
    cuts = set(rng.sample(range(presses), min(presses, power_cuts)))
    site = await asyncio.to_thread(Site, directory, (DEVICE,))
    await asyncio.to_thread(site.broker.start)
    try:
        connected = asyncio.Event()

        def said(line: Mapping[str, Any]) -> None:
            if line.get("what") == "connected":
                connected.set()

        center = await Child.start("center", site.center("--log", "json"), said)
        try:
            await asyncio.wait_for(connected.wait(), WAIT_S)
            with await asyncio.to_thread(_consumer, site) as consumer:
                folder = await asyncio.to_thread(enrolled, directory / "flash", bundle, wiring, site, DEVICE)
                async with Board(folder, contacts=wiring.contacts, heap_kb=heap_kb, seed=seed) as board:
                    touched = await _pressed(board, wiring.button, presses, cuts)
                    await _drained(consumer, presses)
                return account(presses, touched, consumer.deliveries)
        except TimeoutError as error:
            raise DemoError(f"the center did not come up: {center.said()}") from error
        finally:
            await center.end()
    finally:
        await asyncio.to_thread(site.broker.stop)


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


async def _pressed(board: Board, button: int, presses: int, cuts: set[int]) -> list[int]:
    touched = []
    await _connected(board)
    for number in range(presses):
        began = time.monotonic()
        touched_ns = await board.press(button, 120)
        if number in cuts:
            await asyncio.sleep(TOUCH_S)
            await board.power_cut()
            await _connected(board)
        else:
            touched.append(touched_ns)
        await asyncio.sleep(max(0.0, began + SPACING_S - time.monotonic()))
    return touched


async def _connected(board: Board) -> None:
    """Wait until the board has its broker: a press before that is kept as well, but its latency is that of the start."""
    until = time.monotonic() + WAIT_S
    while board.radio.connections == 0:
        if time.monotonic() > until:
            raise DemoError(f"the board did not reach its broker; its console says:\n{board.console.tail()}")
        await asyncio.sleep(0.02)


async def _drained(consumer: Consumer, presses: int) -> None:
    """Wait until the consumer has every press, or until nothing more has come for a while."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until and presses_verified(consumer.events()) < presses:  # noqa: ASYNC110  another thread's list
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # for what would come twice


def _consumer(site: Site) -> Consumer:
    consumer = Consumer(
        site.broker.port,
        root=site.root,
        chain=site.consumer_identity.chain,
        key=site.consumer_identity.key,
        name=CONSUMER,
    )
    return consumer.__enter__()
