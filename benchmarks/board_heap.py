"""The heap of a board's firmware: what its code takes there, what it needs beside it at rest, and the least it works with at all.

A simulated board of real MicroPython runs the compiled firmware of the panic button, the larger one, against the site's Mosquitto and
center. It *works* with a heap if it starts, connects over mutual TLS, signs the alarm of a press, verifies the center's receipt and lights
the lamp for it. The least heap with which it does is found by halving the range between one that works and one that does not: what
MicroPython's own counters say between two points of a program misses the peak, for TLS and the signature take and give back in between.

Here the code is loaded from files into the heap. A board that has it frozen into its image has it in flash: so the code's bytes, counted
after loading it and nothing else, are subtracted, and the peak is that of the work alone. The unix port has words of 64 bits, an ESP32 of
32: half of each figure, roughly, is a board's. An ESP32 without PSRAM leaves MicroPython about 110 KB, which is 220 KB here.
"""

import asyncio
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError
from benchmarks.scene import VERIFIED, Context, scene
from benchmarks.watcher import Message, Watcher
from simulators import lamp
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.errors import BoardError
from simulators.board.firmware import compiled
from simulators.board.flash import MODULES
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.errors import HardwareTimeoutError

DEVICE = "panic-board-1"
KIND = "panic-button"
MOST_KB = 220
"""An ESP32's heap, in this machine's words."""
LOW_KB = 64
STEP_KB = 4
CONNECT_S = 12.0
RECEIPT_S = 6.0
HEARTBEAT_S = 20
COUNT = """
import gc, sys
sys.path[:0] = ["flash/a", sys.argv[1]]
import array, asyncio, binascii, errno, esp32, hashlib, json, machine, network, os, select, socket, struct, time, tls
gc.collect()
before = gc.mem_alloc()
import devices.firmware.start
gc.collect()
print(gc.mem_alloc() - before, gc.mem_alloc() + gc.mem_free())
"""


def measure(context: Context) -> list[Figure]:
    """Code, rest and peak.

    Raises:
        BenchmarkError: the board does not work even with an ample heap.
    """
    with scene(context, (DEVICE,)) as stage:
        home = stage.site.directory
        flash = compiled(home / "firmware", [KIND])
        code_kb, room_kb = (count / 1024 for count in counted(flash.parent, HEAP_KB))
        folder = enrolled(home / "flash", flash, KINDS[KIND], stage.site, DEVICE)
        context.say("a board at rest")
        with stage.watch(VERIFIED) as consumer:
            free_kb = asyncio.run(_free_kb(folder, consumer))
        high, low = HEAP_KB, LOW_KB
        while high - low > context.count(STEP_KB, 8 * STEP_KB):
            middle = (high + low) // 2
            works = asyncio.run(_works(home / "trial", folder, middle))
            context.say(f"with {middle} KB it {'works' if works else 'does not work'}")
            high, low = (middle, low) if works else (high, middle)
    return [
        Figure("board_heap.peak_kb", high - code_kb, "KB", at_most=MOST_KB),
        Figure("board_heap.from_files_kb", high, "KB", at_most=MOST_KB),
        Figure("board_heap.rest_kb", room_kb - free_kb - code_kb, "KB"),
        Figure("board_heap.code_kb", code_kb, "KB"),
    ]


def counted(bundle: pathlib.Path, heap_kb: int) -> tuple[int, int]:
    """Bytes of the heap that the loaded code takes, and bytes that a heap of so many KB has in all.

    Raises:
        BenchmarkError: MicroPython failed.
    """
    micropython = pathlib.Path(sys.prefix) / "bin" / "micropython"
    script = bundle / "count.py"
    script.write_text(COUNT)
    done = subprocess.run(
        [micropython, "-X", f"heapsize={heap_kb}K", script.name, MODULES],
        cwd=bundle, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"MicroPython could not count: {(done.stderr or done.stdout)[-300:]}")
    code, room = map(int, done.stdout.split())
    return code, room


async def _free_kb(folder: pathlib.Path, consumer: Watcher) -> float:
    """KB that a board has free after a heartbeat, when all has been delivered and collected."""
    settings = json.loads((folder / "device.json").read_text())
    settings["device"]["heartbeat_s"] = HEARTBEAT_S
    (folder / "device.json").write_text(json.dumps(settings))

    def reports(seen: Sequence[Message]) -> list[int]:
        found = (json.loads(one.payload) for one in seen)
        return [one["data"]["free"] for one in found if one["type"] == "dabyl.health.report"]

    async with _board(folder, HEAP_KB) as board:
        await board.printed("info connected", CONNECT_S)
        there = await asyncio.to_thread(consumer.wait, lambda seen: len(reports(seen)) > 1, 0, HEARTBEAT_S + CONNECT_S)
    if not there:
        raise BenchmarkError("the board sent no second heartbeat")
    return reports(consumer.messages)[-1] / 1024


async def _works(trial: pathlib.Path, folder: pathlib.Path, heap_kb: int) -> bool:
    """Whether a press on a board with this heap ends in a receipt that its lamp shows."""
    shutil.rmtree(trial, ignore_errors=True)
    shutil.copytree(folder, trial)
    wiring = KINDS[KIND]
    try:
        async with _board(trial, heap_kb) as board:
            await board.printed("info connected", CONNECT_S)
            touched_ns = await board.press(wiring.pin("button"))
            await board.until(
                lambda: lamp.shown_by(board.history(wiring.pin("lamp")), touched_ns, time.monotonic_ns()) is not None,
                RECEIPT_S,
                "the light of a receipt",
            )
    except (HardwareTimeoutError, BoardError):
        return False
    return True


def _board(folder: pathlib.Path, heap_kb: int) -> "contextlib.AbstractAsyncContextManager[Board]":
    return Board(folder, contacts=KINDS[KIND].contacts, heap_kb=heap_kb)
