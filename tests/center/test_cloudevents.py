"""What consumers get: always what the published schema says, whatever a device puts into its events."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.chain import ZERO, link
from agent.wire.event import Event
from agent.wire.presence import Presence
from center.cloudevents import MAX_BODY, dated, of_event, of_presence, rfc3339
from center.verify import VerifiedEvent
from tests.center.scripted import NOW

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/wire/verified-event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text() | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def verified(made: Event) -> VerifiedEvent:
    payload = made.encode()
    return VerifiedEvent(made, link(payload), payload, b"", bytes(8))


@given(
    st.dictionaries(st.text(max_size=12), plain_values, max_size=5),
    st.integers(0, 2**53 - 1),
    st.integers(0, 2),
    st.integers(0, 2**53 - 1),
    st.none() | st.integers(-(2**53), 2**53),
    st.booleans(),
)
def test_every_event_of_the_contract_becomes_a_valid_cloudevent(
    data: dict[str, object], at: int, clock: int, up: int, zero: int | None, conflict: bool
) -> None:
    one = verified(Event("sos-0001", "sos-button", "tamper.opened", 2**32 - 1, 1, at, clock, up, ZERO, data))
    out = of_event(one, "center-1", NOW, zero_ms=zero, conflict=conflict, place={})
    body = json.loads(out.body)
    VALIDATOR.validate(body)
    assert body["id"] == one.link.hex()
    assert body["dabylconflict"] is conflict
    assert body["dabyldrill"] is (data.get("drill") is True)
    assert out.topic == "dabyl/verified/v1/sos-0001/tamper.opened"


@pytest.mark.parametrize("data", [{"x": "\x01" * 49_000}, {"x": [False] * 49_000}], ids=["controls", "booleans"])
def test_what_is_huge_as_json_is_left_out_and_said_so(data: dict[str, object]) -> None:
    one = verified(Event("sos-0001", "x", "alarm.raised", 1, 1, 0, 0, 0, ZERO, {**data, "drill": True}))
    out = of_event(one, "center-1", NOW, zero_ms=None, conflict=False, place={})
    assert len(out.body) < 1_000
    body = json.loads(out.body)
    VALIDATOR.validate(body)
    assert body["data"]["left_out"] > MAX_BODY
    assert body["dabyldrill"] is True


@pytest.mark.parametrize("data", [{"x": bytes(49_000)}, {"x": '"' * 49_000}], ids=["bytes", "quotes"])
def test_what_a_device_has_reason_to_say_is_never_left_out(data: dict[str, object]) -> None:
    out = of_event(
        verified(Event("sos-0001", "x", "y", 1, 1, 0, 0, 0, ZERO, data)),
        "center-1",
        NOW,
        zero_ms=None,
        conflict=False,
        place={},
    )
    assert len(json.loads(out.body)["data"]["x"]) >= 49_000


@pytest.mark.parametrize("online", [True, False])
def test_changes_of_presence_are_valid_too(online: bool) -> None:
    told = Presence("sos-0001", "sos-button", 1, 1, online, NOW, 2, 5, 60, "1.0")
    VALIDATOR.validate(
        json.loads(
            of_presence(told, bytes(16), "center-1", NOW, online=online, cause="will", place={"room": "212"}).body
        )
    )


def test_byte_strings_become_lower_case_hexadecimal() -> None:
    one = verified(Event("sos-0001", "x", "y", 1, 1, 0, 0, 0, ZERO, {"a": b"\xab\x00", "b": [{"c": b"\xff"}]}))
    body = json.loads(of_event(one, "center-1", NOW, zero_ms=None, conflict=False, place={}).body)
    assert body["data"] == {"a": "ab00", "b": [{"c": "ff"}]}


@pytest.mark.parametrize(
    ("clock", "zero", "expected"),
    [(2, 7, 1_000), (1, 7, 57), (1, None, 1_000), (0, 7, 57), (0, None, None), (0, -100, None)],
)
def test_the_best_knowledge_dates_an_event(clock: int, zero: int | None, expected: int | None) -> None:
    assert dated(1_000, clock, 50, zero) == expected


def test_moments_are_exact_to_the_millisecond() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
