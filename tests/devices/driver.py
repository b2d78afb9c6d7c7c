"""A driven button: a fake clock, numbers for what it emits, and a record of all it did."""

from collections.abc import Callable
from typing import Any, Self

from agent.effects import EMIT, OUTPUT
from tests.devices.ticks import ticks

BOOT = 7


class Driver:
    """Turns time for one button the way a runtime does: ticks when asked for, seals events at once unless told to wait."""

    def __init__(self, make: Callable[[int], Any], *, seal: bool = True) -> None:
        self.now = 1000
        self.seal = seal
        self.seq = 0
        self.unsealed: list[int] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.times: list[tuple[str, int]] = []
        self.numbers: list[tuple[str, int]] = []
        self.outputs: dict[str, str] = {}
        self.played: list[tuple[str, str]] = []
        self.button: Any = make(self.now)

    def start(self, open_alarms: list[tuple[int, int, int]] | None = None) -> Self:
        self.take(self.button.started(open_alarms or [], self.now))
        self.take(self.button.link(True, self.now))
        self.set("button", 0)
        return self

    def take(self, effects: list[Any]) -> None:
        for effect in effects:
            if effect[0] == EMIT:
                _, tag, name, data = effect
                self.seq += 1
                self.events.append((name, data))
                self.times.append((name, self.now))
                self.numbers.append((name, self.seq))
                if self.seal:
                    self.take(self.button.sealed(tag, BOOT, self.seq, self.now))
                else:
                    self.unsealed.append(tag)
            else:
                assert effect[0] == OUTPUT
                self.outputs[effect[1]] = effect[2]
                self.played.append((effect[1], effect[2]))

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        for now in ticks(self.button, self.now, end):
            self.now = now
            self.take(self.button.tick(now))
        self.now = end

    def set(self, name: str, value: int) -> None:
        self.take(self.button.input(name, value, self.now))

    def press(self, held_ms: int = 100, gap_ms: int = 100) -> None:
        self.set("button", 1)
        self.pass_ms(held_ms)
        self.set("button", 0)
        self.pass_ms(gap_ms)

    def receipt(self, seq: int, state: int, boot: int = BOOT) -> None:
        self.take(self.button.receipt(boot, seq, state, self.now))

    def command(self, name: str, args: dict[str, Any] | None = None) -> dict[str, Any] | None:
        result: dict[str, Any] | None
        result, effects = self.button.command(name, args or {}, self.now)
        self.take(effects)
        return result

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for event, data in self.events if event == name]

    def number(self, name: str) -> int:
        """Of the last event of this name."""
        return [seq for event, seq in self.numbers if event == name][-1]
