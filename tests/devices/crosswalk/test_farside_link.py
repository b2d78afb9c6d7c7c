"""The link to the far side: what is said arrives, whatever noise is around it, and noise says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.crosswalk.farside_link import LINE_MAX, Decoder, Order, State, encode
from devices.crosswalk.patterns import BASES, beacon_patterns

MESSAGES = st.one_of(
    st.builds(Order, st.sampled_from(sorted({name for base in BASES for name in beacon_patterns(base, 30)}))),
    st.builds(State, *[st.booleans()] * 5),
)


def test_the_examples_of_the_page() -> None:
    assert encode(Order("ia-21-night")) == b"O ia-21-night*E532\n"
    assert encode(State(True, False, True, False, True)) == b"S 1 0 1 0 1*CB3E\n"


@given(st.lists(MESSAGES, max_size=8), st.integers(1, 30))
def test_what_is_said_arrives_in_whatever_pieces(messages: list[Order | State], size: int) -> None:
    stream = b"".join(map(encode, messages))
    decoder = Decoder()
    heard = [one for at in range(0, len(stream), size) for one in decoder.feed(stream[at : at + size])]
    assert heard == messages
    assert decoder.skipped == 0


@given(st.binary(max_size=3 * LINE_MAX), MESSAGES)
def test_after_noise_the_second_message_arrives_at_the_latest(noise: bytes, message: Order | State) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    assert message in [one for _ in range(6) for one in decoder.feed(encode(message))][:2]


@pytest.mark.parametrize("at", range(len(b"S 1 0 1 0 1*CB3E")))
def test_a_damaged_message_says_nothing(at: int) -> None:
    whole = bytearray(encode(State(True, False, True, False, True)))
    for bit in range(8):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        assert Decoder().feed(bytes(damaged)) == []


def test_every_pattern_fits_into_a_line() -> None:
    for base in BASES:
        for name in beacon_patterns(base, 30):
            assert len(encode(Order(name))) <= LINE_MAX
