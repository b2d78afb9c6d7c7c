"""Reading a lamp by its light: every pattern as it is played, with steps a little late, and in the moment of a change."""

import random
import time

import pytest

from devices.common.patterns import duty_at
from devices.panic_button.patterns import PATTERNS as PANIC
from devices.sos_button.patterns import PATTERNS as SOS
from simulators.gpio.wiring import Output
from simulators.lamp import Pattern, read, shown_by

MS = 1_000_000
TABLE: dict[str, Pattern] = {**SOS["lamp"], **PANIC["lamp"]}


def played(history: list[Output], pattern: Pattern, from_ms: int, to_ms: int, late: random.Random) -> list[Output]:
    """What a pin tells when it plays a pattern from one moment to another."""
    told = list(history)
    at_ms: float = from_ms
    elapsed = 0
    while at_ms < to_ms:
        duty, left_ms = duty_at(pattern, elapsed)
        if not told or told[-1].duty != duty / 100:
            told.append(Output(duty / 100, 200, round((at_ms + late.uniform(0, 8)) * MS)))
        if left_ms is None:
            break
        at_ms += left_ms
        elapsed += left_ms
    return told


@pytest.mark.parametrize("kind", ["sos", "panic"])
@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_pattern_is_read_at_every_moment_once_it_has_been_seen_for_a_while(kind: str, name: str) -> None:
    table = (SOS if kind == "sos" else PANIC)["lamp"]
    if name not in table:
        return
    late = random.Random(f"{kind} {name}")
    seen_ms = sum(duration for duration, _duty in table[name]) + 2200
    for now_ms in range(seen_ms, seen_ms + 4000, 37):
        history = played([], table[name], 0, now_ms, late)
        assert read(history, table, now_ms * MS) == name, now_ms


def test_a_lamp_never_reads_more_than_it_shows_when_a_receipt_comes_while_it_blinks() -> None:
    table = PANIC["lamp"]
    late = random.Random(1)
    for change_ms in range(1000, 1500, 29):
        before = [
            output for output in played([], table["sending"], 0, change_ms, late) if output.since_ns < change_ms * MS
        ]
        for now_ms in range(change_ms, change_ms + 3000, 31):
            history = played(before, table["received"], change_ms, now_ms, late)
            assert read(history, table, now_ms * MS) in ("sending", "received", "pressed", "sending-no-link"), now_ms
        assert read(history, table, now_ms * MS) == "received"


def test_a_lamp_that_was_never_lit_is_idle() -> None:
    assert read([], PANIC["lamp"], time.monotonic_ns()) == "idle"


def test_a_receipt_shows_as_a_light_longer_than_any_blink_after_it() -> None:
    history = [
        Output(1.0, 200, 100 * MS),
        Output(0.0, 200, 700 * MS),
        Output(0.5, 200, 900 * MS),
        Output(1.0, 200, 950 * MS),
    ]
    assert shown_by(history, 0, 1000 * MS) == 500 * MS
    assert shown_by(history, 300 * MS, 1000 * MS) == 700 * MS, "not before it was signed"
    assert shown_by(history, 301 * MS, 1000 * MS) is None
    assert shown_by(history, 301 * MS, 1299 * MS) is None, "two steps of one light"
    assert shown_by(history, 301 * MS, 1300 * MS) == 1300 * MS
    assert shown_by(history, 301 * MS, 1400 * MS) == 1300 * MS
    assert shown_by([], 0, 5) is None
