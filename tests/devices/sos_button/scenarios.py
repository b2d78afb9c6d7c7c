"""Scripted and seeded runs of the SOS button that print all it does, line by line. Runs on MicroPython and CPython alike.

Run as ``scenarios.py <project folder>``: the two interpreters must print the same bytes.
"""

# ruff: noqa: E402, T201 - the path comes before the imports; printing is what it is for

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

sys.path.insert(0, sys.argv[1])

from agent.effects import EMIT
from devices.common.contact import Debouncer
from devices.common.patterns import duty_at
from devices.common.settings import SettingsError
from devices.sos_button.logic import SosButton
from devices.sos_button.patterns import PATTERNS


def told(value: object) -> str:
    """A value as text, maps in key order: MicroPython's are unordered."""
    if isinstance(value, dict):
        return "{" + ", ".join([f"{key}: {told(value[key])}" for key in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([told(item) for item in value]) + "]"
    return repr(value)


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
        self.button = SosButton(settings, self.now)
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

    def hammer(self, presses: int) -> None:
        for _ in range(presses):
            for level in (1, 0):
                self.take("button", self.button.input("button", level, self.now))
                self.wait(40)

    def step(self, random: Random) -> None:
        choice = random.below(16)
        if choice < 7:
            self.take("button", self.button.input("button", random.below(2), self.now))
        elif choice < 9:
            name = ("tamper", "supply")[random.below(2)]
            self.take(name, self.button.input(name, random.below(2), self.now))
        elif choice == 9:
            self.take("battery", self.button.input("battery", 2300 + random.below(1000), self.now))
        elif choice < 12:
            boot, seq, state = 3 + random.below(2), 1 + random.below(self.seq + 9), 1 + random.below(4)
            self.take("receipt", self.button.receipt(boot, seq, state, self.now))
        elif choice == 12:
            name = ("self-test", "identify", "user-test", "silence", "nonsense")[random.below(5)]
            result, effects = self.button.command(name, {"seconds": random.below(200)}, self.now)
            self.take(name + " " + told(result), effects)
        elif choice == 13:
            self.take("link", self.button.link(random.below(2) == 1, self.now))
        else:
            self.wait((5, 20, 40, 700, 3000, 40000)[random.below(6)])
        self.wait((0, 1, 10, 35, 60)[random.below(5)])


def main() -> None:
    wrong: list[dict[str, object]] = [{"no_such": 1}, {"debounce_ms": 101}, {"debounce_ms": "x"}, {"lamp_pin": 17}]
    for settings in wrong:
        try:
            SosButton(settings, 0)
        except SettingsError as error:
            print(error)
    for name in sorted(PATTERNS):
        for pattern in sorted(PATTERNS[name]):
            print(name, pattern, [duty_at(PATTERNS[name][pattern], at) for at in range(0, 11000, 250)])
    random = Random(20240229)
    for debounce_ms in (0, 1, 30, 100):
        contact = Debouncer(debounce_ms, 400)
        now = 0
        for _ in range(500):
            now += random.below(50)
            print(contact.level(random.below(2), now), contact.next_tick_ms(), contact.tick(now + random.below(30)))
    for seed in range(8):
        random = Random(seed)
        run = Run(
            {
                "tamper_pin": 5,
                "supply_pin": 6,
                "siren": seed % 2 == 0,
                "alarm_window_s": 20,
                "battery_cells": 2,
                "battery_draw_ua": 8000,
                "stuck_s": 5,
            }
        )
        run.hammer(40)
        for _ in range(400):
            run.step(random)


main()
