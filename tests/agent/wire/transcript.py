# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204, T201, PTH123, C901, PLR0912  MicroPython runs this too, and printing is its job
# mypy: ignore-errors
"""Runs every shared vector through ``agent.wire`` and prints what came out, one line a fact. Run by CPython and by MicroPython alike:

    python transcript.py DIRECTORY_OF_VECTORS

Signing and checking are stand-ins that look recorded signatures up, because a board's P-256 is no part of the contract's code.
"""

import binascii
import json
import sys

from agent.wire import cbor, chain, command, cose, event, presence, receipt, topics
from agent.wire.errors import WireError

DECODERS = {"event": event, "presence": presence, "receipt": receipt, "command": command}


class Recorded:
    """A signer that knows one signature, and shows what it was asked to sign."""

    def __init__(self, case):
        self.kid = unhex(case["kid"])
        self._signature = unhex(case["signature"])

    def sign(self, data):
        print("signs", cose.hex_of(data))
        return self._signature


def unhex(text):
    return binascii.unhexlify(text)


def read(name):
    with open(sys.argv[1] + "/" + name) as file:
        return json.load(file)


def diagnostic(v):
    if isinstance(v, dict):
        return "{" + ", ".join(sorted([diagnostic(k) + ": " + diagnostic(i) for k, i in v.items()])) + "}"
    if isinstance(v, (list, tuple)):
        return "[" + ", ".join([diagnostic(i) for i in v]) + "]"
    if isinstance(v, bytes):
        return "h'" + cose.hex_of(v) + "'"
    if isinstance(v, str):
        return '"' + cose.hex_of(v.encode()) + '"'
    return str(v)


def attempt(label, body, *arguments):
    try:
        result = body(*arguments)
    except WireError as error:
        print(label, "REFUSED", error.reason, str(error))
        return None
    print(label, "accepted", shown(result))
    return result


def shown(result):
    if isinstance(result, (bool, dict, list, tuple, bytes, str, int)) or result is None:
        return diagnostic(result)
    if isinstance(result, cose.Sign1):
        parts = (result.protected, result.headers, result.unprotected, result.payload, result.signature)
        return diagnostic(list(parts))
    return type(result).__name__ + " " + cose.hex_of(result.encode())


def tables(messages):
    valid = {}
    for case in messages:
        valid[(case["kid"], case["to_be_signed"], case["signature"])] = True
    keys = read("keys.json")
    kids = {}
    for key in keys["keys"]:
        kids[key["name"]] = key["kid"]

    def key_of(leaf):
        trusted = [kids[name] for name in keys["tables"][keys["table_of_class"][leaf]]]

        def find(kid):
            named = cose.hex_of(kid)
            if named not in trusted:
                return None
            return lambda signature, data: (named, cose.hex_of(data), cose.hex_of(signature)) in valid

        return find

    return key_of


def receive(topic, message, key_of):
    leaf = topics.split(topic)[1]
    module = DECODERS["event" if leaf == "alarm" else leaf]
    parts = cose.verify(message, module.CONTEXT, key_of(leaf))
    cose.certificate_chain(parts)
    made = module.decode(parts.payload)
    topics.check(topic, made.device, topics.leaf_of(made.type) if module is event else leaf)
    return made


def main():
    messages = read("messages.json")
    key_of = tables(messages)
    for case in messages:
        print("#", case["name"])
        payload = unhex(case["payload"])
        unprotected = cbor.loads(unhex(case["unprotected"]))
        sealed = cose.sign(payload, case["context"].encode(), Recorded(case), unprotected)
        print("message", cose.hex_of(sealed))
        parts = attempt("parse", cose.parse, unhex(case["message"]))
        print("tbs", cose.hex_of(cose.to_be_signed(parts.protected, case["context"].encode(), parts.payload)))
        print("link", cose.hex_of(chain.link(payload)))
        made = attempt("receive", receive, case["topic"], unhex(case["message"]), key_of)
        if isinstance(made, event.Event):
            print(
                "event",
                event.rank_of(made.type),
                topics.leaf_of(made.type),
                topics.verified_topic(made.device, made.type),
            )
    for case in read("messages-refused.json"):
        print("#", case["name"])
        attempt(
            "receive", receive, case["topic"], unhex(case["message"]) + b"\x00" * case.get("append_zeros", 0), key_of
        )
    for case in read("payloads-refused.json"):
        print("#", case["name"])
        payload = unhex(case["payload"]) + b"\x00" * case.get("append_zeros", 0)
        attempt("decode", DECODERS[case["class"]].decode, payload)
    vectors = read("cbor.json")
    for case in vectors["accepted"] + vectors["refused"]:
        value = attempt("cbor " + case["hex"][:80], cbor.loads, unhex(case["hex"]))
        if case in vectors["accepted"]:
            print("again", cose.hex_of(cbor.dumps(value)))
    walked = None
    for step in read("chain.json")["events"]:
        made = event.decode(unhex(step["payload"]))
        if walked is None or walked.boot != made.boot:
            walked = chain.Chain(made.boot, unhex(step["prev"]))
        made.seq = walked.seq + 1
        made.prev = walked.prev
        walked.advance(made.encode())
        print("chain", walked.boot, walked.seq, cose.hex_of(walked.prev))
    for case in read("chain.json")["next_boot"]:
        print("boot", chain.next_boot(case["last_regular"], case["floor"], case["draw"]))
    commands = read("commands.json")
    order = command.decode(unhex(commands["command"]))
    for case in commands["cases"]:
        print("refusal", command.refusal(order, case["last_n"], case["now_ms"]))
    vectors = read("topics.json")
    for topic in [case["topic"] for case in vectors["accepted"]] + vectors["refused"]:
        attempt("topic " + topic, topics.split, topic)
    for case in vectors["types"]:
        print("type", case["type"], event.rank_of(case["type"]), topics.leaf_of(case["type"]))
    for value in (
        1.5,
        b"x" * 3,
        {(1,): 2},
        {None: 1},
        2**64,
        -(2**64) - 1,
        object,
        "\ud800",
        [[[[[[[[[[[[[]]]]]]]]]]]]],
    ):
        attempt("dumps", cbor.dumps, value)


main()
