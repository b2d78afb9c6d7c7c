"""The center's decoder accepts exactly what the contract's own decoder accepts, and returns the same."""

import json
import random
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import cbor
from agent.wire.errors import MalformedError
from center import decode

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "wire" / "vectors"


def verdict(loads: object, b: bytes) -> tuple[str, object]:
    assert callable(loads)
    try:
        return "value", cbor.dumps(loads(b))
    except MalformedError:
        return "malformed", None


def test_both_decoders_agree_on_the_vectors() -> None:
    cases = json.loads((VECTORS / "cbor.json").read_text(encoding="utf-8"))
    payloads = json.loads((VECTORS / "payloads-refused.json").read_text(encoding="utf-8"))
    texts = [case["hex"] for case in cases["accepted"] + cases["refused"]] + [case["payload"] for case in payloads]
    for text in texts:
        b = bytes.fromhex(text)
        assert verdict(decode.loads, b) == verdict(cbor.loads, b), text


@given(st.binary(max_size=40))
def test_both_decoders_agree_on_any_bytes(b: bytes) -> None:
    assert verdict(decode.loads, b) == verdict(cbor.loads, b)


def test_both_decoders_agree_on_damaged_payloads() -> None:
    source = random.Random(7)
    good = cbor.dumps({"a": 1, "b": [True, None, -5], "data": {"k": b"bytes", "text": "Ж"}, "zz": {"1": 2, "2": [[]]}})
    seen = {"value": 0, "malformed": 0}
    for _ in range(20_000):
        b = bytearray(good)
        for _ in range(source.randint(1, 3)):
            at = source.randrange(len(b))
            if source.random() < 0.7:
                b[at] = source.randrange(256)
            else:
                b[at:at] = source.randbytes(source.randint(1, 3))
        found = verdict(decode.loads, bytes(b))
        seen[found[0]] += 1
        assert found == verdict(cbor.loads, bytes(b)), b.hex()
    assert min(seen.values()) > 500


@pytest.mark.parametrize(
    "value",
    [1.5, cbor2.CBORTag(0, "2024-01-01T00:00:00Z"), cbor2.CBORTag(0, "no time"), cbor2.CBORTag(35, "("), cbor2.CBORTag(260, b"12"),
     cbor2.CBORTag(4, [9, 1]), cbor2.CBORTag(5, [2**62, 1]), cbor2.CBORTag(30, [1, 0]), cbor2.CBORTag(37, b"1"), cbor2.CBORTag(28, [1]),
     cbor2.CBORTag(29, 7), cbor2.CBORTag(2, b"\x01" * 9), cbor2.CBORTag(258, [1]), cbor2.CBORTag(258, [[]]), cbor2.CBORTag(1, 2**60),
     cbor2.undefined,
     {cbor2.CBORTag(9, 1): 1}, {(1, 2): 3}, {True: 1}],
)  # fmt: skip
def test_what_only_cbor2_knows_is_refused(value: object) -> None:
    for wrapped in (value, [value], {"k": value}):
        with pytest.raises(MalformedError):
            decode.loads(cbor2.dumps(wrapped))


@pytest.mark.parametrize(
    "b", [b"\x81" * 60_000, b"\xa1\x61a" * 20_000, b"\xc1" * 60_000, b"\xd8\x1c\x81\xd8\x1d\x00", b"\x9f" * 60_000]
)
def test_deep_and_cyclic_input_ends_in_the_documented_error(b: bytes) -> None:
    with pytest.raises(MalformedError):
        decode.loads(b)
