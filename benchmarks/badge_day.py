"""A badge's day on simulated boards: the unmodified firmware sleeps, wakes each hour and reports, and what it did is counted.

Each board is real MicroPython against the site's Mosquitto and center, over mutual TLS; its deep sleeps are skipped, so a day takes two
minutes. The access point takes as long as one takes an ESP32, and so much longer as a chip takes for the TLS handshake: a wake-up here
lasts as long as it would there, and the board's own waiting, such as for the next look whether it may sleep, is in it.
"""

import asyncio
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence

from benchmarks.figures import median
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Scene
from benchmarks.watcher import Message, Watcher
from simulators.board.board import HOME, Board
from simulators.board.enrolled import enrolled
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.board.radio import AccessPoint

KIND = "panic-button"
HEARTBEAT_S = 3600
REPORT = "dabyl.health.report"
ALARM = "dabyl.alarm.raised"
LATE_S = 30.0
SETTINGS = {"tamper_pin": -1}
"""A badge that is worn has no enclosure switch: with its pull-up closed to ground, one would draw as much as all the rest of the sleep."""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a badge did.

    Args:
        wake_ups: from deep sleep.
        joins: of its network, each with a scan.
        dhcp_requests: addresses that it asked for in these.
        handshakes: of TLS. On each connection came one receipt: the center sends one a second at most, and none lasted so long.
        reports: signed while the radio was on and nothing else went on, one each time.
        messages: published, each signed.
        sent_bytes, received_bytes: on the way to the broker and back, TLS included.
        flash_bytes: written to its flash.
        awake_s: from the firmware's start to sleep, in all.
        waited_s: of that, what was neither the access point's time nor that of the TLS handshake on this machine: in a day as many times
            the median of its wake-ups. What else this machine does makes it longer: measure on a quiet one.
    """

    wake_ups: int
    joins: int
    dhcp_requests: int
    handshakes: int
    reports: int
    messages: int
    sent_bytes: int
    received_bytes: int
    flash_bytes: int
    awake_s: float
    waited_s: float

    def __sub__(self, before: "Counts") -> "Counts":
        """What happened since."""
        return Counts(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


@dataclasses.dataclass(frozen=True, slots=True)
class Air:
    """How long an access point takes for a board: to be joined, and to give an address by DHCP; seconds."""

    join_s: float
    dhcp_s: float


class Badge:
    """A badge that sleeps, and the eyes on it.

    Args:
        board: its board, entered.
        name: the device.
        port: of its broker.
        air: of its access point.
        signed: what devices publish.
        verified: what the center hands on of it.
    """

    def __init__(self, board: Board, name: str, port: int, air: Air, signed: Watcher, verified: Watcher) -> None:
        self._board = board
        self._name = name
        self._port = port
        self._air = air
        self._signed = signed
        self._verified = verified

    async def lives(self, hours: int) -> Counts:
        """So many hours, from its first sleep on: each time it wakes for its report, and sleeps again.

        Raises:
            BenchmarkError: it did not, or not each report was verified.
        """
        await self._board.asleep()
        counts = [self._counts()]
        for _ in range(hours):
            left_ms = await self._board.asleep()
            if left_ms is None:
                raise BenchmarkError(f"{self._name} sleeps for ever")
            boots = len(self._board.boots)
            self._board.skip(left_ms)
            await self._board.booted(boots + 1)
            await self._board.asleep()
            counts.append(self._counts())
        if not await self._verifies(lambda seen: self._events(seen, REPORT) > hours):
            raise BenchmarkError(f"not each report of {self._name} was verified")
        did = self._counts() - counts[0]
        waits_s = [now.waited_s - before.waited_s for before, now in itertools.pairwise(counts)]
        return dataclasses.replace(did, waited_s=median(waits_s) * hours)

    async def is_pressed(self) -> None:
        """A press in its sleep, which has to come out at the center's other side.

        Raises:
            BenchmarkError: it did not.
        """
        await self._board.press(KINDS[KIND].pin("button"))
        if not await self._verifies(lambda seen: self._events(seen, ALARM) > 0):
            raise BenchmarkError(f"the press on {self._name} was not verified")

    async def _verifies(self, enough: Callable[[Sequence[Message]], bool]) -> bool:
        return await asyncio.to_thread(self._verified.wait, enough, 0, LATE_S)

    def _counts(self) -> Counts:
        board = self._board
        boots = [Times(board.console.of_boot(boot)) for boot in range(2, len(board.boots) + 1)]
        joins = len(boots)
        if board.radio.joins != joins + 1:  # the first start's
            raise BenchmarkError(f"{self._name} joined its network {board.radio.joins} times in {joins + 1} starts")
        requests = board.radio.dhcp_requests
        network = board.radio.network(self._port).counters
        topics = tuple(f"dabyl/v1/{self._name}/{one}" for one in ("alarm", "event", "presence"))
        return Counts(
            wake_ups=len(boots),
            joins=joins,
            dhcp_requests=requests,
            handshakes=len(boots),
            reports=len(boots),
            messages=sum(len(self._signed.since(0, topic)) for topic in topics),
            sent_bytes=network.upstream_bytes,
            received_bytes=network.downstream_bytes,
            flash_bytes=board.flash.programmed_bytes,
            awake_s=sum(one.asleep_s for one in boots),
            waited_s=sum(one.waited_s for one in boots) - joins * self._air.join_s - requests * self._air.dhcp_s,
        )

    def _events(self, seen: Sequence[Message], kind: str) -> int:
        told = (json.loads(message.payload) for message in seen)
        return len({one["id"] for one in told if one["type"] == kind and one["source"].endswith(self._name)})


class Times:
    """When, by its console, a boot got where: seconds of its firmware.

    Raises:
        BenchmarkError: it did not say so, or joined or connected more than once.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        at_s = []
        for text in ("info started", "info wifi joined", "info connected", "info asleep"):
            found = [int(line.split()[0]) / 1000 for line in lines if text in line]
            if len(found) != 1:
                raise BenchmarkError(f"a badge said {text!r} {len(found)} times: {list(lines)}")
            at_s += found
        started_s, joined_s, connected_s, self.asleep_s = at_s
        self.waited_s = self.asleep_s - connected_s + joined_s - started_s


def laid_out(
    folder: pathlib.Path, bundle: pathlib.Path, stage: Scene, device: str, wifi: Mapping[str, object]
) -> pathlib.Path:
    """The flash of a badge with these entries for its network."""
    flash = enrolled(folder, bundle, KINDS[KIND], stage.site, device)
    told = json.loads((flash / "device.json").read_text())
    told["device"].update(sleeps=True, heartbeat_s=HEARTBEAT_S)
    told["wifi"][0].update(wifi)
    told["settings"].update(SETTINGS)
    (flash / "device.json").write_text(json.dumps(told))
    return flash


def board(flash: pathlib.Path, air: Air) -> Board:
    """A board on an access point that takes so long."""
    point = AccessPoint(HOME.ssid, HOME.key, join_ms=round(air.join_s * 1000), dhcp_ms=round(air.dhcp_s * 1000))
    return Board(flash, contacts=KINDS[KIND].contacts, heap_kb=HEAP_KB, points=(point,))
