"""Fragmented MP4 that players take: exact times, and after a cut anywhere all whole fragments."""

import io
import itertools
from fractions import Fraction

import av
import pytest

from agent.recording.stream import nal
from agent.recording.stream.errors import StreamError
from agent.recording.stream.fmp4 import MAX_SAMPLES, VIDEO_TICKS, Audio, Muxer, Position, Sample, Video
from tests.agent.recording.stream.conftest import GOP

TICKS = 3003


def video(units: list[bytes]) -> Video:
    parts = {nal.kind(one): one for one in nal.split(units[0])}
    return Video(parts[nal.SPS], parts[nal.PPS])


def sample(unit: bytes, number: int, at: int | None = None) -> Sample:
    parts = [one for one in nal.split(unit) if nal.is_slice(one)]
    return Sample(nal.joined(parts), number * TICKS if at is None else at, TICKS, nal.kind(parts[0]) == nal.IDR)


def fragments(units: list[bytes]) -> list[bytes]:
    """Header and fragments of six pictures, with sound and position."""
    muxer = Muxer([video(units), Audio(48000, 1), Position()])
    out = [muxer.header()]
    for begin in range(0, len(units), 6):
        pictures = [sample(unit, begin + number) for number, unit in enumerate(units[begin : begin + 6])]
        sound = [Sample(bytes((number,)) * 20, (begin + number) * 1600, 1600) for number in range(6)]
        place = [Sample(b"$GNRMC,%d" % begin, begin * TICKS, 6 * TICKS)] if begin % 12 == 0 else []
        out.append(b"".join(muxer.fragment([pictures, sound, place])))
    return out


def packets(contents: bytes) -> dict[str, list[tuple[int, int, bytes]]]:
    found: dict[str, list[tuple[int, int, bytes]]] = {}
    with av.open(io.BytesIO(contents), "r") as container:
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                found.setdefault(packet.stream.type, []).append((packet.pts, packet.duration or 0, bytes(packet)))
    return found


def pictures(contents: bytes) -> int:
    with av.open(io.BytesIO(contents), "r") as container:
        return sum(1 for _ in container.decode(video=0))


def test_plays_with_exact_times(units: list[bytes]) -> None:
    contents = b"".join(fragments(units))
    assert pictures(contents) == len(units)
    found = packets(contents)
    assert [(at, lasts) for at, lasts, _ in found["video"]] == [(n * TICKS, TICKS) for n in range(len(units))]
    assert [data for _, _, data in found["video"]] == [sample(unit, 0).data for unit in units]
    assert [at for at, _, _ in found["audio"]] == [n * 1600 for n in range(len(found["audio"]))]
    assert [data for _, _, data in found["data"]] == [b"$GNRMC,%d" % begin for begin in range(0, len(units), 12)]


def test_what_a_player_is_told(units: list[bytes]) -> None:
    with av.open(io.BytesIO(b"".join(fragments(units))), "r") as container:
        shown, heard = container.streams.video[0], container.streams.audio[0]
        assert (shown.width, shown.height, shown.time_base) == (64, 48, Fraction(1, VIDEO_TICKS))
        assert (heard.rate, heard.channels, heard.codec_context.name) == (48000, 1, "aac")
        keys = [packet.is_keyframe for packet in container.demux(shown) if packet.size]
    assert keys == [number % GOP == 0 for number in range(len(units))]


def test_cut_anywhere_the_whole_fragments_play(units: list[bytes]) -> None:
    parts = fragments(units)
    ends = list(itertools.accumulate(map(len, parts)))
    contents = b"".join(parts)
    for cut in range(ends[1], len(contents), 997):
        whole = sum(1 for end in ends[1:] if end <= cut)
        assert pictures(contents[:cut]) >= min(6 * whole, len(units))


def test_between_fragments_time_may_pass(units: list[bytes]) -> None:
    muxer = Muxer([video(units)])
    contents = b"".join(
        [
            muxer.header(),
            *muxer.fragment([[sample(units[0], 0)]]),
            *muxer.fragment([[sample(units[1], 0, 90_000)]]),
        ]
    )
    assert [at for at, _, _ in packets(contents)["video"]] == [0, 90_000]


@pytest.mark.parametrize("tracks", [[], [[], []], [[Sample(b"", 0, 1)] * (MAX_SAMPLES + 1)]])
def test_a_fragment_without_or_with_too_many_samples(units: list[bytes], tracks: list[list[Sample]]) -> None:
    with pytest.raises(StreamError, match="samples"):
        Muxer([video(units)]).fragment(tracks)


@pytest.mark.parametrize("at", [0, TICKS - 1, TICKS + 1])
def test_samples_with_a_gap_or_overlap_within_a_fragment(units: list[bytes], at: int) -> None:
    with pytest.raises(StreamError, match="ends where the next one begins"):
        Muxer([video(units)]).fragment([[sample(units[0], 0), sample(units[1], 0, at)]])


@pytest.mark.parametrize("audio", [Audio(44000, 1), Audio(48000, 0), Audio(48000, 8)])
def test_sound_that_aac_does_not_have(audio: Audio) -> None:
    with pytest.raises(StreamError, match="AAC has no"):
        audio.entry()
