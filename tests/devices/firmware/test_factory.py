"""The factory reset by hand is asked for by button and open enclosure together, for long, and by nothing less."""

import time

import pytest

from devices.firmware import factory


class Rig:
    """Hardware and schedule of a board whose time passes as it waits; what is held, until when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, levels: dict[str, int], until_ms: int) -> None:
        self.levels = levels
        self.until_ms = until_ms
        self.time_ms = 300
        self.fed_ms = 0
        self.woken = ""
        self.played: list[str] = []
        monkeypatch.setattr(time, "sleep_ms", self.sleep_ms, raising=False)

    def sleep_ms(self, ms: int) -> None:
        self.time_ms += ms

    def now_ms(self) -> int:
        return self.time_ms

    def read(self) -> dict[str, int]:
        return self.levels if self.time_ms < self.until_ms else dict.fromkeys(self.levels, 0)

    def output(self, name: str, pattern: str, _now_ms: int) -> None:
        self.played.append(f"{name} {pattern}")

    def step(self, _now_ms: int) -> None:
        assert self.played

    def feed(self) -> None:
        assert self.time_ms - self.fed_ms < 1000
        self.fed_ms = self.time_ms

    def asked(self) -> bool:
        return factory.asked(self, self, self.feed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("levels", "until_ms", "asked", "woken"),
    [
        ({"button": 1, "tamper": 1}, 300 + factory.HOLD_MS + 1, True, "button"),
        ({"button": 1, "tamper": 1}, 300 + factory.HOLD_MS, False, "button"),
        ({"button": 1, "tamper": 1}, 400, False, "button"),
        ({"button": 1, "tamper": 0}, 99_999, False, ""),
        ({"button": 0, "tamper": 1}, 99_999, False, ""),
        ({"button": 1}, 99_999, False, ""),
    ],
    ids=["held", "let go at the end", "let go", "enclosure shut", "not pressed", "no enclosure switch"],
)
def test_only_both_for_ten_seconds_ask_for_it(
    monkeypatch: pytest.MonkeyPatch, levels: dict[str, int], until_ms: int, asked: bool, woken: str
) -> None:
    rig = Rig(monkeypatch, levels, until_ms)
    assert rig.asked() is asked
    assert rig.woken == woken, "who lets go has pressed"
    assert rig.played == (["lamp identify"] if woken else [])
