"""The unmodified firmware on a simulated board: presses through power cuts, and starts that cannot succeed."""

import asyncio
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from provisioning.firmware.bundle import make
from simulators.board.board import HOME, Board
from simulators.board.enrolled import enrolled
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.site import Site
from tests.integration.processes import until

pytestmark = pytest.mark.micropython
ROOT = pathlib.Path(__file__).parents[2]
DEVICE = "sos-1"
DABYL = [sys.executable, "-c", "import sys; from agent.command import main; sys.exit(main())"]


def test_every_press_comes_through_power_cuts_once(bundle: pathlib.Path) -> None:
    command = [*DABYL, "simulate", "board", "--bundle", str(bundle), "--presses", "6", "--power-cuts", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = json.loads(done.stdout)
    assert (told["presses"], told["verified"], told["lost"], told["duplicated"]) == (6, 6, 0, 0), done.stderr
    assert done.returncode == 0


def test_a_panic_button_calls_at_each_level_from_its_place_in_a_drill_and_in_silence(bundle: pathlib.Path) -> None:
    command = [*DABYL, "simulate", "board", "--kind", "panic-button", "--bundle", str(bundle), "--presses", "6"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=100, check=False)
    told = json.loads(done.stdout)
    assert told.pop("press_to_subscriber_ms")["n"] == 6
    assert told == {
        "presses": 6,
        "verified": 6,
        "lost": 0,
        "duplicated": 0,
        "levels": {"assist-pending": 2, "staff": 1, "lockdown": 1},
        "drills": 1,
        "felt": 6,
        "heard": 0,
        "wrong": [],
    }
    assert done.returncode == 0


def test_a_trial_that_is_stopped_leaves_nothing_behind(tmp_path: pathlib.Path, bundle: pathlib.Path) -> None:
    command = [*DABYL, "simulate", "board", "--bundle", str(bundle)]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, text=True
    ) as trial:
        until(lambda: any(tmp_path.glob("board-*/flash")), "the board is made")
        processes = psutil.Process(trial.pid).children(recursive=True)
        trial.send_signal(signal.SIGINT)
        assert trial.stderr is not None
        assert trial.stderr.read().strip() == "dabyl simulate: stopped"
    assert trial.returncode == 130
    assert processes
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    assert list(tmp_path.iterdir()) == []


RUNS = "    async def run(self) -> None:\n"


def test_a_part_of_the_firmware_that_ends_starts_the_board_again(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    for name in ("agent", "devices"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    wifi = tree / "devices" / "firmware" / "wifi.py"
    before, after = wifi.read_text().split(RUNS)
    wifi.write_text(f'{before}{RUNS}        raise TypeError("a defect")\n{after}')
    make(tree, tmp_path / "bundle", ["sos-button"])
    bundle = tmp_path / "bundle" / "flash"
    wiring = KINDS["sos-button"]
    folder = enrolled(tmp_path / "flash", bundle, wiring, Site(tmp_path / "site", (DEVICE,)), DEVICE)

    async def scenario() -> None:
        async with Board(folder, heap_kb=HEAP_KB, contacts=wiring.contacts) as board:
            await board.booted(2)
            assert "a defect" in "\n".join(board.console.of_boot(1))

    asyncio.run(scenario())


def test_the_preferred_broker_is_the_first_to_be_dialled_however_long_the_network_takes_to_join(
    tmp_path: pathlib.Path, bundle: pathlib.Path
) -> None:
    wiring = KINDS["sos-button"]
    folder = enrolled(tmp_path / "flash", bundle, wiring, Site(tmp_path / "site", (DEVICE,)), DEVICE)
    dialled: list[str] = []

    def broker(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            dialled.append(name)
            writer.close()

        return accepted

    async def scenario() -> None:
        preferred = await asyncio.start_server(broker("preferred"), "127.0.0.1", 0)
        spare = await asyncio.start_server(broker("spare"), "127.0.0.1", 0)
        settings = json.loads((folder / "device.json").read_text())
        settings["brokers"] = [
            {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]} for server in (preferred, spare)
        ]
        (folder / "device.json").write_text(json.dumps(settings))
        slow = dataclasses.replace(HOME, join_ms=1500)
        async with preferred, spare, Board(folder, heap_kb=HEAP_KB, contacts=wiring.contacts, points=(slow,)) as board:
            await board.printed("info wifi joined")
            assert "no connection" not in board.console.tail()
            await board.printed("no connection")
            assert dialled[0] == "preferred"

    asyncio.run(scenario())
