"""Five hundred power cuts of whole boards while their buttons are pressed, and a board that hangs: what is lost, what comes twice.

Simulated boards run the SOS button's compiled firmware against the site's Mosquitto and center. A *round* is one to three lives of a board
that end in a power cut each, most of them before it is on line, and a life in which everything is delivered. Either all cuts of a round
come after a press was kept, that is, after the board has taken it and its flash has come to rest: then each press is *owed*. Or all cuts
fall into writing to the flash, after a random number of its operations, and tear a block: then a press may be told or not, nobody was shown
that it was taken. What consumers of the verified topics get must account for each round exactly, none of it twice, and the center must find
the board's chain whole.

A hang is a processor that stands still, interrupts included, right after a press was kept and before the board is on line. The watchdog
starts it again.
"""

import asyncio
import dataclasses
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Detail, Figure, spread
from benchmarks.kills import checked
from benchmarks.processes import BenchmarkError
from benchmarks.scene import VERIFIED, Context, Scene, scene
from benchmarks.watcher import Watcher
from simulators.account import of_device, presses_verified
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.firmware import compiled
from simulators.board.flash import Tear
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.errors import HardwareTimeoutError

WIRING = KINDS["sos-button"]
BOARDS = ("sos-board-1", "sos-board-2")
HOLD_MS = 80
TEARS: tuple[Tear, ...] = ("none", "old", "random")
OPERATIONS = 12
"""A press writes fewer blocks than that, and what is made durable beside it."""
START_S = 60.0
CUT_S = 3.0
DELIVERY_S = 60.0
QUIET_S = 1.0
HANG_MS = 5000


@dataclasses.dataclass(slots=True)
class Account:
    """What was done to a board, and what consumers got of it.

    Args:
        cuts: of its power.
        torn: how many of them fell into a write.
        owed: presses that were kept.
        doubtful: presses that the power cut while they were being kept.
        lost: presses owed that nobody was told of.
        too_many: presses told of beyond those made: a finger that is still on the button when its board starts again counts twice.
        hang_ms: from each hang to the arrival of the alarm that was waiting.
    """

    cuts: int = 0
    torn: int = 0
    owed: int = 0
    doubtful: int = 0
    lost: int = 0
    too_many: int = 0
    hang_ms: list[float] = dataclasses.field(default_factory=list)

    def add(self, other: "Account") -> None:
        """Another board's account joins this one."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def close_round(self, owed: int, doubtful: int, told: int) -> None:
        """A round is over: so many presses of each sort, so many were told."""
        self.owed += owed
        self.doubtful += doubtful
        self.lost += max(0, owed - told)
        self.too_many += max(0, told - owed - doubtful)


class Verified:
    """What consumers got of one device, parsed once."""

    def __init__(self, watcher: Watcher, device: str) -> None:
        self._watcher = watcher
        self._device = device
        self._read = 0
        self._events: list[dict[str, Any]] = []

    def events(self) -> list[dict[str, Any]]:
        """The CloudEvents so far, repetitions included."""
        fresh = self._watcher.messages[self._read :]
        self._read += len(fresh)
        self._events += of_device([json.loads(one.payload) for one in fresh], self._device)
        return self._events

    def presses(self) -> int:
        """How many presses they tell of."""
        return presses_verified(self.events())


class Victim:
    """One board, its seed and its account."""

    def __init__(self, board: Board, verified: Verified, seed: int) -> None:
        self.account = Account()
        self._board = board
        self._verified = verified
        self._rng = random.Random(seed)

    async def live(self, cuts: int) -> None:
        """Rounds until the power was cut so often."""
        while self.account.cuts < cuts:
            await self._round()

    async def hang(self) -> None:
        """Press, hang, and wait until the watchdog's next life has delivered the press."""
        board, before = self._board, self._verified.presses()
        boots = len(board.boots)
        await board.power_cut()
        await board.printed("info started", START_S)
        if not await self._kept():
            raise BenchmarkError("a board started again before it was made to hang")
        hung_ns = time.monotonic_ns()
        board.hang()
        await board.booted(boots + 2, START_S)
        self.account.hang_ms.append((await self._delivered(before + 1) - hung_ns) / 1e6)
        self.account.close_round(1, 0, self._verified.presses() - before)

    async def _round(self) -> None:
        before = self._verified.presses()
        torn = self._rng.random() < 0.5
        owed = doubtful = 0
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            kept = await (self._tear() if torn else self._cut())
            owed += kept
            doubtful += not kept
            self.account.cuts += 1
            await self._board.printed("info started", START_S)
        await self._board.printed("info connected", START_S)
        await self._delivered(before + owed)
        self.account.close_round(owed, doubtful, self._verified.presses() - before)

    async def _cut(self) -> bool:
        """Press, wait until it is kept, and some time; then the power goes. Whether it was kept."""
        kept = await self._kept()
        await asyncio.sleep(self._rng.uniform(0, 0.8))
        await self._board.power_cut()
        return kept

    async def _kept(self) -> bool:
        """Press, and wait until the board has kept that; False if the power went before, by a cut planned earlier."""
        board = self._board
        boots, operations = len(board.boots), board.flash.operations
        await board.press(WIRING.pin("button"), HOLD_MS)
        await board.written(operations, START_S)
        return len(board.boots) == boots

    async def _tear(self) -> bool:
        """Press; the power goes while the flash is written. False: nobody knows whether the press was kept."""
        board, rng = self._board, self._rng
        boots = len(board.boots)
        board.flash.cut_after(rng.randint(0, OPERATIONS), rng.choice(TEARS), seed=rng.getrandbits(30))
        await board.press(WIRING.pin("button"), HOLD_MS)
        try:
            await board.booted(boots + 1, CUT_S)
        except HardwareTimeoutError:
            await board.power_cut()
        else:
            self.account.torn += 1
        return False

    async def _delivered(self, presses: int) -> int:
        """Wait until consumers got so many, or for a minute, and then until nothing more comes; when they had them, in monotonic ns."""
        until = time.monotonic() + DELIVERY_S
        while self._verified.presses() < presses and time.monotonic() < until:  # noqa: ASYNC110  a thread's list
            await asyncio.sleep(0.02)
        delivered_ns = time.monotonic_ns()
        count, still_at = -1, 0.0
        while time.monotonic() < still_at or len(self._verified.events()) != count:
            if len(self._verified.events()) != count:
                count, still_at = len(self._verified.events()), time.monotonic() + QUIET_S
            await asyncio.sleep(0.05)
        return delivered_ns


def measure(context: Context) -> list[Figure]:
    """Both figures.

    Raises:
        BenchmarkError: a board does not come up.
    """
    cuts = context.count(500, 12)
    hangs = context.count(10, 2)
    with scene(context, BOARDS) as stage, stage.watch(VERIFIED) as consumer:
        accounts = asyncio.run(_all(context, stage, consumer, cuts, hangs))
        ids = Counter(json.loads(one.payload)["id"] for one in consumer.messages)
        found = checked(stage.site)
    total = Account()
    for account in accounts:
        total.add(account)
    devices, incidents = found["devices"], found["incidents"]
    assert isinstance(devices, list)
    assert isinstance(incidents, list)
    details: dict[str, Detail] = {
        "cuts": total.cuts,
        "torn": total.torn,
        "presses_owed": total.owed,
        "presses_doubtful": total.doubtful,
        "presses_too_many": total.too_many,
        "chains": len(devices),
        "boots": sum(len(device["boots"]) for device in devices),
        "incidents": len(incidents),
    }
    repeated = sum(count - 1 for count in ids.values())
    slowest_ms = max(total.hang_ms)
    return [
        Figure("board_cuts.lost", total.lost, at_most=0, details=details),
        Figure("board_cuts.repeated", repeated, at_most=0, details={"events": sum(ids.values())}),
        Figure("board_cuts.incidents", len(incidents), at_most=0),
        Figure(
            "board_cuts.hang_to_alarm", slowest_ms, "ms", at_most=HANG_MS, details=spread("hang_to_alarm_ms", total.hang_ms)
        ),
    ]  # fmt: skip


async def _all(context: Context, stage: Scene, consumer: Watcher, cuts: int, hangs: int) -> Sequence[Account]:
    firmware = await asyncio.to_thread(compiled, stage.site.directory / "firmware", [WIRING.kind])

    async def one(number: int, device: str) -> Account:
        flash = await asyncio.to_thread(
            enrolled, stage.site.directory / f"flash-{device}", firmware, WIRING, stage.site, device
        )
        async with Board(flash, contacts=WIRING.contacts, heap_kb=HEAP_KB, seed=number) as board:
            await board.printed("info connected", START_S)
            victim = Victim(board, Verified(consumer, device), number)
            victims.append(victim)
            await victim.live(cuts // len(BOARDS))
            for _ in range(hangs // len(BOARDS)):
                await victim.hang()
        return victim.account

    victims: list[Victim] = []
    telling = asyncio.create_task(_tell(context, victims, cuts))
    try:
        return await asyncio.gather(*(one(number, device) for number, device in enumerate(BOARDS, 1)))
    finally:
        telling.cancel()


async def _tell(context: Context, victims: Sequence[Victim], cuts: int) -> None:
    while True:
        context.say(f"{sum(victim.account.cuts for victim in victims)} of {cuts} power cuts")
        await asyncio.sleep(5)
