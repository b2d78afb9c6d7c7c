"""The watchdog's two times."""

import sys
from types import SimpleNamespace

import pytest

LONG_MS = 8000


class Armed:
    """What the board's watchdog was made with, each time, and how often it was fed."""

    def __init__(self) -> None:
        self.times_ms: list[int] = []
        self.fed = 0

    def feed(self) -> None:
        self.fed += 1

    def make(self, *, timeout: int) -> "Armed":
        self.times_ms.append(timeout)
        return self


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> Armed:
    made = Armed()
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(WDT=made.make))
    monkeypatch.delitem(sys.modules, "devices.firmware.watchdog", raising=False)
    return made


def test_it_is_long_until_the_start_is_over_then_short_and_long_again_for_what_takes_long(armed: Armed) -> None:
    from devices.firmware.watchdog import WORKING_MS, Watchdog  # noqa: PLC0415  needs a machine

    watchdog = Watchdog(LONG_MS)
    assert watchdog.patiently(lambda one, other: one + other, 1, 2) == 3
    assert armed.times_ms == [LONG_MS] * 3
    watchdog.shorten()
    assert armed.times_ms[3:] == [WORKING_MS]
    watchdog.patiently(lambda: armed.times_ms.append(0))
    assert armed.times_ms[4:] == [LONG_MS, 0, WORKING_MS]
    assert WORKING_MS < LONG_MS
    watchdog.feed()
    assert armed.fed == 1


def test_what_fails_after_long_leaves_it_short(armed: Armed) -> None:
    from devices.firmware.watchdog import WORKING_MS, Watchdog  # noqa: PLC0415  needs a machine

    watchdog = Watchdog(LONG_MS)
    watchdog.shorten()
    with pytest.raises(ZeroDivisionError):
        watchdog.patiently(lambda: 1 // 0)
    assert armed.times_ms[-1] == WORKING_MS
