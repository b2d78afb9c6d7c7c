"""A key in a secure element: the driver against a simulated chip on the bus, with the faults that buses and chips have."""

import errno
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from agent.keys.file import FileKey
from agent.keys.p256 import verifier
from devices.firmware import atecc608, keys
from devices.firmware.atecc608 import Atecc608
from devices.firmware.keys import BoardKeyError
from simulators.board.atecc608 import Bus, Chip, crc
from tests.devices.firmware.boards import ROOT
from tests.simulators.board.secure_element import SCALAR, Clock, command, locked, woken


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chip(clock: Clock) -> Chip:
    return locked(clock)


@pytest.fixture
def signer(chip: Chip, clock: Clock) -> Atecc608:
    return Atecc608(Bus(chip), clock.sleep_ms)


def fits(signer: Atecc608, data: bytes) -> bool:
    return verifier(signer.public_der)(signer.sign(data), data)


class NoisyBus(Bus):
    """Turns a bit of one transmission, except of wake pulses."""

    def __init__(self, chip: Chip, rng: random.Random) -> None:
        super().__init__(chip)
        self._rng = rng
        self.passed = 0
        self.hit = -1

    def writeto(self, address: int, data: bytes) -> int:
        return super().writeto(address, self._turned(data) if address else data)

    def readfrom(self, address: int, size: int) -> bytes:
        return self._turned(super().readfrom(address, size))

    def _turned(self, data: bytes) -> bytes:
        self.passed += 1
        if self.passed - 1 != self.hit:
            return data
        at = self._rng.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._rng.randrange(8),)) + data[at + 1 :]


class TestSigner:
    """The driver with a sound chip."""

    def test_it_signs_with_the_chips_key(self, signer: Atecc608) -> None:
        theirs = FileKey(derive_private_key(SCALAR, SECP256R1()))
        assert (signer.kid, signer.public_der) == (theirs.kid, theirs.public_der)
        for number in range(10):
            assert fits(signer, b"event %d" % number)
        assert len(signer.sign(b"")) == 64

    def test_the_serial_number_is_the_chips(self, signer: Atecc608) -> None:
        assert signer.serial == b"\x01\x23\x5a\x10\x42\x99\x07\x31\xee"

    def test_a_new_key_is_made_by_the_chip(self, chip: Chip, clock: Clock) -> None:
        before = Atecc608(Bus(chip), clock.sleep_ms)
        after = Atecc608(Bus(chip), clock.sleep_ms, new=True)
        assert after.kid != before.kid
        assert chip.keys[0] != SCALAR
        assert fits(after, b"x")
        assert Atecc608(Bus(chip), clock.sleep_ms).kid == after.kid

    def test_a_fresh_chip_has_no_key_until_it_makes_one(self, clock: Clock) -> None:
        chip = Chip(clock.now_ms, random.Random(2).randbytes)
        with pytest.raises(BoardKeyError, match="refuses command 0x40: not allowed"):
            Atecc608(Bus(chip), clock.sleep_ms)
        assert fits(Atecc608(Bus(chip), clock.sleep_ms, new=True), b"x")

    def test_slots_are_apart(self, clock: Clock) -> None:
        chip = Chip(clock.now_ms, random.Random(3).randbytes, slots=(0, 2))
        first, second = (Atecc608(Bus(chip), clock.sleep_ms, slot=slot, new=True) for slot in (0, 2))
        assert first.kid != second.kid
        assert fits(first, b"x")
        assert fits(second, b"x")

    def test_a_slot_that_is_not_for_keys_is_refused(self, chip: Chip, clock: Clock) -> None:
        with pytest.raises(BoardKeyError, match="not allowed by the chip's configuration"):
            Atecc608(Bus(chip), clock.sleep_ms, slot=5, new=True)

    @pytest.mark.parametrize("where", [86, 87])
    def test_a_chip_that_is_not_locked_is_not_used(self, chip: Chip, clock: Clock, where: int) -> None:
        chip.config[where] = 0x55
        with pytest.raises(BoardKeyError, match="not configured and locked"):
            Atecc608(Bus(chip), clock.sleep_ms, new=True)
        assert chip.keys == {0: SCALAR}

    def test_another_chip_is_told_apart(self, chip: Chip, clock: Clock) -> None:
        chip.config[6] = 0x50
        with pytest.raises(BoardKeyError, match="no ATECC608"):
            Atecc608(Bus(chip), clock.sleep_ms)

    def test_it_listens_at_the_address_that_it_is_given(self, chip: Chip, clock: Clock) -> None:
        assert fits(Atecc608(Bus(chip, address=0x35), clock.sleep_ms, address=0x35), b"x")
        with pytest.raises(BoardKeyError, match="does not answer"):
            Atecc608(Bus(chip, address=0x35), clock.sleep_ms)

    def test_a_bus_too_fast_to_wake_the_chip_is_told(self, chip: Chip, clock: Clock) -> None:
        with pytest.raises(BoardKeyError, match="100 kHz"):
            Atecc608(Bus(chip, hertz=400_000), clock.sleep_ms)

    def test_the_chip_sleeps_between_signatures(self, chip: Chip, signer: Atecc608) -> None:
        assert chip.asleep()
        signer.sign(b"x")
        assert chip.asleep()

    def test_a_signature_takes_one_short_session(self, chip: Chip, clock: Clock, signer: Atecc608) -> None:
        chip.commands.clear()
        started = clock.now
        signer.sign(b"x")
        assert chip.commands == [0x16, 0x41]
        assert clock.now - started <= 150

    def test_a_key_off_the_curve_is_refused(self, chip: Chip, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Chip, "_made_key", lambda *_: b"\x07" * 64)
        with pytest.raises(BoardKeyError):
            Atecc608(Bus(chip), clock.sleep_ms)

    def test_the_pair_can_be_proved(self, signer: Atecc608, chip: Chip, generator: str, tmp_path: Path) -> None:
        keys.check_pair(signer, generator, str(tmp_path / "scratch"))
        chip.keys[0] = SCALAR + 1
        with pytest.raises(BoardKeyError, match="does not fit"):
            keys.check_pair(signer, generator, str(tmp_path / "scratch"))
        assert list(tmp_path.iterdir()) == []


class TestFaults:
    """The driver with trouble on the bus."""

    def test_a_missing_acknowledgement_anywhere_costs_a_repetition_and_no_more(
        self, chip: Chip, signer: Atecc608, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Chip._acknowledge
        count = [0, 0]

        def acknowledge(self: Chip) -> None:
            real(self)
            count[0] += 1
            if count[0] == count[1]:
                raise OSError(errno.ENODEV)

        monkeypatch.setattr(Chip, "_acknowledge", acknowledge)
        signer.sign(b"x")
        transmissions = count[0]
        assert transmissions >= 6
        for at in range(1, transmissions + 1):
            count[:] = [0, at]
            assert fits(signer, b"event %d" % at), at
            assert count[0] >= at
            assert chip.asleep() or at >= transmissions

    @pytest.mark.parametrize("fault", ["naks", "corrupt_answers", "garbled_commands", "ecc_faults"])
    @pytest.mark.parametrize("times", [1, 2])
    def test_a_passing_fault_is_passed_over(self, chip: Chip, signer: Atecc608, fault: str, times: int) -> None:
        setattr(chip, fault, times)
        assert fits(signer, b"x")
        assert getattr(chip, fault) == 0

    @pytest.mark.parametrize("fault", ["naks", "corrupt_answers", "garbled_commands", "ecc_faults"])
    def test_a_lasting_fault_ends_in_one_error_soon(
        self, chip: Chip, clock: Clock, signer: Atecc608, fault: str
    ) -> None:
        setattr(chip, fault, 1_000_000)
        started = clock.now
        with pytest.raises(BoardKeyError, match="does not answer: check its wiring"):
            signer.sign(b"x")
        assert clock.now - started < 6000
        setattr(chip, fault, 0)
        assert fits(signer, b"x")

    def test_a_chip_that_hangs_ends_in_one_error_soon(self, chip: Chip, clock: Clock, signer: Atecc608) -> None:
        chip.stuck = True
        started = clock.now
        with pytest.raises(BoardKeyError, match="does not answer"):
            signer.sign(b"x")
        assert clock.now - started < 6000

    def test_a_chip_that_hangs_in_a_command_ends_in_one_error_soon(
        self, clock: Clock, signer: Atecc608, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Chip._command

        def hang(self: Chip, group: bytes) -> None:
            real(self, group)
            self._ready = 1 << 60

        monkeypatch.setattr(Chip, "_command", hang)
        started = clock.now
        with pytest.raises(BoardKeyError, match="does not answer"):
            signer.sign(b"x")
        assert clock.now - started < 6000

    def test_no_chip_at_all(self, chip: Chip, clock: Clock) -> None:
        with pytest.raises(BoardKeyError, match="does not answer"):
            Atecc608(Bus(chip, address=0x10), clock.sleep_ms)

    @pytest.mark.parametrize("later_ms", [0, 3, 60, 200, 1299, 1301])
    def test_a_board_that_was_reset_in_the_middle_finds_the_chip_again(
        self, chip: Chip, clock: Clock, signer: Atecc608, later_ms: int
    ) -> None:
        woken(chip, clock)
        chip.write(command(0x40, 0, 0))  # busy for 115 ms when the board goes away
        clock.sleep_ms(later_ms)
        assert fits(signer, b"x")

    def test_a_session_that_somebody_else_began_is_not_gone_on_with(
        self, chip: Chip, clock: Clock, signer: Atecc608
    ) -> None:
        woken(chip, clock)
        chip.write(command(0x30))
        clock.sleep_ms(1200)
        chip.commands.clear()
        assert fits(signer, b"x")
        assert chip.commands == [0x16, 0x41]

    def test_a_command_cut_off_by_a_reset_does_not_join_the_next(
        self, chip: Chip, clock: Clock, signer: Atecc608
    ) -> None:
        woken(chip, clock)
        chip.write(command(0x16, 0x43, 0, bytes(32))[:20])
        assert fits(signer, b"x")

    @pytest.mark.parametrize("execution_ms", [1, 60, 350, 650])
    def test_slow_and_quick_chips(self, signer: Atecc608, monkeypatch: pytest.MonkeyPatch, execution_ms: int) -> None:
        monkeypatch.setattr(sys.modules[Chip.__module__], "_EXECUTION_MS", {0x16: 20, 0x41: execution_ms})
        assert fits(signer, b"x")

    def test_a_wrong_bit_anywhere_on_the_bus_never_gives_a_wrong_signature(self, chip: Chip, clock: Clock) -> None:
        rng = random.Random(8)
        noisy = NoisyBus(chip, rng)
        signer = Atecc608(noisy, clock.sleep_ms)
        noisy.passed = 0
        signer.sign(b"x")
        transmissions = noisy.passed
        for number in range(transmissions * 12):
            noisy.passed, noisy.hit = 0, number % transmissions
            assert fits(signer, b"event %d" % number), number

    def test_random_noise_never_gives_a_wrong_signature(self, chip: Chip, signer: Atecc608) -> None:
        rng = random.Random(4)
        given = 0
        for _ in range(60):
            chip.naks, chip.corrupt_answers, chip.garbled_commands = (rng.choice((0, 0, 1, 2)) for _ in range(3))
            try:
                assert fits(signer, b"x")
                given += 1
            except BoardKeyError:
                chip.naks = chip.corrupt_answers = chip.garbled_commands = 0
        assert 20 < given <= 60

    def test_answers_of_any_shape_end_in_an_error(self, clock: Clock) -> None:
        rng = random.Random(5)

        class Noise:
            def writeto(self, _address: int, _data: bytes) -> int:
                return 0

            def readfrom(self, _address: int, size: int) -> bytes:
                if size == 4:
                    return b"\x04\x11\x33\x43"
                group = bytes((rng.choice((0, 1, 3, 4, 5, size, 255)),)) + rng.randbytes(size - 1)
                return group if rng.random() < 0.5 else b"\x05\x00" + crc(b"\x05\x00") + bytes(size - 4)

        for _ in range(50):
            with pytest.raises(BoardKeyError):
                Atecc608(Noise(), clock.sleep_ms)


BOARD = """
import sys
sys.path.insert(0, %r)
import atecc608 as simulated
from devices.firmware.atecc608 import Atecc608
from devices.firmware.keys import BoardKeyError, certificate_request
from hashlib import sha256

now = [0]
drawn = [0]

def sleep_ms(n):
    now[0] += n

def random(n):
    drawn[0] += 1
    return sha256(b"%%d" %% drawn[0]).digest()[:n]

chip = simulated.Chip(lambda: now[0], random)
signer = Atecc608(simulated.Bus(chip), sleep_ms, new=True)
print(signer.serial, signer.kid, signer.public_der)
for fault in ("naks", "corrupt_answers", "garbled_commands", "ecc_faults"):
    setattr(chip, fault, 1)
    print(signer.sign(b"event"), now, chip.commands)
print(certificate_request(signer, "sos-0042"))
chip.stuck = True
try:
    signer.sign(b"event")
except BoardKeyError as error:
    print(error, now)
"""


@pytest.mark.micropython
def test_a_board_talks_to_the_chip_in_the_same_bytes(both_interpreters: Callable[[str], str]) -> None:
    lines = both_interpreters(BOARD % str(ROOT / "simulators" / "board")).splitlines()
    assert lines[-1].startswith("the secure element does not answer")
    assert len(lines) == 7


def test_the_driver_waits_longer_than_the_slowest_command_and_the_watchdog() -> None:
    assert atecc608._BUSY_MS > 665  # Sign at the slowest clock divider
    assert max(atecc608._PAUSES_MS) >= 1300
