"""A sensor as a whole: its line's happenings in; readings, health and questions out. The last test has a real port and thread."""

import os
import pathlib
import threading
import time
import tty

import pytest

from devices.sensors import ld2410, ld2450, ops243, vedirect
from devices.sensors.readings import Charge, ChargeState, Health, Presence, Reading, Speed, Status, Target, Targets
from devices.sensors.sensor import MODELS, Model, Sensor
from devices.sensors.serial_line import Closed, Happening, Heard, Opened, SerialLine, monotonic_ms
from devices.sensors.watch import Limits

REPORT = ld2450.encode([Target(0, 2471, -160, 360)])


class Station:
    """One sensor and a clock."""

    def __init__(self, model: Model) -> None:
        self.now = 1000
        self.sent: list[bytes] = []
        self.said: list[Reading | Status] = []
        self.sensor = Sensor("north", model, self.sent.append, self.now)

    def take(self, happening: Happening) -> None:
        self.said += self.sensor.take(happening)

    def open(self) -> "Station":
        self.take(Opened(self.now))
        return self

    def hear(self, data: bytes, *, overran: bool = False) -> None:
        self.take(Heard(self.now, data, overran))

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while (due := self.sensor.next_tick_ms()) is not None and due <= end:
            assert due > self.now or self.now == end or due >= self.now
            self.now = max(self.now, due)
            before = due
            self.said += self.sensor.tick(self.now)
            assert self.sensor.next_tick_ms() != before, "a busy loop"
        self.now = end

    @property
    def states(self) -> list[Health]:
        return [one.state for one in self.said if isinstance(one, Status)]


def test_readings_come_out_with_the_time_of_their_last_byte() -> None:
    station = Station(MODELS["ld2450"]).open()
    station.hear(REPORT[:20])
    station.pass_ms(50)
    station.hear(REPORT[20:])
    assert station.said == [Targets(1050, (Target(0, 2471, -160, 360),))]


def test_answers_to_commands_are_no_readings_but_a_sign_of_life() -> None:
    station = Station(MODELS["ld2450"]).open()
    assert station.sent == []
    for _ in range(50):
        station.pass_ms(100)
        station.hear(bytes.fromhex("FDFCFBFA0400900100000403 0201".replace(" ", "")))
    assert station.said == []


def test_half_a_report_from_before_the_line_closed_is_forgotten() -> None:
    station = Station(MODELS["ld2450"]).open()
    station.hear(REPORT[:20])
    station.take(Closed(station.now, "gone"))
    station.open()
    station.hear(REPORT[20:] + REPORT)
    assert len([one for one in station.said if isinstance(one, Targets)]) == 1


def test_a_sensor_that_lost_its_supply_is_set_up_again() -> None:
    station = Station(MODELS["ops243"]).open()
    assert station.sent == [ops243.SETUP]
    station.pass_ms(30_000)
    assert station.sent.count(ops243.SETUP) >= 2
    assert station.states == [Health.SILENT]


def test_a_radar_that_sees_no_vehicle_shows_that_it_is_there_when_asked() -> None:
    station = Station(MODELS["ops243"]).open()
    for _ in range(600):
        station.pass_ms(100)
        if ops243.PROBE in station.sent:
            station.sent.clear()
            station.hear(b'{"Units":"m-per-sec"}\r\n')
    assert station.said == []
    assert ops243.SETUP not in station.sent


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_wrong_baud_rate_is_seen_as_babble_and_as_never_understood(name: str) -> None:
    station = Station(MODELS[name]).open()
    for turn in range(100):
        station.pass_ms(100)
        station.hear(bytes((0x80 | turn * 7 & 0x7F,)) * 30)
    assert Health.BABBLING in station.states
    last = [one for one in station.said if isinstance(one, Status)][-1]
    assert (last.state, last.heard) == (Health.BABBLING, False)
    assert not [one for one in station.said if not isinstance(one, Status)]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_sensor_that_is_not_there_is_lost(name: str) -> None:
    station = Station(MODELS[name])
    station.take(Closed(station.now, "no such file"))
    station.pass_ms(60_000)
    assert station.said == [Status(2000, "north", Health.LOST, heard=False)]
    assert station.sent == []


@pytest.mark.parametrize(
    ("name", "frame", "frozen"),
    [
        ("ld2450", REPORT, True),
        ("ld2450", ld2450.encode([]), False),
        ("ld2410", ld2410.encode(Presence(0, True, False, 1000, 1000, 40)), True),
        ("ops243", ops243.encode([Speed(0, 8_330, True)]), True),
        ("vedirect", vedirect.encode(Charge(0, 12_800, 0, 0, 0, ChargeState.OFF)), False),
    ],
)
def test_one_reading_for_ever_is_frozen_if_it_sees_something(name: str, frame: bytes, frozen: bool) -> None:
    station = Station(MODELS[name]).open()
    for _ in range(3_100):
        station.pass_ms(100)
        station.hear(frame)
    assert station.states == ([Health.FROZEN] if frozen else [])


def test_more_than_the_line_can_bring_is_babble() -> None:
    station = Station(MODELS["ld2410"]).open()
    station.hear(REPORT, overran=True)
    assert station.states == [Health.BABBLING]


def test_a_model_that_neither_is_asked_nor_judged_wants_no_ticks() -> None:
    station = Station(Model(9600, ld2450.Decoder, Limits(silent_ms=0), setup=b"x")).open()
    assert station.sensor.next_tick_ms() is None


def test_with_a_real_port_a_thread_and_a_plug_that_is_pulled(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "radar"
    woken = threading.Semaphore(0)
    line = SerialLine(str(path), MODELS["ld2450"].baud, woken.release)
    limits = Limits(silent_ms=400, lost_ms=50, well_ms=100)
    sensor = Sensor("north", Model(256_000, ld2450.Decoder, limits), line.write, monotonic_ms())
    said: list[Reading | Status] = []

    def turn(wanted: type[Reading] | Health) -> None:
        """Run the loop until this was said."""
        end = time.monotonic() + 20
        seen = len(said)
        while not any(
            one.state == wanted if isinstance(one, Status) else isinstance(wanted, type) and isinstance(one, wanted)
            for one in said[seen:]
        ):
            assert time.monotonic() < end, said[-3:]
            woken.acquire(timeout=0.02)
            if master >= 0:
                os.write(master, REPORT)
            for happening in line.take():
                said.extend(sensor.take(happening))
            said.extend(sensor.tick(monotonic_ms()))

    master = -1
    line.start()
    turn(Health.LOST)
    for _ in range(2):
        master, slave = os.openpty()
        tty.setraw(slave)
        path.symlink_to(os.ttyname(slave))
        os.close(slave)
        turn(Targets)
        turn(Health.WELL)
        path.unlink()
        os.close(master)
        master = -1
        turn(Health.LOST)
    line.close()
    assert {one.targets for one in said if isinstance(one, Targets)} == {(Target(0, 2471, -160, 360),)}
