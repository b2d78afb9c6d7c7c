"""Every decoder by name with what it may be asked: genuine readings, their bytes, and how much noise comes before sense returns."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from devices.sensors import gnss, hilink, ld2410, ld2450, modbus, ops243, vedirect
from devices.sensors.readings import Charge, ChargeState, Fix, Presence, Speed, Target, Targets
from devices.sensors.sensor import Decoder

AT_MS = 4711


class Inputs:
    """A Modbus master's decoder that always asks for the same eight inputs, so that it can stand beside the others."""

    REQUEST = modbus.read_inputs(1, 0, 8)

    def __init__(self) -> None:
        self._decoder = modbus.Decoder()
        self._decoder.expect(self.REQUEST)

    @property
    def understood(self) -> int:
        return self._decoder.understood

    @property
    def skipped(self) -> int:
        return self._decoder.skipped

    def feed(self, data: bytes, at_ms: int) -> list[Any]:
        found: list[Any] = []
        for byte in data:  # a master asks again as soon as it has its answer
            answers = self._decoder.feed(bytes((byte,)), at_ms)
            if answers:
                found += answers
                self._decoder.expect(self.REQUEST)
        return found


@dataclasses.dataclass(frozen=True)
class Kind:
    """One decoder. ``readings`` makes what one frame says, ``encode`` its bytes."""

    decoder: Callable[[], Decoder]
    readings: st.SearchStrategy[list[Any]]
    encode: Callable[[list[Any]], bytes]
    longest: int
    """Bytes that may be kept between two calls."""
    samples: tuple[bytes, ...]
    """Some genuine frames, those of the documents first."""


def metres(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low // 10, high // 10).map(lambda cm: cm * 10)


TARGET = st.builds(
    Target, st.integers(-32767, 32767), st.integers(-32767, 32767), metres(-327_670, 327_670), st.integers(0, 65_535)
)
TARGETS = st.lists(TARGET, max_size=3).map(lambda targets: [Targets(AT_MS, tuple(targets))])
PRESENCE = st.builds(
    Presence,
    st.just(AT_MS),
    st.booleans(),
    st.booleans(),
    metres(0, 655_350),
    metres(0, 655_350),
    st.integers(0, 255),
    metres(0, 655_350),
    st.integers(0, 255),
).map(lambda presence: [presence])
ANSWER = st.builds(hilink.Answer, st.integers(0, 0xFF), st.booleans(), st.binary(max_size=60)).map(lambda one: [one])
SPEED = st.builds(Speed, st.just(AT_MS), st.integers(1, 310_000), st.booleans(), st.integers(0, 10**9))
CHARGE = st.builds(
    Charge,
    st.just(AT_MS),
    st.integers(-1000, 60_000),
    st.integers(-30_000, 30_000),
    st.none() | st.integers(0, 250_000),
    st.integers(0, 9_000).map(lambda watts: watts * 1000),
    st.sampled_from(ChargeState),
    st.integers(0, 255),
).map(lambda charge: [charge])
FIX = st.builds(
    Fix,
    st.just(AT_MS),
    st.integers(-900_000_000, 900_000_000),
    st.integers(-1_800_000_000, 1_800_000_000),
    st.integers(978_307_200, 3_124_223_999).map(lambda seconds: seconds * 1000),
    st.none(),
    st.integers(0, 300_000),
)
TIMELESS = st.builds(dataclasses.replace, FIX, unix_ms=st.none(), accuracy_mm=st.none() | st.integers(0, 10**9))
BITS = st.lists(st.booleans(), min_size=8, max_size=8).map(tuple)
INPUTS = st.one_of(
    BITS.map(lambda bits: modbus.Answer(AT_MS, Inputs.REQUEST, bits)),
    st.integers(1, 255).map(lambda failure: modbus.Answer(AT_MS, Inputs.REQUEST, failure=failure)),
).map(lambda answer: [answer])


def _hilink_or(encode: Callable[[Any], bytes]) -> Callable[[list[Any]], bytes]:
    return lambda said: hilink.encode(said[0]) if isinstance(said[0], hilink.Answer) else encode(said[0])


def _gnss(said: list[Any]) -> bytes:
    fix = said[0]
    return gnss.encode_nmea(fix) if fix.accuracy_mm is None and fix.unix_ms is not None else gnss.encode_ubx(fix)


KINDS: dict[str, Kind] = {
    "ld2450": Kind(
        ld2450.Decoder,
        TARGETS | ANSWER,
        _hilink_or(lambda one: ld2450.encode(one.targets)),
        74,
        (
            bytes.fromhex("AAFF03000E03B186100040010000000000000000000000000000000055CC"),
            ld2450.encode(()),
            ld2450.encode([Target(-782, 1713, -160, 320), Target(0, 2471, 0, 360), Target(32767, -32767, 10, 0)]),
            hilink.encode(hilink.Answer(0x90, True, b"")),
        ),
    ),
    "ld2410": Kind(
        ld2410.Decoder,
        PRESENCE | ANSWER,
        _hilink_or(ld2410.encode),
        74,
        (
            bytes.fromhex("F4F3F2F10D0002AA034F00644C006432005500F8F7F6F5"),
            ld2410.encode(Presence(0, True, False, 3000, 3000, 70), (bytes(range(9)), bytes(9))),
            hilink.encode(hilink.Answer(0x62, True, b"")),
        ),
    ),
    "ops243": Kind(
        ops243.Decoder,
        st.lists(SPEED, min_size=1, max_size=9),
        ops243.encode,
        ops243.LINE_MAX,
        (
            b'{"time":"105.976","magnitude":"56.1","speed":"-2.10"}\r\n',
            b'{"speed":0.58,"direction":"inbound","time":105,"tick":135}\r\n',
            b'{"speed":["-2.10","3.4"],"magnitude":["56.1","20.0"]}\r\n',
            b'{"Units":"km-per-hr"}\r\n',
            b"137.429,50.0,3.6\r\n",
        ),
    ),
    "vedirect": Kind(
        vedirect.Decoder,
        CHARGE,
        lambda said: vedirect.encode(said[0]),
        vedirect.BLOCK_MAX + 11,
        (
            b"\r\nV\t12800\r\nI\t-150\r\nPPV\t9\r\nCS\t3\r\nERR\t0\r\nChecksum\t\x9f",
            vedirect.encode(Charge(0, 13_100, 900, 18_500, 12_000, ChargeState.FLOAT)),
            b":A0102000543\n",
        ),
    ),
    "gnss": Kind(
        gnss.Decoder,
        (FIX | TIMELESS).map(lambda fix: [fix]),
        _gnss,
        gnss.PAYLOAD_MAX + 8,
        (
            b"$GNRMC,081530.00,A,5108.04200,N,07126.76400,E,0.012,,221126,,,A*6B\r\n",
            bytes.fromhex("B5620A0400000E34"),
            gnss.encode_ubx(Fix(0, 511_340_333, 714_460_667, 1_795_335_330_000, 2500, 12)),
            gnss.encode_nmea(Fix(0, -511_340_333, -714_460_667, 1_795_335_330_000, None, 12)),
        ),
    ),
    "modbus": Kind(
        Inputs,
        INPUTS,
        lambda said: modbus.encode(said[0]),
        6,
        (bytes.fromhex("01020105618B"), modbus.encode(modbus.Answer(0, Inputs.REQUEST, failure=2))),
    ),
}


def decoded(kind: Kind, pieces: Sequence[bytes]) -> tuple[list[Any], int, int]:
    """What a fresh decoder says, what it understood, what it skipped."""
    decoder = kind.decoder()
    said = [one for piece in pieces for one in decoder.feed(piece, AT_MS)]
    return said, decoder.understood, decoder.skipped
