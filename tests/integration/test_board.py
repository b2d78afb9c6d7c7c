"""The unmodified firmware on a simulated board: presses through power cuts, and starts that cannot succeed."""

import asyncio
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from provisioning.firmware.bundle import make
from simulators.board.board import Board
from simulators.board.cli import HEAP_KB, KINDS
from simulators.board.enrolled import enrolled
from simulators.board.trial import DEVICE
from simulators.site import Site

pytestmark = pytest.mark.micropython
ROOT = pathlib.Path(__file__).parents[2]
DABYL = [sys.executable, "-c", "import sys; from agent.command import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What lies on the flash of every board, before it is enrolled."""
    target = tmp_path_factory.mktemp("firmware") / "bundle"
    make(ROOT, target, ["sos-button"])
    return target / "flash"


def test_every_press_comes_through_power_cuts_once() -> None:
    command = [*DABYL, "simulate", "board", "--presses", "6", "--power-cuts", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = json.loads(done.stdout)
    assert (told["presses"], told["verified"], told["lost"], told["duplicated"]) == (6, 6, 0, 0)
    assert done.returncode == 0


def broken(text: str) -> Callable[[pathlib.Path], None]:
    def change(folder: pathlib.Path) -> None:
        (folder / "device.json").write_text(text)

    return change


def cut(folder: pathlib.Path) -> None:
    """A bundle whose copying ended in the middle: the manifest, written last, is missing, and so is a module."""
    (folder / "a" / "manifest.json").unlink()
    (folder / "a" / "devices" / "firmware" / "app.mpy").unlink()
    broken("{}")(folder)


GOOD = '{"device": {"id": "sos-1", "kind": "sos-button"}, "wifi": [{"ssid": "s"}], "brokers": [{"host": "h"}]}'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _folder: None, "no /device.json: enrol this board"),
        (broken("{"), "/device.json is no JSON: copy it again"),
        (broken(GOOD.replace("wifi", "wlan")), "'wlan' is unknown"),
        (broken(GOOD), "no key in /keys/device.key: enrol this board"),
        (cut, "'device' is a table"),
    ],
    ids=["blank", "torn", "unknown", "no keys", "half copied"],
)
def test_a_board_that_cannot_work_says_why_and_does_not_start_over_and_over(
    tmp_path: pathlib.Path, flash: pathlib.Path, change: Callable[[pathlib.Path], None], said: str
) -> None:
    folder = tmp_path / "flash"
    shutil.copytree(flash, folder)
    (folder / "keys").mkdir()
    change(folder)

    async def scenario() -> None:
        async with Board(folder, heap_kb=HEAP_KB) as board:
            line = await board.printed("this board cannot work")
            assert said in line
            await asyncio.sleep(0.5)
            assert len(board.boots) == 1

    asyncio.run(scenario())


BROKEN_WIFI = """
class Wifi:
    def __init__(self, *parts):
        pass
    async def run(self):
        raise TypeError("a defect")
"""


def test_a_part_of_the_firmware_that_ends_starts_the_board_again(tmp_path: pathlib.Path, flash: pathlib.Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(flash, bundle)
    (bundle / "a" / "devices" / "firmware" / "wifi.mpy").unlink()
    (bundle / "a" / "devices" / "firmware" / "wifi.py").write_text(BROKEN_WIFI)
    wiring = KINDS["sos-button"]
    folder = enrolled(tmp_path / "flash", bundle, wiring, Site(tmp_path / "site", (DEVICE,)), DEVICE)

    async def scenario() -> None:
        async with Board(folder, heap_kb=HEAP_KB, contacts=wiring.contacts) as board:
            await board.booted(2)
            assert "a defect" in "\n".join(board.console.of_boot(1))

    asyncio.run(scenario())
