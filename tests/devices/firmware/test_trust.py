"""The centers' keys on a board: who is believed, what a power cut or a damaged flash does, and tables that come and go with the keys."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from agent.keys.file import FileKey
from agent.wire import cose, receipt
from agent.wire.errors import ForgedError, UnknownKeyError
from devices.firmware import comb, trust
from devices.firmware.keys import BoardKeyError
from devices.firmware.trust import MAX_KEYS, Trust

CENTERS = [FileKey(derive_private_key(number, SECP256R1())) for number in range(1001, 1010)]
DERS = [center.public_der for center in CENTERS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A board's folder of keys, provisioned with the first center's."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / trust.FILE).write_bytes(DERS[0])
    return tmp_path / "keys"


def believes(table: Trust, center: FileKey) -> bool:
    check = table.find(center.kid)
    return check is not None and check(center.sign(b"data"), b"data")


def believed(table: Trust) -> list[int]:
    return [number for number, center in enumerate(CENTERS) if believes(table, center)]


def tables(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != trust.FILE)


def table_name(number: int) -> str:
    return CENTERS[number].kid.hex() + ".center"


class TestVerifying:
    """Receipts."""

    def test_a_receipt_of_a_believed_center_verifies_and_no_other(self, folder: Path, generator: str) -> None:
        table = Trust(str(folder), generator)
        payload = receipt.Receipt("sos-0042", "center-1", 9, 1_790_000_000_000, 41, [(41, 1, 7)], []).encode()
        message = cose.sign(payload, receipt.CONTEXT, CENTERS[0])

        assert cose.verify(message, receipt.CONTEXT, table.find).payload == payload
        with pytest.raises(ForgedError):
            cose.verify(message[:-1] + bytes((message[-1] ^ 1,)), receipt.CONTEXT, table.find)
        with pytest.raises(UnknownKeyError):
            cose.verify(cose.sign(payload, receipt.CONTEXT, CENTERS[1]), receipt.CONTEXT, table.find)

    def test_a_hostile_signature_is_only_wrong(self, folder: Path, generator: str) -> None:
        check = Trust(str(folder), generator).find(CENTERS[0].kid)
        assert check is not None
        rng = random.Random(1)
        for size in (0, 1, 63, 64, 65, 72, 1000):
            assert check(rng.randbytes(size), b"data") is False
        assert check(bytes(64), b"") is False

    def test_unknown_identifiers_of_any_shape_find_nothing(self, folder: Path, generator: str) -> None:
        table = Trust(str(folder), generator)
        for kid in (b"", bytes(8), CENTERS[1].kid, CENTERS[0].kid + b"\x00", CENTERS[0].kid[:7]):
            assert table.find(kid) is None

    def test_one_center_does_not_speak_for_another(self, folder: Path, generator: str) -> None:
        (folder / trust.FILE).write_bytes(DERS[0] + DERS[1])
        table = Trust(str(folder), generator)
        check = table.find(CENTERS[1].kid)
        assert check is not None
        assert not check(CENTERS[0].sign(b"data"), b"data")
        assert believed(table) == [0, 1]


class TestReading:
    """The file of keys."""

    def test_no_file_is_told(self, folder: Path, generator: str) -> None:
        (folder / trust.FILE).unlink()
        with pytest.raises(BoardKeyError, match=r"no center's public keys in .*centers\.der: enrol"):
            Trust(str(folder), generator)

    def test_every_damaged_bit_is_noticed(self, folder: Path, generator: str) -> None:
        rng = random.Random(2)
        for at in range(182):
            data = bytearray(DERS[0] + DERS[1])
            data[at] ^= 1 << rng.randrange(8)
            (folder / trust.FILE).write_bytes(data)
            with pytest.raises(BoardKeyError, match="damaged"):
                Trust(str(folder), generator)

    def test_every_torn_length_is_noticed(self, folder: Path, generator: str) -> None:
        for size in range(182):
            if size != 91:
                (folder / trust.FILE).write_bytes((DERS[0] + DERS[1])[:size])
                with pytest.raises(BoardKeyError, match="damaged"):
                    Trust(str(folder), generator)

    def test_eight_keys_and_not_nine(self, folder: Path, generator: str) -> None:
        (folder / trust.FILE).write_bytes(b"".join(DERS[:MAX_KEYS]))
        assert believed(Trust(str(folder), generator)) == list(range(8))
        (folder / trust.FILE).write_bytes(b"".join(DERS))
        with pytest.raises(BoardKeyError, match="1 to 8"):
            Trust(str(folder), generator)


class TestReplacing:
    """Rotation by a command."""

    def test_exactly_the_new_keys_count_at_once_and_after_a_restart(self, folder: Path, generator: str) -> None:
        table = Trust(str(folder), generator)
        assert believed(table) == [0]

        table.replace([DERS[2], DERS[1]])

        assert believed(table) == [1, 2]
        assert believed(Trust(str(folder), generator)) == [1, 2]
        assert (folder / trust.FILE).read_bytes() == DERS[2] + DERS[1]

    def test_a_key_may_come_back(self, folder: Path, generator: str) -> None:
        table = Trust(str(folder), generator)
        assert believed(table) == [0]
        table.replace([DERS[1]])
        table.replace([DERS[0]])
        assert believed(table) == [0]

    @pytest.mark.parametrize(
        "wrong",
        [
            [],
            DERS,
            [DERS[1], b""],
            [DERS[1], DERS[2][:-1]],
            [DERS[1], "text"],
            [None],
            [DERS[1], DERS[2][:-1] + b"\x00"],
        ],
    )
    def test_a_wrong_list_changes_nothing(self, folder: Path, generator: str, wrong: list[object]) -> None:
        table = Trust(str(folder), generator)
        before = (folder / trust.FILE).read_bytes()
        with pytest.raises(BoardKeyError):
            table.replace(wrong)
        assert believed(table) == [0]
        assert (folder / trust.FILE).read_bytes() == before
        assert believed(Trust(str(folder), generator)) == [0]

    def test_a_full_flash_changes_nothing(self, folder: Path, generator: str, monkeypatch: pytest.MonkeyPatch) -> None:
        table = Trust(str(folder), generator)

        def full(_old: str, _new: str) -> None:
            raise OSError(errno.ENOSPC, "full")

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", full)
            with pytest.raises(OSError, match="full"):
                table.replace([DERS[1]])
        assert believed(table) == [0]
        assert believed(Trust(str(folder), generator)) == [0]

    @pytest.mark.parametrize("written", [0, 1, 90, 91, 92, 182])
    def test_a_power_cut_while_writing_leaves_the_old_keys(self, folder: Path, generator: str, written: int) -> None:
        (folder / (trust.FILE + ".new")).write_bytes((DERS[1] + DERS[2])[:written])
        table = Trust(str(folder), generator)
        assert believed(table) == [0]
        table.replace([DERS[3]])
        assert believed(Trust(str(folder), generator)) == [3]
        assert tables(folder) == [table_name(3)]

    def test_a_power_cut_after_the_change_leaves_the_new_keys_and_no_old_tables(
        self, folder: Path, generator: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = Trust(str(folder), generator)
        assert believed(table) == [0]

        def cut(_folder: str) -> list[str]:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "listdir", cut)
            with pytest.raises(KeyboardInterrupt):
                table.replace([DERS[1]])
        assert tables(folder) == [table_name(0)]

        again = Trust(str(folder), generator)
        assert tables(folder) == []
        assert believed(again) == [1]


class TestTables:
    """Tables derived from the keys."""

    def test_a_table_is_made_at_the_first_use_and_found_after_a_restart(self, folder: Path, generator: str) -> None:
        table = Trust(str(folder), generator)
        assert tables(folder) == []
        assert believes(table, CENTERS[0])
        assert tables(folder) == [table_name(0)]
        made = (folder / table_name(0)).stat().st_mtime_ns
        assert believes(Trust(str(folder), generator), CENTERS[0])
        assert (folder / table_name(0)).stat().st_mtime_ns == made

    def test_tables_can_be_made_ahead_one_by_one(self, folder: Path, generator: str) -> None:
        (folder / trust.FILE).write_bytes(b"".join(DERS[:3]))
        table = Trust(str(folder), generator)
        steps = []
        while table.prepare():
            steps.append(len(tables(folder)))
        assert steps == [1, 2, 3]
        assert not table.prepare()

    def test_a_table_is_checked_once_and_not_at_each_receipt(
        self, folder: Path, generator: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = Trust(str(folder), generator)
        assert believes(table, CENTERS[0])
        monkeypatch.setattr(comb, "make_sure", None)
        assert believes(table, CENTERS[0])

    def test_a_damaged_table_is_made_again_at_the_next_start(self, folder: Path, generator: str) -> None:
        assert believes(Trust(str(folder), generator), CENTERS[0])
        path = folder / table_name(0)
        good = path.read_bytes()
        path.write_bytes(good[:100] + b"?" + good[101:])
        assert believes(Trust(str(folder), generator), CENTERS[0])
        assert path.read_bytes() == good

    def test_tables_go_with_their_keys_and_other_files_stay(self, folder: Path, generator: str) -> None:
        (folder / "device.key").write_bytes(b"mine")
        (folder / "generator.comb").write_bytes(b"mine too")
        table = Trust(str(folder), generator)
        table.prepare()
        table.replace([DERS[1], DERS[0]])
        assert table_name(0) in tables(folder)
        table.replace([DERS[1]])
        (folder / (table_name(2) + ".new")).write_bytes(b"half")
        Trust(str(folder), generator)
        assert tables(folder) == ["device.key", "generator.comb"]

    def test_without_room_for_a_table_the_receipt_waits_and_the_key_stays_believed(
        self, folder: Path, generator: str
    ) -> None:
        table = Trust(str(folder), generator)
        in_the_way = folder / (table_name(0) + ".new")
        in_the_way.mkdir()
        assert not believes(table, CENTERS[0])
        in_the_way.rmdir()
        assert believes(table, CENTERS[0])

    def test_a_leftover_that_cannot_be_removed_stops_nothing(self, folder: Path, generator: str) -> None:
        (folder / (table_name(5) + ".new")).mkdir()
        table = Trust(str(folder), generator)
        table.replace([DERS[1]])
        assert believed(table) == [1]


BOARD = """
import os
from binascii import unhexlify
from devices.firmware import comb, curve
from devices.firmware.keys import BoardKeyError
from devices.firmware.trust import Trust

generator = comb.make_sure("g.comb", *curve.G)
ders = [unhexlify(text) for text in %r]
signatures = [unhexlify(text) for text in %r]
kids = [unhexlify(text) for text in %r]
os.mkdir("keys")

def show(table):
    for kid in kids:
        check = table.find(kid)
        print(check and [check(signature, b"data") for signature in signatures])
    print(sorted(os.listdir("keys")))

try:
    Trust("keys", generator)
except BoardKeyError as error:
    print(error)
with open("keys/centers.der", "wb") as file:
    file.write(ders[0])
table = Trust("keys", generator)
show(table)
table.replace(ders[1:])
while table.prepare():
    print(len(os.listdir("keys")))
show(table)
show(Trust("keys", generator))
for wrong in ([], ders * 4, [ders[0], b"?"], ["text"], [ders[0][:-1] + b"?"]):
    try:
        table.replace(wrong)
    except BoardKeyError as error:
        print(error)
show(table)
"""


@pytest.mark.micropython
def test_a_board_believes_and_refuses_the_same(both_interpreters: Callable[[str], str]) -> None:
    three = CENTERS[:3]
    hexed = [
        [part.hex() for part in parts] for parts in (DERS[:3], [c.sign(b"data") for c in three], [c.kid for c in three])
    ]
    lines = both_interpreters(BOARD % tuple(hexed)).splitlines()
    assert lines[0].startswith("no center's public keys in keys/centers.der")
    assert lines[1:4] == ["[True, False, False]", "None", "None"]
    assert lines[5:7] == ["2", "3"]
    assert lines[7:10] == ["None", "[False, True, False]", "[False, False, True]"]
    assert os.linesep.join(lines[-4:-1]) == os.linesep.join(lines[7:10])


FLASH = """
import os
import vfs
from devices.firmware import comb, curve
from devices.firmware.softkey import SoftKey
from devices.firmware.trust import Trust

class Flash:
    def __init__(self):
        with open("flash.bin", "wb") as file:
            for _ in range(48):
                file.write(bytes(4096))
        self.file = open("flash.bin", "r+b")

    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.write(buffer)

    def ioctl(self, operation, argument):
        return {4: 48, 5: 4096, 6: 0}.get(operation)

flash = Flash()
vfs.VfsLfs2.mkfs(flash)
vfs.mount(flash, "/flash")
generator = comb.make_sure("/flash/generator.comb", *curve.G)
first, second = [SoftKey.generate("/flash/%d.key" % n, generator, os.urandom) for n in (1, 2)]
with open("/flash/centers.der", "wb") as file:
    file.write(first.public_der)
table = Trust("/flash", generator)
while table.prepare():
    pass
signature = first.sign(b"data")
print(table.find(first.kid)(signature, b"data"), table.find(second.kid))
table.replace([second.public_der])
vfs.umount("/flash")
vfs.mount(flash, "/flash")
table = Trust("/flash", generator)
print(table.find(first.kid), table.find(second.kid)(second.sign(b"data"), b"data"))
with open(generator, "r+b") as file:
    file.seek(5000)
    file.write(b"damaged")
comb.make_sure(generator, *curve.G)
print(SoftKey.load("/flash/1.key", generator).sign(b"data") == signature)
"""


@pytest.mark.micropython
def test_all_of_it_works_on_the_file_system_of_a_board(on_micropython: Callable[[str], str]) -> None:
    assert on_micropython(FLASH).splitlines() == ["True None", "None True", "True"]
