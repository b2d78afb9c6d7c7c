"""The tamper matrix: what was done to a recording or to a copy of it, and the verdict that it has to get, second by second."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from agent.recording.stream import nal, sei, sps
from agent.recording.stream.errors import StreamError
from agent.recording.stream.fmp4 import VIDEO_TICKS, Muxer, Sample, Video
from center.evidence.clip import verify_clip
from center.evidence.signing import JOINED, MISPLACED, RETIMED, UNSIGNED
from center.evidence.stream import read_clip
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Verdict
from center.evidence.trust import Trust
from devices.video_badge.media import Item, Picture, Sound
from tests.agent.recording.stream.conftest import encoded
from tests.center.evidence import clips
from tests.center.evidence.clips import GOP, Unit, flipped, mp4, remuxed, signed
from tests.center.evidence.exported import Exported
from tests.center.scripted import Device, Pki
from tests.devices.video_badge.footage import UNIX_MS

Verify = Callable[[bytes], Verdict]


@pytest.fixture(scope="module")
def badge(original: Exported) -> Device:
    return original.device


@pytest.fixture(scope="module")
def units(items: list[Item], badge: Device) -> list[Unit]:
    return signed(items, badge)


@pytest.fixture
def verify(tmp_path: Path, trust: Trust) -> Verify:
    def verdict(contents: bytes) -> Verdict:
        path = tmp_path / "clip.mp4"
        path.write_bytes(contents)
        return verify_clip(path, trust)

    return verdict


def letters(verdict: Verdict) -> str:
    """One letter a second: p, a, m."""
    return "".join(second.verdict[0] for second in verdict.seconds)


def reasons(verdict: Verdict, wanted: str = ALTERED) -> set[str]:
    return {why for second in verdict.seconds if second.verdict == wanted for why in second.why}


# -- the stream's own signature ------------------------------------------------------------------------------------------------------


def test_intact(units: list[Unit], verify: Verify) -> None:
    verdict = verify(mp4(units))
    assert letters(verdict) == "pppppp"
    assert verdict.proven
    assert verdict.device == "badge-001"
    assert verdict.total_s(PROVEN) == 6
    assert all(second.pictures_only for second in verdict.seconds)


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
def test_in_another_container(units: list[Unit], trust: Trust, tmp_path: Path, suffix: str) -> None:
    assert letters(verify_clip(remuxed(mp4(units), tmp_path / f"copy.{suffix}"), trust)) == "pppppp"


def test_a_byte_stream_without_container(units: list[Unit], trust: Trust, tmp_path: Path) -> None:
    path = tmp_path / "raw.h264"
    path.write_bytes(b"".join(b"\x00\x00\x00\x01" + one for unit in units for one in unit))
    assert letters(verify_clip(path, trust))[:6] == "pppppp"


@pytest.mark.parametrize("close_every", [6, 15])
def test_signed_more_often_than_a_gop(items: list[Item], badge: Device, verify: Verify, close_every: int) -> None:
    assert letters(verify(mp4(signed(items, badge, close_every=close_every)))) == "pppppp"


def test_cut_at_gops(items: list[Item], badge: Device, verify: Verify) -> None:
    units = signed(items, badge, close_every=6)
    assert letters(verify(mp4(units[GOP : 4 * GOP]))) == "ppp"


def test_cut_at_a_gop_whose_signature_is_in_the_next(units: list[Unit], verify: Verify) -> None:
    """What is not signed in the copy is not proven, though nobody touched it."""
    verdict = verify(mp4(units[: 3 * GOP]))
    assert letters(verdict) == "ppa"
    assert reasons(verdict) == {UNSIGNED}


def test_cut_inside_a_gop(units: list[Unit], verify: Verify) -> None:
    assert letters(verify(mp4(units[GOP // 2 : GOP // 2 + 5 * GOP]))).startswith("a")


@pytest.mark.parametrize("picture", [2 * GOP, 2 * GOP + 7])
def test_one_bit_of_a_picture(units: list[Unit], verify: Verify, picture: int) -> None:
    verdict = verify(mp4([*units[:picture], flipped(units[picture]), *units[picture + 1 :]]))
    assert letters(verdict) == "ppappp"
    assert reasons(verdict) == {UNSIGNED}


def test_a_picture_twice(units: list[Unit], verify: Verify) -> None:
    at = 2 * GOP + 7
    verdict = verify(mp4([*units[:at], units[at], *units[at:]]))
    assert letters(verdict)[:3] == "ppa"
    assert MISPLACED in reasons(verdict)


def test_two_pictures_swapped(units: list[Unit], verify: Verify) -> None:
    at = 2 * GOP + 7
    verdict = verify(mp4([*units[:at], units[at + 1], units[at], *units[at + 2 :]]))
    assert letters(verdict)[:3] == "ppa"
    assert MISPLACED in reasons(verdict)


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_dropped(units: list[Unit], verify: Verify, count: int) -> None:
    at = 2 * GOP + 7
    verdict = verify(mp4([*units[:at], *units[at + count :]]))
    assert letters(verdict) == "ppmppp"
    assert reasons(verdict, MISSING) == {f"{count} pictures are missing"}


def test_a_gop_removed(units: list[Unit], verify: Verify) -> None:
    """With it went the signature of the one before, which stands in it."""
    verdict = verify(mp4([*units[: 3 * GOP], *units[4 * GOP :]]))
    assert letters(verdict) == "ppampp"


def test_two_signed_gops_removed(items: list[Item], badge: Device, verify: Verify) -> None:
    """Their signatures went with them: the times and numbers of the others tell how much is missing."""
    units = signed(items, badge, close_every=6)
    verdict = verify(mp4([*units[: 2 * GOP], *units[4 * GOP :]]))
    assert letters(verdict) == "ppmmpp"
    assert verdict.total_s(MISSING) == pytest.approx(2, abs=0.2)


def test_two_gops_swapped(units: list[Unit], verify: Verify) -> None:
    swapped = [*units[:GOP], *units[2 * GOP : 3 * GOP], *units[GOP : 2 * GOP], *units[3 * GOP :]]
    verdict = verify(mp4(swapped))
    assert "a" in letters(verdict)
    assert MISPLACED in reasons(verdict)


def test_one_signature_removed(units: list[Unit], verify: Verify) -> None:
    at = next(number for number in range(GOP, len(units)) if any(map(sei.is_signing, units[number])))
    verdict = verify(mp4([*units[:at], *clips.without_signatures([units[at]]), *units[at + 1 :]]))
    assert letters(verdict) == "appppp"


def test_a_signed_period_that_contradicts_itself(units: list[Unit], badge: Device, verify: Verify) -> None:
    """By the badge's own key, and the hash of the whole period is not that of the hashes it lists: no recorder makes that."""

    def contradicting(one: bytes) -> bytes:
        opened = sei.opening(replace(sei.read(one).period, gop_hash=bytes(sei.HASH_SIZE)))
        return sei.closed(opened, badge.signer.sign(opened))

    at = next(number for number in range(3 * GOP, len(units)) if any(map(sei.is_signing, units[number])))
    changed = [contradicting(one) if sei.is_signing(one) else one for one in units[at]]
    verdict = verify(mp4([*units[:at], changed, *units[at + 1 :]]))
    assert letters(verdict) == "ppappp"
    assert reasons(verdict) == {UNSIGNED}
    assert "a signature proves nothing: it contradicts itself" in verdict.notes


def test_all_signatures_removed(units: list[Unit], verify: Verify) -> None:
    verdict = verify(mp4(clips.without_signatures(units)))
    assert letters(verdict) == "aaaaaa"
    assert "there is no signature in the stream" in verdict.notes
    assert verdict.device == ""


def test_encoded_again(units: list[Unit], trust: Trust, tmp_path: Path) -> None:
    path = tmp_path / "again.mp4"
    with av.open(io.BytesIO(mp4(units)), "r") as one, av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        track.width, track.height, track.pix_fmt = one.streams.video[0].width, one.streams.video[0].height, "yuv420p"
        for frame in one.decode(video=0):
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    verdict = verify_clip(path, trust)
    assert set(letters(verdict)) == {"a"}
    assert "there is no signature in the stream" in verdict.notes


def test_two_recordings_joined(items: list[Item], units: list[Unit], badge: Device, verify: Verify) -> None:
    verdict = verify(mp4([*units[: 2 * GOP], *signed(items[: len(items) // 3], badge)]))
    assert letters(verdict)[:2] == "pp"
    assert letters(verdict)[2] == "a"
    assert {JOINED, MISPLACED} & reasons(verdict)


def test_a_part_of_another_recording_that_would_be_next(items: list[Item], badge: Device, verify: Verify) -> None:
    """Its numbers fit, and its link to the period before does not."""
    later = [item for item in items if isinstance(item, Picture)][GOP:]
    units, other = signed(items, badge, close_every=GOP), signed(later, badge, close_every=GOP)
    verdict = verify(mp4([*units[: 2 * GOP], *other[2 * GOP : 4 * GOP]]))
    assert letters(verdict) == "ppap"
    assert reasons(verdict) == {JOINED}


def test_a_part_by_another_badge(items: list[Item], badge: Device, pki: Pki, verify: Verify) -> None:
    """Both are trusted. A clip is by one of them, the first."""
    units, other = signed(items, badge, close_every=GOP), signed(items, pki.device("badge-010"), close_every=GOP)
    verdict = verify(mp4([*units[: 2 * GOP], *other[2 * GOP : 4 * GOP]]))
    assert letters(verdict) == "ppaa"
    assert "a signature is by another device, badge-010" in verdict.notes


def test_two_pictures_shown_in_another_order(units: list[Unit], trust: Trust, tmp_path: Path) -> None:
    """They stand in the file in their order, and the container has them shown in another."""
    path = tmp_path / "order.mkv"
    with av.open(io.BytesIO(mp4(units)), "r") as one, av.open(str(path), "w") as out:
        track = out.add_stream_from_template(one.streams.video[0])
        packets = [packet for packet in one.demux(video=0) if packet.size]
        at = 2 * GOP + 7
        packets[at].pts, packets[at + 1].pts = packets[at + 1].pts, packets[at].pts
        for packet in packets:
            packet.dts = (packet.dts or 0) - clips.TICKS
            packet.stream = track
            out.mux(packet)
    verdict = verify_clip(path, trust)
    assert letters(verdict).startswith("ppappp")
    assert MISPLACED in reasons(verdict)


def test_one_slice_of_many(badge: Device, verify: Verify) -> None:
    some = encoded(30, (64, 64), {"x264-params": "slices=4"})
    units = signed([Picture(data, False, 0, UNIX_MS + 33 * n) for n, data in enumerate(some)], badge, close_every=10)
    assert letters(verify(mp4(units))) == "p"
    number = [n for n, one in enumerate(units[15]) if nal.is_slice(one)][2]
    units[15][number] = units[15][number][:-2] + bytes((units[15][number][-2] ^ 1,)) + units[15][number][-1:]
    assert letters(verify(mp4(units))) == "a"


def test_signed_with_another_key_than_the_certificates(
    items: list[Item], badge: Device, pki: Pki, verify: Verify
) -> None:
    thief = Device("badge-001", pki.device("badge-009").signer, badge.certificates, 1, UNIX_MS)
    verdict = verify(mp4(signed(items, thief)))
    assert letters(verdict) == "aaaaaa"
    assert any("not by the key of badge-001" in note for note in verdict.notes)


def test_signed_by_a_center(items: list[Item], pki: Pki, verify: Verify) -> None:
    """Its certificate is as good as a badge's, and it records nothing."""
    chain, _ = pki.leaf("center", "center-1")
    center = Device("center-1", pki.signer("center-1"), chain_from_pem(chain.read_text(), "center-1"), 1, UNIX_MS)
    verdict = verify(mp4(signed(items, center)))
    assert letters(verdict) == "aaaaaa"
    assert any("a device is needed" in note for note in verdict.notes)


def test_another_root(units: list[Unit], tmp_path: Path) -> None:
    stranger = Trust(load_roots(Pki(tmp_path / "other", UNIX_MS).authority.root_pem), (), UNIX_MS)
    path = tmp_path / "clip.mp4"
    path.write_bytes(mp4(units))
    verdict = verify_clip(path, stranger)
    assert letters(verdict) == "aaaaaa"
    assert any("no trusted root" in note for note in verdict.notes)


def test_a_certificate_that_has_expired_since_still_proves(units: list[Unit], pki: Pki, tmp_path: Path) -> None:
    later = Trust(load_roots(pki.authority.root_pem), (), UNIX_MS + 400 * 86_400_000)
    path = tmp_path / "clip.mp4"
    path.write_bytes(mp4(units))
    verdict = verify_clip(path, later)
    assert verdict.proven
    assert any("expired since" in note for note in verdict.notes)


def test_a_certificate_that_did_not_hold_at_the_time(items: list[Item], pki: Pki, trust: Trust, tmp_path: Path) -> None:
    late = _issued_later(pki, "badge-002", days=20)
    path = tmp_path / "clip.mp4"
    path.write_bytes(mp4(signed(items, late)))
    verdict = verify_clip(path, trust)
    assert letters(verdict) == "aaaaaa"
    assert any("valid from" in note for note in verdict.notes)


def _issued_later(pki: Pki, name: str, days: int) -> Device:
    pki.now_ms += days * 86_400_000
    try:
        return pki.device(name)
    finally:
        pki.now_ms -= days * 86_400_000


def test_a_picture_that_cannot_be_taken_apart(units: list[Unit], verify: Verify) -> None:
    """The pictures behind it are read all the same."""
    contents = mp4(units)
    at = contents.index(max(units[2 * GOP], key=len)) - 4
    verdict = verify(contents[:at] + b"\x00\x7f" + contents[at + 2 :])
    assert letters(verdict) == "ppappp"


def test_a_second_track_of_pictures(units: list[Unit], trust: Trust, tmp_path: Path) -> None:
    """A player may show the one that nobody has signed."""
    path = tmp_path / "two.mp4"
    with av.open(io.BytesIO(mp4(units)), "r") as one, av.open(str(path), "w") as out:
        tracks = [out.add_stream_from_template(one.streams.video[0]) for _ in (0, 1)]
        for packet in one.demux(video=0):
            if packet.size:
                for track in tracks:
                    packet.stream = track
                    out.mux(packet)
    verdict = verify_clip(path, trust)
    assert letters(verdict) == "aaaaaa"
    assert reasons(verdict) == {"tracks that no badge records: 1"}


def test_shown_at_another_speed(units: list[Unit], verify: Verify) -> None:
    verdict = verify(mp4(units, ticks=clips.TICKS // 2))
    assert letters(verdict) == "aaa"
    assert reasons(verdict) == {RETIMED}


# -- the blind spots of that signature, seen by the manifests -------------------------------------------------------------------------


def other_size(unit: bytes) -> bytes:
    """A parameter set of the same length that tells another picture size."""
    true = sps.read(unit)
    for bit in range(32, len(unit) * 8):
        changed = bytearray(unit)
        changed[bit // 8] ^= 0x80 >> bit % 8
        try:
            told = sps.read(bytes(changed))
        except StreamError:
            continue
        if (told.width, told.height) != (true.width, true.height):
            return bytes(changed)
    raise AssertionError("no bit changes the size")


def resized(plain: bytes) -> bytes:
    at = plain.index(b"avcC") + 4
    length = int.from_bytes(plain[at + 6 : at + 8], "big")
    unit = plain[at + 8 : at + 8 + length]
    return plain.replace(unit, other_size(unit))


def slowed(plain: bytes) -> bytes:
    """The video's ticks a second are halved in its header."""
    return plain.replace(VIDEO_TICKS.to_bytes(4, "big"), (VIDEO_TICKS // 2).to_bytes(4, "big"), 1)


def other_sound(items: list[Item]) -> Callable[[bytes], bytes]:
    def change(plain: bytes) -> bytes:
        for item in items:
            if isinstance(item, Sound) and len(item.data) > 32 and item.data in plain:
                return plain.replace(item.data, item.data[:-8] + bytes(8))
        raise AssertionError("no sound in the segment")

    return change


def other_place(plain: bytes) -> bytes:
    at = plain.index(b"$G") + 20
    return plain[:at] + bytes((plain[at] ^ 1,)) + plain[at + 1 :]


Change = Callable[[bytes], bytes]
BLIND: dict[str, tuple[Callable[[list[Item]], Change], str]] = {
    "size": (lambda _: resized, "the picture's size or coding parameters were changed"),
    "times": (lambda _: slowed, "the times of the pictures were changed"),
    "sound": (other_sound, "the sound was changed or cut off"),
    "position": (lambda _: other_place, "the position was changed or cut off"),
}


@pytest.mark.parametrize("name", BLIND)
def test_blind_spot_in_an_exported_folder(
    original: Exported, items: list[Item], trust: Trust, tmp_path: Path, name: str
) -> None:
    make, why = BLIND[name]
    twin = original.copy(tmp_path / "twin")
    twin.resealed(2, make(items))
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert why in reasons(verdict)
    assert letters(twin.sealed_verdict(trust)) == "ppaapp"


@pytest.mark.parametrize("name", BLIND)
def test_blind_spot_in_a_clip(original: Exported, items: list[Item], trust: Trust, tmp_path: Path, name: str) -> None:
    make, why = BLIND[name]
    path = tmp_path / "clip.mp4"
    path.write_bytes(make(items)(original.plain[1]))
    manifests = [original.load(trust)]
    assert name == "times" or verify_clip(path, trust).proven, "the stream's signature alone is blind to it"
    verdict = verify_clip(path, trust, manifests)
    assert not verdict.proven
    assert why in "; ".join(reasons(verdict))


def test_parameter_sets_among_the_pictures(units: list[Unit]) -> None:
    """A decoder would follow them, whatever the file's head says."""
    parts = {nal.kind(one): one for one in units[0]}
    picture = next(one for one in units[0] if nal.is_slice(one))

    def parameters(*before: bytes) -> bytes:
        muxer = Muxer([Video(parts[nal.SPS], parts[nal.PPS])])
        sample = Sample(nal.joined([*before, picture]), 0, clips.TICKS)
        return read_clip(io.BytesIO(b"".join([muxer.header(), *muxer.fragment([[sample]])]))).parameters

    assert parameters() == parameters(parts[nal.SPS], parts[nal.PPS])
    assert parameters() != parameters(other_size(parts[nal.SPS]))


def test_a_clip_with_nothing_changed_is_proven_in_all(original: Exported, trust: Trust, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(original.plain[1])
    verdict = verify_clip(path, trust, [original.load(trust)])
    assert verdict.proven
    assert not any(second.pictures_only for second in verdict.seconds)
