"""A board's time: the least that it can have, and what it makes of a receipt's."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

pytestmark = pytest.mark.micropython
SCRIPT = """
import json
from devices.firmware.clock import since_ms
whole = open(%r, "rb").read()
at = whole.index(bytes((0x30, 0x1E, 0x17, 0x0D)))
print(json.dumps([since_ms(der) for der in (whole, whole[:at], whole[:at + 9], whole[:at + 4] + b"x" * 13, b"")]))
"""

CLOCK = """
import json, sys, time

class RTC:
    def datetime(self, parts):
        told.append(time.mktime((parts[0], parts[1], parts[2], parts[4], parts[5], parts[6], 0, 0)) * 1000)

class Machine:
    pass

sys.modules["machine"] = Machine()
sys.modules["machine"].RTC = RTC
from devices.firmware import clock

told = []
noted = []
clock.rtc_ms = lambda: 1_800_000_000_000
ahead = clock.BoardClock(lambda: 0, 1_800_000_000_000, noted.append)
behind = clock.BoardClock(lambda: 0, 1_800_000_001_000, noted.append)
at_start = list(told)
for ms in (0, 1000, clock.SET_AGAIN_MS - 1, clock.SET_AGAIN_MS, clock.SET_AGAIN_MS + 1000, 2 * clock.SET_AGAIN_MS):
    behind.told(1_800_000_001_000 + ms)
print(json.dumps([at_start, told[len(at_start):], noted]))
"""


def test_a_certificate_says_from_when_on_it_is_valid_and_a_damaged_one_nothing(
    identity: Path, on_micropython: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")  # a board has no other
    path = identity / "chain0.der"
    valid = x509.load_der_x509_certificate(path.read_bytes()).not_valid_before_utc
    assert valid > datetime(2020, 1, 1, tzinfo=UTC)
    told = json.loads(on_micropython(SCRIPT % str(path)))
    assert told == [int(valid.timestamp()) * 1000, 0, 0, 0, 0]


def test_the_clock_is_set_where_it_is_behind_and_flash_hears_of_the_time_once_an_hour(
    on_micropython: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    at_start, set_to, noted = json.loads(on_micropython(CLOCK))
    floor_ms = 1_800_000_001_000
    assert at_start == [floor_ms]
    assert noted == set_to == [floor_ms + 3_600_000, floor_ms + 7_200_000]
