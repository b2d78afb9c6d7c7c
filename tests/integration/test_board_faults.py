"""Boards that cannot work: each says why on its console and blinks it on its lamp, in one boot, and is looked at again."""

import asyncio
import json
import pathlib
import shutil
from collections.abc import Awaitable, Callable

import pytest

from devices.firmware.faults import FAULTS
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.board.life import HARD_RESET, WDT_RESET
from simulators.site import Site
from tests.integration.boards import blinked, fill

pytestmark = pytest.mark.micropython
WIRING = KINDS["sos-button"]
LAMP = WIRING.pin("lamp")
LED = 2
ENDED = (WDT_RESET, HARD_RESET)
"""How a start ends that hangs or fails."""
DEVICES = ("sos-1", "sos-2")
Change = Callable[[pathlib.Path], None]


def settings(**changes: object) -> Change:
    """Other tables in device.json; None takes one away."""

    def change(folder: pathlib.Path) -> None:
        path = folder / "device.json"
        told = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({name: table for name, table in told.items() if table is not None}))

    return change


def wired(**pins: int) -> Change:
    return settings(settings={**WIRING.settings, **pins})


def text(words: str) -> Change:
    return lambda folder: _write(folder / "device.json", words.encode())


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def damaged(name: str) -> Change:
    def change(folder: pathlib.Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        _write(folder / name, bytes(data))

    return change


def _write(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)


SLEEPLESS = "kind that does not sleep"
LAMP_KNOWN = ("keys", "flash", "hardware", SLEEPLESS)
"""What is found out when the lamp has worked already."""
CASES: dict[str, tuple[Change, str, str]] = {
    "no configuration": (without("device.json"), "configuration", "no /device.json: enrol this board"),
    "torn configuration": (text("{"), "configuration", "/device.json is no JSON: copy it again"),
    "no table": (settings(wifi=None), "configuration", "'wifi' is a list of 1 to 8 tables"),
    "no such kind": (
        settings(device={"id": DEVICES[0], "kind": "firmware"}),
        "configuration",
        "this firmware has no kind 'firmware'",
    ),
    "wrong setting": (wired(lamp_hz=1), "configuration", "setting lamp_hz"),
    "no key": (without("keys/device.key"), "keys", "no key in /keys/device.key: enrol this board"),
    "damaged key": (damaged("keys/device.key"), "keys", "is damaged: erase the board and enrol it again"),
    "no certificate": (without("keys/device.der"), "keys", "no /keys/device.der: enrol this board"),
    "damaged root": (lambda folder: _write(folder / "keys/root.der", b"root"), "keys", "not usable for TLS"),
    "damaged center": (damaged("keys/centers.der"), "keys", "centers.der are damaged"),
    SLEEPLESS: (
        settings(device={"id": DEVICES[0], "kind": "sos-button", "sleeps": True}),
        "configuration",
        "a sos-button does not sleep",
    ),
    "pin that is no output": (wired(relay_pin=27, strobe_pin=24), "hardware", "strobe: GPIO24 cannot do that"),
    "pin for two": (
        settings(battery={"pin": WIRING.pin("button")}),
        "hardware",
        "battery: GPIO32 is taken",
    ),
}
"""Name -> what is done to a good board's flash, the fault, the words on the console."""


async def told(
    folder: pathlib.Path, lamp: int, before: Callable[[Board], Awaitable[None]] | None = None
) -> tuple[str, int]:
    """The console's line and the blinks of the lamp of a board that cannot work; it was started once."""
    board = Board(folder, heap_kb=HEAP_KB, contacts=WIRING.contacts)
    try:
        await board.flash.install(folder)
        if before is not None:
            await before(board)
        await board.power_on()
        line = await board.printed("this board cannot work")
        count = await blinked(board, lamp)
        assert len(board.boots) == 1
        return line, count
    finally:
        await board.close()


async def wear_out(board: Board) -> None:
    board.flash.fail(1_000_000)


def test_each_fault_is_said_and_blinked(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    """The lamp of a board that was never configured is the LED that most boards have; of others the one that is configured."""
    site = Site(tmp_path / "site", DEVICES)
    enrolled(tmp_path / "good", bundle, WIRING, site, DEVICES[0])
    enrolled(tmp_path / "other", bundle, WIRING, site, DEVICES[1])

    def of_another(*names: str) -> Change:
        def change(folder: pathlib.Path) -> None:
            for name in names:
                shutil.copyfile(tmp_path / "other" / "keys" / name, folder / "keys" / name)

        return change

    cases = {
        **CASES,
        "another device": (of_another("device.key", "device.der"), "keys", "not a certificate of sos-1"),
        "another key": (of_another("device.key"), "keys", "device.der is the certificate of another key"),
    }

    async def one(change: Change, folder: pathlib.Path, lamp: int) -> tuple[str, int]:
        await asyncio.to_thread(shutil.copytree, tmp_path / "good", folder)
        change(folder)
        return await told(folder, lamp)

    async def scenario() -> dict[str, tuple[str, int]]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(
                    one(
                        change, tmp_path / f"board-{number}", LAMP if fault in LAMP_KNOWN or name in LAMP_KNOWN else LED
                    )
                )
                for number, (name, (change, fault, _words)) in enumerate(cases.items())
            }
        return {name: task.result() for name, task in tasks.items()}

    found = asyncio.run(scenario())
    assert {name: count for name, (_line, count) in found.items()} == {
        name: FAULTS[fault] for name, (_change, fault, _words) in cases.items()
    }
    for name, (_change, fault, words) in cases.items():
        assert words in found[name][0], name
        assert f"fault={fault}" in found[name][0]


def halved(folder: pathlib.Path) -> None:
    """Copying ended in the middle of a module, and the manifest was there from before."""
    module = max((folder / "a").rglob("*.mpy"), key=lambda path: path.stat().st_size)
    _write(module, module.read_bytes()[: module.stat().st_size // 2])


def test_a_flash_that_fails_or_is_full_is_said_and_blinked(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    site = Site(tmp_path / "site", DEVICES[:1])
    for name in ("worn", "full"):
        enrolled(tmp_path / name, bundle, WIRING, site, DEVICES[0])

    async def scenario() -> tuple[tuple[str, int], ...]:
        return await asyncio.gather(told(tmp_path / "worn", LAMP, wear_out), told(tmp_path / "full", LAMP, fill))

    for line, count in asyncio.run(scenario()):
        assert "fault=flash" in line
        assert count == FAULTS["flash"]


def test_a_copy_that_does_not_start_gives_way_to_the_other_and_without_one_the_lamp_blinks(
    tmp_path: pathlib.Path, bundle: pathlib.Path
) -> None:
    shutil.copytree(bundle, tmp_path / "alone")
    shutil.copytree(bundle, tmp_path / "two")
    shutil.copytree(bundle / "a", tmp_path / "two" / "b")
    for name in ("alone", "two"):
        halved(tmp_path / name)

    async def with_another() -> None:
        async with Board(tmp_path / "two", heap_kb=HEAP_KB) as board:
            assert (await board.booted(2)).cause in ENDED
            await board.printed("no /device.json: enrol this board")

    async def alone() -> None:
        async with Board(tmp_path / "alone", heap_kb=HEAP_KB) as board:
            assert (await board.booted(2)).cause in ENDED
            await board.printed("neither copy of the firmware is whole: copy it again")
            assert await blinked(board, LED) == FAULTS["flash"]
            assert len(board.boots) == 2

    async def scenario() -> None:
        await asyncio.gather(with_another(), alone())

    asyncio.run(scenario())
