"""Scripted and seeded runs of the SOS button that print all it does, line by line. Runs on MicroPython and CPython alike.

Run as ``scenarios.py <project folder>``: the two interpreters must print the same bytes.
"""

# ruff: noqa: T201 - the path comes before the imports; printing is what it is for

import sys

sys.path.insert(0, sys.argv[1])

from devices.common.contact import Debouncer
from devices.common.patterns import duty_at
from devices.common.settings import SettingsError
from devices.sos_button.logic import SosButton
from devices.sos_button.patterns import PATTERNS
from tests.devices.scripted_run import Random, Run


class Scripted(Run):
    """With presses by the dozen."""

    def hammer(self, presses: int) -> None:
        for _ in range(presses):
            for level in (1, 0):
                self.set("button", level)
                self.wait(40)

    def step(self, random: Random) -> None:
        choice = random.below(16)
        if choice < 7:
            self.set("button", random.below(2))
        elif choice < 9:
            name = ("tamper", "supply")[random.below(2)]
            self.set(name, random.below(2))
        elif choice == 9:
            self.set("battery", 2300 + random.below(1000))
        elif choice < 12:
            boot, seq, state = 3 + random.below(2), 1 + random.below(self.seq + 9), 1 + random.below(4)
            self.take("receipt", self.button.receipt(boot, seq, state, self.now))
        elif choice == 12:
            name = ("self-test", "identify", "user-test", "silence", "nonsense")[random.below(5)]
            self.order(name, {"seconds": random.below(200)})
        elif choice == 13:
            self.take("link", self.button.link(random.below(2) == 1, self.now))
        else:
            self.wait((5, 20, 40, 700, 3000, 40000)[random.below(6)])
        self.wait((0, 1, 10, 35, 60)[random.below(5)])


def main() -> None:
    wrong: list[dict[str, object]] = [{"no_such": 1}, {"debounce_ms": 101}, {"debounce_ms": "x"}, {"lamp_pin": 17}]
    for refused in wrong:
        try:
            SosButton(refused, 0)
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
        settings = {
            "tamper_pin": 5,
            "supply_pin": 6,
            "siren": seed % 2 == 0,
            "alarm_window_s": 20,
            "battery_cells": 2,
            "battery_draw_ua": 8000,
            "stuck_s": 5,
        }
        run = Scripted(SosButton(settings, 1000), 1000)
        run.hammer(40)
        for _ in range(400):
            run.step(random)


main()
