"""A button that is scripted and prints all it does, line by line; and randomness that is the same on MicroPython and CPython."""

# ruff: noqa: T201 - printing is what it is for

from agent.effects import EMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
    """One button, its clock, and the numbers of its events. ``button`` was made at ``now``."""

    def __init__(self, button: "Any", now: int) -> None:
        self.now = now
        self.seq = 0
        self.button = button
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

    def order(self, name: str, args: "dict[str, object]") -> None:
        result, effects = self.button.command(name, args, self.now)
        self.take(name + " " + told(result), effects)
