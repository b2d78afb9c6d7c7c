# ruff: noqa: INP001, E501  a script beside its output; one case a line
"""Messages and payloads that every verifier must refuse, each with its reason."""

import hashlib

from good_messages import (
    ALARM,
    BADGE,
    BEAT,
    DESK,
    DEVICE,
    ORDER_TO_TEST,
    SOS,
    STRANGER,
    TABLE_OF,
    TOLD,
    Case,
    an_event,
    diagnostic,
    message_case,
    view,
)

from agent.wire import cbor, command, cose, event, presence, receipt, topics


class Envelope:
    """The parts of an envelope, each already encoded, so that any of them can be spoilt; then signed as it stands."""

    def __init__(self) -> None:
        self.headers: dict[object, object] = {cose.ALG: cose.ESP256, cose.KID: SOS.kid}
        self.protected: bytes | None = None
        self.payload = ALARM.encode()
        self.unprotected = b"\xa0"
        self.context = event.CONTEXT
        self.key = SOS

    def signature(self) -> bytes:
        """The genuine signature."""
        return self.key.sign(cose.to_be_signed(self.inner(), self.context, self.payload))

    def inner(self) -> bytes:
        """The bytes inside the protected header."""
        return cbor.dumps(self.headers) if self.protected is None else self.protected

    def bytes(self, **spoilt: bytes) -> bytes:
        """The message; ``opening``, ``protected``, ``payload`` and ``signature`` replace those encoded items."""
        return b"".join(
            (
                spoilt.get("opening", b"\xd2\x84"),
                spoilt.get("protected", cbor.dumps(self.inner())),
                self.unprotected,
                spoilt.get("payload", cbor.dumps(self.payload)),
                spoilt.get("signature", cbor.dumps(self.signature())),
            )
        )


def envelope(**changed: object) -> Envelope:
    """An envelope with some attributes replaced."""
    made = Envelope()
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def refused_envelopes() -> list[Case]:
    """Spoilt envelopes, with the reason that a verifier must give."""
    good = Envelope()
    message = good.bytes()
    signature = good.signature()
    alg, kid = cose.ALG, cose.KID
    both = {alg: -9, kid: SOS.kid}
    swapped = cbor.dumps({alg: -7, kid: SOS.kid})
    payload = ALARM.encode()
    bad: list[tuple[str, str, bytes]] = [
        ("malformed", "no bytes", b""),
        ("malformed", "one byte", b"\xd2"),
        ("malformed", "no tag", message[1:]),
        ("malformed", "tag 17 (COSE_Mac0)", b"\xd1" + message[1:]),
        ("malformed", "tag 98 (COSE_Sign)", b"\xd8\x62" + message[1:]),
        ("malformed", "tag 18 in two bytes", b"\xd8\x12" + message[1:]),
        ("malformed", "tag 18 twice", b"\xd2" + message),
        ("malformed", "CBOR self-description before it", b"\xd9\xd9\xf7" + message),
        ("malformed", "three elements", good.bytes(opening=b"\xd2\x83", signature=b"")),
        ("malformed", "five elements", good.bytes(opening=b"\xd2\x85") + b"\x00"),
        ("malformed", "array head in two bytes", good.bytes(opening=b"\xd2\x98\x04")),
        ("malformed", "indefinite array", good.bytes(opening=b"\xd2\x9f") + b"\xff"),
        ("malformed", "a byte after the end", message + b"\x00"),
        ("malformed", "the last byte missing", message[:-1]),
        ("malformed", "ends after the protected header", message[:16]),
        ("malformed", "ends inside the payload", message[:40]),
        ("malformed", "the message twice", message + message),
        ("malformed", "protected header is a map", good.bytes(protected=cbor.dumps(both))),
        ("malformed", "protected header is text", good.bytes(protected=b"\x61a")),
        ("malformed", "protected header is no map", envelope(protected=b"\x01").bytes()),
        ("malformed", "protected header is an empty map in one byte", envelope(protected=b"\xa0").bytes()),
        ("malformed", "protected header is empty", envelope(protected=b"", unprotected=cbor.dumps(both)).bytes()),
        ("malformed", "protected keys not in order", envelope(protected=b"\xa2\x04\x48" + SOS.kid + b"\x01\x28").bytes()),
        ("malformed", "protected key twice", envelope(protected=b"\xa3\x01\x26\x01\x28\x04\x48" + SOS.kid).bytes()),
        ("malformed", "protected map indefinite", envelope(protected=b"\xbf\x01\x28\x04\x48" + SOS.kid + b"\xff").bytes()),
        ("malformed", "algorithm in two bytes", envelope(protected=b"\xa2\x01\x38\x08\x04\x48" + SOS.kid).bytes()),
        ("malformed", "a byte after the protected map", envelope(protected=cbor.dumps(both) + b"\x00").bytes()),
        ("malformed", "protected length in two bytes", good.bytes(protected=b"\x58\x0d" + cbor.dumps(both))),
        ("malformed", "no key identifier", envelope(headers={alg: -9}).bytes()),
        ("malformed", "key identifier unprotected only", envelope(headers={alg: -9}, unprotected=cbor.dumps({kid: SOS.kid})).bytes()),
        ("malformed", "key identifier of 7 bytes", envelope(headers={alg: -9, kid: SOS.kid[:7]}).bytes()),
        ("malformed", "key identifier of 9 bytes", envelope(headers={alg: -9, kid: SOS.kid + b"\x00"}).bytes()),
        ("malformed", "key identifier of 32 bytes", envelope(headers={alg: -9, kid: hashlib.sha256(SOS.spki).digest()}).bytes()),
        ("malformed", "key identifier is text", envelope(headers={alg: -9, kid: "sos-0001"}).bytes()),
        ("malformed", "key identifier in both headers", envelope(unprotected=cbor.dumps({kid: SOS.kid})).bytes()),
        ("malformed", "algorithm in both headers", envelope(unprotected=cbor.dumps({alg: -9})).bytes()),
        ("malformed", "critical header", envelope(headers={alg: -9, cose.CRIT: ["x"], kid: SOS.kid, "x": 1}).bytes()),
        ("malformed", "critical header of a known label", envelope(headers={alg: -9, cose.CRIT: [1], kid: SOS.kid}).bytes()),
        ("malformed", "critical header unprotected", envelope(unprotected=cbor.dumps({cose.CRIT: ["x"], "x": 1})).bytes()),
        ("malformed", "a float in the protected header", envelope(protected=b"\xa3\x01\x28\x04\x48" + SOS.kid + b"\x61x\xf9\x00\x00").bytes()),
        ("malformed", "unprotected header is an array", envelope(unprotected=b"\x80").bytes()),
        ("malformed", "unprotected header is null", envelope(unprotected=b"\xf6").bytes()),
        ("malformed", "unprotected keys not in order", envelope(unprotected=b"\xa2\x61b\x00\x61a\x00").bytes()),
        ("malformed", "unprotected map head in two bytes", envelope(unprotected=b"\xb8\x00").bytes()),
        ("malformed", "unprotected map indefinite", envelope(unprotected=b"\xbf\xff").bytes()),
        ("malformed", "unprotected header holds a tag", envelope(unprotected=b"\xa1\x61t\xc1\x00").bytes()),
        ("malformed", "payload detached (null)", good.bytes(payload=b"\xf6")),
        ("malformed", "payload is text", good.bytes(payload=b"\x61a")),
        ("malformed", "payload is a map", good.bytes(payload=payload)),
        ("malformed", "payload length in three bytes", good.bytes(payload=b"\x59\x00" + bytes((len(payload),)) + payload)),
        ("malformed", "payload in pieces", good.bytes(payload=b"\x5f" + cbor.dumps(payload) + b"\xff")),
        ("malformed", "payload longer than the message", good.bytes(payload=b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff")),
        ("malformed", "signature is text", good.bytes(signature=b"\x78\x40" + b"a" * 64)),
        ("malformed", "signature is null", good.bytes(signature=b"\xf6")),
        ("malformed", "nested a thousand deep", good.bytes(payload=b"\x81" * 1000 + b"\x00")),
        ("unknown-key", "a stranger's key", envelope(headers={alg: -9, kid: STRANGER.kid}, key=STRANGER).bytes()),
        ("unknown-key", "a center's key under an event", envelope(headers={alg: -9, kid: DESK.kid}, key=DESK).bytes()),
        ("unknown-key", "key identifier of zeros", envelope(headers={alg: -9, kid: bytes(8)}).bytes()),
        ("forged", "a stranger's signature under the device's identifier", envelope(key=STRANGER).bytes()),
        ("forged", "another device's signature under the device's identifier", envelope(key=BADGE).bytes()),
        ("forged", "no algorithm", envelope(headers={kid: SOS.kid}).bytes()),
        ("forged", "algorithm unprotected only", envelope(headers={kid: SOS.kid}, unprotected=cbor.dumps({alg: -9})).bytes()),
        ("forged", "algorithm EdDSA", envelope(headers={alg: -8, kid: SOS.kid}).bytes()),
        ("forged", "algorithm Ed25519", envelope(headers={alg: -19, kid: SOS.kid}).bytes()),
        ("forged", "algorithm ES384", envelope(headers={alg: -35, kid: SOS.kid}).bytes()),
        ("forged", "algorithm ES256K", envelope(headers={alg: -47, kid: SOS.kid}).bytes()),
        ("forged", "algorithm HMAC 256", envelope(headers={alg: 5, kid: SOS.kid}).bytes()),
        ("forged", "algorithm by its name", envelope(headers={alg: "ES256", kid: SOS.kid}).bytes()),
        ("forged", "algorithm in an array", envelope(headers={alg: [-9], kid: SOS.kid}).bytes()),
        ("forged", "algorithm swapped after signing", good.bytes(protected=cbor.dumps(swapped))),
        ("forged", "a header added after signing", good.bytes(protected=cbor.dumps(cbor.dumps({alg: -9, kid: SOS.kid, "x": 1})))),
        ("forged", "no signature", good.bytes(signature=b"\x40")),
        ("forged", "signature of 63 bytes", good.bytes(signature=cbor.dumps(signature[:63]))),
        ("forged", "signature of 65 bytes", good.bytes(signature=cbor.dumps(signature + b"\x00"))),
        ("forged", "signature of 96 bytes", good.bytes(signature=cbor.dumps(signature + bytes(32)))),
        ("forged", "signature in DER", good.bytes(signature=cbor.dumps(good.key.der(cose.to_be_signed(good.inner(), good.context, payload))))),
        ("forged", "signature of zeros", good.bytes(signature=cbor.dumps(bytes(64)))),
        ("forged", "signature r and s exchanged", good.bytes(signature=cbor.dumps(signature[32:] + signature[:32]))),
        ("forged", "signature s zero", good.bytes(signature=cbor.dumps(signature[:32] + bytes(32)))),
        ("forged", "signature s plus the order", good.bytes(signature=cbor.dumps(signature[:32] + b"\xff" * 32))),
        ("forged", "one bit of the signature", good.bytes(signature=cbor.dumps(signature[:-1] + bytes((signature[-1] ^ 1,))))),
        ("forged", "one bit of the payload", good.bytes(payload=cbor.dumps(payload[:-1] + b"2"))),
        ("forged", "signature over the payload alone", good.bytes(signature=cbor.dumps(SOS.sign(payload)))),
        ("forged", "signed without a context", envelope(context=b"").bytes()),
        ("forged", "signed as a presence", envelope(context=presence.CONTEXT).bytes()),
        ("forged", "signed as a receipt", envelope(context=receipt.CONTEXT).bytes()),
        ("forged", "signed as a command", envelope(context=command.CONTEXT).bytes()),
        ("forged", "signed for version 2", envelope(context=b"dabyl/v2/event").bytes()),
    ]  # fmt: skip
    topic = topics.topic(DEVICE, "alarm")
    cases: list[Case] = [{"name": n, "topic": topic, "message": m.hex(), "reason": why} for why, n, m in bad]
    cases.append(
        {
            "name": "65537 bytes",
            "topic": topic,
            "message": message.hex(),
            "append_zeros": 65537 - len(message),
            "reason": "oversized",
        }
    )
    cases += cross_class()
    return cases


def cross_class() -> list[Case]:
    """Genuine messages in wrong places."""
    made = {
        "alarm": (ALARM.encode(), SOS),
        "presence": (BEAT.encode(), SOS),
        "receipt": (TOLD.encode(), DESK),
        "command": (ORDER_TO_TEST.encode(), DESK),
    }
    cases: list[Case] = []
    for leaf, (payload, key) in made.items():
        whole = str(message_case("", leaf, payload, key)["message"])
        for place in made:
            if place != leaf:
                reason = "forged" if TABLE_OF[place] == TABLE_OF[leaf] else "unknown-key"
                cases.append(
                    {
                        "name": f"{leaf} on a {place} topic",
                        "topic": topics.topic(DEVICE, place),
                        "message": whole,
                        "reason": reason,
                    }
                )
        cases.append(
            {
                "name": f"{leaf} on another device's topic",
                "topic": topics.topic("badge-0002", leaf),
                "message": whole,
                "reason": "misaddressed",
            }
        )
    raised = str(message_case("", "alarm", ALARM.encode(), SOS)["message"])
    tested = str(message_case("", "event", an_event("test.passed", {"by": "user"}).encode(), SOS)["message"])
    by_device = str(message_case("", "receipt", TOLD.encode(), SOS)["message"])
    order_by_device = str(message_case("", "command", ORDER_TO_TEST.encode(), SOS)["message"])
    cases += [
        {"name": "an alarm on the event topic", "topic": topics.topic(DEVICE, "event"), "message": raised, "reason": "misaddressed"},
        {"name": "another event on the alarm topic", "topic": topics.topic(DEVICE, "alarm"), "message": tested, "reason": "misaddressed"},
        {"name": "a receipt signed by a device", "topic": topics.topic(DEVICE, "receipt"), "message": by_device, "reason": "unknown-key"},
        {"name": "a command signed by a device", "topic": topics.topic(DEVICE, "command"), "message": order_by_device, "reason": "unknown-key"},
        {"name": "an alarm on a topic of no class", "topic": f"dabyl/v1/{DEVICE}/alarms", "message": raised, "reason": "misaddressed"},
        {"name": "an alarm on a topic of one level", "topic": "alarm", "message": raised, "reason": "misaddressed"},
        {"name": "an alarm below a device's name in capitals", "topic": "dabyl/v1/SOS-0001/alarm", "message": raised, "reason": "misaddressed"},
    ]  # fmt: skip
    return cases


def refused_payloads() -> list[Case]:
    """Payloads that no genuine signature makes acceptable: each field missing, of a wrong type, out of its range; and bad CBOR."""
    big = 2**53
    identity = [
        "",
        "ab",
        "a" * 64,
        "-abc",
        "SOS-0001",
        "sos_0001",
        "sos 0001",
        "sos/0001",
        "sos+",
        "ЖЖЖ",
        5,
        None,
        b"sos-0001",
    ]
    word = ["", ".a", "a.", "a..b", "A.b", "a b", "a/b", "a#", "é", 7, None, b"a", True]
    word64 = [*word, "a" * 65]
    word32 = [*word, "a" * 33]
    number = [-1, big, "1", None, True, [], b"\x01"]
    counter = [0, *number]
    uint32 = [2**32, *counter]
    triples: list[object] = [
        None,
        {},
        [1],
        [[1, 1]],
        [[1, 1, 1, 1]],
        [[0, 1, 1]],
        [[1, 0, 1]],
        [[1, -1, 1]],
        [[2**32, 1, 1]],
        [["1", 1, 1]],
        [[1, 1, True]],
    ]
    free: list[object] = [None, [], 1, "", {1: 2}, {"a": {1: 2}}, {"a": [{-1: 0}]}]
    clock = [3, *number]
    wrong: dict[str, dict[str, list[object]]] = {
        "event": {
            "at": number, "up": number, "seq": uint32, "boot": uint32, "clock": clock, "device": identity, "kind": word32, "type": word64,
            "prev": [None, b"", bytes(15), bytes(17), bytes(32), "0" * 16, [0] * 16], "data": free,
        },
        "presence": {
            "at": number, "up": number, "boot": uint32, "session": uint32, "clock": clock, "device": identity, "kind": word32,
            "online": [0, 1, None, "true", []], "keepalive": [0, 65536, *number], "software": ["", "x" * 65, "😀" * 65, None, 1, b"x"],
        },
        "receipt": {
            "n": counter, "at": number, "boots": [2**31, *number], "device": identity, "center": identity,
            "settled": [*triples, [[1, 2, 1]], [[1, 1, 2**32]], [[1, 1, 1]] * 1001],
            "alarms": [*triples, [[1, 1, 0]], [[1, 1, 5]], [[1, 1, 1]] * 1001],
        },
        "command": {
            "n": counter, "at": number, "expires": [604801, *counter], "device": identity, "center": identity, "name": word64, "args": free,
        },
    }  # fmt: skip
    good = {
        "event": ALARM.encode(),
        "presence": BEAT.encode(),
        "receipt": TOLD.encode(),
        "command": ORDER_TO_TEST.encode(),
    }
    cases: list[Case] = []

    def add(leaf: str, name: str, payload: bytes, reason: str = "malformed", **extra: object) -> None:
        cases.append({"name": f"{leaf}: {name}", "class": leaf, "payload": payload.hex(), "reason": reason, **extra})

    for leaf, names in wrong.items():
        fields = cbor.loads(good[leaf])
        assert isinstance(fields, dict)
        assert set(fields) == set(names)
        for name, values in names.items():
            without = {key: item for key, item in fields.items() if key != name}
            add(leaf, f"no '{name}'", cbor.dumps(without))
            add(leaf, f"'{name}' under another name", cbor.dumps({**without, name + "x": fields[name]}))
            key = cbor.dumps(name)
            add(
                leaf,
                f"another key in the place of '{name}'",
                good[leaf].replace(key, key[:-1] + bytes((key[-1] + 1,)), 1),
            )
            for value in values:
                shown = diagnostic(view(value) if isinstance(value, tuple) else value)
                add(
                    leaf,
                    f"'{name}' is {shown if len(shown) < 40 else shown[:37] + '…'}",
                    cbor.dumps({**without, name: value}),
                )
        add(leaf, "a field too many", cbor.dumps({**fields, "zz": 0}))
        add(leaf, "a field with an integer key", cbor.dumps({**fields, 1: 0}))
        add(leaf, "an array", cbor.dumps(list(fields.values())))
        add(leaf, "an empty map", b"\xa0")
        add(leaf, "no bytes", b"")
        add(leaf, "a byte after the end", good[leaf] + b"\x00")
        add(leaf, "the last byte missing", good[leaf][:-1])
        add(leaf, "an indefinite map", b"\xbf" + good[leaf][1:] + b"\xff")
        add(leaf, "map head in two bytes", b"\xb8" + bytes((len(fields),)) + good[leaf][1:])
        first, second = list(fields.items())[:2]
        head = cbor.dumps(first[0]) + cbor.dumps(first[1])
        after = cbor.dumps(second[0]) + cbor.dumps(second[1])
        rest = good[leaf][1 + len(head) + len(after) :]
        add(leaf, "two fields exchanged", good[leaf][:1] + after + head + rest)
        add(leaf, "a field there twice", bytes((good[leaf][0] + 1,)) + head + head + after + rest)
        at = good[leaf].index(b"\x62at") + 3
        add(leaf, "'at' is a float", good[leaf][:at] + b"\xfb\x42\x79\xa7\xb3\xf5\x80\x00\x00" + good[leaf][at + 9 :])
        add(leaf, "'at' is a tagged time", good[leaf][:at] + b"\xc1" + good[leaf][at:])
        add(leaf, "'at' is a big integer", good[leaf][:at] + b"\xc2\x48" + good[leaf][at + 1 :])
    deep: object = 0
    for _ in range(12):
        deep = [deep]
    add(
        "event",
        "'data' nested too deep",
        good["event"].replace(b"\x64data" + cbor.dumps(ALARM.data), b"\x64data\xa1\x61d" + cbor.dumps(deep)),
    )
    add("event", "49153 bytes", good["event"], "oversized", append_zeros=49153 - len(good["event"]))
    return cases
