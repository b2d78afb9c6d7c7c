"""What the wire contract costs beside the bare signature, and whether any message makes a decoder fail in an undocumented way.

``python -m benchmarks.wire [--json] [--fuzz N]``. Rates are ratios of best times taken in the same run, each pair interleaved, so that
a busy machine weighs on both alike. The fuzz mutates genuine messages (seeded) through every decoder and counts all exceptions other
than ``WireError``.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from agent.keys import p256
from agent.keys.file import FileKey
from agent.wire import cbor, chain, command, cose, event, presence, receipt, topics
from agent.wire.errors import WireError
from center import decode as center_decode

SEAL_FLOOR = 0.6
"""Sealing (payload, envelope, chain) runs at this part of the bare signing rate at least."""
VERIFY_FLOOR = 0.8
"""Verifying an event (envelope, key, payload, chain) runs at this part of the bare verification rate at least."""
BURST = 10
"""Calls of one body in a row: a device's backlog and a center's busy minute are bursts too."""
DEVICE = "sos-0001"
CENTER = "center-1"
AT = 1_763_000_000_000


def alarm() -> event.Event:
    """An alarm as an SOS button raises it."""
    data: dict[str, object] = {"level": "sos", "age_ms": 31, "silent": False, "tamper": False}
    return event.Event(DEVICE, "sos-button", "alarm.raised", 41, 7, AT, 2, 86_400_123, b"\x5a" * 16, data)


def samples() -> list[tuple[bytes, bytes]]:
    """(context, payload) of each message."""
    beat = presence.Presence(DEVICE, "sos-button", 41, 3, True, AT, 2, 86_400_000, 60, "dabyl 0.1.0")
    told = receipt.Receipt(DEVICE, CENTER, 9001, AT, 41, [(40, 1, 17), (41, 1, 7)], [(41, 7, 2)])
    order = command.Command(DEVICE, CENTER, 12, AT, 3600, "self-test", {"seconds": 30, "why": "weekly"})
    return [
        (event.CONTEXT, alarm().encode()),
        (presence.CONTEXT, beat.encode()),
        (receipt.CONTEXT, told.encode()),
        (command.CONTEXT, order.encode()),
    ]


def best_us(bodies: list[Callable[[], object]], repeats: int) -> list[float]:
    """The least time of each body in microseconds: bursts of ``BURST`` calls, the bodies in turn, ``repeats`` calls of each in all."""
    clock = time.perf_counter_ns
    least = [1 << 62] * len(bodies)
    for _ in range(max(1, repeats // BURST)):
        for k, body in enumerate(bodies):
            for _ in range(BURST):
                start = clock()
                body()
                took = clock() - start
                least[k] = min(least[k], took)
    return [ns / 1000 for ns in least]


def rates(repeats: int) -> dict[str, float]:
    """Best times in microseconds, and the ratios to the bare operations."""
    private = ec.generate_private_key(ec.SECP256R1())
    signer = FileKey(private)
    public = private.public_key()
    algorithm = ec.ECDSA(SHA256())
    key_of = {signer.kid: p256.verifier(signer.public_der)}.get
    made = alarm()
    payload = made.encode()
    message = cose.sign(payload, event.CONTEXT, signer)
    signed = cose.to_be_signed(cose.parse(message).protected, event.CONTEXT, payload)
    signature = private.sign(signed, algorithm)

    def seal() -> bytes:
        encoded = made.encode()
        cose.sign(encoded, event.CONTEXT, signer)
        return chain.link(encoded)

    def accept() -> bytes:
        parts = cose.verify(message, event.CONTEXT, key_of)
        event.decode(parts.payload)
        return chain.link(parts.payload)

    sign_us, seal_us, verify_us, accept_us = best_us(
        [
            lambda: private.sign(signed, algorithm),
            seal,
            lambda: public.verify(signature, signed, algorithm),
            accept,
        ],
        repeats,
    )
    encode_us, decode_us, own_us, center_us = best_us(
        [
            made.encode,
            lambda: event.decode(payload),
            lambda: cbor.loads(payload),
            lambda: center_decode.loads(payload),
        ],
        repeats,
    )
    return {
        "bare_sign_us": sign_us,
        "seal_us": seal_us,
        "seal_ratio": sign_us / seal_us,
        "bare_verify_us": verify_us,
        "verify_decode_us": accept_us,
        "verify_decode_ratio": verify_us / accept_us,
        "event_encode_us": encode_us,
        "event_decode_us": decode_us,
        "cbor_loads_us": own_us,
        "center_loads_us": center_us,
        "message_bytes": float(len(message)),
    }


def mutated(source: random.Random, message: bytes, other: bytes) -> bytes:
    """``message`` after one to four random wounds: bits, bytes, cuts, repeats, splices, hostile heads."""
    b = bytearray(message)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(b) + 1)
        wound = source.randrange(8)
        if wound == 0 and at < len(b):
            b[at] ^= 1 << source.randrange(8)
        elif wound == 1 and at < len(b):
            b[at] = source.randrange(256)
        elif wound == 2:
            del b[at : at + source.randint(1, 8)]
        elif wound == 3:
            b[at:at] = source.randbytes(source.randint(1, 8))
        elif wound == 4:
            b[at:at] = b[at : at + source.randint(1, 16)]
        elif wound == 5:
            b[at:] = other[source.randrange(len(other) + 1) :]
        elif wound == 6:
            b[at : at + 1] = bytes(
                (source.choice((0x1B, 0x3B, 0x5B, 0x7B, 0x9B, 0xBB, 0xDB, 0x5F, 0x9F, 0xBF, 0xFF, 0xF9)),)
            )
        else:
            b[at:at] = bytes((source.choice((0x81, 0xA1, 0xC1)),)) * source.randint(1, 40)
    return bytes(b)


def fuzz(count: int, seed: int) -> dict[str, int]:
    """Run ``count`` mutated messages through every decoder: how many were accepted, refused, and failed in an undocumented way."""
    source = random.Random(seed)
    private = ec.derive_private_key(seed + 1, ec.SECP256R1())
    signer = FileKey(private)
    payloads = samples()
    messages = [cose.sign(payload, context, signer) for context, payload in payloads]
    bodies: list[Callable[[bytes], object]] = [
        event.decode,
        presence.decode,
        receipt.decode,
        command.decode,
        lambda b: presence.decode(b, center_decode.loads),
        cbor.loads,
        center_decode.loads,
    ]
    tally = {"messages": count, "decodings": 0, "accepted": 0, "refused": 0, "undocumented": 0, "disagreements": 0}

    def run(body: Callable[[bytes], object], b: bytes) -> bool:
        tally["decodings"] += 1
        try:
            body(b)
        except WireError:
            tally["refused"] += 1
            return False
        except Exception as error:  # noqa: BLE001  counting these is the purpose
            tally["undocumented"] += 1
            print(f"{type(error).__name__}: {error}: {b.hex()}", file=sys.stderr)
            return False
        tally["accepted"] += 1
        return True

    def whole(b: bytes) -> None:
        parts = cose.verify(b, event.CONTEXT, lambda _kid: lambda _signature, _data: True)
        cose.certificate_chain(parts)
        topics.check(parts.payload.decode("latin-1"), DEVICE, "event")

    for turn in range(count):
        which = turn % len(payloads)
        other = source.randrange(len(payloads))
        if turn & 4:
            run(cose.parse, mutated(source, messages[which], messages[other]))
            run(whole, mutated(source, messages[which], messages[other]))
            continue
        b = mutated(source, payloads[which][1], payloads[other][1])
        verdicts = [run(body, b) for body in bodies]
        tally["disagreements"] += verdicts[-1] != verdicts[-2]
    return tally


def main() -> int:
    """Print the figures; the exit code is 1 if a floor is missed or the fuzz found something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--fuzz", type=int, default=0, metavar="N", help="also run N mutated messages through all decoders"
    )
    parser.add_argument("--repeats", type=int, default=12000, help="interleaved repeats of each operation")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzz")
    options = parser.parse_args()
    figures = rates(options.repeats)
    good = figures["seal_ratio"] >= SEAL_FLOOR and figures["verify_decode_ratio"] >= VERIFY_FLOOR
    if options.fuzz:
        tally = fuzz(options.fuzz, options.seed)
        figures.update({"fuzz_" + name: count for name, count in tally.items()})
        good = good and not tally["undocumented"] and not tally["disagreements"]
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    else:
        for name, value in figures.items():
            print(f"{name:22} {value:12.3f}")
        print(
            f"floors: seal_ratio >= {SEAL_FLOOR}, verify_decode_ratio >= {VERIFY_FLOOR}: {'met' if good else 'MISSED'}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
