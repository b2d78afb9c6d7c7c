"""Scripted and seeded runs of the panic button that print all it does, line by line. Runs on MicroPython and CPython alike.

Run as ``scenarios.py <project folder>``: the two interpreters must print the same bytes.
"""

# ruff: noqa: T201 - the path comes before the imports; printing is what it is for

import sys

sys.path.insert(0, sys.argv[1])

from devices.common.settings import SettingsError
from devices.panic_button import make_logic
from devices.panic_button.gestures import FASTEST_MS, shortest_ms
from devices.panic_button.patterns import PATTERNS, once_ms
from tests.devices.scripted_run import Random, Run

NOON = 1_700_000_000_000


class Scripted(Run):
    """With presses and drills."""

    def press(self, held_ms: int, gap_ms: int) -> None:
        self.set("button", 1)
        self.wait(held_ms)
        self.set("button", 0)
        self.wait(gap_ms)

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
    for refused in wrong:
        try:
            make_logic(refused, 0)
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
        settings = {
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
        run = Scripted(make_logic(settings, 1000), 1000)
        for _ in range(40):
            run.press(40, 40)
        for _ in range(200):
            run.step(random)


main()
