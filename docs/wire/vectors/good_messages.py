# ruff: noqa: INP001, E501  a script beside its output; one case a line
"""Test keys, and messages that every verifier must accept.

The keys are derived from their names in the open, for these vectors only. Signatures use RFC 6979 nonces, so that they never change.
"""

import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from agent.wire import cbor, chain, command, cose, event, presence, receipt, topics

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


FIRST: dict[str, dict[str, object]] = {
    "device.booted": {"seq": 1},
    "device.reset": {"seq": 1, "boot": 0x80000001, "prev": bytes(16)},
}
"""What only the first event of a boot has."""


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
        ("drill.started", {"until": AT + 3_600_000, "drill": True}),
        ("drill.ended", {"by": "time"}),
        (
            "recording.started",
            {
                "recording": bytes(range(16)),
                "trigger": "button",
                "pre_ms": 30_000,
                "latitude_e7": 432_389_000,
                "longitude_e7": 768_897_000,
                "fix_age_ms": 420,
            },
        ),
        (
            "recording.segment",
            {
                "recording": bytes(range(16)),
                "n": 1,
                "bytes": 1_017_039,
                "sha256": bytes(range(32)),
                "prev": bytes(32),
                "trigger": "button",
                "custodian": b"\x01\x02\x03\x04\x05\x06\x07\x08",
                "key": bytes(97),
                "at": AT,
                "duration_ms": 2000,
                "plain_sha256": bytes(range(32, 64)),
                "frames": 59,
                "missing": 1,
                "content": {
                    "parameters": bytes(range(64, 96)),
                    "anchor": bytes(range(96, 128)),
                    "video": {
                        "digest": bytes(range(128, 160)),
                        "ticks": 90_000,
                        "begin": 0,
                        "runs": [58, 3000, 1, 6000],
                    },
                    "audio": {"digest": bytes(range(160, 192)), "ticks": 48_000, "begin": -4021, "runs": [94, 1024]},
                },
            },
        ),
        (
            "recording.segment",
            {
                "recording": bytes(range(16)),
                "n": 2,
                "bytes": 300_000,
                "sha256": bytes(range(32)),
                "prev": bytes(range(32)),
                "trigger": "recovered",
                "custodian": b"\x01\x02\x03\x04\x05\x06\x07\x08",
                "key": bytes(97),
            },
        ),
        ("recording.marked", {"recording": bytes(range(16)), "by": "button"}),
        ("recording.gap", {"recording": bytes(range(16)), "for_ms": 3100, "input": "camera"}),
        ("recording.stopped", {"recording": bytes(range(16)), "by": "press", "segments": 4, "duration_ms": 7466}),
        ("recording.untaken", {"why": "the card has changed it"}),
        ("fault.camera", {"input": "camera", "state": "absent", "why": "IndexError: list index out of range"}),
        ("fault.storage", {"input": "storage", "state": "No space left on device"}),
        ("storage.low", {"percent": 80}),
        ("storage.full", {"percent": 95}),
        ("storage.restored", {"percent": 74}),
        ("crossing.started", {"by": "detection", "for_ms": 12_778, "night": False}),
        ("crossing.ended", {"lit_ms": 31_450}),
        (
            "violation.observed",
            {
                "entry_age_ms": 2100,
                "exit_age_ms": 600,
                "entry_mm_s": 10_100,
                "exit_mm_s": 9700,
                "top_mm_s": 10_300,
                "limit_mm_s": 4200,
                "zone_mm": 15_000,
                "beacon": "flashing",
                "speed": "indicative",
            },
        ),
        (
            "count.crossing",
            {
                "period_s": 3600,
                "pedestrians": 41,
                "presses": 17,
                "activations": 29,
                "violations": 1,
                "approaches": 212,
                "lit_s": 507,
                "speeds": [3, 11, 38, 95, 55, 9, 1, 0, 0, 0, 0, 0],
                "bin_kmh": 10,
            },
        ),
        (
            "fault.line",
            {"input": "zone-3", "state": "open", "mv": 4805, "zone": "Gym", "building": "School 5", "room": "Gym"},
        ),
        ("fault.sensor", {"input": "tracker", "state": "frozen"}),
        ("fault.lamp", {"input": "lamp-left", "state": "dead", "ma": 4}),
        ("fault.farside", {"input": "farside", "state": "lost"}),
        ("fault.detection", {"input": "detection", "state": "none"}),
        ("command.accepted", {"n": 12, "name": "self-test"}),
        ("command.completed", {"n": 12, "name": "self-test", "result": {"ok": True}}),
        ("command.refused", {"n": 12, "name": "self-test", "reason": "replayed"}),
        ("command.failed", {"n": 12, "name": "self-test", "reason": "unknown"}),
        ("command.failed", {"n": 12, "reason": "the device restarted before it was done"}),
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
        message_case("presence, 64 characters of four bytes", "presence", presence.Presence(DEVICE, "sos-button", 41, 3, True, AT, 2, 0, 60, "😀" * 64).encode(), SOS),
        message_case("will", "presence", presence.Presence(DEVICE, "sos-button", 41, 3, False, AT, 0, 0, 13, "0").encode(), SOS),
        message_case("receipt", "receipt", TOLD.encode(), DESK),
        message_case("receipt of nothing", "receipt", receipt.Receipt(DEVICE, CENTER, 1, 0, 0, [], []).encode(), DESK),
        message_case("command", "command", ORDER_TO_TEST.encode(), DESK),
    ]  # fmt: skip
    for kind, data in events_of_every_type():
        leaf = topics.leaf_of(kind)
        first = FIRST.get(kind, {})
        cases.append(message_case(f"event {kind}", leaf, an_event(kind, data, **first).encode(), SOS))
    return cases
