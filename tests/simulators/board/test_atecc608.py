"""The simulated secure element itself: what its data sheet says of it."""

import random

import pytest

from devices.firmware.atecc608 import crc16
from simulators.board.atecc608 import ADDRESS, Bus, Chip, crc
from tests.simulators.board.secure_element import SCALAR, Clock, command, locked, woken


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chip(clock: Clock) -> Chip:
    return locked(clock)


def test_both_sides_compute_the_crc_of_the_data_sheet() -> None:
    assert crc16(b"\x04\x11") == crc(b"\x04\x11") == b"\x33\x43"
    rng = random.Random(6)
    for size in range(80):
        data = rng.randbytes(size)
        assert crc16(data) == crc(data)


def test_asleep_it_acknowledges_nothing_and_wakes_to_its_token(chip: Chip, clock: Clock) -> None:
    with pytest.raises(OSError, match="19"):
        chip.write(command(0x30))
    chip.wake()
    with pytest.raises(OSError, match="19"):
        chip.read(4)
    clock.sleep_ms(2)
    assert chip.read(4) == b"\x04\x11\x33\x43"
    assert chip.read(2) == b"\xff\xff"
    chip.write(b"\x00")
    assert chip.read(1) + chip.read(3) == b"\x04\x11\x33\x43"


def test_busy_it_acknowledges_nothing(chip: Chip, clock: Clock) -> None:
    woken(chip, clock)
    chip.write(command(0x40))
    clock.sleep_ms(114)
    for attempt in (lambda: chip.read(4), lambda: chip.write(b"\x00")):
        with pytest.raises(OSError, match="19"):
            attempt()
    clock.sleep_ms(1)
    assert chip.read(67)[0] == 67


def test_the_watchdog_puts_it_to_sleep_and_it_forgets(chip: Chip, clock: Clock) -> None:
    woken(chip, clock)
    chip.write(command(0x16, 0x43, 0, bytes(32)))
    clock.sleep_ms(1297)
    assert not chip.asleep()
    clock.sleep_ms(1)
    assert chip.asleep()
    woken(chip, clock)
    chip.write(command(0x41, 0xA0))
    clock.sleep_ms(115)
    assert chip.read(4)[1] == 0x0F


def test_a_command_too_near_to_the_watchdog_is_not_begun(chip: Chip, clock: Clock) -> None:
    woken(chip, clock)
    clock.sleep_ms(1200)
    chip.write(command(0x40, 4))
    assert chip.read(4)[1] == 0xEE
    assert chip.keys == {0: SCALAR}


def test_idle_keeps_the_digest_and_sleep_does_not(chip: Chip, clock: Clock) -> None:
    for word, status in ((b"\x02", 67), (b"\x01", 4)):
        woken(chip, clock)
        chip.write(command(0x16, 0x43, 0, bytes(32)))
        clock.sleep_ms(20)
        chip.write(word)
        assert chip.asleep()
        woken(chip, clock)
        chip.write(command(0x41, 0xA0))
        clock.sleep_ms(115)
        assert chip.read(67)[0] == status
        chip.write(b"\x01")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (command(0x30, 9), 0x03), (command(0x99), 0x03), (command(0x02, 0x80, 0x1F), 0x03), (command(0x40, 4, 99), 0x03),
        (command(0x16, 0x43, 0, bytes(31)), 0x03), (command(0x41, 0x80), 0x03), (command(0x41, 0xA0), 0x0F),
        (command(0x40, 4, 3), 0x0F), (command(0x30)[:-1] + b"\x00", 0xFF), (b"\x03\x04\x00" + crc(b"\x04\x00"), 0xFF),
    ],
)  # fmt: skip
def test_what_it_refuses_and_how(chip: Chip, clock: Clock, sent: bytes, status: int) -> None:
    woken(chip, clock)
    chip.write(sent)
    clock.sleep_ms(200)
    answer = chip.read(4)
    assert (answer[0], answer[1]) == (4, status)
    assert answer[2:] == crc(answer[:2])


@pytest.mark.parametrize(("unlocked", "statuses"), [(87, [0x0F, 0x0F, 0x0F]), (86, [None, 0x00, 0x0F])])
def test_an_unlocked_chip_signs_nothing(chip: Chip, clock: Clock, unlocked: int, statuses: list[int | None]) -> None:
    chip.config[unlocked] = 0x55
    woken(chip, clock)
    sent = [command(0x40, 4), command(0x16, 0x43, 0, bytes(32)), command(0x41, 0xA0)]
    for one, status in zip(sent, statuses, strict=True):
        chip.write(one)
        clock.sleep_ms(200)
        answer = chip.read(4)
        assert (answer[1] if answer[0] == 4 else None) == status


def test_a_digest_signs_once(chip: Chip, clock: Clock) -> None:
    woken(chip, clock)
    chip.write(command(0x16, 0x43, 0, bytes(32)))
    answers = []
    for _ in range(2):
        clock.sleep_ms(120)
        chip.write(command(0x41, 0xA0))
        clock.sleep_ms(120)
        answers.append(chip.read(67)[0])
    assert answers == [67, 4]


def test_a_command_may_come_in_pieces(chip: Chip, clock: Clock) -> None:
    woken(chip, clock)
    sent = command(0x30)
    chip.write(sent[:4])
    with pytest.raises(OSError, match="19"):
        chip.read(4)
    chip.write(b"\x03" + sent[4:])
    clock.sleep_ms(5)
    assert chip.read(7)[1:5] == b"\x00\x00\x60\x03"


def test_nobody_else_is_on_the_bus(chip: Chip) -> None:
    bus = Bus(chip)
    for address in (1, ADDRESS - 1, ADDRESS + 1):
        with pytest.raises(OSError, match="19"):
            bus.writeto(address, b"\x00")
        with pytest.raises(OSError, match="19"):
            bus.readfrom(address, 1)
