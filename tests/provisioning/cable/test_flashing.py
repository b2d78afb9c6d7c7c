"""MicroPython for blank boards: the image is checked, and the real esptool writes it to a simulated boot loader."""

import os
import pathlib
import pty

import pytest
from serial.tools.list_ports_common import ListPortInfo

from provisioning.cable import flashing
from provisioning.cable.ports import boards, the_board
from provisioning.errors import CableError, SetupError
from simulators.workshop.bootloader import BootLoader


def image(folder: pathlib.Path, head: bytes) -> pathlib.Path:
    file = folder / "image.bin"
    file.write_bytes(head + bytes(1000))
    return file


ESP32 = b"\xe9\x03\x02\x20" + bytes(8) + b"\x00\x00"


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04" + bytes(12), ESP32[:12] + b"\x09\x00"])
def test_what_is_no_image_for_an_esp32_is_not_written(tmp_path: pathlib.Path, head: bytes) -> None:
    with pytest.raises(SetupError) as caught:
        flashing.flash("/dev/null", image(tmp_path, head))
    assert caught.value.key == "image"


def test_the_real_esptool_takes_the_command_and_its_failure_is_told(tmp_path: pathlib.Path) -> None:
    near, far = pty.openpty()
    try:
        with pytest.raises(CableError) as caught:
            flashing.flash(os.ttyname(far), image(tmp_path, ESP32), attempts=1)
    finally:
        os.close(near)
        os.close(far)
    assert caught.value.key == "flash"
    assert "ESP32" in str(caught.value.facts["reason"])  # it got as far as looking for the chip


def test_the_real_esptool_erases_a_board_and_writes_the_image_where_an_esp32_looks_for_it(
    tmp_path: pathlib.Path,
) -> None:
    file = image(tmp_path, ESP32 + bytes(range(256)) * 200)
    with BootLoader(dies_after=30) as board, pytest.raises(CableError) as caught:
        flashing.flash(board.path, file, attempts=1)
    assert caught.value.key == "flash"
    with BootLoader() as board:
        flashing.flash(board.path, file, attempts=1)
    written = file.read_bytes()
    assert board.erased
    assert board.flash[0x1000 : 0x1000 + len(written)] == written
    assert set(board.flash[:0x1000]) == {0xFF}


@pytest.mark.parametrize(("board", "said"), [({"chip": 0x000007C6}, "ESP32"), ({"worn": 0x1020}, "MD5")])
def test_another_chip_and_a_flash_that_is_worn_are_told(
    tmp_path: pathlib.Path, board: dict[str, int], said: str
) -> None:
    with BootLoader(**board) as there, pytest.raises(CableError) as caught:
        flashing.flash(there.path, image(tmp_path, ESP32 + bytes(100)), attempts=1)
    assert caught.value.key == "flash"
    assert said in str(caught.value.facts["reason"])
    assert said != "ESP32" or not there.erased


def port(device: str, vendor: int | None) -> ListPortInfo:
    made = ListPortInfo(device)
    made.vid = vendor
    return made


def test_the_only_port_with_a_usb_bridge_is_the_boards() -> None:
    ports = [port("/dev/ttyS0", None), port("/dev/ttyUSB0", 0x10C4), port("/dev/ttyACM0", 0x2341)]
    assert boards(ports) == ["/dev/ttyUSB0"]
    assert the_board(ports) == "/dev/ttyUSB0"
    with pytest.raises(CableError, match="No board"):
        the_board(ports[:1])
    with pytest.raises(CableError, match="ttyUSB0, /dev/ttyUSB1"):
        the_board([*ports, port("/dev/ttyUSB1", 0x1A86)])
