"""Scripted and seeded runs of the panic button that print all it does, line by line. Runs on MicroPython and CPython alike.

Run as ``scenarios.py <project folder>``: the two interpreters must print the same bytes.
"""

# ruff: noqa: E402, T201 - the path comes before the imports; printing is what it is for

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

sys.path.insert(0, sys.argv[1])

from agent.effects import EMIT
from devices.common.settings import SettingsError
from devices.panic_button import make_logic
from devices.panic_button.gestures import FASTEST_MS, shortest_ms
from devices.panic_button.patterns import PATTERNS, once_ms

NOON = 1_700_000_000_000


def told(value: object) -> str:
    """A value as text, maps in key order: MicroPython's are unordered."""
    if isinstance(value, dict):
        return "{" + ", ".join([str(key) + ": " + told(value[key]) for key in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([told(item) for item in value]) + "]"
    return "'" + value + "'" if isinstance(value, str) else repr(value)  # the two differ in what repr escapes


class Random:
    """A small linear congruential generator (constants of Numerical Recipes), the same everywhere."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        self.state = (self.state * 1664525 + 1013904223) % 4294967296
        return (self.state >> 8) % limit


class Run:
    """One button, its clock, and the numbers of its events."""

    def __init__(self, settings: "dict[str, object]") -> None:
        self.now = 1000
        self.seq = 0
        self.button = make_logic(settings, self.now)
        self.take("start", self.button.started([(3, 9, 1)], self.now))

    def take(self, why: str, effects: "list[Any]") -> None:
        print(self.now, why, told(effects))
        for effect in effects:
            if effect[0] == EMIT:
                self.seq += 1
                self.take("sealed", self.button.sealed(effect[1], 4, self.seq, self.now))

    def wait(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while True:
            due = self.button.next_tick_ms(self.now)
            if due is None or due > end:
                break
            self.now = due
            self.take("tick", self.button.tick(self.now))
        self.now = end

    def set(self, name: str, value: int) -> None:
        self.take(name, self.button.input(name, value, self.now))

    def press(self, held_ms: int, gap_ms: int) -> None:
        self.set("button", 1)
        self.wait(held_ms)
        self.set("button", 0)
        self.wait(gap_ms)

    def order(self, name: str, args: "dict[str, object]") -> None:
        result, effects = self.button.command(name, args, self.now)
        self.take(name + " " + told(result), effects)

    def drill(self, duration_ms: int) -> None:
        for seq in range(max(0, self.seq - 20), self.seq + 1):
            self.take("close", self.button.receipt(4, seq, 4, self.now))
        self.take("close", self.button.receipt(3, 9, 4, self.now))
        self.order("drill", {"until": NOON + self.now + duration_ms})

    def step(self, random: Random) -> None:
        choice = random.below(16)
        if choice < 6:
            self.press((20, 40, 90, 5100, 7000)[random.below(5)], (20, 60, 200, 900)[random.below(4)])
        elif choice < 8:
            name = ("tamper", "supply")[random.below(2)]
            self.set(name, random.below(2))
        elif choice == 8:
            millivolts = 900 + random.below(700)
            for _ in range(3):
                self.set("battery", millivolts)
        elif choice < 11:
            boot, seq, state = 3 + random.below(2), 1 + random.below(self.seq + 9), 1 + random.below(4)
            self.take("receipt", self.button.receipt(boot, seq, state, self.now))
        elif choice == 11:
            self.order(
                ("self-test", "identify", "user-test", "nonsense")[random.below(4)], {"seconds": random.below(200)}
            )
        elif choice == 12:
            self.drill(random.below(60_000))
        elif choice == 13:
            self.take("link", self.button.link(random.below(2) == 1, self.now))
        elif choice == 14:
            self.set("beacon", random.below(4))
            self.set("clock", NOON + self.now + random.below(3))
        else:
            self.wait((5, 20, 700, 3000, 61_000)[random.below(5)])
        self.wait((0, 1, 10, 35, 60)[random.below(5)])


def main() -> None:
    wrong: list[dict[str, object]] = [
        {},
        {"building": "A", "no_such": 1},
        {"building": 5},
        {"building": "A" * 65},
        {"building": "A", "beacons": [{"id": 1, "wing": "B"}]},
        {"building": "A", "beacons": [{"id": 1 << 32}]},
        {"building": "A", "gestures": [{"level": "staff", "hold_ms": 5000}, {"level": "lockdown", "hold_ms": 5000}]},
        {"building": "A", "gestures": [{"level": "staff", "presses": 9, "within_ms": 900}]},
    ]
    for settings in wrong:
        try:
            make_logic(settings, 0)
        except SettingsError as error:
            print(error)
    for name in sorted(PATTERNS):
        for pattern in sorted(PATTERNS[name]):
            print(name, pattern, once_ms(PATTERNS[name][pattern]))
    for presses in range(2, 20):
        print(
            [shortest_ms(presses, [(3, within_ms, 1), (5, 3000, 1)], FASTEST_MS) for within_ms in range(0, 4000, 333)]
        )
    for seed in range(6):
        random = Random(seed)
        run = Run(
            {
                "building": "№5 мектеп",
                "room": "" if seed % 2 else "212",
                "beacons": [{"id": 1, "room": "101"}, {"id": 2, "building": "Gym", "floor": "0"}],
                "tamper_pin": 5,
                "supply_pin": 6,
                "audible": seed % 2 == 0,
                "alarm_window_s": 60,
                "battery_cells": 1,
                "stuck_s": 6,
            }
        )
        for _ in range(40):
            run.press(40, 40)
        for _ in range(200):
            run.step(random)


main()
