"""Our decoders beside the public parsers of the same formats: they agree where those are right, and avoid what those are known for."""

import contextlib
import datetime as dt
import io
import random
from typing import Any

import aio_ld2410.stream
import kenzy_ld2450.protocol
import omnipresense
import pynmeagps
import pytest
import pyubx2
import vedirect_m8.exceptions
import vedirect_m8.vedirect
from aio_ld2410.protocol import Report
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from devices.sensors import gnss, hilink, ld2410, ld2450, modbus, ops243, vedirect
from devices.sensors.readings import Charge, ChargeState, Fix, Presence, Speed, Target

AT_MS = 7


def their_charger() -> Any:
    return vedirect_m8.vedirect.Vedirect({"serial_port": "/dev/ttyUSB1"}, auto_start=False)


def their_packets(stream: bytes) -> list[dict[str, str]]:
    parser = their_charger()
    found = []
    for byte in stream:
        packet = parser.input_read(bytes((byte,)))
        if packet is not None:
            found.append(dict(packet))
            parser.init_data_read()
    return found


# LD2450


def test_tracked_targets_are_those_of_kenzy_ld2450() -> None:
    source = random.Random(1)
    for _ in range(300):
        slots = b"".join(source.choice((bytes(2), source.randbytes(2))) for _ in range(12))
        frame = ld2450.HEADER + slots + ld2450.TAIL
        theirs = kenzy_ld2450.protocol.FrameParser().feed(frame)[0].targets
        (ours,) = ld2450.Decoder().feed(frame, AT_MS)
        assert not isinstance(ours, hilink.Answer)
        assert [(one.x_mm, one.y_mm, one.speed_mm_s, one.gate_mm) for one in ours.targets] == [
            (one.x_mm, one.y_mm, one.speed_cms * 10, one.resolution_mm) for one in theirs
        ]


@pytest.mark.parametrize(("field", "gate_mm"), [("4001", 320), ("6801", 360)])
def test_both_copies_of_the_makers_example(field: str, gate_mm: int) -> None:
    frame = bytes.fromhex(f"AAFF03000E03B1861000{field}" + "00" * 16 + "55CC")
    (ours,) = ld2450.Decoder().feed(frame, AT_MS)
    assert not isinstance(ours, hilink.Answer)
    assert ours.targets == (Target(-782, 1713, -160, gate_mm),)
    assert ld2450.encode([Target(-782, 1713, -160, gate_mm)]) == frame


def test_a_target_at_the_radars_own_place_is_not_taken_for_none() -> None:
    (ours,) = ld2450.Decoder().feed(ld2450.encode([Target(0, 0, 0, 0)]), AT_MS)
    assert not isinstance(ours, hilink.Answer)
    assert ours.targets == (Target(0, 0, 0, 0),)


# LD2410


def test_presence_is_that_of_aio_ld2410() -> None:
    source = random.Random(2)
    for _ in range(200):
        frame = ld2410.encode(
            Presence(
                AT_MS,
                source.random() < 0.5,
                source.random() < 0.5,
                source.randrange(65_536) * 10,
                source.randrange(65_536) * 10,
                source.randrange(256),
                source.randrange(65_536) * 10,
                source.randrange(256),
            ),
            source.choice((None, (source.randbytes(9), source.randbytes(9)))),
        )
        stream = aio_ld2410.stream.FrameStream(frame)
        (found,) = stream
        theirs = Report.parse(found.data).data.basic
        (ours,) = ld2410.Decoder().feed(frame, AT_MS)
        assert isinstance(ours, Presence)
        assert int(theirs.target_status) == ours.moving + 2 * ours.still
        assert (theirs.moving_distance * 10, theirs.moving_energy) == (ours.moving_mm, ours.moving_energy)
        assert (theirs.static_distance * 10, theirs.static_energy) == (ours.still_mm, ours.still_energy)
        assert theirs.detection_distance * 10 == ours.distance_mm


def test_the_command_that_enables_configuration() -> None:
    assert hilink.command(0xFF, b"\x01\x00").hex() == "fdfcfbfa0400ff00010004030201"
    told = bytes.fromhex("FDFCFBFA0800FF010000010040000403 0201".replace(" ", ""))
    assert ld2410.Decoder().feed(told, AT_MS) == [hilink.Answer(0xFF, True, bytes.fromhex("01004000"))]


def test_a_distance_beyond_255_cm_is_told_whole() -> None:
    """LD2410 1.1.1 takes the low byte alone."""
    (ours,) = ld2410.Decoder().feed(ld2410.encode(Presence(AT_MS, True, False, 3210, 3210, 50)), AT_MS)
    assert isinstance(ours, Presence)
    assert ours.distance_mm == 3210


@pytest.mark.parametrize(
    ("decoder", "frame", "fixed"),
    [
        (ld2410.Decoder, ld2410.encode(Presence(0, True, False, 100)), (*range(8), *range(17, 23))),
        (ld2450.Decoder, ld2450.encode([Target(1, 2, 0)]), (*range(4), 28, 29)),
        (ld2450.Decoder, hilink.encode(hilink.Answer(0x90, True, b"")), (*range(6), 7, *range(10, 14))),
    ],
)
def test_a_report_of_a_wrong_shape_is_none(decoder: type[Any], frame: bytes, fixed: tuple[int, ...]) -> None:
    """LD2410 1.1.1 warns of a wrong end, and uses the report."""
    assert len(decoder().feed(frame, AT_MS)) == 1
    for at in fixed:
        bad = frame[:at] + bytes((frame[at] ^ 0x01,)) + frame[at + 1 :]
        assert decoder().feed(bad + bytes(80), AT_MS) == [], at


def test_a_damaged_length_hides_nothing_that_follows() -> None:
    """aio-ld2410 1.1.0 waits for as many bytes as a header says, 65,535 at worst."""
    good = ld2410.encode(Presence(AT_MS, True, False, 100))
    bad = good[:4] + b"\xff\xff" + good[6:]
    theirs = aio_ld2410.stream.FrameStream()
    theirs.push(bad + good * 10)
    assert list(theirs) == []
    assert len(ld2410.Decoder().feed(bad + good * 10, AT_MS)) == 10


def test_while_the_radar_measures_noise_it_says_nothing_about_people() -> None:
    frame = bytearray(ld2410.encode(Presence(AT_MS, False, False, 0)))
    frame[8] = 4
    decoder = ld2410.Decoder()
    assert decoder.feed(bytes(frame), AT_MS) == []
    assert (decoder.understood, decoder.skipped) == (1, 0)


# OPS243


def their_speed(line: bytes) -> Any:
    return omnipresense.OPS243A_DopplerRadar._parse_json_data(Any, line.decode())


def test_speeds_are_those_of_omnipresense_and_directions_better() -> None:
    for line, mm_s, towards in (
        (b'{"time":"105.976","magnitude":"56.1","speed":"-2.10"}', 2100, False),
        (b'{"time":"105.976","magnitude":"56.1","speed":"2.10"}', 2100, True),
    ):
        theirs = their_speed(line)
        assert round(theirs.speed * 1000) == mm_s
        assert theirs.direction.name == "RECEDING", "omnipresense 0.2.0 says so of everything"
        assert ops243.Decoder().feed(line + b"\r\n", AT_MS) == [Speed(AT_MS, mm_s, towards, 56_100)]


def test_arrays_of_reports_are_several_readings() -> None:
    line = b'{"speed":["-2.10","3.4"],"magnitude":["56.1","20.0"]}'
    with pytest.raises(TypeError):
        their_speed(line)
    assert ops243.Decoder().feed(line + b"\n", AT_MS) == [
        Speed(AT_MS, 2100, False, 56_100),
        Speed(AT_MS, 3400, True, 20_000),
    ]


# NMEA and UBX


def test_positions_are_those_of_pynmeagps_and_pyubx2() -> None:
    source = random.Random(3)
    for _ in range(100):
        fix = Fix(
            AT_MS,
            source.randint(-900_000_000, 900_000_000),
            source.randint(-1_800_000_000, 1_800_000_000),
            source.randint(1_700_000_000, 1_900_000_000) * 1000,
            source.randint(0, 100_000),
            source.randint(0, 60_000),
        )
        ubx = pyubx2.UBXReader.parse(gnss.encode_ubx(fix))
        line = gnss.encode_nmea(fix)
        nmea = pynmeagps.NMEAReader.parse(line)
        (ours,) = gnss.Decoder().feed(line, AT_MS)
        assert (round(ubx.lat * 1e7), round(ubx.lon * 1e7)) == (fix.latitude_e7, fix.longitude_e7)
        assert (round(nmea.lat * 1e7), round(nmea.lon * 1e7)) == (fix.latitude_e7, fix.longitude_e7)
        assert (ours.latitude_e7, ours.longitude_e7) == (fix.latitude_e7, fix.longitude_e7)
        assert abs(ours.speed_mm_s - nmea.spd * 1852_000 / 3600) < 1
        assert (ubx.hAcc, ubx.gSpeed) == (fix.accuracy_mm, fix.speed_mm_s)


@st.composite
def angles(draw: st.DrawFn, most: int, digits: int) -> str:
    decimals = draw(st.text("0123456789", min_size=1, max_size=7))  # pynmeagps 1.1.8 takes no angle without
    return f"{draw(st.integers(0, most)):0{digits}}{draw(st.integers(0, 59)):02}.{decimals}"


@given(
    angles(89, 2), st.sampled_from("NS"), angles(179, 3), st.sampled_from("EW"),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3})?|", fullmatch=True), st.sampled_from("AV"), st.sampled_from(["GP", "GN", "GL", "GA"]),
)  # fmt: skip
def test_every_place_and_speed_is_that_of_pynmeagps(
    latitude: str, north: str, longitude: str, east: str, knots: str, status: str, talker: str
) -> None:
    fields = ["081530", status, latitude, north, longitude, east, knots, "12.5", "221126", "", "", "A"]
    line = bytes(pynmeagps.NMEAMessage(talker, "RMC", pynmeagps.GET, payload=fields).serialize())
    theirs = pynmeagps.NMEAReader.parse(line)
    ours = gnss.Decoder().feed(line, AT_MS)
    assert bool(ours) == (theirs.status == "A")
    for fix in ours:
        assert abs(fix.latitude_e7 - theirs.lat * 1e7) <= 1
        assert abs(fix.longitude_e7 - theirs.lon * 1e7) <= 1
        assert abs(fix.speed_mm_s - float(theirs.spd or 0) * 1852_000 / 3600) <= 0.5001


@pytest.mark.parametrize("time", ["081530", "081530.0", "081530.25", "081530.999", "235959.123456", "000000.00"])
@pytest.mark.parametrize("date", ["221126", "290228", "010100"])
def test_a_sentences_time_is_that_of_pynmeagps(time: str, date: str) -> None:
    line = rmc(time, date)
    theirs = pynmeagps.NMEAReader.parse(line)
    moment = dt.datetime.combine(theirs.date, theirs.time, dt.UTC)
    (ours,) = gnss.Decoder().feed(line, AT_MS)
    assert ours.unix_ms == round(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("time", "date"),
    [
        ("081530", "290227"),
        ("246000", "221126"),
        ("081560", "221126"),
        ("081530.", "221126"),
        ("08:530", "221126"),
        ("", ""),
    ],
)
def test_a_sentence_without_a_real_time_has_a_position_and_no_time(time: str, date: str) -> None:
    line = rmc(time, date)
    theirs = pynmeagps.NMEAReader.parse(line)
    assert "" in {theirs.date, theirs.time}
    (ours,) = gnss.Decoder().feed(line, AT_MS)
    assert ours == Fix(AT_MS, 511_340_333, 714_460_667, None, None, 6)


def rmc(time: str, date: str) -> bytes:
    fields = [time, "A", "5108.04200", "N", "07126.76400", "E", "0.012", "", date, "", "", "A"]
    return bytes(pynmeagps.NMEAMessage("GN", "RMC", pynmeagps.GET, payload=fields).serialize())


def test_their_reader_stops_at_noise_that_ours_passes() -> None:
    noise = b"\xb5\x62\x01\x07\xff\xff"  # a message of 65,535 bytes, it says
    good = b"$GNRMC,081530.00,A,5108.04200,N,07126.76400,E,0.012,,221126,,,A*6B\r\n"
    theirs: list[object] = []
    with contextlib.suppress(Exception):
        theirs = list(pyubx2.UBXReader(io.BytesIO(noise + good * 5), protfilter=3))
    assert theirs == []
    assert len(gnss.Decoder().feed(noise + good * 5, AT_MS)) == 5


# VE.Direct


def test_a_block_is_that_of_vedirect_m8() -> None:
    block = vedirect.encode(Charge(AT_MS, 12_800, -150, 18_000, 9_000, ChargeState.BULK))
    (theirs,) = their_packets(block)
    (ours,) = vedirect.Decoder().feed(block, AT_MS)
    assert (ours.battery_mv, ours.battery_ma, ours.panel_mv, ours.panel_mw) == (
        int(theirs["V"]),
        int(theirs["I"]),
        int(theirs["VPV"]),
        int(theirs["PPV"]) * 1000,
    )


def test_a_damaged_block_leaves_nothing_behind() -> None:
    """vedirect-m8 1.3.4 keeps the values of a block whose checksum was wrong, and hands them out with the next."""
    whole = vedirect.encode(Charge(AT_MS, 12_800, -150, 18_000, 9_000, ChargeState.BULK))
    without_panel = vedirect.encode(Charge(AT_MS, 12_900, 0, None, 9_000, ChargeState.BULK))
    stream = whole.replace(b"VPV\t18000", b"VPV\t88000") + without_panel
    assert their_packets(stream)[0]["VPV"] == "88000"
    assert vedirect.Decoder().feed(stream, AT_MS) == [Charge(AT_MS, 12_900, 0, None, 9_000, ChargeState.BULK)]


def test_a_hex_message_in_the_middle_of_a_block_does_it_no_harm() -> None:
    block = vedirect.encode(Charge(AT_MS, 12_800, -150, 18_000, 9_000, ChargeState.BULK))
    for at in range(len(block) - 1):
        stream = block[:at] + b":A0102000543\n" + block[at:]
        assert len(vedirect.Decoder().feed(stream, AT_MS)) == 1, at
    middle = block.index(b"\r\nPPV")
    assert their_packets(block[:middle] + b":A0102000543\n" + block[middle:]) == []


def test_a_checksum_that_is_any_byte_at_all() -> None:
    """The dumps of vedirect-m8 have lost it: they went through a text file."""
    source = random.Random(4)
    sums = set()
    for _ in range(4000):
        serial = "".join(source.choices("ABCXYZabcxyz0123456789", k=4))
        block = vedirect.encode(Charge(AT_MS, 12_800, 0, None, 0, ChargeState.OFF), serial)
        sums.add(block[-1])
        assert len(vedirect.Decoder().feed(block * 2, AT_MS)) == 2, block
    assert {ord(":"), ord("\r"), ord("\n"), ord("\t"), 0, 0xFF} <= sums
    with pytest.raises(vedirect_m8.exceptions.InputReadException):
        their_packets("\r\nV\t1\ufffd".encode())


# Modbus


def test_answers_are_those_of_pymodbus() -> None:
    theirs = FramerRTU(DecodePDU(is_server=False))
    request = modbus.read_inputs(1, 0, 8)
    for levels in range(256):
        bits = tuple(bool(levels >> i & 1) for i in range(8))
        frame = modbus.encode(modbus.Answer(AT_MS, request, bits))
        used, pdu = theirs.handleFrame(frame, 1, 0)
        assert used == len(frame)
        assert pdu is not None
        decoder = modbus.Decoder()
        decoder.expect(request)
        (ours,) = decoder.feed(frame, AT_MS)
        assert list(ours.bits) == pdu.bits == list(bits)


@pytest.mark.parametrize(
    ("request_", "frame"),
    [
        (modbus.set_coil(1, 0, on=True), "01050000FF008C3A"),
        (modbus.pulse(1, 0, 700), "0105020000078DB0"),
    ],
)
def test_requests_are_those_of_the_modules_documents(request_: modbus.Request, frame: str) -> None:
    assert request_.frame.hex().upper() == frame


def test_a_false_beginning_does_not_cost_the_answer() -> None:
    """Pymodbus 3.16.1 waits for as many bytes as noise in front says, or throws the answer away with it."""
    good = bytes.fromhex("01020105618B")
    noise = b"\x01\x02\xc8"
    assert FramerRTU(DecodePDU(is_server=False)).handleFrame(noise + good, 1, 0)[1] is None
    decoder = modbus.Decoder()
    decoder.expect(modbus.read_inputs(1, 0, 8))
    (ours,) = decoder.feed(noise + good, AT_MS)
    assert ours.bits == (True, False, True, False, False, False, False, False)
