"""The documents of the contract say what the code does: CDDL, AsyncAPI, the schema of verified events, and the prose's tables."""

import copy
import hashlib
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import jsonschema
import pytest
import yaml
from zcbor import CddlValidationError, DataTranslator

from agent.wire import chain, command, event, presence, receipt, topics
from agent.wire.event import Event
from center import cloudevents
from center.verify import VerifiedEvent

DOCS = Path(__file__).resolve().parents[3] / "docs" / "wire"
# What CDDL has no words for, or zcbor no check: the pattern of names, UTF-8 lengths in characters, maps inside `any`, and that there is
# one encoding only. Everything else that a decoder refuses, the CDDL must refuse too.
BEYOND_CDDL = re.compile(
    r"""\w+:\ (
        '(device|center|kind|type|name)'\ is\ ".+"                      # a text of a right length
      | '(data|args)'\ is\ \{"a".*                                      # a map of other keys further inside
      | 'settled'\ is\ \[\[1,\ 2,\ 1\]\]                               # ends before it begins
      | 'software'\ is\ "(x|😀)+….*
      | a\ byte\ after\ the\ end | an\ indefinite\ map | map\ head\ in\ two\ bytes | a\ field\ there\ twice | two\ fields\ exchanged
      | 'at'\ is\ a\ big\ integer | 'data'\ nested\ too\ deep | 49153\ bytes
    )""",
    re.VERBOSE,
)


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    types: dict[str, Any] = DataTranslator.from_cddl(
        (DOCS / "contract.cddl").read_text(encoding="utf-8"), 1000
    ).my_types
    return types


def fits(rules: dict[str, Any], rule: str, b: bytes) -> bool:
    try:
        rules[rule].validate_str(b)
    except (CddlValidationError, ValueError, TypeError, EOFError):  # cbor2's errors are ValueError and EOFError
        return False
    return True


def data_fits(rules: dict[str, Any], rule: str, data: dict[str, object]) -> bool:
    """Whether ``data`` fits its rule. zcbor matches a map's keys in the order of the rule, which CDDL does not ask for."""
    lines = (DOCS / "contract.cddl").read_text(encoding="utf-8").splitlines()
    line = next(text for text in lines if text.startswith(rule + " ="))
    named = [name for name in re.findall(r'"(\w+)":', line) if name in data]
    return fits(rules, rule, cbor2.dumps({name: data[name] for name in [*named, *data]}))


def leaf_of(case: dict[str, Any]) -> str:
    leaf = str(case["topic"]).rsplit("/", 1)[-1]
    return "event" if leaf == "alarm" else leaf


def test_the_cddl_takes_every_good_message(rules: dict[str, Any], vectors: dict[str, Any]) -> None:
    for case in vectors["messages"]:
        assert fits(rules, leaf_of(case), bytes.fromhex(case["payload"])), case["name"]
        assert fits(rules, "message", bytes.fromhex(case["message"])), case["name"]


def test_the_cddl_takes_the_data_of_every_event_type(rules: dict[str, Any], vectors: dict[str, Any]) -> None:
    told = set()
    for case in vectors["messages"]:
        kind = case["fields"].get("type", "")
        if kind.replace(".", "-") in rules:
            data = event.decode(bytes.fromhex(case["payload"])).data
            assert data_fits(rules, kind.replace(".", "-"), data), case["name"]
            told.add(kind)
    documented = types_in_prose()

    assert documented == told
    assert {kind.replace(".", "-") for kind in documented} <= set(rules)


def types_in_prose() -> set[str]:
    prose = (DOCS / "events.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in prose.splitlines() if line.startswith("| `")]
    return {kind for cell in cells for kind in re.findall(r"`([a-z.]+)`", cell)}


def test_the_cddl_refuses_every_bad_payload_that_cddl_can_describe(
    rules: dict[str, Any], vectors: dict[str, Any]
) -> None:
    beyond = 0
    for case in vectors["payloads-refused"]:
        if BEYOND_CDDL.fullmatch(case["name"]):
            beyond += 1
            continue
        assert not fits(rules, case["class"], bytes.fromhex(case["payload"])), case["name"]
    assert 0 < beyond < len(vectors["payloads-refused"]) / 3


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("device-booted", {"version": "1"}),
        ("device-booted", {"version": "1", "last": [1, 2]}),
        ("device-booted", {"version": "1", "last": [1, 2, b"short"]}),
        ("alarm-raised", {}),
        ("alarm-raised", {"level": 5}),
        ("alarm-escalated", {"alarm": [1]}),
        ("test-failed", {"by": "user", "failed": []}),
        ("journal-gap", {"ranges": []}),
        ("journal-gap", {"ranges": [[1, 2, 3]]}),
        ("journal-gap", {"ranges": [[1, 2, 3, bytes(16), 5]]}),
        ("command-refused", {"n": 1, "name": "x"}),
        ("command-completed", {"n": 1, "name": "x", "result": None}),
        ("link-quarantined", {"boot": 0, "seq": 1, "bytes": 2}),
    ],
)
def test_the_cddl_refuses_data_of_another_shape(rules: dict[str, Any], rule: str, data: dict[str, object]) -> None:
    assert not data_fits(rules, rule, data)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("## Event", event.Event),
        ("## Receipt", receipt.Receipt),
        ("## Command", command.Command),
        ("## Presence", presence.Presence),
    ],
)
def test_the_prose_lists_exactly_the_fields_of_the_code(title: str, names: type) -> None:
    section = (DOCS / "contract.md").read_text(encoding="utf-8").split(title + "\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = [name for cell in rows for name in re.findall(r"`([a-z]+)`", cell)]

    assert len(listed) == len(set(listed))
    assert set(listed) == set(names.__init__.__code__.co_varnames) - {"self"}  # type: ignore[misc]  # the constructor's parameters


def test_the_prose_names_the_limits_of_the_code() -> None:
    prose = (DOCS / "contract.md").read_text(encoding="utf-8")
    for most in ("65,536 bytes", "49,152 bytes", "604,800 s", "1000 entries", "| 12 |"):
        assert most in prose
    for reason in ("malformed", "oversized", "unknown-key", "forged", "misaddressed"):
        assert f"`{reason}`" in prose


# --- verified events ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    loaded = json.loads((DOCS / "verified-event.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def handed_on(made: Event, payload: bytes, **how: Any) -> dict[str, Any]:
    verified = VerifiedEvent(made, chain.link(payload), payload, b"", bytes(8))
    settings: dict[str, Any] = {"zero_ms": None, "conflict": False, "place": {}, **how}
    body: dict[str, Any] = json.loads(cloudevents.of_event(verified, "center-1", made.at + 61_000, **settings).body)
    return body


def test_what_the_center_hands_on_fits_the_schema(
    schema: jsonschema.Draft202012Validator, vectors: dict[str, Any]
) -> None:
    seen = 0
    for case in vectors["messages"]:
        if leaf_of(case) != "event" or case["fields"]["at"] > 10**14:
            continue
        payload = bytes.fromhex(case["payload"])
        body = handed_on(event.decode(payload), payload)
        schema.validate(body)
        assert body["id"] == hashlib.sha256(payload).hexdigest()[:32]
        assert body["dabyllate"] is ("time" in body)
        seen += 1
    assert seen > 20


def test_a_change_of_presence_fits_the_schema(schema: jsonschema.Draft202012Validator) -> None:
    told = presence.Presence("sos-0001", "sos-button", 1, 1, True, 1_763_000_000_000, 2, 5, 60, "dabyl 1")
    for online in (True, False):
        made = cloudevents.of_presence(told, bytes(16), "center-1", told.at, online=online, cause="presence", place={})
        schema.validate(json.loads(made.body))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"), ("id", "A" * 32), ("id", "0" * 31), ("source", "urn:dabyl:center:c-1"), ("type", "alarm.raised"),
        ("type", "dabyl.presence.online"), ("time", "2026-01-01"), ("time", 5), ("datacontenttype", "text/plain"), ("data", []),
        ("data", {"x": 1.5}), ("dabylseq", None), ("dabylseq", 0), ("dabylboot", 2**32), ("dabylclock", 3), ("dabylup", -1),
        ("dabyllate", "no"), ("dabylconflict", None), ("dabyldrill", 0), ("dabylcenter", "C"), ("dabylextra", 1), ("dabylreceived", ""),
        ("dabylroom", ""), ("dabyllatitude", 43.2),
    ],
)  # fmt: skip
def test_the_schema_refuses_another_shape(schema: jsonschema.Draft202012Validator, name: str, value: object) -> None:
    made = event.Event(
        "sos-0001", "sos-button", "test.passed", 1, 1, 1_763_000_000_000, 2, 5, bytes(16), {"by": "user"}
    )
    body = handed_on(made, made.encode())
    schema.validate(body)
    body[name] = value
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(body)


# --- AsyncAPI -------------------------------------------------------------------------------------------------------------------------

# The required structure of AsyncAPI 3.0.0, sections "AsyncAPI Object", "Channel Object", "Operation Object", "Server Object".
REFERENCE = {"type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string"}}}
STRUCTURE = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations", "components"],
    "propertyNames": {
        "enum": ["asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"]
    },
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "servers": {
            "additionalProperties": {"type": "object", "required": ["host", "protocol"]},
        },
        "channels": {
            "additionalProperties": {
                "type": "object",
                "required": ["address", "messages"],
                "properties": {
                    "address": {"type": "string"},
                    "parameters": {"additionalProperties": {"type": "object"}},
                    "messages": {"minProperties": 1, "additionalProperties": REFERENCE},
                },
            }
        },
        "operations": {
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel"],
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"type": "array", "items": REFERENCE},
                    "bindings": {"required": ["mqtt"]},
                },
            }
        },
    },
}


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    return document


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, item in node.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_the_asyncapi_document_has_the_required_structure_and_its_references_lead_somewhere(
    asyncapi: dict[str, Any],
) -> None:
    jsonschema.validate(asyncapi, STRUCTURE, cls=jsonschema.Draft202012Validator)
    found = list(references(asyncapi))
    assert len(found) > 20
    for reference in found:
        if not reference.startswith("#/"):
            assert (DOCS / reference).is_file(), reference
            continue
        node: Any = asyncapi
        for step in reference[2:].split("/"):
            node = node[step]
    for name, channel in asyncapi["channels"].items():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"]), name


def test_the_asyncapi_document_has_the_topics_of_the_code(asyncapi: dict[str, Any]) -> None:
    addresses = {name: channel["address"] for name, channel in asyncapi["channels"].items()}
    leaves = (topics.ALARM, topics.EVENT, topics.PRESENCE, topics.RECEIPT, topics.COMMAND)
    assert addresses == {
        **{leaf: topics.topic("{device}", leaf) for leaf in leaves},
        "verified": topics.verified_topic("{device}", "{type}"),
    }
    sent = {o["channel"]["$ref"].rsplit("/", 1)[-1] for o in asyncapi["operations"].values() if o["action"] == "send"}
    assert sent == {"receipt", "command", "verified"}
    assert {o["bindings"]["mqtt"]["qos"] for o in asyncapi["operations"].values()} == {1}


def test_an_independent_object_model_reads_the_asyncapi_document(asyncapi: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its models shadow names of their base class
        model = pytest.importorskip("asyncapi3").AsyncAPI3
    model.model_validate(asyncapi)
    spoilt = copy.deepcopy(asyncapi)
    spoilt["operations"]["takeAlarm"]["action"] = "listen"
    with pytest.raises(ValueError, match="action"):
        model.model_validate(spoilt)
