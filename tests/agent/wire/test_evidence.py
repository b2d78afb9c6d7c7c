"""Evidence receipts: what a device takes as the center's word that it may delete a segment, and nothing more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from zcbor import CddlValidationError, DataTranslator

from agent.keys.p256 import verifier
from agent.wire import cose, evidence
from agent.wire.errors import WireError

Verify = Callable[[bytes, bytes], bool]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "wire"


@pytest.fixture(scope="module")
def cases() -> Any:
    return json.loads((DOCS / "vectors" / "evidence.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def centers() -> dict[bytes, Verify]:
    told = json.loads((DOCS / "vectors" / "keys.json").read_text(encoding="utf-8"))
    members = told["tables"]["centers"]
    return {
        bytes.fromhex(key["kid"]): verifier(bytes.fromhex(key["spki"]))
        for key in told["keys"]
        if key["name"] in members
    }


def receive(message: str, centers: dict[bytes, Verify]) -> evidence.Evidence:
    return evidence.decode(cose.verify(bytes.fromhex(message), evidence.CONTEXT, centers.get).payload)


def test_good_receipts_say_what_their_view_says(cases: Any, centers: dict[bytes, Verify]) -> None:
    for case in cases["accepted"]:
        told = receive(case["message"], centers)
        view = case["fields"]

        assert told.encode().hex() == case["payload"], case["name"]
        assert (told.device, told.center, told.at, told.n, told.size) == (
            view["device"], view["center"], view["at"], view["n"], view["bytes"],
        )  # fmt: skip
        assert told.recording.hex() == view["recording"]["$bytes"]
        assert told.sha256.hex() == view["sha256"]["$bytes"]


def test_everything_else_is_refused_for_its_reason(cases: Any, centers: dict[bytes, Verify]) -> None:
    assert len(cases["refused"]) > 20
    for case in cases["refused"]:
        with pytest.raises(WireError) as refused:
            receive(case["message"], centers)
        assert refused.value.reason == case["reason"], case["name"]


def test_the_cddl_says_the_same(cases: Any) -> None:
    rule = DataTranslator.from_cddl((DOCS / "contract.cddl").read_text(encoding="utf-8"), 1000).my_types["evidence"]
    for case in cases["accepted"]:
        rule.validate_str(bytes.fromhex(case["payload"]))
    for case in cases["refused"]:
        if case["reason"] == "malformed" and case["name"] not in ("'device' is Badge", "a byte after the end"):
            with pytest.raises((CddlValidationError, ValueError, TypeError, EOFError, cbor2.CBORDecodeError)):
                rule.validate_str(cose.parse(bytes.fromhex(case["message"])).payload)
