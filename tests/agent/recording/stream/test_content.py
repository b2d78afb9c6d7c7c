"""What a manifest says of a segment's contents: complete, compact, and read back strictly."""

from hashlib import sha256
from typing import Any

import pytest

from agent.recording.stream import content, nal
from agent.recording.stream.content import Content, ContentDigest
from agent.recording.stream.errors import StreamError
from agent.recording.stream.fmp4 import Audio, Position, Sample, Track, Video

SPS, PPS = b"\x67sps", b"\x68pps"
TRACKS: list[Track] = [Video(SPS, PPS), Audio(48000, 1), Position()]


def picture(number: int, at: int, lasts: int = 3000) -> Sample:
    return Sample(nal.joined([b"\x06sei", b"\x65%d" % number, b"\x41%d" % number]), at, lasts)


def digest() -> ContentDigest:
    along = ContentDigest(TRACKS)
    along.add([[picture(0, 90_000), picture(1, 93_000)], [Sample(b"a", 48_512, 1024)], []])
    along.add(
        [[picture(2, 96_000), picture(3, 102_000, 4000)], [Sample(b"b", 49_536, 1024)], [Sample(b"$", 99_000, 9)]]
    )
    return along


def test_content() -> None:
    told = digest().content()
    slices = [b"\x65%d" % number for number in range(4) for _ in (0, 1)]
    slices[1::2] = [b"\x41%d" % number for number in range(4)]
    assert told.anchor == sha256(b"\x650").digest()
    assert told.parameters == sha256(nal.joined([SPS, PPS])).digest()
    assert told.video.digest == sha256(b"".join(sha256(one).digest() for one in slices)).digest()
    assert told.video.runs == ((2, 3000), (1, 6000), (1, 4000))
    assert told.video.samples == 4
    assert told.audio is not None
    assert told.position is not None
    assert (told.audio.begin_us, told.audio.runs) == (10_666, ((2, 1024),))
    assert (told.position.begin_us, told.position.runs) == (100_000, ((1, 9),))


def test_an_even_second_is_short() -> None:
    along = ContentDigest([Video(SPS, PPS)])
    along.add([[picture(number, number * 3000) for number in range(60)]])
    assert along.content().video.runs == ((60, 3000),)
    assert "audio" not in along.content().fields()


def test_comes_back() -> None:
    told = digest().content()
    assert content.read(told.fields()) == told


def test_no_picture_no_content() -> None:
    with pytest.raises(StreamError, match="without a picture"):
        ContentDigest(TRACKS).content()
    with pytest.raises(StreamError, match="has a video track"):
        ContentDigest([Audio(48000, 1)])


def spoilt(**changes: Any) -> dict[str, Any]:
    fields = digest().content().fields()
    assert isinstance(fields["video"], dict)
    for name, value in changes.items():
        target = fields["video"] if name in fields["video"] else fields
        target[name] = value
    return fields


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        {},
        spoilt(video=None),
        spoilt(audio=7),
        spoilt(more=1),
        spoilt(anchor=b"short"),
        spoilt(parameters="text"),
        spoilt(digest=b""),
        spoilt(ticks=0),
        spoilt(ticks=True),
        spoilt(begin=10**12),
        spoilt(begin=None),
        spoilt(runs=[]),
        spoilt(runs=[1]),
        spoilt(runs=[0, 3000]),
        spoilt(runs=[1, -1]),
        spoilt(runs=[1, 2.0]),
        spoilt(runs=[content.MAX_SAMPLES + 1, 1]),
        spoilt(runs=[1, 1] * (content.MAX_SAMPLES + 1)),
        spoilt(runs={}),
    ],
)
def test_bad_fields(fields: object) -> None:
    with pytest.raises(StreamError):
        content.read(fields)


def test_good_fields_are_good() -> None:
    assert isinstance(content.read(spoilt()), Content)
