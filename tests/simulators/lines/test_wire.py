"""Wires take their time, garble at a wrong rate, and break in the ways that lines break."""

import math

import pytest

from devices.sensors import ld2450
from simulators.lines.port import Fault, Port
from simulators.lines.wire import Wire, misheard


def test_bytes_come_at_the_pace_of_the_rate() -> None:
    wire = Wire(9600)
    through_ms = wire.send(bytes(range(10)), 100.0)
    assert through_ms == pytest.approx(100 + 10 * 10 / 9.6)
    assert wire.take(100.9) == b""
    assert wire.take(100 + 3.2 * 10 / 9.6) == bytes(range(3))
    assert wire.take(through_ms) == bytes(range(3, 10))
    assert wire.ready_ms is None


def test_what_is_sent_while_the_wire_is_busy_waits() -> None:
    wire = Wire(9600)
    first_ms = wire.send(b"abc", 0.0)
    assert wire.send(b"d", 0.0) == pytest.approx(first_ms + 10 / 9.6)
    assert wire.take(first_ms) == b"abc"


def test_the_right_rate_hears_what_was_sent() -> None:
    data = bytes(range(256))
    assert misheard(data, 9600, 9600) == data


@pytest.mark.parametrize("ratio", [0.5, 0.6, 2.0])
def test_a_wrong_rate_hears_something_else(ratio: float) -> None:
    frame = ld2450.encode([])
    heard = misheard(frame * 20, int(256_000 * ratio), 256_000)
    assert heard
    assert frame not in heard


class Clock:
    """An instrument that says a number each 100 ms."""

    baud = 19_200

    def __init__(self) -> None:
        self.due_ms = 100.0
        self.heard = b""
        self._said = 0

    def speak(self, now_ms: float) -> bytes:
        self.due_ms = now_ms + 100
        self._said += 1
        return b"%03d\n" % self._said

    def hear(self, data: bytes, now_ms: float) -> None:
        assert now_ms < math.inf
        self.heard += data


def heard_of(fault: Fault | None, until_ms: int = 1000) -> bytes:
    port = Port(Clock(), "seed")
    port.take(250.0)
    port.fault = fault
    return b"".join(port.take(float(at_ms)) for at_ms in range(260, until_ms, 10))


def test_a_well_line_brings_everything_once() -> None:
    assert heard_of(None) == b"".join(b"%03d\n" % number for number in range(3, 10))


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.UNPLUGGED])
def test_a_dead_line_brings_nothing(fault: Fault) -> None:
    assert heard_of(fault) == b""


def test_a_frozen_line_repeats_the_last_thing_said() -> None:
    assert heard_of(Fault.FROZEN) == b"002\n" * 7


def test_a_babbling_line_is_full_of_noise() -> None:
    noise = heard_of(Fault.BABBLING)
    assert len(noise) == pytest.approx(1920 * 0.74, rel=0.1)
    assert len(set(noise)) > 200


def test_a_line_at_a_wrong_rate_brings_no_number() -> None:
    heard = heard_of(Fault.WRONG_BAUD)
    assert heard
    assert b"003" not in heard


def test_the_controllers_bytes_reach_the_instrument_when_the_wire_has_brought_them() -> None:
    clock = Clock()
    port = Port(clock, "seed")
    port.write(b"hello", 0.0)
    port.take(2.0)
    assert clock.heard == b""
    port.take(2.7)
    assert clock.heard == b"hello"
    port.fault = Fault.SILENT
    port.write(b"again", 10.0)
    port.take(100.0)
    assert clock.heard == b"hello"
