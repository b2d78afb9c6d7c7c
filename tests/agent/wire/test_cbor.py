"""Our codec is CBOR: it equals cbor2's canonical form both ways, takes one encoding of each value, and fails in one way only."""

import random
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.wire import cbor, event, fields
from agent.wire.errors import MalformedError, OversizedError
from benchmarks.wire import fuzz

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
INTEGER = st.integers(-(2**64), 2**64 - 1)
SCALAR = st.one_of(st.none(), st.booleans(), INTEGER, TEXT, st.binary(max_size=300))
KEY = st.one_of(TEXT, INTEGER)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=30), st.dictionaries(KEY, inner, max_size=30)),
    max_leaves=40,
)
FREE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXT, inner, max_size=5)),
    max_leaves=15,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def bytewise(value: Any) -> Any:
    """``value`` with each map in the order of its keys' encodings (cbor2's canonical form sorts by length first, RFC 7049)."""
    if isinstance(value, dict):
        return {key: bytewise(value[key]) for key in sorted(value, key=cbor2.dumps)}
    return [bytewise(item) for item in value] if isinstance(value, list) else value


def same(a: Any, b: Any) -> bool:
    """Equal, and of equal types (True is not 1)."""
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(key in b and same(item, b[key]) for key, item in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(VALUE.filter(lambda v: depth(v) <= cbor.MAX_DEPTH))
def test_we_encode_as_cbor2_does_and_read_what_it_writes(value: object) -> None:
    encoded = cbor.dumps(value)

    assert encoded == cbor2.dumps(bytewise(value))
    assert same(cbor.loads(encoded), value)
    assert same(cbor2.loads(encoded), value)


@given(st.binary(max_size=60))
@example(b"\x78\x18" + b"a" * 24)
def test_whatever_is_decoded_encodes_to_the_same_bytes(b: bytes) -> None:
    try:
        value = cbor.loads(b)
    except MalformedError:
        return
    assert cbor.dumps(value) == b
    assert same(cbor2.loads(b), value)


@settings(max_examples=300)
@given(VALUE.filter(lambda v: depth(v) <= cbor.MAX_DEPTH), st.randoms(use_true_random=False))
def test_a_damaged_encoding_is_another_value_or_malformed(value: object, source: random.Random) -> None:
    b = bytearray(cbor.dumps(value))
    for _ in range(source.randint(1, 3)):
        b[source.randrange(len(b))] = source.randrange(256)
    with suppress(MalformedError):
        assert cbor.dumps(cbor.loads(bytes(b))) == b


def test_mutated_messages_end_in_a_value_or_in_the_documented_error() -> None:
    tally = fuzz(20_000, seed=20)
    assert tally["accepted"] > 500
    assert tally["refused"] > 20_000
    assert (tally["undocumented"], tally["disagreements"]) == (0, 0)


@pytest.mark.parametrize("level", [0, 1, 11, 12])
def test_the_encoder_and_the_decoder_share_the_bound_on_depth(level: int) -> None:
    value: object = 0
    for _ in range(level):
        value = [value]
    assert cbor.loads(cbor.dumps(value)) == value


def test_what_nests_deeper_is_refused_by_both() -> None:
    value: object = 0
    for _ in range(13):
        value = {"a": value}
    with pytest.raises(MalformedError):
        cbor.dumps(value)
    with pytest.raises(MalformedError):
        cbor.loads(cbor2.dumps(value))


@pytest.mark.parametrize(
    "value", [1.0, {b"k": 1}, {None: 1}, {True: 1}, 2**64, -(2**64) - 1, {1, 2}, "\ud800", {"\udfff": 1}, object()]
)
def test_what_the_contract_does_not_have_is_not_encoded(value: object) -> None:
    with pytest.raises(MalformedError):
        cbor.dumps(value)


def test_a_hostile_length_costs_nothing() -> None:
    for head in ("5b", "7b", "9b", "bb"):
        with pytest.raises(MalformedError):
            cbor.loads(bytes.fromhex(head + "7fffffffffffffff") + bytes(100))


NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=63).filter(lambda s: s[0] != "-")
WORD = st.lists(st.text("abcz09-", min_size=1, max_size=9), min_size=1, max_size=3).map(".".join)
NUMBER = st.integers(0, fields.UINT53)
COUNTER = st.integers(1, fields.UINT32)


EVENT = st.tuples(
    NAME,
    WORD,
    WORD,
    COUNTER,
    COUNTER,
    NUMBER,
    st.integers(0, 2),
    NUMBER,
    st.binary(min_size=16, max_size=16),
    st.dictionaries(TEXT, FREE, max_size=8),
)


@given(EVENT)
def test_an_event_survives_the_wire(values: tuple[Any, ...]) -> None:
    made = event.Event(*values)
    payload = made.encode()

    assert payload == cbor.dumps(vars(made))
    assert same(vars(event.decode(payload)), vars(made))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "SOS"), ("kind", "x" * 33), ("type", "a..b"), ("boot", 0), ("boot", 2**32), ("seq", 0), ("seq", True), ("at", -1),
        ("at", 2**53), ("clock", 3), ("up", -1), ("up", None), ("prev", b"short"), ("prev", bytearray(16)), ("data", []),
        ("data", {1: 2}), ("data", {"a": 1.5}), ("data", {"a": [{2: 3}]}),
    ],
)  # fmt: skip
def test_an_event_that_no_verifier_would_take_is_not_sealed(name: str, value: object) -> None:
    made = event.Event("sos-0001", "sos-button", "test.passed", 1, 1, 0, 0, 0, bytes(16), {})
    made.encode()
    setattr(made, name, value)
    with pytest.raises(MalformedError):
        made.encode()


def test_an_event_of_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    def made(size: int) -> event.Event:
        return event.Event("sos-0001", "sos-button", "a", 1, 1, 0, 0, 0, bytes(16), {"x": bytes(size)})

    overhead = len(made(40000).encode()) - 40000
    assert len(event.decode(made(event.MAX_PAYLOAD - overhead).encode()).encode()) == event.MAX_PAYLOAD
    with pytest.raises(OversizedError):
        made(event.MAX_PAYLOAD - overhead + 1).encode()
