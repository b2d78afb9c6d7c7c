"""Signing a stream: every slice once, in order, bound to its GOP, and each signature where a cut does not hurt it."""

from hashlib import sha256
from pathlib import Path

import pytest

from agent.keys.file import FileKey
from agent.recording.stream import nal, sei
from agent.recording.stream.errors import StreamError
from agent.recording.stream.media_signing import MediaSigner
from tests.agent.recording.stream.conftest import GOP, encoded

VENDOR = sei.Vendor("1", "badge-001", "dabyl")


@pytest.fixture
def signer(tmp_path: Path) -> MediaSigner:
    return MediaSigner(FileKey.generate(str(tmp_path / "key.pem")), [b"leaf"], VENDOR)


def periods(units: list[bytes]) -> list[sei.Period]:
    return [sei.read(unit).period for unit in units if sei.is_signing(unit)]


def slices(unit: bytes) -> list[bytes]:
    return [one for one in nal.split(unit) if nal.is_slice(one)]


def test_a_gop_is_signed_behind_the_next_key_frame(units: list[bytes], signer: MediaSigner) -> None:
    out = [signer.unit(nal.split(unit), number * 33) for number, unit in enumerate(units)]
    where = [number for number, unit in enumerate(out) if periods(unit)]
    assert where == [GOP + 1, 2 * GOP + 1, 3 * GOP + 1]
    for number in where:
        assert sei.is_signing(out[number][0])
        assert [one for one in out[number] if not sei.is_signing(one)] == nal.split(units[number])


def test_hashes_bind_each_slice_to_its_gop(units: list[bytes], signer: MediaSigner) -> None:
    out = [one for number, unit in enumerate(units) for one in signer.unit(nal.split(unit), number)]
    first, second = periods(out)[:2]
    anchor = sha256(slices(units[0])[0]).digest()
    assert first.hashes[0] == anchor
    assert first.hashes[1] == sha256(anchor + sha256(slices(units[1])[0]).digest()).digest()
    assert first.gop_hash == sha256(b"".join(first.hashes)).digest()
    assert first.link == bytes(32)
    assert second.link == anchor
    assert [first.counter, second.counter] == [1, 2]
    assert not first.partial


def test_close_signs_the_rest_and_the_next_goes_on(units: list[bytes], signer: MediaSigner) -> None:
    for number, unit in enumerate(units[:7]):
        signer.unit(nal.split(unit), 1000 + number)
    (closed,) = periods(signer.close(2000))
    assert (closed.partial, closed.start_ms, closed.end_ms, len(closed.hashes)) == (True, 1000, 2000, 7)
    assert signer.close(2100) == []
    signer.unit(nal.split(units[7]), 2200)
    (following,) = periods(signer.close(2300))
    anchor = sha256(slices(units[0])[0]).digest()
    assert following.hashes == (sha256(anchor + sha256(slices(units[7])[0]).digest()).digest(),)
    assert following.link == closed.hashes[0]
    assert following.start_ms == 2000


def test_closed_right_behind_a_key_frame(units: list[bytes], signer: MediaSigner) -> None:
    for number, unit in enumerate(units[: GOP + 1]):
        signer.unit(nal.split(unit), number)
    gop, rest = periods(signer.close(99))
    assert (len(gop.hashes), gop.partial, len(rest.hashes), rest.partial) == (GOP, False, 1, True)


def test_pictures_in_several_slices(signer: MediaSigner) -> None:
    some = encoded(3, (64, 64), {"x264-params": "slices=4"})
    for unit in some:
        signer.unit(nal.split(unit), 0)
    (period,) = periods(signer.close(1))
    assert len(period.hashes) == sum(len(slices(unit)) for unit in some) == 12


def test_a_period_has_a_bound(units: list[bytes], signer: MediaSigner) -> None:
    out = signer.unit(nal.split(units[0]), 0)
    for number in range(700):
        out += signer.unit(nal.split(units[1]), number)
    out += signer.close(1000)
    assert [(len(period.hashes), period.partial) for period in periods(out)] == [(300, True), (300, True), (101, True)]


def test_a_stream_that_begins_in_the_middle(units: list[bytes], signer: MediaSigner) -> None:
    with pytest.raises(StreamError, match="begins with an IDR"):
        signer.unit(nal.split(units[1]), 0)
