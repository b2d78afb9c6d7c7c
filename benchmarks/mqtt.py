"""Whether any bytes of a broker make the MQTT client fail in an undocumented way, or say something else when they come in pieces.

``python -m benchmarks.mqtt [--fuzz N] [--seed N]``. Genuine streams of a broker, in both versions, are mutated (seeded) and given to a
session twice: whole, and cut at random. Counted are all exceptions, for ``Session.receive`` documents none, and all differences.
"""

import argparse
import itertools
import json
import random
import sys

from agent.mqtt.packets import V5, V311
from agent.mqtt.session import BROKEN, Session
from benchmarks.wire import mutated

MAX_RECEIVED = 1024
TOPIC = "dabyl/v1/sos-0001/receipt"
_NAME = len(TOPIC).to_bytes(2, "big") + TOPIC.encode()

Packet = tuple[int, bytes]
GENUINE: dict[int, list[Packet]] = {
    V311: [
        (0x20, b"\x00\x00"),
        (0x90, b"\x00\x01\x01\x01"),
        (0x40, b"\x00\x02"),
        (0x32, _NAME + b"\x00\x07" + bytes(range(200))),
        (0x40, b"\x00\x04"),
        (0xD0, b""),
        (0x31, _NAME + b"retained"),
        (0x40, b"\x00\x03"),
    ],
    V5: [
        (0x20, b"\x00\x00\x14\x21\x00\x20\x27\x00\x01\x00\x00\x13\x00\x1e\x25\x01\x26\x00\x01k\x00\x01v"),
        (0x90, b"\x00\x01\x04\x1f\x00\x01n\x01\x00"),
        (0x40, b"\x00\x02"),
        (0x32, _NAME + b"\x00\x07\x05\x02\x00\x00\x00\x3c" + bytes(range(200))),
        (0x40, b"\x00\x04\x97\x00"),
        (0xD0, b""),
        (0x31, _NAME + b"\x00retained"),
        (0x40, b"\x00\x03\x10"),
        (0xE0, b"\x8b\x00"),
    ],
}
"""What a broker says to ``_waiting``: first byte and body of each packet."""


def framed(packet: Packet) -> bytes:
    """The bytes of a packet of at most 16,383 bytes, its length in two."""
    first, body = packet
    return bytes((first, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def _waiting(version: int) -> Session:
    """A session that waits for the answers to CONNECT, to SUBSCRIBE and to three messages."""
    session = Session(version, MAX_RECEIVED, 0)
    session.connect("sos-0001-5f3a", 60, "dabyl/v1/sos-0001/presence", b"will")
    session.subscribe([TOPIC, TOPIC])
    for payload in (b"1", b"2", b"3"):
        session.publish("dabyl/v1/sos-0001/event", payload)
    session.to_send(0)
    return session


def _told(version: int, pieces: list[bytes]) -> tuple[object, ...]:
    """All that a session makes of ``pieces``: happenings, bytes to send, what it knows."""
    session = _waiting(version)
    happenings = [one for piece in pieces for one in session.receive(piece, 1)]
    return happenings, session.keepalive(2), session.to_send(2), session.receive_max, session.max_packet


def _stream(source: random.Random, packets: list[Packet]) -> bytes:
    """A genuine stream with a wound: anywhere, or inside one packet, whose length is then right again so that its contents are read."""
    other = framed(packets[source.randrange(len(packets))])
    if source.randrange(2):
        return mutated(source, b"".join(map(framed, packets)), other)
    which = source.randrange(len(packets))
    first, body = packets[which]
    hurt = mutated(source, body, other)
    first ^= 1 << source.randrange(8) if source.randrange(8) == 0 else 0
    return b"".join(map(framed, [*packets[:which], (first, hurt), *packets[which + 1 :]]))


def fuzz(count: int, seed: int) -> dict[str, int]:
    """Give ``count`` mutated streams to the client: what came of them, how many failed, and how many said something else in pieces."""
    source = random.Random(seed)
    tally = {"streams": count, "happenings": 0, "broken": 0, "other_errors": 0, "disagreements": 0}
    for turn in range(count):
        version = (V311, V5)[turn & 1]
        b = _stream(source, GENUINE[version])
        cuts = [0, *sorted(source.randrange(len(b) + 1) for _ in range(source.randint(1, 6))), len(b)]
        try:
            whole = _told(version, [b])
            cut = _told(version, [b[i:j] for i, j in itertools.pairwise(cuts)])
        except Exception as error:  # noqa: BLE001  counting these is the purpose
            tally["other_errors"] += 1
            print(f"{type(error).__name__}: {error}: MQTT {version}: {b.hex()}", file=sys.stderr)
            continue
        happenings = whole[0]
        assert isinstance(happenings, list)
        tally["happenings"] += len(happenings)
        tally["broken"] += any(one[0] == BROKEN for one in happenings)
        if cut != whole:
            tally["disagreements"] += 1
            print(f"in pieces {cuts} it says something else: MQTT {version}: {b.hex()}", file=sys.stderr)
    return tally


def main() -> int:
    """Print the tally; the exit code is 1 if the fuzz found something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mqtt", description=__doc__)
    parser.add_argument("--fuzz", type=int, default=200_000, metavar="N", help="mutated streams")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    options = parser.parse_args()
    tally = fuzz(options.fuzz, options.seed)
    print(json.dumps(tally))
    return 1 if tally["other_errors"] or tally["disagreements"] else 0


if __name__ == "__main__":
    sys.exit(main())
