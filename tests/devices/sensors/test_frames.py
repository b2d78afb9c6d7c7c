"""The rule that finds frames, on a toy format that is full of false beginnings: a digit, as many bytes, the last of them a full stop."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.sensors.frames import MORE, NONE, Frames

LONGEST = 4


def measure(data: bytes, at: int) -> int:
    end = at + 1 + data[at] - ord("0")
    if len(data) < end:
        return MORE
    return end - at if data[end - 1 : end] == b"." else NONE


def by_the_rule(stream: bytes) -> list[bytes]:
    """After each byte: is there a frame that ends here and begins after the last one? The longest, if there are several."""
    found = []
    done = 0
    for end in range(1, len(stream) + 1):
        for start in range(done, end):
            if stream[start : start + 1] in b"123" and measure(stream[:end], start) == end - start:
                found.append(stream[start:end])
                done = end
                break
    return found


def frames(pieces: list[bytes]) -> tuple[list[bytes], int, int]:
    finder = Frames(re.compile(b"[123]"), measure)
    found = [one for piece in pieces for one in finder.feed(piece)]
    finder.drop()
    return found, finder.understood, finder.skipped


@settings(max_examples=400, deadline=None)
@example(stream="31..", cut=1)
@example(stream="3a1.", cut=2)
@given(stream=st.text(alphabet="123a.", max_size=30), cut=st.integers(0, 30))
def test_of_all_whole_frames_the_one_that_ends_first_counts_in_whatever_pieces(stream: str, cut: int) -> None:
    data = stream.encode()
    expected = by_the_rule(data)
    noise = len(data) - sum(map(len, expected))
    for pieces in ([data], [data[:cut], data[cut:]], [bytes((byte,)) for byte in data]):
        assert frames(pieces) == (expected, len(expected), noise)


@given(stream=st.text(alphabet="123a.", max_size=60))
def test_less_than_the_longest_frame_is_kept(stream: str) -> None:
    finder = Frames(re.compile(b"[123]"), measure)
    for byte in stream.encode():
        before = finder.skipped
        taken = sum(len(one) for one in finder.feed(bytes((byte,))))
        finder.drop()
        assert finder.skipped - before + taken == 1
    whole = Frames(re.compile(b"[123]"), measure)
    found = whole.feed(stream.encode())
    kept = len(stream) - whole.skipped - sum(map(len, found))
    assert 0 <= kept < LONGEST
