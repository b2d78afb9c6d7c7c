# ruff: noqa: INP001  a script's module beside its output
"""Evidence receipts: those that a device must take as the center's word, and those that it must refuse, with the reason."""

import hashlib

from good_messages import AT, CENTER, DESK, ORDER_TO_TEST, SOS, STRANGER, Case, TestKey, view

from agent.wire import cbor, command, cose, evidence, receipt

BADGE = "badge-0002"
RECORDING = hashlib.sha256(b"a recording").digest()[:16]
SEGMENT = hashlib.sha256(b"a segment's file").digest()
FIELDS: dict[object, object] = {
    "device": BADGE, "center": CENTER, "at": AT, "recording": RECORDING, "n": 17, "bytes": 1_048_576, "sha256": SEGMENT,
}  # fmt: skip


def evidence_cases() -> Case:
    """Both lists."""
    told = evidence.Evidence(BADGE, CENTER, AT, RECORDING, 17, 1_048_576, SEGMENT).encode()
    last = evidence.Evidence(BADGE, CENTER, AT, RECORDING, 0xFFFFFFFF, 1, SEGMENT).encode()
    return {
        "context": evidence.CONTEXT.decode(),
        "accepted": [
            _signed("an evidence receipt", told),
            _signed("the highest number, the smallest file", last),
            _signed("alg ES256", told, alg=cose.ES256),
        ],
        "refused": [
            _signed("signed by a device", told, key=SOS, reason="unknown-key"),
            _signed("signed by a stranger", told, key=STRANGER, reason="unknown-key"),
            _signed("another's signature", told, signature=DESK.sign(b"something else"), reason="forged"),
            _signed("signed as a receipt", told, context=receipt.CONTEXT, reason="forged"),
            _signed("a command", ORDER_TO_TEST.encode(), context=command.CONTEXT, reason="forged"),
            *(_signed(name, payload, reason="malformed") for name, payload in _malformed(told)),
        ],
    }


def _malformed(told: bytes) -> list[tuple[str, bytes]]:
    changes: list[tuple[str, object]] = [
        ("device", "Badge"), ("device", 7), ("center", "c"), ("at", -1), ("at", 1 << 53), ("recording", RECORDING[:15]),
        ("recording", RECORDING.hex()), ("n", 0), ("n", 1 << 32), ("n", True), ("bytes", 0), ("bytes", None), ("sha256", SEGMENT[:31]),
        ("sha256", SEGMENT + b"\0"),
    ]  # fmt: skip
    cases = [(f"'{name}' is {view(value)}", cbor.dumps({**FIELDS, name: value})) for name, value in changes]
    cases += [(f"no '{name}'", cbor.dumps({k: v for k, v in FIELDS.items() if k != name})) for name in FIELDS]
    cases.append(("a field more", cbor.dumps({**FIELDS, "more": 1})))
    cases.append(("a byte after the end", told + b"\0"))
    cases.append(("no map", cbor.dumps([1, 2])))
    return cases


def _signed(
    name: str,
    payload: bytes,
    *,
    key: TestKey = DESK,
    context: bytes = evidence.CONTEXT,
    alg: int = cose.ESP256,
    signature: bytes | None = None,
    reason: str = "",
) -> Case:
    protected = cbor.dumps({cose.ALG: alg, cose.KID: key.kid})
    made = signature or key.sign(cose.to_be_signed(protected, context, payload))
    parts = [cbor.dumps(protected), cbor.dumps({}), cbor.dumps(payload), cbor.dumps(made)]
    case: Case = {"name": name, "key": key.name, "message": (b"\xd2\x84" + b"".join(parts)).hex()}
    if reason:
        return {**case, "reason": reason}
    return {**case, "payload": payload.hex(), "fields": view(cbor.loads(payload))}
