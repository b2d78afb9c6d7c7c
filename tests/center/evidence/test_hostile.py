"""Files that mean harm, or none: a verdict or the documented error, in bounded time, and never anything else."""

import io
import random
import struct
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from center.evidence import boxes
from center.evidence.boxes import BoxError
from center.evidence.clip import verify_clip
from center.evidence.errors import EvidenceError
from center.evidence.stream import NoClipError, read_clip
from center.evidence.trust import Trust
from tests.center.evidence.clips import mp4, remuxed, signed
from tests.center.scripted import Pki
from tests.devices.video_badge.footage import UNIX_MS, footage


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("authority"), UNIX_MS)


@pytest.fixture(scope="module")
def contents(pki: Pki) -> bytes:
    return mp4(signed(footage(1), pki.device("badge-001"), close_every=6))


def changed(contents: bytes, at: int, number: int) -> io.BytesIO:
    return io.BytesIO(contents[:at] + struct.pack(">I", number) + contents[at + 4 :])


def test_good_boxes_are_good(contents: bytes, tmp_path: Path) -> None:
    boxes.check(io.BytesIO(contents))
    assert len(read_clip(io.BytesIO(contents)).pictures) == 30
    boxes.check(io.BytesIO(contents[: len(contents) // 2]))
    assert boxes.is_mp4(io.BytesIO(contents))
    ordinary = remuxed(contents, tmp_path / "ordinary.mp4").read_bytes()
    assert b"moof" not in ordinary
    boxes.check(io.BytesIO(ordinary))
    assert not boxes.is_mp4(io.BytesIO(remuxed(contents, tmp_path / "copy.mkv").read_bytes()))


@pytest.mark.parametrize(
    ("box", "behind", "number", "said"),
    [
        (b"trun", 8, 0x7FFFFFFF, "samples"),
        (b"stsz", 12, 0x7FFFFFFF, "samples"),
        (b"moof", -4, 0x7FFFFFF0, ""),
        (b"traf", -4, 0x7FFFFFF0, "impossible size"),
        (b"tfhd", -4, 4, "impossible size"),
        (b"tfhd", 8, 9, "a track that is not there"),
        (b"tkhd", 16, 0xA4D5E415, "track number"),
    ],
)
def test_boxes_that_claim_what_cannot_be(contents: bytes, box: bytes, behind: int, number: int, said: str) -> None:
    file = changed(contents, contents.index(box) + behind, number)
    if not said:
        boxes.check(file)
        return
    with pytest.raises(BoxError, match=said):
        boxes.check(file)
    with pytest.raises(NoClipError, match=said):
        read_clip(file)


def test_tables_that_claim_what_cannot_be(contents: bytes, tmp_path: Path) -> None:
    ordinary = remuxed(contents, tmp_path / "ordinary.mp4").read_bytes()
    with pytest.raises(BoxError, match="stts claims"):
        boxes.check(changed(ordinary, ordinary.index(b"stts") + 12, 0x7FFFFFFF))
    fixed = changed(ordinary, ordinary.index(b"stsz") + 8, 1000).getvalue()
    with pytest.raises(BoxError, match="stsz claims"):
        boxes.check(changed(fixed, fixed.index(b"stsz") + 12, 1_000_000))


def test_boxes_nested_without_end() -> None:
    nested = b"".join((8 * depth).to_bytes(4, "big") + b"moov" for depth in range(40, 0, -1))
    with pytest.raises(BoxError, match="deeper"):
        boxes.check(io.BytesIO(nested))


def test_fuzzed_clips(contents: bytes, pki: Pki, tmp_path: Path) -> None:
    """Whatever is changed: one of two outcomes, and never a longer or other recording that would be proven."""
    trust = Trust(load_roots(pki.authority.root_pem), (), UNIX_MS)
    seeded = random.Random(5)
    sources = [contents, *(remuxed(contents, tmp_path / f"copy.{one}").read_bytes() for one in ("ts", "mkv"))]
    path = tmp_path / "fuzzed"
    outcomes = {True: 0, False: 0}
    for _ in range(60):
        data = bytearray(seeded.choice(sources))
        for _ in range(seeded.choice((1, 3, 20))):
            at = seeded.randrange(min(len(data), seeded.choice((100, 1500, len(data)))))
            length = seeded.randrange(1, 200)
            data[at : at + seeded.choice((0, 1, 4, length))] = seeded.randbytes(seeded.choice((0, 1, 4, length)))
        path.write_bytes(data)
        try:
            verdict = verify_clip(path, trust)
        except EvidenceError:
            outcomes[False] += 1
            continue
        outcomes[True] += 1
        assert not verdict.proven or round(verdict.seconds[-1].number) <= 1
    assert all(outcomes.values())


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"ftyp", b"\x00\x00\x00\x08ftyp", b"junk" * 1000, b"\x00\x00\x01\x09" * 50]
)
def test_no_video(junk: bytes) -> None:
    with pytest.raises(NoClipError):
        read_clip(io.BytesIO(junk))
