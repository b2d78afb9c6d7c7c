"""Sealing: numbers without holes, an unbroken chain, signatures that verify."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.keys.p256 import verifier
from agent.seal import Sealer
from agent.wire import chain, cose, event
from agent.wire.chain import Chain, link
from agent.wire.errors import WireError


@pytest.fixture
def sealer(key: Any, time: Any) -> Sealer:
    return Sealer("pillar-017", "sos-button", Chain(7, b"p" * 16), key("device"), time.clock())


def payload_of(envelope: bytes, key: Any) -> bytes:
    check = verifier(key("device").public_der)
    return cose.verify(envelope, event.CONTEXT, lambda kid: check if kid == key("device").kid else None).payload


def test_events_count_from_one_and_each_carries_the_hash_of_the_one_before(sealer: Sealer, key: Any, time: Any) -> None:
    prev = b"p" * 16
    for number in range(1, 6):
        time.advance(1000)
        sealed = sealer.seal("alarm.raised", {"count": number}, sealer.stamp())
        payload = payload_of(sealed.envelope, key)
        made = event.decode(payload)
        assert (made.device, made.kind, made.boot, made.seq) == ("pillar-017", "sos-button", 7, number)
        assert (sealed.boot, sealed.seq, sealed.rank, sealed.type) == (7, number, event.ALARM, "alarm.raised")
        assert made.up == number * 1000
        assert made.prev == prev
        assert sealed.link == link(payload)
        prev = sealed.link


@pytest.mark.parametrize(
    "data",
    [
        {"x": 1.5},
        {"x": object()},
        {1: "x"},
        {"x": 1 << 70},
        {"x": b"x" * 70_000},
        {"x": "\ud800"},
        {"x": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]},
    ],
    ids=["float", "object", "key", "number", "size", "text", "depth"],
)
def test_data_that_the_contract_does_not_have_uses_up_no_number(sealer: Sealer, data: Any, key: Any) -> None:
    first = sealer.seal("test.passed", {}, sealer.stamp())
    with pytest.raises(WireError):
        sealer.seal("test.passed", data, sealer.stamp())
    second = sealer.seal("test.passed", {}, sealer.stamp())
    assert second.seq == 2
    assert event.decode(payload_of(second.envelope, key)).prev == first.link


def test_a_type_that_is_no_word_is_refused(sealer: Sealer) -> None:
    with pytest.raises(WireError):
        sealer.seal("Alarm Raised!", {}, sealer.stamp())
    assert sealer.seal("alarm.raised", {}, sealer.stamp()).seq == 1


def test_a_signer_that_fails_uses_up_no_number(key: Any, time: Any) -> None:
    class Token:
        kid = key("device").kid
        fails = True

        def sign(self, data: bytes) -> bytes:
            if self.fails:
                raise OSError("unplugged")
            return bytes(key("device").sign(data))

    token: Any = Token()
    sealer = Sealer("pillar-017", "sos-button", Chain(7), token, time.clock())
    with pytest.raises(OSError, match="unplugged"):
        sealer.seal("alarm.raised", {}, sealer.stamp())
    token.fails = False
    sealed = sealer.seal("alarm.raised", {}, sealer.stamp())
    assert sealed.seq == 1
    assert event.decode(payload_of(sealed.envelope, key)).prev == chain.ZERO


LEAVES = st.none() | st.booleans() | st.integers(-(2**66), 2**66) | st.text(max_size=5) | st.binary(max_size=5)
DATA = st.recursive(LEAVES | st.floats(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LEAVES, inner))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(DATA, max_size=8))
def test_whatever_a_logic_says_the_chain_has_no_hole(key: Any, attempts: list[Any]) -> None:
    from agent.clock import Clock  # noqa: PLC0415  function-scoped fixtures and hypothesis do not mix

    clock = Clock(lambda: 0, lambda: 1_800_000_000_000, lambda: False)
    sealer = Sealer("pillar-017", "sos-button", Chain(7), key("device"), clock)
    seq, prev = 0, chain.ZERO
    for data in attempts:
        try:
            sealed = sealer.seal("test.passed", data, sealer.stamp())
        except WireError:
            continue
        seq += 1
        made = event.decode(payload_of(sealed.envelope, key))
        assert (sealed.seq, made.seq, made.prev) == (seq, seq, prev)
        prev = sealed.link
