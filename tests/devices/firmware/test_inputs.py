"""Contacts on a board's pins: edges with their times, and what becomes of those that nobody saw."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from devices.common.contact import PRESS, RELEASE, Debouncer
from devices.firmware.inputs import HELD_MS, LONGEST_DEBOUNCE_MS, LOOK_MS, PULSE_MS, RING, Contact, Inputs

ROOT = Path(__file__).parents[3]
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"


class FakePin:
    """A pin whose interrupts come when the test says so; its level is pulled up."""

    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self) -> None:
        self.level = 1
        self.handler: Callable[[object], None] | None = None

    def value(self) -> int:
        return self.level

    def irq(self, handler: Callable[[object], None], trigger: int) -> None:
        assert trigger == self.IRQ_RISING | self.IRQ_FALLING
        self.handler = handler


class FakeFlag:
    """Counts how often it was set."""

    def __init__(self) -> None:
        self.times = 0

    def set(self) -> None:
        self.times += 1


class Rig:
    """Two contacts, both active low, a clock, and a counter that wraps."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.pins = [FakePin(), FakePin()]
        self.flag = FakeFlag()
        self.seen: list[tuple[str, int, int]] = []
        contacts = [Contact("button", self.pins[0], active_low=True), Contact("tamper", self.pins[1], active_low=True)]
        self.inputs = Inputs(
            contacts,
            self.flag,
            lambda: self.now_ms % 4096,
            lambda ticks: self.now_ms - (self.now_ms - ticks) % 4096,
            lambda: self.now_ms,
            lambda name, value, at_ms: self.seen.append((name, value, at_ms - 1_000_000)),
        )
        self.inputs.listen()
        self.inputs.start()
        self.seen.clear()

    def edge(self, level: int, place: int = 0, *, after_ms: int = 0) -> None:
        self.now_ms += after_ms
        self.pins[place].level = level
        self.interrupt(place)

    def interrupt(self, place: int = 0) -> None:
        handler = self.pins[place].handler
        assert handler is not None
        handler(self.pins[place])

    def look(self, after_ms: int = 0) -> list[tuple[str, int, int]]:
        self.now_ms += after_ms
        self.inputs.look()
        seen = list(self.seen)
        self.seen.clear()
        return seen


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_starting_tells_every_level_once() -> None:
    rig = Rig()
    rig.inputs.start()
    assert rig.look() == []
    assert rig.inputs.read() == {"button": 0, "tamper": 0}
    fresh: list[tuple[str, int, int]] = []
    inputs = Inputs(
        [Contact("a", rig.pins[0], active_low=True), Contact("b", rig.pins[1], active_low=False)],
        rig.flag, lambda: 0, lambda ticks: ticks, lambda: 7, lambda *told: fresh.append(told),
    )  # fmt: skip
    inputs.listen()
    inputs.start()
    assert fresh == [("a", 0, 7), ("b", 1, 7)]
    assert inputs.unseen == 0


@pytest.mark.parametrize(
    ("now_ms", "since_ms"), [(5, -LONGEST_DEBOUNCE_MS), (300, -LONGEST_DEBOUNCE_MS), (5000, 5000 - PULSE_MS)]
)
@pytest.mark.parametrize("still_held", [True, False])
def test_the_press_that_woke_a_board_counts_even_if_it_is_over(now_ms: int, since_ms: int, still_held: bool) -> None:
    pins = [FakePin(), FakePin()]
    pins[0].level = 0 if still_held else 1
    seen: list[tuple[str, int, int]] = []
    inputs = Inputs(
        [Contact("button", pins[0], active_low=True), Contact("tamper", pins[1], active_low=True)],
        FakeFlag(), lambda: 0, lambda ticks: ticks, lambda: now_ms, lambda *told: seen.append(told),
    )  # fmt: skip
    inputs.listen()
    inputs.start("button")
    released = [] if still_held else [("button", 0, now_ms)]
    assert seen == [("button", 1, since_ms), *released, ("tamper", 0, now_ms)]
    debouncer = Debouncer(LONGEST_DEBOUNCE_MS)
    gestures = [told for name, value, at_ms in seen if name == "button" for told in debouncer.level(value, at_ms)]
    assert [gesture for gesture, _at_ms in [*gestures, *debouncer.tick(max(now_ms, LONGEST_DEBOUNCE_MS))]] == [PRESS]


@pytest.mark.parametrize("interrupts", [True, False])
@pytest.mark.parametrize("started_ms", [0, 3, 20])
@pytest.mark.parametrize("released_ms", [1, 4, 15, 29, 31, 99, 150])
def test_the_press_that_woke_a_board_counts_whenever_the_finger_goes(
    released_ms: int, started_ms: int, interrupts: bool
) -> None:
    pin = FakePin()
    pin.level = 0
    now_ms = 0
    debouncer = Debouncer(LONGEST_DEBOUNCE_MS)
    gestures: list[int] = []

    def told(_name: str, value: int, at_ms: int) -> None:
        gestures.extend(gesture for gesture, _at_ms in debouncer.level(value, at_ms))

    contact = Contact("button", pin, active_low=True)
    inputs = Inputs([contact], FakeFlag(), lambda: now_ms, lambda ticks: ticks, lambda: now_ms, told)
    inputs.listen()
    for now_ms in range(300):
        if now_ms == released_ms:
            pin.level = 1
            if interrupts:
                assert pin.handler is not None
                pin.handler(pin)
        if now_ms == started_ms:
            inputs.start("button")
        elif now_ms > started_ms:
            inputs.look()
            gestures.extend(gesture for gesture, _at_ms in debouncer.tick(now_ms))
    assert gestures == [PRESS, RELEASE]


def test_a_press_right_after_the_one_that_woke_a_board_is_one_of_its_own() -> None:
    pin = FakePin()
    now_ms = 0
    debouncer = Debouncer(30)
    gestures: list[int] = []

    def told(_name: str, value: int, at_ms: int) -> None:
        gestures.extend(gesture for gesture, _at_ms in debouncer.level(value, at_ms))

    inputs = Inputs(
        [Contact("button", pin, active_low=True)],
        FakeFlag(),
        lambda: now_ms,
        lambda ticks: ticks,
        lambda: now_ms,
        told,
    )
    inputs.listen()
    inputs.start("button")
    for now_ms in range(1, 200):
        pin.level = 0 if 35 <= now_ms < 95 else 1
        inputs.look()
        gestures.extend(gesture for gesture, _at_ms in debouncer.tick(now_ms))
    assert gestures == [PRESS, RELEASE] * 2


def listening(rig: Rig) -> None:
    """From now on, a second later, the board listens; it has told nothing yet."""
    rig.now_ms += 1000
    rig.inputs.listen()
    for contact in rig.inputs._contacts:
        contact.value = -1


def begun(rig: Rig, woken: str = "") -> list[tuple[int, int]]:
    """What the button tells when the board has started, with milliseconds since it listens."""
    rig.now_ms += 700
    rig.inputs.start(woken)
    return [(value, at_ms - 1000) for name, value, at_ms in rig.look() if name == "button"]


def test_presses_while_a_board_starts_are_told_when_it_has_started(rig: Rig) -> None:
    listening(rig)
    for level, after_ms in ((0, 500), (1, 60), (0, 200), (1, 60)):
        rig.edge(level, after_ms=after_ms)
    assert begun(rig) == [(1, 500), (0, 560), (1, 760), (0, 820)]


def test_who_lets_go_while_a_board_starts_has_pressed(rig: Rig) -> None:
    rig.pins[0].level = 0
    listening(rig)
    rig.edge(1, after_ms=1500)
    assert begun(rig) == [(1, 500), (0, 1500)]


def test_a_pin_that_rises_as_its_pull_up_is_switched_on_is_no_press(rig: Rig) -> None:
    rig.pins[0].level = 0
    listening(rig)
    rig.edge(1, after_ms=HELD_MS - 1)
    assert begun(rig) == [(0, HELD_MS - 1 + 700)]


@pytest.mark.parametrize("over", [True, False])
def test_a_second_press_while_the_first_one_wakes_a_board_is_one_of_its_own(rig: Rig, over: bool) -> None:
    rig.pins[0].level = 1 if over else 0
    listening(rig)
    if not over:
        rig.edge(1, after_ms=300)
    rig.edge(0, after_ms=200)
    rig.edge(1, after_ms=60)
    expected = [(1, -PULSE_MS), (0, 0), (1, 200), (0, 260)] if over else [(1, -PULSE_MS), (0, 300), (1, 500), (0, 560)]
    assert begun(rig, "button") == expected


def test_edges_come_in_order_with_the_times_at_which_they_were_seen(rig: Rig) -> None:
    rig.edge(0, after_ms=10)
    rig.edge(1, after_ms=5)
    rig.edge(0, 1, after_ms=5)
    assert rig.flag.times == 3
    assert rig.look(after_ms=20) == [("button", 1, 10), ("button", 0, 15), ("tamper", 1, 20)]
    assert (rig.inputs.unseen, rig.inputs.dropped) == (0, 0)
    assert rig.look() == []


def test_an_edge_without_its_interrupt_is_found_at_the_next_look(rig: Rig) -> None:
    rig.pins[0].level = 0
    assert rig.look(after_ms=LOOK_MS) == [("button", 1, LOOK_MS)]
    rig.pins[0].level = 1
    assert rig.look(after_ms=LOOK_MS) == [("button", 0, 2 * LOOK_MS)]
    assert rig.inputs.unseen == 2


def test_a_needle_pulse_that_only_the_interrupt_saw_is_no_press(rig: Rig) -> None:
    rig.look(after_ms=LOOK_MS)
    for _ in range(20):
        rig.now_ms += LOOK_MS
        rig.interrupt()
        rig.interrupt()
        assert rig.look(after_ms=1) == []
    assert rig.inputs.unseen == 0


def test_a_press_while_the_processor_was_held_is_told_as_a_pulse_of_that_time(rig: Rig) -> None:
    rig.look(after_ms=LOOK_MS)
    rig.now_ms += HELD_MS  # both edges happened in here, and their handlers run only now
    rig.interrupt()
    rig.interrupt()
    assert rig.look() == [("button", 1, LOOK_MS), ("button", 0, LOOK_MS + HELD_MS)]
    assert rig.inputs.unseen == 1


@pytest.mark.parametrize(("held_ms", "since_ms"), [(HELD_MS, 0), (PULSE_MS, 0), (PULSE_MS + 500, 500)])
def test_a_press_whose_handlers_run_late_is_told_from_where_it_may_have_begun(
    rig: Rig, held_ms: int, since_ms: int
) -> None:
    rig.look(after_ms=LOOK_MS)
    rig.edge(0, after_ms=held_ms)  # as where each edge keeps its level until its handler has run
    rig.edge(1)
    assert rig.look() == [("button", 1, LOOK_MS + since_ms), ("button", 0, LOOK_MS + held_ms)]


def test_an_opening_is_never_told_before_it_was_seen(rig: Rig) -> None:
    rig.edge(0)
    rig.look()
    rig.edge(1, after_ms=HELD_MS)
    assert rig.look() == [("button", 0, HELD_MS)]


def test_what_closes_in_ordinary_times_closes_when_its_handler_ran(rig: Rig) -> None:
    rig.look(after_ms=LOOK_MS)
    rig.edge(0, after_ms=HELD_MS - 1)
    assert rig.look() == [("button", 1, LOOK_MS + HELD_MS - 1)]


def test_one_millisecond_less_is_ordinary_work(rig: Rig) -> None:
    rig.look(after_ms=LOOK_MS)
    rig.now_ms += HELD_MS - 1
    rig.interrupt()
    assert rig.look() == []


def test_no_pulse_that_nobody_saw_is_as_long_as_a_hold(rig: Rig) -> None:
    rig.now_ms += 60_000
    rig.interrupt()
    assert rig.look() == [("button", 1, 60_000 - PULSE_MS), ("button", 0, 60_000)]


def test_letting_go_and_pressing_again_unseen_is_told_too(rig: Rig) -> None:
    rig.edge(0)
    rig.look()
    rig.now_ms += 500
    rig.interrupt()
    assert rig.look() == [("button", 0, 0), ("button", 1, 500)]


@pytest.mark.parametrize("edges", [RING - 1, RING, RING + 1, 5 * RING, 5 * RING + 1])
def test_a_ring_that_is_too_small_loses_no_press_and_no_last_level(rig: Rig, edges: int) -> None:
    level = 1
    for _ in range(edges):
        level = 1 - level
        rig.edge(level, after_ms=1)
    told = rig.look()
    assert rig.inputs.dropped == max(0, edges - (RING - 1))
    assert len(told) >= min(edges, RING - 1)
    assert [value for _name, value, _at in told] == [1 - n % 2 for n in range(len(told))]
    assert told[-1][1] == 1 - level
    assert [at for _name, _value, at in told] == sorted(at for _name, _value, at in told)


def test_a_chattering_contact_takes_no_press_from_another(rig: Rig) -> None:
    for n in range(3 * RING):
        rig.edge(n % 2, 1)
    rig.edge(0, after_ms=40)
    rig.edge(1, after_ms=60)
    told = [(value, at) for name, value, at in rig.look() if name == "button"]
    assert told == [(1, 0), (0, 100)]
    debouncer = Debouncer(30)
    gestures = [gesture for value, at in told for gesture, _at in debouncer.level(value, at)]
    assert PRESS in gestures
    assert [name for name, _value, _at in rig.look(after_ms=LOOK_MS)] == []  # told once


def test_a_level_is_not_told_over_an_interrupt_that_comes_in_the_middle(rig: Rig) -> None:
    pin = rig.pins[0]
    pin.level = 0
    ordinary = pin.value

    def interrupted() -> int:
        pin.value = ordinary  # type: ignore[method-assign]
        level = ordinary()
        rig.edge(1)
        return level

    pin.value = interrupted  # type: ignore[method-assign]
    assert rig.look(after_ms=5) == []
    assert rig.look(after_ms=5) == []


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_the_levels_alternate_in_time_and_end_at_the_truth(rig: Rig, seed: int) -> None:
    random = Random(seed)
    told = []
    for _ in range(400):
        choice = random.randrange(10)
        rig.now_ms += random.choice((0, 0, 1, 3, 40, 300))
        place = random.randrange(2)
        if choice < 6:
            rig.edge(1 - rig.pins[place].level, place)
        elif choice == 6:
            rig.pins[place].level = random.randrange(2)
        elif choice == 7:
            rig.interrupt(place)
        else:
            told += rig.look()
    told += rig.look() + rig.look()
    for place, name in enumerate(("button", "tamper")):
        mine = [(value, at) for which, value, at in told if which == name]
        assert [value for value, _at in mine] == [1 - n % 2 for n in range(len(mine))]
        assert [at for _value, at in mine] == sorted(at for _value, at in mine)
        assert len(mine) % 2 == 1 - rig.pins[place].level


SCRIPT = """
import asyncio, micropython, time
from devices.firmware.inputs import Contact, Inputs

class Pin:
    IRQ_RISING, IRQ_FALLING = 1, 2
    def __init__(self):
        self.level = 1
    def value(self):
        return self.level
    def irq(self, handler, trigger):
        self.handler = handler

pin = Pin()
seen = [0, 0]
def count(name, value, at_ms):
    seen[value] += 1
flag = asyncio.ThreadSafeFlag()
inputs = Inputs([Contact("button", pin, True)], flag, time.ticks_ms, lambda ticks: ticks, time.ticks_ms, count)
inputs.listen()
inputs.start()
seen[0] = 0

def press(_):
    micropython.heap_lock()  # an interrupt must not allocate
    try:
        for level in (0, 1):
            pin.level = level
            pin.handler(pin)
    finally:
        micropython.heap_unlock()

async def main():
    for n in range(500):
        micropython.schedule(press, None)
        garbage = [bytes(n % 50) for _ in range(20)]
        while seen[0] <= n:
            await asyncio.sleep(0)
    print(seen, inputs.unseen, inputs.dropped)
    pin.level = 0  # without its interrupt
    while seen[1] == 500:
        await asyncio.sleep_ms(5)
    print(seen, inputs.unseen, inputs.dropped)

async def both():
    running = asyncio.create_task(inputs.run())
    await asyncio.wait_for(main(), 20)

asyncio.run(both())
"""


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_the_handler_allocates_nothing_and_wakes_the_loop() -> None:
    done = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=220K", "-c", SCRIPT],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, done.stdout) == ("", "[500, 500] 0 0\n[500, 501] 1 0\n")
