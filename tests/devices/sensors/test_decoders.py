"""What holds for every decoder: it gives back what was encoded, however the bytes come, whatever noise is around them, without a fault."""

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devices.sensors.streams import AT_MS, KINDS, decoded

FUZZED_BYTES = 30_000
every_kind = pytest.mark.parametrize("name", sorted(KINDS))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = [*sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def wounded(source: random.Random, stream: bytes) -> bytes:
    """A stream after bits fell over, and bytes were lost, doubled and made up."""
    b = bytearray(stream)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(max(1, len(b)))
        wound = source.randrange(4)
        if wound == 0 and b:
            b[at] ^= 1 << source.randrange(8)
        elif wound == 1:
            del b[at : at + source.randint(1, 30)]
        elif wound == 2:
            b[at:at] = source.randbytes(source.randint(1, 30))
        else:
            b[at:at] = b[at : at + source.randint(1, 60)]
    return bytes(b)


@every_kind
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_was_encoded_comes_back_in_order_from_any_pieces(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    frames = data.draw(st.lists(kind.readings, min_size=1, max_size=4))
    stream = b"".join(kind.encode(frame) for frame in frames)
    said, understood, skipped = decoded(kind, cut(stream, data.draw(st.lists(st.integers(0, 10_000), max_size=6))))
    assert said == [one for frame in frames for one in frame]
    assert (understood, skipped) == (len(frames), 0)


@every_kind
@settings(max_examples=80, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_a_damaged_stream_says_the_same_in_any_pieces(name: str, data: st.DataObject, seed: int) -> None:
    kind = KINDS[name]
    frames = data.draw(st.lists(kind.readings, min_size=1, max_size=4))
    stream = wounded(random.Random(seed), b"".join(kind.encode(frame) for frame in frames))
    whole = decoded(kind, [stream])
    assert decoded(kind, cut(stream, data.draw(st.lists(st.integers(0, 10_000), max_size=6)))) == whole
    assert decoded(kind, [bytes((byte,)) for byte in stream]) == whole


@every_kind
@settings(max_examples=40, deadline=None)
@given(data=st.data(), noise=st.binary(max_size=200))
def test_noise_costs_two_frames_at_most_and_nothing_that_follows(name: str, data: st.DataObject, noise: bytes) -> None:
    kind = KINDS[name]
    frames = data.draw(st.lists(kind.readings, min_size=4, max_size=4))
    good = [one for frame in frames for one in frame]
    said, _understood, skipped = decoded(kind, [noise, *(kind.encode(frame) for frame in frames)])
    assert said[-len(frames[2] + frames[3]) :] == frames[2] + frames[3]
    assert skipped <= len(noise) + sum(len(kind.encode(frame)) for frame in frames[:2])
    assert kind.decoder().feed(kind.encode(frames[0]) + noise, AT_MS)[: len(frames[0])] == frames[0]
    assert len(said) <= len(good) + 200


@every_kind
def test_no_bytes_whatsoever_raise_and_what_is_kept_stays_small(name: str) -> None:
    kind = KINDS[name]
    source = random.Random(name)
    decoder = kind.decoder()
    empty = len(pickle.dumps(decoder))
    fed = 0
    while fed < FUZZED_BYTES:
        piece = source.choice(
            (
                source.randbytes(source.randint(1, 200)),
                wounded(source, b"".join(source.choices(kind.samples, k=3))),
                source.choice(kind.samples)[: source.randint(1, 40)] * source.randint(1, 20),
                bytes((source.randrange(256),)) * source.randint(1, 500),
            )
        )
        decoder.feed(piece, fed)
        fed += len(piece)
        assert len(pickle.dumps(decoder)) <= empty + kind.longest + 50
    assert 0 < decoder.skipped <= fed


@every_kind
def test_every_sample_is_understood(name: str) -> None:
    kind = KINDS[name]
    _said, understood, skipped = decoded(kind, kind.samples)
    assert skipped == 0
    assert understood == sum(not sample.startswith(b":") for sample in kind.samples)
