"""A satellite receiver's position: NMEA sentences and u-blox UBX messages in one stream.

Source: NMEA 0183 (``$``, text, ``*``, exclusive or of the text in two hex digits, CR LF), u-blox, "Interface description", UBX frame
structure (``B5 62``, class, id, length, payload, 8-bit Fletcher checksum). Positions are taken from RMC and NAV-PVT; all other genuine
messages show that the receiver is well. Only what has its checksum right is parsed: RMC here, UBX by pyubx2, which takes 2 MB and is loaded
with the first such message: most receivers send none.
"""

import contextlib
import datetime as dt
import functools
import operator
import re
from collections.abc import Callable

from devices.sensors.frames import MORE, NONE, FrameDecoder
from devices.sensors.readings import Fix

BAUD = 9600
SENTENCE_MAX = 128
"""NMEA allows 82; receivers with high precision exceed it."""
PAYLOAD_MAX = 1024

_FIRST = re.compile(rb"[$\xb5]")
_SYNC = b"\xb5\x62"
_SENTENCE = re.compile(rb"\$([ -)+-~]{5,})\*([0-9A-Fa-f]{2})\r?\n")
_MOMENT = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,6})?", re.ASCII)
"""Date and time of RMC."""
_DEGREES = re.compile(r"(\d{2,3})([0-5]\d(?:\.\d{1,9})?)", re.ASCII)
"""Degrees and minutes."""
_NAV_PVT = b"\x01\x07"
_MM_S_PER_KNOT = 1852_000 / 3600
_FIX_OK = 1
_TIME_VALID = 3
"""Date and time."""
_FIX_TYPES = (2, 3, 4)
"""2D, 3D, with dead reckoning; 1 is dead reckoning alone, 5 is time alone."""


class Decoder(FrameDecoder):
    """Positions out of the receiver's bytes; a receiver without a fix is understood, and says none."""

    def __init__(self) -> None:
        super().__init__(_FIRST, measure)

    def feed(self, data: bytes, at_ms: int) -> list[Fix]:
        """Take bytes as they come; never raises."""
        found = []
        for frame in self._frames.feed(data):
            if frame[:2] == _SYNC:
                fix = _parsed(_from_pvt, frame, at_ms) if frame[2:4] == _NAV_PVT else None
            else:
                fix = _parsed(_from_rmc, frame, at_ms) if frame[3:7] == b"RMC," else None
            if fix is not None:
                found.append(fix)
        return found


def encode_nmea(fix: Fix) -> bytes:
    """The RMC sentence of a fix, times in hundredths of a second. Raises ValueError for a fix without time: RMC has no place for it."""
    if fix.unix_ms is None:
        raise ValueError("an RMC sentence tells the time; the fix has none")
    when = dt.datetime.fromtimestamp(fix.unix_ms // 1000, dt.UTC)
    latitude, north = _minutes(fix.latitude_e7, 2, "NS")
    longitude, east = _minutes(fix.longitude_e7, 3, "EW")
    knots = f"{fix.speed_mm_s / _MM_S_PER_KNOT:.4f}"
    time = f"{when:%H%M%S}.{fix.unix_ms % 1000 // 10:02}"
    fields = [time, "A", latitude, north, longitude, east, knots, "", f"{when:%d%m%y}", "", "", "A"]
    text = ",".join(["GNRMC", *fields]).encode("ascii")
    return b"$%s*%02X\r\n" % (text, functools.reduce(operator.xor, text))


def encode_ubx(fix: Fix) -> bytes:
    """The NAV-PVT message of a fix."""
    from pyubx2 import GET, UBXMessage  # noqa: PLC0415  see the head of this module

    when = dt.datetime.fromtimestamp((fix.unix_ms or 0) // 1000, dt.UTC)
    told = fix.unix_ms is not None
    message = UBXMessage(
        "NAV",
        "NAV-PVT",
        GET,
        year=when.year,
        month=when.month,
        day=when.day,
        hour=when.hour,
        min=when.minute,
        second=when.second,
        nano=(fix.unix_ms or 0) % 1000 * 1_000_000,
        validDate=told,
        validTime=told,
        fixType=3,
        gnssFixOk=1,
        lat=fix.latitude_e7 / 1e7,
        lon=fix.longitude_e7 / 1e7,
        hAcc=0xFFFFFFFF if fix.accuracy_mm is None else fix.accuracy_mm,
        gSpeed=fix.speed_mm_s,
    )
    return bytes(message.serialize())


def measure(data: bytes, at: int) -> int:
    """The length of the sentence or message that begins at ``at``, see ``frames.Measure``."""
    return _measure_ubx(data, at) if data[at] == _SYNC[0] else _measure_nmea(data, at)


def _measure_nmea(data: bytes, at: int) -> int:
    end = data.find(b"\n", at, at + SENTENCE_MAX)
    if end < 0:
        return MORE if len(data) - at < SENTENCE_MAX else NONE
    found = _SENTENCE.fullmatch(data, at, end + 1)
    if not found:
        return NONE
    total = int.from_bytes(found[1], "big")
    for half in (512, 256, 128, 64, 32, 16, 8):  # all bytes at once
        total ^= total >> half
    return end + 1 - at if total & 0xFF == int(found[2], 16) else NONE


def _measure_ubx(data: bytes, at: int) -> int:
    if len(data) - at < 6:
        return MORE if _SYNC.startswith(data[at : at + 2]) else NONE
    payload = data[at + 4] | data[at + 5] << 8
    if data[at + 1] != _SYNC[1] or payload > PAYLOAD_MAX:
        return NONE
    end = at + 6 + payload + 2
    if len(data) < end:
        return MORE
    a = b = 0
    for byte in data[at + 2 : end - 2]:
        a += byte
        b += a
    return end - at if data[end - 2] == a & 0xFF and data[end - 1] == b & 0xFF else NONE


def _parsed(parse: Callable[[bytes, int], Fix | None], frame: bytes, at_ms: int) -> Fix | None:
    try:
        return parse(frame, at_ms)
    except ImportError:  # not the receiver's fault
        raise
    except Exception:  # noqa: BLE001  a right checksum says nothing about the fields, and the parsers fail in many ways
        return None


def _from_rmc(frame: bytes, at_ms: int) -> Fix | None:
    time, status, latitude, north, longitude, east, knots, _course, date = _fields(frame)[1:10]
    if status != "A":
        return None
    moment = _MOMENT.fullmatch(date + time)
    unix_ms = None
    if moment:
        day, month, year, hour, minute, second = map(int, moment.groups("0")[:6])
        with contextlib.suppress(ValueError):
            whole = dt.datetime(2000 + year, month, day, hour, minute, second, tzinfo=dt.UTC)
            unix_ms = _unix_ms(whole) + round(float(moment[7] or 0) * 1000)
    speed_mm_s = round(float(knots or 0) * _MM_S_PER_KNOT)
    latitude_e7 = _degrees_e7(latitude, {"N": 1, "S": -1}[north], 90)
    return Fix(at_ms, latitude_e7, _degrees_e7(longitude, {"E": 1, "W": -1}[east], 180), unix_ms, None, speed_mm_s)


def _fields(frame: bytes) -> list[str]:
    return frame[: frame.rindex(b"*")].decode("ascii").split(",")


def _degrees_e7(text: str, sign: int, most: int) -> int:
    found = _DEGREES.fullmatch(text)
    degrees = int(found[1]) + float(found[2]) / 60 if found else most + 1
    if degrees > most:
        raise ValueError(text)
    return round(degrees * 1e7) * sign


def _from_pvt(frame: bytes, at_ms: int) -> Fix | None:
    from pyubx2 import VALNONE, UBXReader  # noqa: PLC0415  see the head of this module

    told = UBXReader.parse(frame, validate=VALNONE, parsebitfield=False)
    if not told.flags[0] & _FIX_OK or told.fixType not in _FIX_TYPES:
        return None
    unix_ms = None
    if told.valid[0] & _TIME_VALID == _TIME_VALID:
        moment = dt.datetime(told.year, told.month, told.day, told.hour, told.min, told.second, tzinfo=dt.UTC)
        unix_ms = _unix_ms(moment) + round(told.nano / 1_000_000)
    accuracy_mm = None if told.hAcc >= 0xFFFFFFFF else round(told.hAcc)
    return Fix(at_ms, round(told.lat * 1e7), round(told.lon * 1e7), unix_ms, accuracy_mm, round(told.gSpeed))


def _unix_ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def _minutes(degrees_e7: int, digits: int, signs: str) -> tuple[str, str]:
    """Degrees and minutes as NMEA writes them, to the last of our digits, and the hemisphere."""
    degrees, left = divmod(abs(degrees_e7), 10_000_000)
    minutes_e7 = left * 60
    return f"{degrees:0{digits}}{minutes_e7 // 10_000_000:02}.{minutes_e7 % 10_000_000:07}", signs[degrees_e7 < 0]
