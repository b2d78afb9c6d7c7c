"""What a whole board meets in the field: each time a line on its console, no restart that nobody asked for, and no press lost."""

import asyncio
import errno
import functools
import json
import pathlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from agent.journal.log import Journal
from agent.wire import event
from devices.firmware.flash import BOUNDS, FlashStore
from devices.sos_button.patterns import PATTERNS
from simulators.account import presses_verified
from simulators.board import records
from simulators.board.atecc608 import Bus, Chip
from simulators.board.board import HOME, Board
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.gpio.records import LOW, OPEN
from simulators.lamp import read
from simulators.site import HOST
from tests.integration.boards import fill, laid_out, until, whole
from tests.integration.ground import Button, Ground

pytestmark = pytest.mark.micropython
WIRING = KINDS["sos-button"]
BUTTON, LAMP, TAMPER, SUPPLY = (WIRING.pin(name) for name in ("button", "lamp", "tamper", "supply"))
LAMP_TABLE = PATTERNS["lamp"]
SECONDS_TO_2000 = 946_684_800
CANNOT_WORK = "this board cannot work"


class Place:
    """Makes boards that are devices of a site."""

    def __init__(self, ground: Ground, bundle: pathlib.Path, folder: pathlib.Path) -> None:
        self.ground = ground
        self._bundle = bundle
        self._folder = folder

    def board(
        self, change: Callable[[dict[str, Any]], None] | None = None, **more: Any
    ) -> tuple[Board, Button, pathlib.Path]:
        """A board, the device that it is, and the folder its flash is made from."""
        device = self.ground.button()
        flash = laid_out(self._folder / device.name, self._bundle, WIRING, self.ground, device, change)
        return Board(flash, heap_kb=HEAP_KB, contacts=WIRING.contacts, **more), device, flash


@pytest.fixture
def place(ground: Ground, bundle: pathlib.Path, tmp_path: pathlib.Path) -> Place:
    return Place(ground, bundle, tmp_path)


async def pressed(board: Board) -> None:
    """A press that the firmware has kept."""
    operations = board.flash.operations
    await board.press(BUTTON, 120)
    await board.written(operations)


def shown(board: Board) -> str:
    """The pattern of its lamp."""
    return read(board.history(LAMP), LAMP_TABLE, time.monotonic_ns())


async def delivered(device: Button, presses: int) -> None:
    await until(
        lambda: presses_verified(device.events()) >= presses, f"{presses} presses of {device.name} are verified"
    )
    assert presses_verified(device.events()) == presses


def together(*work: Coroutine[Any, Any, None]) -> None:
    """Boards wait most of the time, so they do it side by side."""

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)

    asyncio.run(all_of_it())


async def wrong_name(place: Place) -> None:
    """The broker is not who it should be: nothing is told to it, and the press waits until device.json is right."""

    def change(told: dict[str, Any]) -> None:
        told["brokers"][0]["host"] = "broker.example"

    board, device, flash = place.board(change, hosts={"broker.example": place.ground.site.broker.port})
    async with board:
        assert "broker=broker.example" in await board.printed("the broker's certificate is not believed")
        await pressed(board)
        await until(lambda: shown(board) == "sending-no-link", "its lamp")
        assert len(board.boots) == 1
        await board.power_off()
        await board.flash.install(only_configuration(flash, lambda told: told["brokers"][0].update(host=HOST)))
        await board.power_on()
        await delivered(device, 1)


async def wrong_address(place: Place) -> None:
    """Its fixed address is of another network: the press waits ten seconds, and then gets out with the one that DHCP gives."""

    def change(told: dict[str, Any]) -> None:
        told["wifi"][0].update(address="10.0.0.7", netmask="255.255.255.0", gateway="10.0.0.1")

    board, device, _ = place.board(change)
    async with board:
        await board.printed("wifi joined")
        await pressed(board)
        assert "next=" + HOME.ssid in await board.printed("no broker over its address")
        await delivered(device, 1)
        assert len(board.boots) == 1


def only_configuration(flash: pathlib.Path, change: Callable[[dict[str, Any]], None] | None = None) -> pathlib.Path:
    """A folder with nothing but device.json."""
    folder = flash.with_suffix(".json")
    folder.mkdir()
    told = json.loads((flash / "device.json").read_text())
    if change is not None:
        change(told)
    (folder / "device.json").write_text(json.dumps(told))
    return folder


async def captive_portal(place: Place) -> None:
    """Whoever answers instead of the broker is told from it; the press waits. The clock of the board stood at 2000."""
    board, device, flash = place.board()
    await board.radio.portal("hijacks")
    async with board:
        await board.printed("wifi joined")
        await board.printed("reason=no connection: TLS")
        await pressed(board)
        await until(
            lambda: shown(board) == "sending-no-link",
            "its lamp tells",
        )
        certificate = x509.load_der_x509_certificate((flash / "keys" / "device.der").read_bytes())
        clock_s = (board._life.clock_us + records.now_us()) / 1_000_000 + SECONDS_TO_2000
        assert clock_s >= certificate.not_valid_before_utc.timestamp(), "a broker enrolled before it is believed"
        await board.radio.portal(None)
        await delivered(device, 1)
        (alarm,) = device.events("alarm.raised")
        assert alarm["dabylclock"] == event.CLOCK_UNSET
        await until(
            lambda: shown(board) == "received",
            "its lamp tells the receipt",
        )
        await until(lambda: device.events("health.report"), "its report is verified")
        assert device.events("health.report")[0]["data"]["rssi"] == HOME.rssi
        assert len(board.boots) == 1


async def full_flash(place: Place) -> None:
    """Nothing can be kept: it says so, and events go out from memory."""
    board, device, _ = place.board()
    async with board:
        await board.printed("connected")
        await board.power_off()
        await fill(board)
        await board.power_on()
        await board.printed("the disk is in trouble; events are sent, but kept in memory only")
        await board.printed("connected")
        await until(lambda: shown(board) == "fault", "its lamp tells")
        await board.press(BUTTON, 120)
        await delivered(device, 1)
        assert len(board.boots) == 2


async def torn_writes(place: Place) -> None:
    """The power goes in the middle of writing, in which a press is kept: those before and after it are there."""
    board, device, _ = place.board()
    async with board:
        await board.printed("connected")
        board.radio.down()
        for number, operations in enumerate((1, 3, 6)):
            await pressed(board)
            board.flash.cut_after(operations, "random", seed=number)
            await board.press(BUTTON, 120)
            await board.booted(number + 2)
            await board.printed("started")
        await pressed(board)
        board.radio.up()
        await until(lambda: presses_verified(device.events()) >= 4, "the presses that were kept are verified")
        assert presses_verified(device.events()) <= 7
        assert len(board.boots) == 4
        await whole(device)


async def torn_tail(place: Place) -> None:
    """The journal ends in the middle of a record: what is torn is cut off, said, and the next press is kept and sent."""
    board, device, flash = place.board()
    store = FlashStore(str(flash / "journal"))
    journal = Journal(store, **BOUNDS)
    journal.open()
    journal.note("before", 1)
    assert journal.sync()
    store.append(max(name for name in store.names() if name.endswith(".seg")), b"\x00\x01torn")
    async with board:
        assert "bytes_cut=6" in await board.printed("the journal was mended")
        await board.printed("connected")
        await pressed(board)
        await delivered(device, 1)
        assert len(board.boots) == 1
        await whole(device)


class Slow(Bus):
    """Its chip answers at the fourth try only, and the button is pressed from the first to the last: all of it while the board starts."""

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip)
        self.tries = 0
        self.move: Callable[[int], object] = print

    def readfrom(self, address: int, size: int) -> bytes:
        self.tries += 1
        if self.tries == 1:
            self.move(LOW)
        if self.tries < 4:
            raise OSError(errno.ENODEV)
        if self.tries == 4:
            self.move(OPEN)
        return super().readfrom(address, size)


async def secure_element(place: Place) -> None:
    """The chip signs what the board says, a press while it starts among it; and the board tells that its mains has gone."""
    chip = Chip(lambda: time.monotonic_ns() // 1_000_000, lambda size: bytes([7]) * size)
    bus = Slow(chip)

    def change(told: dict[str, Any]) -> None:
        told["secure_element"] = {"sda": 26, "scl": 27}

    board, device, flash = place.board(change, buses={0: bus})
    bus.move = functools.partial(board.set_pin, BUTTON)
    keys = flash / "keys"
    # The device's first identity is the connection's; the chip has a key and a certificate of its own.
    made = place.ground.identity("device", device.name)
    private = load_pem_private_key(made.key.read_bytes(), None)
    assert isinstance(private, EllipticCurvePrivateKey)
    chip.keys[0] = private.private_numbers().private_value
    (certificate, _issuer) = x509.load_pem_x509_certificates(made.chain.read_bytes())
    (keys / "element.der").write_bytes(certificate.public_bytes(Encoding.DER))
    async with board:
        await board.printed("connected")
        await delivered(device, 1)
        await pressed(board)
        await delivered(device, 2)
        board.set_pin(SUPPLY, OPEN)
        await until(lambda: device.events("supply.lost"), "that the mains has gone")
        await whole(device)
    assert chip.commands.count(0x41) >= 3


async def factory_reset(place: Place) -> None:
    """Ten seconds, and nothing is left but the firmware."""
    board, _device, flash = place.board()
    board.set_pin(TAMPER, OPEN)
    board.set_pin(BUTTON, LOW)
    async with board:
        await board.printed("factory reset")
        await board.booted(2)
        assert "no /device.json" in await board.printed(CANNOT_WORK)
        await board.power_off()
        await board.flash.install(only_configuration(flash))
        board.set_pin(BUTTON, OPEN)
        await board.power_on()
        assert "no key" in await board.printed(CANNOT_WORK)


async def no_factory_reset(place: Place) -> None:
    """Who lets go early has pressed; and while that is not delivered nothing is erased."""
    board, device, _ = place.board()
    board.radio.down()
    board.set_pin(TAMPER, OPEN)
    board.set_pin(BUTTON, LOW)
    async with board:
        await until(lambda: board.output(LAMP) is not None and len(board.history(LAMP)) > 3, "its lamp flashes")
        board.set_pin(BUTTON, OPEN)
        await board.printed("started")
        await until(lambda: shown(board) == "sending-no-link", "its lamp tells that an alarm waits")
        await board.at_rest()
        await board.power_off()
        board.set_pin(BUTTON, LOW)
        await board.power_on()
        await board.printed("no factory reset: alarms wait")
        board.radio.up()
        board.set_pin(BUTTON, OPEN)
        await until(lambda: device.events("alarm.raised"), "the alarm is delivered")
        assert len(board.boots) == 2


def test_a_press_comes_through_what_networks_do(place: Place) -> None:
    together(wrong_name(place), captive_portal(place), wrong_address(place))


def test_a_press_comes_through_what_flash_does(place: Place) -> None:
    together(full_flash(place), torn_writes(place), torn_tail(place))


def test_a_secure_element_signs(place: Place) -> None:
    together(secure_element(place))


def test_a_factory_reset_by_hand(place: Place) -> None:
    together(factory_reset(place), no_factory_reset(place))
