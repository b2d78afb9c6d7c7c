# ruff: noqa: INP001, T201, E501  a script beside its output; one case a line
"""Makes the test vectors of the wire contract: ``python docs/wire/vectors/make.py``. The same bytes each time.

The keys are derived from their names in the open, for these vectors only. Signatures use RFC 6979 nonces, so that they never change.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from agent.wire import cbor, chain, command, cose, event, presence, receipt, topics

HERE = Path(__file__).resolve().parent
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
AT = 1_763_000_000_000
DEVICE = "sos-0001"
CENTER = "center-1"
PREV = hashlib.sha256(b"the event before").digest()[:16]

Case = dict[str, object]


class TestKey:
    """A throw-away P-256 key whose scalar is SHA-256 of its name, modulo the order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scalar = (
            int.from_bytes(hashlib.sha256(b"dabyl test vectors only: " + name.encode()).digest(), "big") % ORDER
        )
        self._private = ec.derive_private_key(self.scalar, ec.SECP256R1())
        public = self._private.public_key()
        self.spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = hashlib.sha256(self.spki).digest()[:8]

    def der(self, data: bytes) -> bytes:
        """The signature over ``data`` in DER."""
        return self._private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``, r‖s."""
        r, s = decode_dss_signature(self.der(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


SOS = TestKey("device sos-0001")
BADGE = TestKey("device badge-0002")
DESK = TestKey("center center-1")
STRANGER = TestKey("nobody's key")
TABLES = {"devices": [SOS, BADGE], "centers": [DESK]}
TABLE_OF = {"alarm": "devices", "event": "devices", "presence": "devices", "receipt": "centers", "command": "centers"}
CONTEXT_OF = {
    "alarm": event.CONTEXT,
    "event": event.CONTEXT,
    "presence": presence.CONTEXT,
    "receipt": receipt.CONTEXT,
    "command": command.CONTEXT,
}


def view(value: object) -> object:
    """``value`` as JSON; a byte string becomes ``{"$bytes": hex}``."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, dict):
        return {str(key): view(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [view(item) for item in value]
    return value


def diagnostic(value: object) -> str:
    """``value`` in diagnostic notation (RFC 8949 §8)."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{diagnostic(key)}: {diagnostic(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(diagnostic(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


# --- messages that must be accepted ---------------------------------------------------------------------------------------------------


def message_case(name: str, leaf: str, payload: bytes, key: TestKey, alg: int = cose.ESP256) -> Case:
    """A message, with everything on the way to it."""
    protected = cbor.dumps({cose.ALG: alg, cose.KID: key.kid})
    return signed_case(name, leaf, payload, key, protected)


def signed_case(
    name: str,
    leaf: str,
    payload: bytes,
    key: TestKey,
    protected: bytes,
    unprotected: dict[object, object] | None = None,
    signature: bytes | None = None,
) -> Case:
    """As ``message_case`` with a given protected header."""
    signed = cose.to_be_signed(protected, CONTEXT_OF[leaf], payload)
    signature = signature or key.sign(signed)
    parts = [cbor.dumps(protected), cbor.dumps(unprotected or {}), cbor.dumps(payload), cbor.dumps(signature)]
    case: Case = {
        "name": name,
        "topic": topics.topic(DEVICE, leaf),
        "context": CONTEXT_OF[leaf].decode(),
        "key": key.name,
        "kid": key.kid.hex(),
        "protected": protected.hex(),
        "unprotected": cbor.dumps(unprotected or {}).hex(),
        "payload": payload.hex(),
        "to_be_signed": signed.hex(),
        "signature": signature.hex(),
        "message": (b"\xd2\x84" + b"".join(parts)).hex(),
        "fields": view(cbor.loads(payload)),
        "link": chain.link(payload).hex(),
    }
    if leaf in ("alarm", "event"):
        case["rank"] = event.rank_of(event.decode(payload).type)
    return case


def an_event(kind: str = "alarm.raised", data: dict[str, object] | None = None, **other: object) -> event.Event:
    """An event of the SOS button; ``other`` replaces fields."""
    made = event.Event(DEVICE, "sos-button", kind, 41, 7, AT, 2, 86_400_123, PREV, data or {})
    for name, value in other.items():
        setattr(made, name, value)
    return made


ALARM = an_event(data={"level": "sos", "age_ms": 31, "silent": False, "tamper": False})
BEAT = presence.Presence(DEVICE, "sos-button", 41, 3, True, AT, 2, 86_400_000, 60, "dabyl 0.1.0")
TOLD = receipt.Receipt(DEVICE, CENTER, 9001, AT, 41, [(40, 1, 17), (41, 1, 7)], [(41, 7, receipt.ACKNOWLEDGED)])
ORDER_TO_TEST = command.Command(DEVICE, CENTER, 12, AT, 3600, "self-test", {"why": "weekly", "seconds": 30})


def events_of_every_type() -> list[tuple[str, dict[str, object]]]:
    """One event of each type that events.md describes for every kind."""
    return [
        ("device.booted", {"version": "0.1.0", "cause": "power", "last": [40, 17, PREV]}),
        ("device.reset", {"version": "0.1.0", "last": None}),
        ("alarm.raised", {"level": "sos", "age_ms": 31, "silent": True, "tamper": True}),
        ("alarm.escalated", {"alarm": [41, 7], "count": 4, "exact": True}),
        ("alarm.cancelled", {"alarm": [41, 7], "by": "holder"}),
        (
            "test.passed",
            {
                "by": "schedule",
                "link": True,
                "input": "idle",
                "tamper": "closed",
                "supply": "mains",
                "battery_mv": 3610,
            },
        ),
        ("test.failed", {"by": "user", "failed": ["no press"]}),
        (
            "health.report",
            {
                "unsettled": 2,
                "alarms": 0,
                "unkept": 1,
                "journal_kb": 48,
                "disk_free_kb": 1048576,
                "temperature_mc": 41500,
                "load_milli": 120,
                "broker": 0,
                "session": 3,
                "up": True,
                "refused": 0,
            },
        ),
        ("tamper.opened", {}),
        ("tamper.closed", {}),
        ("supply.lost", {}),
        ("supply.restored", {}),
        ("battery.low", {"mv": 2710, "days": 30}),
        ("battery.restored", {"mv": 3600}),
        ("fault.stuck", {"input": "button", "held_s": 60}),
        ("fault.cleared", {"input": "button"}),
        ("command.completed", {"n": 12, "name": "self-test", "result": {"ok": True}}),
        ("command.refused", {"n": 12, "name": "self-test", "reason": "replayed"}),
        ("command.failed", {"n": 12, "name": "self-test", "reason": "the device restarted before it was done"}),
        ("journal.gap", {"ranges": [[40, 3, 9, PREV], [41, 2, 2, bytes(16)]]}),
        ("link.quarantined", {"boot": 41, "seq": 5, "bytes": 40123}),
        ("message.refused", {"class": "receipt", "reason": "forged", "count": 3}),
    ]


def accepted() -> list[Case]:
    """Messages that a verifier must take."""
    payload = ALARM.encode()
    alarm = message_case("alarm", "alarm", payload, SOS)
    r_s = bytes.fromhex(str(alarm["signature"]))
    twin = r_s[:32] + (ORDER - int.from_bytes(r_s[32:], "big")).to_bytes(32, "big")
    own = cbor.dumps({cose.ALG: cose.ESP256, cose.KID: SOS.kid})
    cases = [
        alarm,
        message_case("alarm, header says ES256", "alarm", payload, SOS, cose.ES256),
        signed_case("alarm, the other of the two valid signatures", "alarm", payload, SOS, own, signature=twin),
        signed_case(
            "alarm, an unknown header that is not critical",
            "alarm",
            payload,
            SOS,
            cbor.dumps({cose.ALG: cose.ESP256, cose.KID: SOS.kid, "x": 1}),
            {"hint": [1, None, True]},
        ),
        message_case("first event ever", "event", an_event("device.reset", {"version": "0.1.0", "last": None}, boot=0x80000001, seq=1, at=0, clock=0, prev=bytes(16)).encode(), SOS),
        message_case(
            "event with the largest numbers",
            "event",
            an_event("count.hourly", {"n": -(2**64), "m": 2**64 - 1}, boot=2**32 - 1, seq=2**32 - 1, at=2**53 - 1, up=2**53 - 1).encode(),
            SOS,
        ),
        message_case("event with every type of data", "event", an_event("state.sample", {
            "a": None, "b": True, "c": False, "d": -1, "e": bytes(range(4)), "f": "Ж€😀", "g": [1, [2, {}]], "h": {"aa": 1, "z": {}},
        }).encode(), SOS),
        message_case("presence", "presence", BEAT.encode(), SOS),
        signed_case("presence with an x5chain", "presence", BEAT.encode(), SOS, own, {cose.X5CHAIN: [b"leaf", b"issuer"]}),
        message_case("will", "presence", presence.Presence(DEVICE, "sos-button", 41, 3, False, AT, 0, 0, 13, "0").encode(), SOS),
        message_case("receipt", "receipt", TOLD.encode(), DESK),
        message_case("receipt of nothing", "receipt", receipt.Receipt(DEVICE, CENTER, 1, 0, 0, [], []).encode(), DESK),
        message_case("command", "command", ORDER_TO_TEST.encode(), DESK),
    ]  # fmt: skip
    for kind, data in events_of_every_type():
        leaf = topics.leaf_of(kind)
        cases.append(message_case(f"event {kind}", leaf, an_event(kind, data).encode(), SOS))
    return cases


# --- messages that must be refused ----------------------------------------------------------------------------------------------------


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
            "online": [0, 1, None, "true", []], "keepalive": [0, 65536, *number], "software": ["", "x" * 65, None, 1, b"x"],
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


# --- CBOR, chain, boots, commands, topics ---------------------------------------------------------------------------------------------


def cbor_cases() -> Case:
    """Encodings that are the one encoding of their value, and encodings that are not."""
    good = (
        "00 01 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1bffffffffffffffff 20 37 3818 38ff 390100 3affffffff "
        "3bffffffffffffffff 40 4100 60 6161 62d0b6 63e282ac 64f09f9880 80 8101 820102 a0 a10102 a1206161 a3010020006161f6 "
        "f4 f5 f6 83f4f5f6 a261620162616102"
    )
    listed = [
        *good.split(),
        "81" * 12 + "00",
        "a16161" * 12 + "00",
        "5818" + "00" * 24,
        "7818" + "61" * 24,
        "63efbfbf",
        "64f48fbfbf",
        "62c280",
    ]
    bad = {
        "": "no bytes", "1800": "24 not needed", "1817": "24 not needed", "190017": "not shortest", "1900ff": "not shortest",
        "1a0000ffff": "not shortest", "1b00000000ffffffff": "not shortest", "3817": "not shortest", "3900ff": "not shortest",
        "5800": "not shortest", "580100": "not shortest", "7800": "not shortest", "780161": "not shortest", "9800": "not shortest",
        "b800": "not shortest", "1c": "reserved head", "1d": "reserved head", "1e": "reserved head", "3c": "reserved head",
        "1f": "reserved head", "5f4101ff": "indefinite bytes", "7f6161ff": "indefinite text", "9f01ff": "indefinite array",
        "bf616101ff": "indefinite map", "ff": "break alone", "f90000": "float", "fa00000000": "float", "fb0000000000000000": "float",
        "f97e00": "not a number", "e0": "simple value", "f3": "simple value", "f7": "undefined", "f820": "simple value", "fc": "reserved",
        "c000": "tag", "c11a514b67b0": "tag 1, a time", "c249010000000000000000": "tag 2, a big integer", "d8184100": "tag 24", "d9d9f700": "tag",
        "d81c80": "tag 28, shared", "d9010280": "tag 258, a set", "8181c100": "tag inside", "0000": "bytes after", "a0a0": "bytes after",
        "18": "cut", "1900": "cut", "1a000000": "cut", "1b00000000000000": "cut", "41": "cut", "4200": "cut", "6261": "cut", "81": "cut",
        "8201": "cut", "a1": "cut", "a101": "cut", "a16161": "cut", "5bffffffffffffffff": "huge", "7bffffffffffffffff": "huge",
        "9bffffffffffffffff": "huge", "bbffffffffffffffff": "huge", "5affffffff00": "huge", "9affffffff00": "huge",
        "a2616201616102": "keys not in order", "a2616101616102": "key twice", "a201000100": "key twice", "a26161010102": "integer after text",
        "a220000100": "negative before positive", "a262616101616202": "longer key first", "a1410101": "byte string as key",
        "a18001": "array as key", "a1a001": "map as key", "a1f501": "boolean as key", "a1f601": "null as key", "a1f9000001": "float as key",
        "a1180101": "key not shortest", "a178016101": "key not shortest", "61ff": "UTF-8", "6180": "UTF-8", "61c3": "UTF-8 cut",
        "62c328": "UTF-8", "62c080": "UTF-8 longer form", "63e08080": "UTF-8 longer form", "64f0808080": "UTF-8 longer form",
        "63eda080": "UTF-8 surrogate", "66eda080edb080": "UTF-8 surrogate pair", "64f4908080": "UTF-8 past the last code point",
        "65f888808080": "UTF-8 of five bytes", "64f09f9828": "UTF-8", "a161ff01": "UTF-8 in a key", "a162c08001": "UTF-8 in a key",
        "81" * 13 + "00": "nested too deep", "a16161" * 13 + "00": "nested too deep", "81" * 5000: "nested too deep",
    }  # fmt: skip
    return {
        "accepted": [{"hex": item, "diagnostic": diagnostic(cbor.loads(bytes.fromhex(item)))} for item in listed],
        "refused": [{"hex": item, "why": why} for item, why in bad.items()],
    }


def chain_cases() -> Case:
    """A device's first three boots, a forgotten tail in the second; and the numbers of new boots."""
    steps: list[Case] = []

    def walk(boot: int, prev: bytes, kinds: list[tuple[str, dict[str, object]]]) -> list[bytes]:
        links = [prev]
        for seq, (kind, data) in enumerate(kinds, 1):
            payload = an_event(kind, data, boot=boot, seq=seq, prev=links[-1], at=AT + len(steps)).encode()
            links.append(chain.link(payload))
            steps.append(
                {"boot": boot, "seq": seq, "prev": links[-2].hex(), "payload": payload.hex(), "link": links[-1].hex()}
            )
        return links

    volatile = chain.VOLATILE | 0x1234567
    first = walk(
        volatile, chain.ZERO, [("device.reset", {"version": "0.1.0", "last": None}), ("test.passed", {"by": "user"})]
    )
    second = walk(1, first[-1], [
        ("device.booted", {"version": "0.1.0", "cause": "restart", "last": [volatile, 2, first[-1]]}),
        ("alarm.raised", {"level": "sos", "age_ms": 30, "silent": False, "tamper": False}),
        ("alarm.escalated", {"alarm": [1, 2], "count": 2, "exact": True}),
    ])  # fmt: skip
    walk(2, second[2], [("device.booted", {"version": "0.1.0", "cause": "power", "last": [1, 2, second[2]]})])
    boots = []
    for last, floor, draw in (
        (0, None, 5),
        (0, None, 2**32 - 1),
        (0, 0, 5),
        (0, 7, 5),
        (7, None, 5),
        (7, 0, 5),
        (7, 9, 5),
        (9, 7, 5),
    ):
        boots.append({"last_regular": last, "floor": floor, "draw": draw, "boot": chain.next_boot(last, floor, draw)})
    return {
        "note": "(1, 3) is the unkept tail: the device lost power before it was kept, and goes on from (1, 2).",
        "events": steps,
        "next_boot": boots,
    }


def refusals() -> list[Case]:
    """Whether a genuine command is carried out. ``command`` has n 12, issued at AT, good for 3600 s."""
    end = AT + 3_600_000
    table: list[tuple[int, int | None]] = [
        (0, AT),
        (11, AT),
        (12, AT),
        (13, AT),
        (12, None),
        (11, None),
        (11, end),
        (11, end + 1),
        (11, 0),
    ]
    return [
        {"last_n": last, "now_ms": now, "refusal": command.refusal(ORDER_TO_TEST, last, now)} for last, now in table
    ]


def topic_cases() -> Case:
    """Topics with the device and class in their last two levels, and topics without."""
    good = [
        "dabyl/v1/sos-0001/alarm",
        "city/north/dabyl/v1/sos-0001/event",
        "abc/presence",
        "x/abc/receipt",
        f"dabyl/v1/{'a' * 63}/command",
        "/abc/alarm",
    ]
    bad = [
        "",
        "alarm",
        "/alarm",
        "ab/alarm",
        "a" * 64 + "/alarm",
        "-ab/alarm",
        "ABC/alarm",
        "abc/Alarm",
        "abc/alarm/",
        "abc/will",
        "abc/alarm/x",
        "a+c/alarm",
        "#/alarm",
        "жжж/alarm",
    ]
    kinds = {
        "alarm": 0,
        "alarm.raised": 0,
        "alarms.raised": 1,
        "health.report": 2,
        "count.hourly": 2,
        "counter.x": 1,
        "state.alarm": 1,
        "test.passed": 1,
    }
    for kind, rank in kinds.items():
        assert event.rank_of(kind) == rank
    return {
        "accepted": [{"topic": t, "device": topics.split(t)[0], "leaf": topics.split(t)[1]} for t in good],
        "refused": bad,
        "types": [
            {
                "type": kind,
                "rank": rank,
                "leaf": topics.leaf_of(kind),
                "verified_topic": topics.verified_topic(DEVICE, kind),
            }
            for kind, rank in kinds.items()
        ],
    }


def keys() -> Case:
    """The keys, private halves too: they sign nothing but these vectors."""
    return {
        "warning": "TEST KEYS. Anyone can derive them: scalar = SHA-256('dabyl test vectors only: ' + name) mod n. Never trust them.",
        "keys": [
            {"name": k.name, "scalar": f"{k.scalar:064x}", "spki": k.spki.hex(), "kid": k.kid.hex()}
            for k in (SOS, BADGE, DESK, STRANGER)
        ],
        "tables": {name: [key.name for key in members] for name, members in TABLES.items()},
        "table_of_class": TABLE_OF,
    }


def vectors() -> dict[str, object]:
    """Each file's content by its name."""
    return {
        "keys.json": keys(),
        "messages.json": accepted(),
        "messages-refused.json": refused_envelopes(),
        "payloads-refused.json": refused_payloads(),
        "cbor.json": cbor_cases(),
        "chain.json": chain_cases(),
        "commands.json": {"command": ORDER_TO_TEST.encode().hex(), "cases": refusals()},
        "topics.json": topic_cases(),
    }


def text_of(content: object) -> str:
    """One case a line, so that a change shows as a change of its case."""
    if isinstance(content, list):
        return "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in content) + "\n]\n"
    assert isinstance(content, dict)
    blocks = []
    for name, item in content.items():
        body = text_of(item).rstrip("\n") if isinstance(item, list) else json.dumps(item, ensure_ascii=False)
        blocks.append(f"{json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    for file_name, made in vectors().items():
        (HERE / file_name).write_text(text_of(made), encoding="utf-8")
        print(f"{file_name}: {len(text_of(made))} characters")
