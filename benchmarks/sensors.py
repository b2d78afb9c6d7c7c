"""The sensors' decoders: throughput beside the public parser of the same format, any bytes without an exception, the way back into sense.

Each pair decodes the same frames in the same pieces, in turn, in one process; what counts is the processor time of the best turn. The
public parsers are those that one would take from the package index; where one reads from a port alone, it gets a file in memory. The
wounds and the noise are seeded.
"""

import io
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aio_ld2410.stream
import kenzy_ld2450.protocol
import omnipresense
import pynmeagps
import pyubx2
import vedirect_m8.vedirect
from aio_ld2410.protocol import Report
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from benchmarks.figures import Detail, Figure
from benchmarks.scene import Context
from devices.sensors import gnss, ld2410, ld2450, modbus, ops243, vedirect
from devices.sensors.readings import Charge, ChargeState, Fix, Presence, Speed, Target

FRAMES = 50
PIECE = 256
"""What a reader gets at a time where bytes come fast."""
FUZZ_SEED = 1
RESYNC_FRAMES = 6
_OTHER_SENTENCES = b"".join(
    bytes(pynmeagps.NMEAMessage("GN", kind, pynmeagps.GET, payload=fields.split(",")).serialize())
    for kind, fields in (
        ("VTG", ",T,,M,0.012,N,0.022,K,A"),
        ("GGA", "081530.00,5108.04200,N,07126.76400,E,1,09,0.98,352.1,M,-39.2,M,,"),
        ("GSA", "A,3,05,07,09,13,14,20,28,30,,,,,1.71,0.98,1.40"),
        ("GSV", "2,1,08,05,52,283,38,07,68,071,42,09,31,083,35,13,28,292,33"),
        ("GLL", "5108.04200,N,07126.76400,E,081530.00,A,A"),
    )
)
INPUTS = modbus.read_inputs(1, 0, 8)
PEERS = {
    "ld2450": "kenzy-ld2450",
    "ld2410": "aio-ld2410",
    "ops243": "omnipresense",
    "nmea": "pynmeagps",
    "rmc": "pynmeagps",
    "ubx": "pyubx2",
    "vedirect": "vedirect-m8",
    "modbus": "pymodbus",
}


class _Master:
    """A Modbus master that asks the same again and again."""

    def __init__(self) -> None:
        self._decoder = modbus.Decoder()

    def feed(self, data: bytes, at_ms: int) -> Sequence[object]:
        self._decoder.expect(INPUTS)
        return self._decoder.feed(data, at_ms)


DECODERS: dict[str, Callable[[], Any]] = {
    "ld2450": ld2450.Decoder,
    "ld2410": ld2410.Decoder,
    "ops243": ops243.Decoder,
    "nmea": gnss.Decoder,
    "rmc": gnss.Decoder,
    "ubx": gnss.Decoder,
    "vedirect": vedirect.Decoder,
    "modbus": _Master,
}


def frames(name: str, source: random.Random) -> list[bytes]:
    """``FRAMES`` frames of a busy street."""
    return [_FRAME[name](source) for _ in range(FRAMES)]


def _ld2450(source: random.Random) -> bytes:
    seen = [
        Target(source.randint(-3000, 3000), source.randint(0, 6000), source.randint(-20, 20) * 10, 360)
        for _ in range(source.randint(0, 3))
    ]
    return ld2450.encode(seen)


def _ld2410(source: random.Random) -> bytes:
    far = source.randint(10, 600) * 10
    return ld2410.encode(Presence(0, source.random() < 0.5, source.random() < 0.5, far, far, source.randint(0, 100)))


def _ops243(source: random.Random) -> bytes:
    return ops243.encode([Speed(0, source.randint(1000, 30_000), source.random() < 0.5, source.randint(1, 99_999))])


def _fix(source: random.Random) -> Fix:
    return Fix(0, 511_340_333 + source.randint(-99, 99), 714_460_667, 1_795_335_330_000 + source.randint(0, 999) * 1000)


def _nmea(source: random.Random) -> bytes:
    """What a receiver says each second as it leaves the factory; one of the sentences has all that we need."""
    return gnss.encode_nmea(_fix(source)) + _OTHER_SENTENCES


def _vedirect(source: random.Random) -> bytes:
    watts = source.randint(0, 60)
    return vedirect.encode(
        Charge(0, source.randint(11_000, 14_400), watts * 70, 18_000, watts * 1000, ChargeState.BULK)
    )


def _modbus(source: random.Random) -> bytes:
    return modbus.encode(modbus.Answer(0, INPUTS, tuple(source.random() < 0.5 for _ in range(8))))


_FRAME: dict[str, Callable[[random.Random], bytes]] = {
    "ld2450": _ld2450,
    "ld2410": _ld2410,
    "ops243": _ops243,
    "nmea": _nmea,
    "rmc": lambda source: gnss.encode_nmea(_fix(source)),
    "ubx": lambda source: gnss.encode_ubx(_fix(source)),
    "vedirect": _vedirect,
    "modbus": _modbus,
}


def _pieces(name: str, made: list[bytes]) -> list[bytes]:
    if name == "modbus":
        return made  # an answer at a time, as a master gets them
    stream = b"".join(made)
    return [stream[at : at + PIECE] for at in range(0, len(stream), PIECE)]


def _ours(name: str, pieces: list[bytes]) -> int:
    feed = DECODERS[name]().feed
    return sum(len(feed(piece, 0)) for piece in pieces)


def _kenzy(pieces: list[bytes]) -> int:
    feed = kenzy_ld2450.protocol.FrameParser().feed
    return sum(len(feed(piece)) for piece in pieces)


def _aio(pieces: list[bytes]) -> int:
    stream = aio_ld2410.stream.FrameStream()
    count = 0
    for piece in pieces:
        stream.push(piece)
        for frame in stream:
            Report.parse(frame.data)
            count += 1
    return count


def _omnipresense(pieces: list[bytes]) -> int:
    """As its reading thread does it: it has no other way in than a port."""
    radar: Any = omnipresense.OPS243A_DopplerRadar.__new__(omnipresense.OPS243A_DopplerRadar)
    rest = b""
    count = 0
    for piece in pieces:
        rest += piece
        while b"\n" in rest:
            line, rest = rest.split(b"\n", 1)
            count += radar._parse_radar_data(line.decode("ascii", errors="ignore").strip()) is not None  # noqa: SLF001
    return count


def _reader(reader: Iterable[tuple[bytes, object]]) -> int:
    return sum(parsed is not None for _raw, parsed in reader)


def _nmea_reader(pieces: list[bytes]) -> int:
    return _reader(pynmeagps.NMEAReader(io.BytesIO(b"".join(pieces))))


def _vedirect_m8(pieces: list[bytes]) -> int:
    parser = vedirect_m8.vedirect.Vedirect({"serial_port": "/dev/ttyUSB0"}, auto_start=False)
    count = 0
    for byte in b"".join(pieces):
        if parser.input_read(bytes((byte,))) is not None:
            parser.init_data_read()
            count += 1
    return count


def _pymodbus(pieces: list[bytes]) -> int:
    framer = FramerRTU(DecodePDU(is_server=False))
    return sum(framer.handleFrame(piece, 1, 0)[1] is not None for piece in pieces)


_PEER: dict[str, Callable[[list[bytes]], int]] = {
    "ld2450": _kenzy,
    "ld2410": _aio,
    "ops243": _omnipresense,
    "nmea": _nmea_reader,
    "rmc": _nmea_reader,
    "ubx": lambda pieces: _reader(pyubx2.UBXReader(io.BytesIO(b"".join(pieces)))),
    "vedirect": _vedirect_m8,
    "modbus": _pymodbus,
}


def throughput(name: str, rounds: int) -> dict[str, float]:
    """Best times of one frame in microseconds, ours and the peer's, and ours as a ratio to the peer's throughput.

    Raises:
        ValueError: one of them did not decode all frames, so that there is nothing to compare.
    """
    pieces = _pieces(name, frames(name, random.Random(FUZZ_SEED)))
    counts = (_ours(name, pieces), _PEER[name](pieces))
    sentences = FRAMES * (1 + _OTHER_SENTENCES.count(b"$")) if name == "nmea" else FRAMES
    if counts != (FRAMES, sentences):
        raise ValueError(f"{name}: of {FRAMES} frames we decoded {counts[0]} and {PEERS[name]} {counts[1]}")
    ours_us = peer_us = float("inf")
    for _ in range(rounds):
        ours_us = min(ours_us, _spent_us(lambda: _ours(name, pieces)))
        peer_us = min(peer_us, _spent_us(lambda: _PEER[name](pieces)))
    return {"ratio": peer_us / ours_us, "ours_us": ours_us / FRAMES, "peer_us": peer_us / FRAMES}


def _spent_us(body: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    body()
    return (time.thread_time_ns() - began) / 1000


def wounded(source: random.Random, stream: bytes) -> bytes:
    """A stream after one to six wounds: fallen bits, bytes lost, made up, and repeated."""
    b = bytearray(stream)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(b) + 1)
        wound = source.randrange(4)
        if wound == 0 and at < len(b):
            b[at] ^= 1 << source.randrange(8)
        elif wound == 1:
            del b[at : at + source.randint(1, 30)]
        elif wound == 2:
            b[at:at] = source.randbytes(source.randint(1, 30))
        else:
            b[at:at] = b[at : at + source.randint(1, 60)]
    return bytes(b)


def fuzz(name: str, count: int) -> dict[str, int]:
    """``count`` bytes, half of them noise and half wounded frames, through one decoder: exceptions, and frames understood all the same."""
    source = random.Random(FUZZ_SEED)
    made = frames(name, source)
    decoder = DECODERS[name]()
    tally = {"bytes": 0, "exceptions": 0, "readings": 0}
    while tally["bytes"] < count:
        noise = source.randbytes(source.randint(1, 300))
        piece = noise if source.random() < 0.5 else wounded(source, b"".join(source.choices(made, k=3)))
        try:
            tally["readings"] += len(decoder.feed(piece, 0))
        except Exception as error:  # noqa: BLE001  counting these is the purpose
            tally["exceptions"] += 1
            print(f"{name}: {type(error).__name__}: {error}: {piece.hex()}", file=sys.stderr)
        tally["bytes"] += len(piece)
    return tally


def resynchronise(name: str, trials: int) -> int:
    """At worst, how many good frames in a row are sent after damage until a reading comes; 1: the first is read."""
    source = random.Random(FUZZ_SEED)
    made = frames(name, source)
    worst = 0
    for _ in range(trials):
        decoder = DECODERS[name]()
        decoder.feed(source.choice(made), 0)
        decoder.feed(wounded(source, source.choice(made)) + source.randbytes(source.randint(0, 100)), 0)
        needed = next(
            (sent for sent in itertools.count(1) if sent > RESYNC_FRAMES or decoder.feed(source.choice(made), 0)), 0
        )
        worst = max(worst, needed)
    return worst


def measure(context: Context) -> list[Figure]:
    """All figures of all decoders."""
    figures = []
    for name, peer in PEERS.items():
        context.say(f"{name}: throughput, ours and {peer}'s in turn")
        told = throughput(name, context.count(300, 40))
        figures.append(Figure(f"sensors.throughput.{name}", told["ratio"], at_least=1, details={**told, "peer": peer}))
    count = context.count(1_000_000, 50_000)
    context.say(f"{count} fuzzed bytes through each")
    tallies = {name: fuzz(name, count) for name in PEERS}
    context.say("finding back into the stream")
    trials = context.count(5_000, 500)
    worst: dict[str, Detail] = {name: resynchronise(name, trials) for name in PEERS}
    details: dict[str, Detail] = {f"{name}_{key}": value for name, one in tallies.items() for key, value in one.items()}
    return [
        *figures,
        Figure("sensors.exceptions", sum(one["exceptions"] for one in tallies.values()), at_most=0, details=details),
        Figure(
            "sensors.resynchronise",
            max(int(str(value)) for value in worst.values()),
            "frames",
            at_most=2,
            details=worst,
        ),
    ]
