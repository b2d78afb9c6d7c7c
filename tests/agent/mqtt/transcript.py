# ruff: noqa: ANN001, ANN002, ANN201, ANN204, T201  MicroPython runs this too, and printing is its job
# mypy: ignore-errors
"""Plays brokers of both versions to ``agent.mqtt`` and prints what came out, one line a fact. Run by CPython and by MicroPython alike."""

from binascii import hexlify, unhexlify

from agent.mqtt import packets, reasons
from agent.mqtt.errors import MqttError
from agent.mqtt.session import Session

LIMIT = 700
TOPIC = "dabyl/v1/sos-0001/receipt"
STREAMS = {
    packets.V311: [
        "20 02 00 00 | 90 04 00 01 01 00 | 40 02 00 02 | 32 08 00 01 61 00 07 73 69 67 | d0 00 | 31 05 00 01 61 72 74 | 40 02 00 03",
        "20 02 00 05 | 40 02 00 02",
        "20 02 01 00",
        "20 02 00 00 | 34 05 00 01 61 00 01",
        "20 02 00 00 | 90 03 00 01 01",
        "20 02 00 00 | 40 03 00 02 00",
        "20 02 00 00 | e0 00",
        "40 02 00 02",
    ],
    packets.V5: [
        "20 03 00 00 00 | 30 04 00 01 61 00 | 20 03 00 00 00",
        (
            "20 12 00 00 0f 21 00 20 27 00 01 00 00 13 00 1e 1f 00 01 61 | 90 05 00 01 00 01 00 | 40 02 00 02 | 40 04 00 03 97 00 | "
            "32 0e 00 01 61 00 07 05 02 00 00 00 3c 73 69 67 | 31 06 00 01 61 00 72 74 | d0 00 | e0 01 8b | 40 02 00 04"
        ),
        "20 03 00 87 00",
        "20 02 00 01",
        "20 05 00 00 02 24 00",
        "20 05 00 00 02 25 00",
        "20 05 00 00 02 24 02",
        "20 05 00 00 02 17 00",
        "20 06 00 00 03 21 00 00",
        "20 09 00 00 06 13 00 05 13 00 05",
        "20 03 00 00 00 | 90 05 00 01 00 02 01",
        "20 03 00 00 00 | 90 05 00 01 00 80 8f",
        "20 03 00 00 00 | 30 ff ff ff ff",
        "20 03 00 00 00 | 30 bc 05",
    ],
}
NAMES = (
    "61", "", "612b", "6123", "610062", "c3a9", "d0b4d0b0", "e0a080", "ee8080", "ed9fbf", "f0908080", "f48fbfbf", "ff", "61c3",
    "c080", "c1bf", "e08080", "e09fbf", "eda080", "edbfbf", "f0808080", "f08fbfbf", "f4908080", "f5808080", "80", "e282",
)  # fmt: skip
"""Topics good and bad; the last dozen are no UTF-8, and MicroPython's own codec takes some of them."""


class Chance:
    """The same numbers everywhere; each Python's own generator is another one."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % n


def shown(value):
    if isinstance(value, str):
        return "'" + shown(value.encode()) + "'"
    if isinstance(value, (bytes, bytearray)):
        return hexlify(value).decode()
    if isinstance(value, (tuple, list)):
        return "(" + " ".join([shown(one) for one in value]) + ")"
    return str(value)


def play(version, pieces):
    """A whole connection that hears ``pieces``, one each second."""
    session = Session(version, LIMIT, 0)
    session.connect("sos-0001-5f3a", 60, "dabyl/v1/sos-0001/presence", b"will")
    session.subscribe([TOPIC, "a/b"])
    mids = [session.publish("a/b", b"\x00" * size, size == 3) for size in (3, 130)]
    print("sent", shown(mids), shown(session.to_send(0)))
    now_ms = 0
    for piece in pieces:
        now_ms += 1000
        for happening in session.receive(piece, now_ms):
            print(" ", happening[0], shown(happening[1:]))
        print("  answers", shown(session.to_send(now_ms)))
    for wait_ms in (10000, 50000, 30000):
        now_ms += wait_ms
        print("  keepalive", session.keepalive(now_ms), shown(session.to_send(now_ms)))
    print("  knows", session.receive_max, session.max_packet, session.keepalive_ms)
    session.disconnect()
    print("  bye", shown(session.to_send(now_ms)))


def hurt(chance, b):
    """``b`` with up to three wounds."""
    b = bytearray(b)
    for _ in range(1 + chance.below(3)):
        at = chance.below(len(b))
        wound = chance.below(3)
        if wound == 0:
            b[at] ^= 1 << chance.below(8)
        elif wound == 1:
            b[at] = chance.below(256)
        else:
            b = b[:at] + b[at + 1 + chance.below(4) :] + bytes([0])
    return bytes(b)


def cut(chance, b):
    pieces = []
    i = 0
    while i < len(b):
        size = 1 + chance.below(9)
        pieces.append(b[i : i + size])
        i += size
    return pieces


def attempt(label, body, *arguments):
    try:
        print(label, shown(body(*arguments)))
    except MqttError as error:
        print(label, "REFUSED", str(error))


def main():
    chance = Chance(7)
    for version in (packets.V311, packets.V5):
        for stream in STREAMS[version]:
            print("#", version, stream)
            said = [unhexlify(one.replace(" ", "")) for one in stream.split("|")]
            play(version, said)
            play(version, cut(chance, b"".join(said)))
            for _ in range(12 * len(said)):  # the more there is to hurt
                play(version, cut(chance, hurt(chance, b"".join(said))))
        for name in NAMES:
            print("# topic", name)
            b = unhexlify(name)
            told = b"\x00" if version == packets.V5 else b""
            message = bytes([0x30, len(b) + 3 + len(told), 0, len(b)]) + b + told + b"x"
            play(version, [b"\x20\x02\x00\x00" if version == packets.V311 else b"\x20\x03\x00\x00\x00", message])
    for n in (0, 127, 128, 16383, 16384, 2097151, 2097152, 268435455, 268435456):
        attempt("number", packets.variable_integer, n)
    for n in (0, 65535, 65536):
        attempt("string", lambda n: packets.string("x" * n)[:3], n)
    for code in range(256):
        print(code, reasons.describe(code))
    session = Session(packets.V5, LIMIT, 0)
    session.subscribe(["a"])
    attempt("subscription", session.subscribe, ["a"])


main()
