"""The shared vectors hold for this code, and the code that makes them still makes them."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.wire import cbor, chain, command, cose, event, presence, receipt, topics
from agent.wire.errors import MalformedError, WireError

VECTORS = Path(__file__).resolve().parents[3] / "docs" / "wire" / "vectors"
DECODERS: dict[str, Callable[[bytes], object]] = {
    "event": event.decode,
    "presence": presence.decode,
    "receipt": receipt.decode,
    "command": command.decode,
}
Receive = Callable[[str, bytes], Any]


def test_the_script_makes_exactly_the_published_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(VECTORS)
    made = runpy.run_path(str(VECTORS / "make.py"))
    contents = made["vectors"]()

    assert {path.name for path in VECTORS.glob("*.json")} == set(contents)
    for name, content in contents.items():
        assert (VECTORS / name).read_text(encoding="utf-8") == made["text_of"](content)


def test_every_good_message_is_believed_and_says_what_its_view_says(vectors: dict[str, Any], receive: Receive) -> None:
    for case in vectors["messages"]:
        made = receive(case["topic"], bytes.fromhex(case["message"]))

        assert made.encode().hex() == case["payload"], case["name"]
        for name, value in case["fields"].items():
            if name not in {"data", "prev"}:
                held = getattr(made, name)
                assert ([list(entry) for entry in held] if isinstance(held, list) else held) == value, (
                    case["name"],
                    name,
                )


def test_sealing_makes_exactly_the_good_messages(vectors: dict[str, Any]) -> None:
    for case in vectors["messages"]:
        if cbor.loads(bytes.fromhex(case["protected"])) != {1: -9, 4: bytes.fromhex(case["kid"])}:
            continue  # we write this header only
        signer = Recorded(bytes.fromhex(case["kid"]), bytes.fromhex(case["signature"]))
        unprotected = cbor.loads(bytes.fromhex(case["unprotected"]))
        assert isinstance(unprotected, dict)

        message = cose.sign(bytes.fromhex(case["payload"]), case["context"].encode(), signer, unprotected)

        assert message.hex() == case["message"], case["name"]
        assert signer.asked.hex() == case["to_be_signed"], case["name"]


def test_every_bad_message_is_refused_for_its_reason(vectors: dict[str, Any], receive: Receive) -> None:
    assert {case["reason"] for case in vectors["messages-refused"]} == {
        "malformed",
        "oversized",
        "unknown-key",
        "forged",
        "misaddressed",
    }
    for case in vectors["messages-refused"]:
        message = bytes.fromhex(case["message"]) + bytes(case.get("append_zeros", 0))
        with pytest.raises(WireError) as refused:
            receive(case["topic"], message)
        assert refused.value.reason == case["reason"], (case["name"], str(refused.value))


def test_every_bad_payload_is_refused_for_its_reason(vectors: dict[str, Any]) -> None:
    for case in vectors["payloads-refused"]:
        payload = bytes.fromhex(case["payload"]) + bytes(case.get("append_zeros", 0))
        with pytest.raises(MalformedError) as refused:
            DECODERS[case["class"]](payload)
        assert refused.value.reason == case["reason"], case["name"]


def test_cbor_has_one_encoding_of_each_value(vectors: dict[str, Any]) -> None:
    for case in vectors["cbor"]["accepted"]:
        assert cbor.dumps(cbor.loads(bytes.fromhex(case["hex"]))).hex() == case["hex"]
    for case in vectors["cbor"]["refused"]:
        with pytest.raises(MalformedError):
            cbor.loads(bytes.fromhex(case["hex"]))


def test_the_chain_runs_on_across_boots(vectors: dict[str, Any]) -> None:
    made = [event.decode(bytes.fromhex(step["payload"])) for step in vectors["chain"]["events"]]
    links = {(e.boot, e.seq): chain.link(e.encode()) for e in made}
    walked = chain.Chain(made[0].boot)

    assert made[0].prev == chain.ZERO
    assert made[0].boot >= chain.VOLATILE
    for e in made:
        if e.boot != walked.boot:
            last = e.data["last"]
            assert isinstance(last, list)
            assert [e.type, e.seq, links[last[0], last[1]], e.prev] == ["device.booted", 1, last[2], last[2]]
            walked = chain.Chain(e.boot, e.prev)
        assert (walked.seq + 1, walked.prev) == (e.seq, e.prev)
        walked.advance(e.encode())
    assert (1, 3) in links
    assert made[-1].prev == links[1, 2]


def test_boots_count_on_from_the_highest_that_anyone_remembers(vectors: dict[str, Any]) -> None:
    for case in vectors["chain"]["next_boot"]:
        assert chain.next_boot(case["last_regular"], case["floor"], case["draw"]) == case["boot"]
        assert (case["boot"] >= chain.VOLATILE) == (case["floor"] is None and case["last_regular"] == 0)


def test_commands_are_refused_when_replayed_expired_or_undatable(vectors: dict[str, Any]) -> None:
    order = command.decode(bytes.fromhex(vectors["commands"]["command"]))
    seen = set()
    for case in vectors["commands"]["cases"]:
        refusal = command.refusal(order, case["last_n"], case["now_ms"])
        assert refusal == case["refusal"]
        seen.add(refusal)
    assert seen == {None, "replayed", "time-unknown", "expired"}


def test_topics_tell_device_and_class_by_their_last_two_levels(vectors: dict[str, Any]) -> None:
    for case in vectors["topics"]["accepted"]:
        assert topics.split(case["topic"]) == (case["device"], case["leaf"])
    for topic in vectors["topics"]["refused"]:
        with pytest.raises(WireError) as refused:
            topics.split(topic)
        assert refused.value.reason == "misaddressed"
    for case in vectors["topics"]["types"]:
        assert (event.rank_of(case["type"]), topics.leaf_of(case["type"])) == (case["rank"], case["leaf"])
        assert topics.verified_topic("sos-0001", case["type"]) == case["verified_topic"]


class Recorded:
    """A signer that knows one signature."""

    def __init__(self, kid: bytes, signature: bytes) -> None:
        self.kid = kid
        self.asked = b""
        self._signature = signature

    def sign(self, data: bytes) -> bytes:
        self.asked = data
        return self._signature
