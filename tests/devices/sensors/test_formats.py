"""Each format's own corners, as its maker describes them."""

import datetime as dt
from collections.abc import Callable

import pytest
from pynmeagps import GET, NMEAMessage

from devices.sensors import gnss, hilink, ld2410, ld2450, modbus, ops243, vedirect
from devices.sensors.readings import Charge, ChargeState, Fix, Presence, Speed, Target

AT_MS = 7


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"-2.10", [Speed(AT_MS, 2100, False)]),
        (b"56.1,2.10", [Speed(AT_MS, 2100, True)]),
        (b"137.429,56.1,2.10", [Speed(AT_MS, 2100, True, 56_100)]),
        (b'"mph",10', [Speed(AT_MS, 4470, True)]),
        (b'{"speed":36,"unit":"kmph"}', [Speed(AT_MS, 10_000, True)]),
        (b'{"speed":0.58,"direction":"outbound"}', [Speed(AT_MS, 580, False)]),
        (b'{"speed":"-0.58","direction":"inbound"}', [Speed(AT_MS, 580, True)]),
        (b'{"speed":[]}', []),
        (b'{"Product":"OPS243"}', []),
        (b"", []),
    ],
)
def test_lines_of_the_speed_radar(line: bytes, said: list[Speed]) -> None:
    decoder = ops243.Decoder()
    assert decoder.feed(line + b"\r\n", AT_MS) == said
    assert decoder.skipped == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"speed":NaN}',
        b'{"speed":1e999}',
        b'{"speed":-Infinity}',
        b'{"speed":400.1}',
        b'{"speed":null}',
        b'{"speed":{}}',
        b'{"speed":[[1]]}',
        b'{"speed":[1,2,3,4,5,6,7,8,9,10]}',
        b'{"speed":"1","magnitude":-1}',
        b'{"speed":1,"unit":[]}',
        b'{"speed":1',
        b'{"speed":1}5',
        b"{" * 400,
        b'{"a":' * 80,
        b"nan",
        b"1_0",
        b"1,2,3,4",
        b"\xff\xfe5.0",
        b"5" * 600,
    ],
)
def test_lines_that_no_speed_radar_says(line: bytes) -> None:
    decoder = ops243.Decoder()
    assert decoder.feed(line + b"\r\n5.0\r\n", AT_MS) == [Speed(AT_MS, 5000, True)]
    assert decoder.skipped == len(line) + 2
    assert decoder.understood == 1


def test_the_unit_is_what_the_speed_radar_told_last() -> None:
    decoder = ops243.Decoder()
    assert decoder.feed(b'{"Units":"km-per-hr"}\r\n36\r\n{"speed":2,"unit":"mps"}\r\n', AT_MS) == [
        Speed(AT_MS, 10_000, True),
        Speed(AT_MS, 2000, True),
    ]
    assert ops243.Decoder("mph").feed(b"1\n", AT_MS) == [Speed(AT_MS, 447, True)]


@pytest.mark.parametrize("number", [b"", b"-", b"1.5", b"0x10", b"1_000", b" 5", b"9999999999"])
def test_a_chargers_value_that_is_no_number_is_none(number: bytes) -> None:
    block = b"\r\nV\t" + number + b"\r\nI\t0\r\nPPV\t0\r\nCS\t0\r\nChecksum\t"
    decoder = vedirect.Decoder()
    assert decoder.feed(block + bytes((-sum(block) & 0xFF,)), AT_MS) == []
    assert (decoder.understood, decoder.skipped) == (1, 0)


@pytest.mark.parametrize("noise", [b"\x00", b"\xff", "\u0665".encode(), b"\x80:A0102000543\n"])
def test_a_byte_that_is_no_text_spoils_its_block_and_is_noise_at_once(noise: bytes) -> None:
    block = b"\r\nV\t1" + noise
    decoder = vedirect.Decoder()
    decoder.feed(block, AT_MS)
    assert decoder.skipped >= 6
    rest = b"2\r\nI\t0\r\nPPV\t0\r\nCS\t0\r\nChecksum\t"
    assert decoder.feed(rest + bytes((-sum(block + rest) & 0xFF,)), AT_MS) == []
    assert len(decoder.feed(vedirect.encode(Charge(0, 1, 0, 0, 0, ChargeState.OFF)), AT_MS)) == 1


def test_a_block_of_another_victron_device_is_understood_and_says_nothing() -> None:
    block = b"\r\nH1\t-1000\r\nH2\t-5\r\nChecksum\t"
    decoder = vedirect.Decoder()
    assert decoder.feed(block + bytes((-sum(block) & 0xFF,)), AT_MS) == []
    assert decoder.understood == 1


def test_a_block_that_is_too_long_is_none_however_it_comes() -> None:
    block = b"\r\nV\t12800\r\nI\t0\r\nPPV\t0\r\nCS\t0" + b"\r\nX\t" + b"0" * 1500 + b"\r\nChecksum\t"
    block += bytes((-sum(block) & 0xFF,))
    assert vedirect.Decoder().feed(block, AT_MS) == []
    pieces = vedirect.Decoder()
    assert [one for byte in block for one in pieces.feed(bytes((byte,)), AT_MS)] == []
    assert pieces.skipped == len(block)


@pytest.mark.parametrize(
    ("number", "state"), [(0, "off"), (2, "fault"), (3, "bulk"), (4, "absorption"), (5, "float"), (7, "other")]
)
def test_what_a_charger_is_doing(number: int, state: str) -> None:
    block = f"\r\nV\t1\r\nI\t0\r\nPPV\t0\r\nCS\t{number}\r\nERR\t33\r\nChecksum\t".encode()
    (charge,) = vedirect.Decoder().feed(block + bytes((-sum(block) & 0xFF,)), AT_MS)
    assert charge == Charge(AT_MS, 1, 0, None, 0, ChargeState(state), 33)


def sentence(*fields: str, kind: str = "RMC") -> bytes:
    return bytes(NMEAMessage("GN", kind, GET, payload=list(fields)).serialize())


def test_a_receiver_without_a_fix_is_understood_and_says_no_position() -> None:
    decoder = gnss.Decoder()
    assert decoder.feed(sentence("081530.00", "V", "", "", "", "", "", "", "221126", "", "", "N"), AT_MS) == []
    old = ("081530.00", "V", "5108.042", "N", "07126.764", "E", "0.012", "", "221126", "", "", "N")
    assert decoder.feed(sentence(*old), AT_MS) == []
    for at, value in ((20, 5), (20, 1), (21, 0)):  # time alone, dead reckoning alone, a fix outside the limits set
        message = bytearray(gnss.encode_ubx(Fix(0, 1, 1, 1_795_335_330_000)))
        message[6 + at] = value
        a = b = 0
        for byte in message[2:-2]:
            a, b = (a + byte) & 0xFF, (b + a + byte) & 0xFF
        message[-2:] = bytes((a, b))
        assert decoder.feed(bytes(message), AT_MS) == []
    assert (decoder.understood, decoder.skipped) == (5, 0)


@pytest.mark.parametrize(
    "fields",
    [
        ("081530.00", "A", "", "", "", "", "", "", "221126", "", "", "A"),
        ("999999.00", "A", "5108.042", "N", "07126.764", "E", "x", "", "999999", "", "", "A"),
        ("", "A"),
        ("081530.00", "A", "5x08.042", "N", "07126.764", "E", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "5108.042", "", "07126.764", "E", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "5108.042", "E", "07126.764", "N", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "9000.001", "N", "07126.764", "E", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "5108.042", "N", "18000.001", "E", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "5108.042", "N", "07160.000", "E", "0", "", "221126", "", "", "A"),
        ("081530.00", "A", "5108.042", "N", "07126.764", "E", "inf", "", "221126", "", "", "A"),
    ],
)
def test_a_sentence_that_makes_no_sense_behind_a_right_checksum_is_no_position(fields: tuple[str, ...]) -> None:
    text = "GNRMC," + ",".join(fields)
    total = 0
    for byte in text.encode():
        total ^= byte
    decoder = gnss.Decoder()
    said = decoder.feed(f"${text}*{total:02X}\r\n".encode(), AT_MS)
    assert all(fix.unix_ms is None for fix in said)
    assert decoder.understood == 1


def test_a_message_that_says_it_is_huge_is_not_waited_for() -> None:
    decoder = gnss.Decoder()
    decoder.feed(b"\xb5\x62\x01\x07\xff\xff" + bytes(3000), AT_MS)
    assert decoder.skipped == 3006


def test_the_references_position() -> None:
    line = b"$GNRMC,081530.00,A,5108.04200,N,07126.76400,E,0.012,,221126,,,A*6B\r\n"
    moment = dt.datetime(2026, 11, 22, 8, 15, 30, tzinfo=dt.UTC)
    assert gnss.Decoder().feed(line, AT_MS) == [
        Fix(AT_MS, 511_340_333, 714_460_667, int(moment.timestamp() * 1000), None, 6)
    ]
    assert gnss.Decoder().feed(line.replace(b"6B", b"6C"), AT_MS) == []


@pytest.mark.parametrize(
    ("encode", "words"),
    [
        (lambda: ld2450.encode([Target(0, 0, 0)] * 4), "at most 3"),
        (lambda: ld2450.encode([Target(32_768, 0, 0)]), "32768 does not fit"),
        (lambda: ld2450.encode([Target(0, 0, 5)]), "whole cm/s"),
        (lambda: ld2450.encode([Target(0, 0, 0, 65_536)]), "gate_mm 65536"),
        (lambda: ld2410.encode(Presence(0, True, False, 5)), "distance_mm 5; the LD2410 reports whole cm"),
        (lambda: ld2410.encode(Presence(0, True, False, 655_360)), "does not fit into a report"),
        (lambda: ld2410.encode(Presence(0, True, False, 0, 0, 256)), "does not fit into a report"),
        (lambda: ld2410.encode(Presence(0, True, False, 0), (b"", b"1")), "1 to 9 gates"),
        (lambda: ld2410.encode(Presence(0, True, False, 0), (b"1", bytes(10))), "1 to 9 gates"),
        (lambda: hilink.command(0xA5, bytes(63)), "65 bytes; a radar takes 64"),
        (lambda: ops243.encode([]), "reports 1 to 9"),
        (lambda: ops243.encode([Speed(0, 1, True)] * 10), "reports 1 to 9"),
        (lambda: vedirect.encode(Charge(0, 1, 1, 1, 1500, ChargeState.OFF)), "whole watts"),
        (lambda: gnss.encode_nmea(Fix(0, 1, 1, None)), "RMC sentence tells the time"),
        (lambda: modbus.pulse(1, 0, 750), "a pulse of 750 ms"),
        (lambda: modbus.pulse(1, 0, 0), "a pulse of 0 ms"),
        (lambda: modbus.pulse(1, 0, 32_768 * 100), "a pulse of"),
        (lambda: modbus.pulse(1, 256, 100), "relay 256"),
        (lambda: modbus.pulse(248, 0, 100), "unit 248"),
        (lambda: modbus.read_inputs(0, 0, 1), "unit 0"),
        (lambda: modbus.read_inputs(1, 65_536, 1), "65536"),
        (lambda: modbus.read_registers(1, 0, 126), "126"),
        (lambda: modbus.set_coil(1, -1, on=True), "-1"),
    ],
)
def test_what_a_format_cannot_say_is_refused(encode: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode()


def test_a_relay_module_hears_what_its_master_says_and_answers_it() -> None:
    listener = modbus.Listener(3)
    requests = [
        modbus.read_coils(3, 0, 8),
        modbus.read_inputs(3, 2, 3),
        modbus.read_registers(3, 0, 4),
        modbus.set_coil(3, 1, on=True),
        modbus.pulse(3, 1, 900),
    ]
    stream = b"".join(b"\x03\x07" + one.frame + modbus.set_coil(4, 0, on=True).frame for one in requests)
    heard = [one for byte in stream for one in listener.feed(bytes((byte,)))]
    assert [(one.function, one.address, one.count) for one in heard] == [
        (one.function, one.address, one.count) for one in requests
    ]
    said = [(), (True, False, True), (), (), ()]
    registers = [(), (), (0, 1, 65_535, 4000), (), ()]
    for asked, request, bits, numbers in zip(heard, requests, said, registers, strict=True):
        answer = modbus.Answer(AT_MS, request, bits or ((False,) * 8 if request.function == 1 else ()), numbers)
        decoder = modbus.Decoder()
        decoder.expect(request)
        sent = modbus.encode(modbus.Answer(0, asked, answer.bits, numbers))
        assert decoder.feed(sent, AT_MS) == [answer]


def test_only_the_answer_to_what_was_asked_counts() -> None:
    request = modbus.set_coil(1, 2, on=True)
    for other in (
        modbus.set_coil(1, 3, on=True).frame,
        modbus.set_coil(1, 2, on=False).frame,
        modbus.set_coil(2, 2, on=True).frame,
        request.frame[:-1] + bytes((request.frame[-1] ^ 1,)),
    ):
        decoder = modbus.Decoder()
        decoder.expect(request)
        assert decoder.feed(other, AT_MS) == []
        assert decoder.feed(request.frame, AT_MS) == [modbus.Answer(AT_MS, request)]
    decoder = modbus.Decoder()
    assert decoder.feed(request.frame, AT_MS) == []
    assert decoder.skipped == 8
