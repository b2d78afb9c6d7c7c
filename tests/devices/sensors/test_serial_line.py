"""The reader of a serial port, on real pseudo-terminals (which have no baud rate): unplugging, plugging back, others' ports, floods."""

import fcntl
import itertools
import os
import pathlib
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from devices.sensors import serial_line
from devices.sensors.serial_line import Closed, Happening, Heard, Opened, SerialLine

PATIENCE_S = 20.0


class Plug:
    """A port's file name that leads to a pty while it is plugged in."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / "ttySensor"
        self.master = -1

    def push_in(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def pull_out(self) -> None:
        self.path.unlink()
        os.close(self.master)
        self.master = -1

    def speak(self, data: bytes) -> None:
        os.write(self.master, data)

    def hear(self, size: int) -> bytes:
        found = b""
        while len(found) < size and select.select([self.master], [], [], PATIENCE_S)[0]:
            found += os.read(self.master, size - len(found))
        return found

    def close(self) -> None:
        if self.master >= 0:
            os.close(self.master)


class Loop:
    """The one who takes what a line hands over."""

    def __init__(self) -> None:
        self.woken = threading.Semaphore(0)
        self.happened: list[Happening] = []
        self.line: SerialLine

    def until(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not enough():
            left = end - time.monotonic()
            assert left > 0, f"waited in vain; happened: {self.happened[-5:]}"
            if self.woken.acquire(timeout=left):
                self.happened += self.line.take()

    def until_told(self, kind: type[Happening], times: int = 1) -> None:
        self.until(lambda: self.of(kind) >= times)

    def until_heard(self, size: int) -> None:
        self.until(lambda: len(self.data) >= size)

    def of(self, kind: type[Happening]) -> int:
        return sum(isinstance(one, kind) for one in self.happened)

    @property
    def data(self) -> bytes:
        return b"".join(one.data for one in self.happened if isinstance(one, Heard))


@pytest.fixture
def plug(tmp_path: pathlib.Path) -> Iterator[Plug]:
    one = Plug(tmp_path)
    yield one
    one.close()


@pytest.fixture
def loop(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(serial_line, "PAUSE_MS", 20)
    monkeypatch.setattr(serial_line, "PAUSE_MAX_MS", 40)
    one = Loop()
    one.line = SerialLine(str(plug.path), 256_000, one.woken.release)
    yield one
    one.line.close()


def test_what_the_sensor_says_arrives_with_its_time(plug: Plug, loop: Loop) -> None:
    plug.push_in()
    began_ms = serial_line.monotonic_ms()
    loop.line.start()
    loop.until_told(Opened)
    plug.speak(b"\xaa\xff\x03\x00\r\n\x11\x13\x1a")
    loop.until_heard(9)
    assert loop.data == b"\xaa\xff\x03\x00\r\n\x11\x13\x1a"
    times = [one.at_ms for one in loop.happened]
    assert times == sorted(times)
    assert began_ms <= times[0]
    assert times[-1] <= serial_line.monotonic_ms()


def test_what_is_sent_arrives_at_the_sensor(plug: Plug, loop: Loop) -> None:
    plug.push_in()
    loop.line.start()
    loop.until_told(Opened)
    assert loop.line.write(b"OJUM\n\x00\xff")
    assert plug.hear(7) == b"OJUM\n\x00\xff"
    assert not loop.line.write(bytes(serial_line.WRITING_MAX + 1))


def test_a_prompt_line_reads_what_comes_piece_by_piece_at_once(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    plug.push_in()
    loop = Loop()
    loop.line = SerialLine(str(plug.path), 115200, loop.woken.release, prompt=True)
    monkeypatch.setattr(loop.line, "_rest", rested.append)
    loop.line.start()
    loop.until_told(Opened)
    for number in range(5):
        plug.speak(bytes((number,)))
        loop.until_heard(number + 1)
    assert set(rested) == {serial_line.PROMPT_PAUSE_S}
    loop.line.close()
    assert loop.data == bytes(range(5))


def test_unplugged_and_plugged_back_again_and_again(plug: Plug, loop: Loop) -> None:
    loop.line.start()
    loop.until_told(Closed)
    for turn in range(5):
        plug.push_in()
        loop.until_told(Opened, turn + 1)
        plug.speak(bytes((65 + turn,)) * 30)
        loop.until_heard(30 * (turn + 1))
        plug.pull_out()
        loop.until_told(Closed, turn + 2)
    order = [type(one) for one in loop.happened if not isinstance(one, Heard)]
    assert order[0] is Closed
    assert not any(a is b is Opened for a, b in itertools.pairwise(order))
    assert loop.data == b"".join(bytes((65 + turn,)) * 30 for turn in range(5))


def test_a_port_that_is_not_there_is_told_once_and_asked_for_ever_more_rarely(
    plug: Plug, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    rest = SerialLine._rest

    def resting(line: SerialLine, seconds: float) -> None:
        pauses.append(seconds)
        rest(line, 0)

    monkeypatch.setattr(SerialLine, "_rest", resting)
    loop.line.start()
    loop.until_told(Closed)
    while len(pauses) < 10:
        time.sleep(0.001)
    plug.push_in()
    loop.until_told(Opened)
    assert loop.of(Closed) == 1
    assert "ttySensor" in next(one.why for one in loop.happened if isinstance(one, Closed))
    assert pauses[:4] == [0.02, 0.04, 0.04, 0.04]


def test_a_port_that_another_holds_is_left_to_it(plug: Plug, loop: Loop) -> None:
    plug.push_in()
    other = os.open(plug.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    loop.line.start()
    loop.until_told(Closed)
    assert loop.of(Opened) == 0
    os.close(other)
    loop.until_told(Opened)


def test_a_file_that_is_no_port_is_told_and_not_fatal(plug: Plug, loop: Loop) -> None:
    plug.path.write_bytes(b"nothing of the kind")
    loop.line.start()
    loop.until_told(Closed)
    plug.path.unlink()
    plug.push_in()
    loop.until_told(Opened)


def test_a_flood_is_cut_off_and_said_to_be_one(plug: Plug, loop: Loop) -> None:
    plug.push_in()
    os.set_blocking(plug.master, False)
    loop.line.start()
    loop.until_told(Opened)
    sent = 0
    overran = False
    end = time.monotonic() + PATIENCE_S
    while not overran:
        assert time.monotonic() < end
        try:
            sent += os.write(plug.master, bytes(4095))
        except BlockingIOError:
            time.sleep(0.001)
        loop.happened += loop.line.take()
        overran = any(isinstance(one, Heard) and one.overran for one in loop.happened)
    os.set_blocking(plug.master, True)
    ends = 0
    while not loop.data.endswith(b"END"):  # the last of the flood may still take one with it
        assert time.monotonic() < end
        plug.speak(b"END")
        ends += 1
        loop.woken.acquire(timeout=0.1)
        loop.happened += loop.line.take()
    assert len(loop.data) < sent
    assert ends < 100
    assert max(len(one.data) for one in loop.happened if isinstance(one, Heard)) <= 512


def test_what_nobody_takes_does_not_grow(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "WAITING_MAX", 1000)
    woken: list[bool] = []
    line = SerialLine(str(plug.path), 9600, lambda: woken.append(True))
    for number in range(100):
        line._tell(Heard(number, bytes((number,)) * 64))
    taken = line.take()
    assert sum(len(one.data) for one in taken if isinstance(one, Heard)) <= 1000
    assert taken[-1].at_ms == 99
    assert woken == [True]
    monkeypatch.setattr(serial_line, "HAPPENINGS_MAX", 10)
    for number in range(100):
        line._tell(Opened(number))
        line._tell_closed(f"reason {number}")
    taken = line.take()
    assert len(taken) <= 12
    assert isinstance(taken[-1], Closed)
    line.close()


def test_closing_gives_the_port_back_and_leaves_no_thread(plug: Plug, loop: Loop) -> None:
    plug.push_in()
    loop.line.start()
    loop.until_told(Opened)
    loop.line.close()
    loop.line.close()
    assert not [one for one in threading.enumerate() if one.name.endswith("ttySensor")]
    other = os.open(plug.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
