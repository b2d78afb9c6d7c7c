"""From when on a board's certificate is valid, which is the least time that a board can have."""

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


def test_a_certificate_says_from_when_on_it_is_valid_and_a_damaged_one_nothing(
    identity: Path, on_micropython: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")  # a board has no other
    path = identity / "chain0.der"
    valid = x509.load_der_x509_certificate(path.read_bytes()).not_valid_before_utc
    assert valid > datetime(2020, 1, 1, tzinfo=UTC)
    told = json.loads(on_micropython(SCRIPT % str(path)))
    assert told == [int(valid.timestamp()) * 1000, 0, 0, 0, 0]
