"""Five hundred power cuts of whole boards while their buttons are pressed, and a board that hangs: what is lost, what comes twice.

Simulated boards run the SOS button's compiled firmware against the site's Mosquitto and center. A *round* is one to three lives of a board
that end in a power cut each, most of them before it is on line, and a life in which everything is delivered. The cuts of a round come
either right after the board has answered a press, or up to 0.8 s later; or they fall into writing to the flash, after a random number of
its operations, and tear a block. The board's relay, which would start a camera, is its answer. A press on a board that lives until then is
*owed*, and so is each one that was answered, whatever the power did to the flash after that. The others are doubtful: nobody was shown that
they were taken. Events bear the number of the life in which they arose, so each life is accounted for by itself: consumers of the verified
topics must get what is owed, nothing twice, and the center must find the board's chain whole.

A hang is a processor that stands still, interrupts included, right after it has answered a press and before the board is on line. The
watchdog starts it again.
"""

import asyncio
import bisect
import dataclasses
import json
import random
import re
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks.figures import Detail, Figure, spread
from benchmarks.kills import checked
from benchmarks.scene import VERIFIED, Context, Scene, scene
from benchmarks.watcher import Watcher
from simulators.account import of_device
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
ANSWER_S = 10.0
CUT_S = 3.0
DELIVERY_S = 60.0
QUIET_S = 1.0
HANG_MS = 5000
PRESSES = {"dabyl.alarm.raised", "dabyl.alarm.escalated"}


@dataclasses.dataclass(slots=True)
class Account:
    """What was done to a board, and what consumers got of it.

    Args:
        cuts: of its power.
        torn: how many of them fell into a write.
        owed: presses that a board lived to answer, or had answered.
        doubtful: presses that the power cut before that.
        unfelt: presses owed that it did not answer.
        lost: presses owed that nobody was told of.
        too_many: presses told of beyond those made: a finger that is still on the button when its board starts again counts twice.
        hang_ms: from each hang to the arrival of the alarm that was waiting.
    """

    cuts: int = 0
    torn: int = 0
    owed: int = 0
    doubtful: int = 0
    unfelt: int = 0
    lost: int = 0
    too_many: int = 0
    hang_ms: list[float] = dataclasses.field(default_factory=list)

    def add(self, other: "Account") -> None:
        """Another board's account joins this one."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def close_life(self, made: int, owed: int, told: int) -> None:
        """A life is over: so many presses were made in it, owed by it, told of it."""
        self.owed += owed
        self.doubtful += max(0, made - owed)
        self.lost += max(0, owed - told)
        self.too_many += max(0, told - max(made, owed))


class Verified:
    """What consumers got of one device, parsed once."""

    def __init__(self, watcher: Watcher, device: str) -> None:
        self._watcher = watcher
        self._device = device
        self._read = 0
        self._presses: dict[str, int] = {}

    def presses(self) -> Counter[int]:
        """How many presses they tell of, by the number of the boot. No board here is pressed so fast that two share an event."""
        fresh = self._watcher.messages[self._read :]
        self._read += len(fresh)
        for event in of_device([json.loads(one.payload) for one in fresh], self._device):
            if event["type"] in PRESSES:
                self._presses[event["id"]] = event["dabylboot"]
        return Counter(self._presses.values())


class Victim:
    """One board, its seed and its account."""

    def __init__(self, board: Board, verified: Verified, seed: int) -> None:
        self.account = Account()
        self._board = board
        self._verified = verified
        self._rng = random.Random(seed)
        self._made: Counter[int] = Counter()  # presses, by how many starts there had been
        self._owed: Counter[int] = Counter()

    async def live(self, cuts: int) -> None:
        """Rounds until the power was cut so often."""
        while self.account.cuts < cuts:
            await self._round()

    async def hang(self) -> None:
        """Press, hang, and wait until the watchdog's next life has delivered the press."""
        board, boots = self._board, len(self._board.boots)
        await board.power_cut()
        await board.printed("info started", START_S)
        await self._press()
        hung_ns = time.monotonic_ns()
        board.hang()
        await board.booted(boots + 2, START_S)
        self.account.hang_ms.append((await self._delivered(boots + 1) - hung_ns) / 1e6)

    async def close(self) -> None:
        """Wait until nothing more comes, and enter each life into the account."""
        told, still_at = Counter[int](), 0.0
        while time.monotonic() < still_at or self._verified.presses() != told:
            if self._verified.presses() != told:
                told, still_at = self._verified.presses(), time.monotonic() + QUIET_S
            await asyncio.sleep(0.05)
        for life in range(1, len(self._board.boots) + 1):
            self.account.close_life(self._made[life], self._owes(life), told[self._number(life)])

    async def _round(self) -> None:
        first = len(self._board.boots)
        if self._answers(first):  # a finger that was still there: the next answer would not show
            await self._board.power_cut()
            await self._board.printed("info started", START_S)
        cut = self._tear if self._rng.random() < 0.5 else self._cut
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            await cut()
            self.account.cuts += 1
            await self._board.printed("info started", START_S)
        await self._board.printed("info connected", START_S)
        await self._delivered(first)

    async def _cut(self) -> None:
        """Press until that is answered; at once or some time later the power goes."""
        await self._press()
        await asyncio.sleep(self._rng.choice((0, self._rng.uniform(0, 0.8))))
        await self._board.power_cut()

    async def _tear(self) -> None:
        """Press; the power goes while the flash is written."""
        board, rng = self._board, self._rng
        life = len(board.boots)
        board.flash.cut_after(rng.randint(0, OPERATIONS), rng.choice(TEARS), seed=rng.getrandbits(30))
        self._made[life] += 1
        await board.press(WIRING.pin("button"), HOLD_MS)
        try:
            await board.booted(life + 1, CUT_S)
        except HardwareTimeoutError:
            await board.power_cut()
        else:
            self.account.torn += 1

    async def _press(self) -> None:
        """Press, and wait until that is answered."""
        board, life = self._board, len(self._board.boots)
        self._made[life] += 1
        self._owed[life] += 1
        await board.press(WIRING.pin("button"), HOLD_MS)
        try:
            await board.until(lambda: self._answers(life) > 0, ANSWER_S, "the relay to close")
        except HardwareTimeoutError:
            self.account.unfelt += 1

    def _answers(self, life: int) -> int:
        """How often the relay has closed in this life: once for all its presses, for it stays so for longer than a life."""
        starts_ns = [boot.at_ns for boot in self._board.boots[life - 1 :]]
        changes = self._board.history(WIRING.pin("relay"))
        return sum(change.lit and bisect.bisect(starts_ns, change.since_ns) == 1 for change in changes)

    def _owes(self, life: int) -> int:
        return max(self._owed[life], self._answers(life))

    def _number(self, life: int) -> int:
        """What a life is called in events; 0 if it ended before it said so."""
        told = (re.search(r" info started .*\bboot=(\d+)", line) for line in self._board.console.of_boot(life))
        return next((int(found[1]) for found in told if found), 0)

    async def _delivered(self, first: int) -> int:
        """Wait until consumers got what is owed since this life, or for a minute; when they had it, in monotonic ns."""
        lives = [(self._number(life), self._owes(life)) for life in range(first, len(self._board.boots) + 1)]
        until = time.monotonic() + DELIVERY_S
        while time.monotonic() < until:
            told = self._verified.presses()
            if all(told[number] >= owed for number, owed in lives):
                break
            await asyncio.sleep(0.02)
        return time.monotonic_ns()


def measure(context: Context) -> list[Figure]:
    """The figures.

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
        "presses_unfelt": total.unfelt,
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
            await victim.close()
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
