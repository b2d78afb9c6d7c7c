"""What the center says: each stage, and of a flood only so much."""

import io
import json
from typing import Any

import pytest

from center.report import TOLD_PER_SECOND, Report


class Said(io.StringIO):
    """A stream that reads its own lines."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [100.0]
    monkeypatch.setattr("center.report.time.monotonic", lambda: times[0])
    return times


def test_of_a_flood_a_few_are_told_each_second_and_the_rest_by_number(now: list[float]) -> None:
    said = Said()
    report = Report(said, as_json=True)
    for _ in range(TOLD_PER_SECOND):
        report.refused("topic", "forged", "text")
    for _ in range(3):
        report.refused("topic", "forged", "text")
        report.parked("topic")
    assert [line["reason"] for line in said.lines()] == ["forged"] * TOLD_PER_SECOND
    now[0] += 1
    report.parked("topic")
    held, parked, told = said.lines()[TOLD_PER_SECOND:]
    assert (held["what"], held["held"]) == ("refused", {"forged": 3})
    assert (parked["what"], parked["held"]) == ("parked", {"unknown-key": 3})
    assert (told["what"], told["topic"]) == ("parked", "topic")
    report.flush()
    assert len(said.lines()) == TOLD_PER_SECOND + 3, "each is told once"


def test_nobody_who_listens_any_more_stops_the_work() -> None:
    said = io.StringIO()
    said.close()
    Report(said, as_json=False).say("started", "text")
