"""OPS243-A, a 24 GHz Doppler radar for vehicles' speeds: its lines, JSON or plain numbers.

Source: OmniPreSense, "OPS243-A User Manual" (UM-003) and "API interface" (AN-010): ASCII lines; 19200 baud 8N1 on the UART (``I1`` to
``I5`` choose 9600 to 230400), which falls silent while USB is in use. With ``OJ`` a report is a JSON object with ``speed``, and
``magnitude`` (``OM``), ``time`` (``OT``), ``unit`` (``OU``) if asked for; numbers come as numbers or as texts, and with ``O2`` to ``O9`` as
arrays, strongest first. Without ``OJ`` it is ``time,magnitude,speed``, the speed last. Positive speeds come nearer, unless ``direction``
says it in words (OPS242). An answer such as ``{"Units":"km-per-hr"}`` tells the unit of what follows. Nothing moves, nothing is said: a
question now and then (``PROBE``) shows that the radar is there.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from devices.sensors.readings import Speed

BAUD = 19_200
SETUP = b"OJOMOUUMR|"
"""JSON, magnitude, units, metres per second, both directions."""
PROBE = b"U?"
LINE_MAX = 512

_MM_S: dict[str | None, float] = {
    "m-per-sec": 1000.0,
    "mps": 1000.0,
    "cm-per-sec": 10.0,
    "cmps": 10.0,
    "ft-per-sec": 304.8,
    "fps": 304.8,
    "km-per-hr": 1000 / 3.6,
    "kmph": 1000 / 3.6,
    "mph": 447.04,
}
_FASTEST_MM_S = 400_000
"""Beyond what any setting of the sensor measures (310.8 m/s at 100 kHz)."""
_MAGNITUDE_MAX = 1e9
_REPORTS_MAX = 9
_TEXT = re.compile(rb"[\t\r -\x7f]*")
"""What a line may hold that is not yet whole; in one that is, other bytes make no sense anyway."""
_JSON = json.JSONDecoder()
_PLAIN = re.compile(r"[+-]?[0-9]{1,7}(\.[0-9]{1,5})?")


class Decoder:
    """Readings out of the radar's lines.

    Args:
        unit: of speeds as long as the radar does not tell, in its own words; it starts with ``m-per-sec``.

    ``understood`` counts the lines that are reports or answers, ``skipped`` the bytes of all others.
    """

    def __init__(self, unit: str = "m-per-sec") -> None:
        self._scale = _MM_S[unit]
        self._rest = b""
        self._damaged = False
        self.understood = 0
        self.skipped = 0

    def feed(self, data: bytes, at_ms: int) -> list[Speed]:
        """Take bytes as they come; never raises."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        found: list[Speed] = []
        for line in lines:
            if self._damaged or len(line) > LINE_MAX:
                self._damaged = False
                self.skipped += len(line) + 1
            else:
                found += self._line(line, at_ms)
        if self._damaged or len(self._rest) > LINE_MAX or not _TEXT.fullmatch(self._rest):
            self._damaged = True
            self.skipped += len(self._rest)
            self._rest = b""
        return found

    def _line(self, line: bytes, at_ms: int) -> list[Speed]:
        try:
            text = line.decode("ascii").strip(" \t\r")
            if not text:
                return []
            found = self._report(text, at_ms) if text[0] == "{" else self._numbers(text, at_ms)
        except (ValueError, TypeError, OverflowError, RecursionError):
            self.skipped += len(line) + 1
            return []
        self.understood += 1
        return found

    def _report(self, text: str, at_ms: int) -> list[Speed]:
        told: dict[str, Any]
        told, end = _JSON.raw_decode(text)
        if end != len(text):
            raise ValueError(text)
        if "speed" not in told:
            self._scale = _MM_S.get(told.get("Units"), self._scale)
            return []  # an answer
        scale = _MM_S.get(told.get("unit"), self._scale)
        speed, magnitude, direction = told["speed"], told.get("magnitude", 0), told.get("direction")
        if not isinstance(speed, list):
            return [_speed(at_ms, float(speed), scale, float(magnitude), direction)]
        if len(speed) > _REPORTS_MAX:
            raise ValueError("more reports than the radar gives")
        magnitudes = magnitude if isinstance(magnitude, list) else []
        return [
            _speed(at_ms, float(one), scale, float(magnitudes[i]) if i < len(magnitudes) else 0.0, direction)
            for i, one in enumerate(speed)
        ]

    def _numbers(self, text: str, at_ms: int) -> list[Speed]:
        parts = text.split(",")
        scale = self._scale
        if parts[0].strip('"') in _MM_S:
            scale = _MM_S[parts.pop(0).strip('"')]
        if not 1 <= len(parts) <= 3 or not all(_PLAIN.fullmatch(part) for part in parts):
            raise ValueError(text)
        numbers = [float(part) for part in parts]
        return [_speed(at_ms, numbers[-1], scale, numbers[1] if len(numbers) == 3 else 0.0, None)]


def encode(speeds: Sequence[Speed]) -> bytes:
    """The line with which the radar, set up as ``SETUP`` has it, reports these speeds, strongest first.

    Raises:
        ValueError: not 1 to 9 of them.
    """
    if not 1 <= len(speeds) <= _REPORTS_MAX:
        raise ValueError(f"{len(speeds)} speeds; the OPS243 reports 1 to {_REPORTS_MAX}")
    magnitudes = [_thousandths(one.magnitude) for one in speeds]
    signed = [_thousandths(one.mm_s if one.towards else -one.mm_s) for one in speeds]
    told: dict[str, object] = {"unit": "mps", "magnitude": magnitudes, "speed": signed}
    if len(speeds) == 1:
        told = {"unit": "mps", "magnitude": magnitudes[0], "speed": signed[0]}
    return json.dumps(told, separators=(",", ":")).encode() + b"\r\n"


def _thousandths(number: int) -> str:
    return f"{'-' if number < 0 else ''}{abs(number) // 1000}.{abs(number) % 1000:03}"


def _speed(at_ms: int, speed: float, scale: float, magnitude: float, direction: object) -> Speed:
    """One reading. Raises ValueError for what no radar measures, and for numbers that are none."""
    mm_s = speed * scale
    if not (abs(mm_s) <= _FASTEST_MM_S and 0 <= magnitude <= _MAGNITUDE_MAX):  # so that NaN fails, too
        raise ValueError("out of range")
    towards = speed > 0 if direction is None else direction == "inbound"
    return Speed(at_ms, round(abs(mm_s)), towards, round(magnitude * 1000))
