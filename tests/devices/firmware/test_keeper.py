"""What is appended on a board becomes durable in the next turn, and trouble with the flash is lived with."""

from typing import Any

import pytest

from devices.firmware.keeper import FIRST_RETRY_MS, LAST_RETRY_MS, Keeper


class Timer:
    """What will be done."""

    def __init__(self, due_ms: int, call: Any) -> None:
        self.due_ms = due_ms
        self.call = call

    def cancel(self) -> None:
        self.call = None


class Schedule:
    """Turns by hand."""

    def __init__(self) -> None:
        self.ms = 0
        self.turns: list[Any] = []
        self.timers: list[Timer] = []

    def now_ms(self) -> int:
        return self.ms

    def soon(self, call: Any) -> None:
        self.turns.append(call)

    def at(self, due_ms: int, call: Any) -> Timer:
        self.timers.append(Timer(due_ms, call))
        return self.timers[-1]

    def turn(self) -> None:
        turns, self.turns = self.turns, []
        for call in turns:
            call()

    def due(self) -> list[int]:
        return [timer.due_ms for timer in self.timers if timer.call is not None]

    def later(self) -> None:
        """The next timer."""
        timer = min((t for t in self.timers if t.call is not None), key=lambda t: t.due_ms)
        self.ms = timer.due_ms
        call, timer.call = timer.call, None
        call()


class Journal:
    """Keeps what it holds if the flash lets it."""

    def __init__(self) -> None:
        self.kept_position = 0
        self.top = 0
        self.trouble: tuple[int, str] | None = None
        self.sick = False
        self.syncs = 0

    def sync(self) -> bool:
        self.syncs += 1
        self.trouble = (5, "EIO") if self.sick else None
        if not self.sick:
            self.kept_position = self.top
        return not self.sick


@pytest.fixture
def parts() -> tuple[Journal, Schedule, list[Any], Keeper]:
    journal, schedule, told = Journal(), Schedule(), list[Any]()
    return journal, schedule, told, Keeper(journal, schedule, told.append, told.append)  # type: ignore[arg-type]


def test_all_of_one_turn_shares_a_sync_and_is_told_once(parts: Any) -> None:
    journal, schedule, told, keeper = parts
    for _ in range(5):
        journal.top += 1
        keeper.wake()
    assert journal.syncs == 0
    schedule.turn()
    assert (journal.syncs, told) == (1, [5])
    keeper.wake()
    schedule.turn()
    assert told == [5], "nothing new was kept"


def test_trouble_is_told_tried_again_ever_more_seldom_and_its_end_told(parts: Any) -> None:
    journal, schedule, told, keeper = parts
    journal.sick, journal.top = True, 3
    keeper.wake()
    schedule.turn()
    assert told == [(5, "EIO")]
    waits = []
    for _ in range(9):
        began = schedule.ms
        schedule.later()
        waits.append(schedule.ms - began)
    assert waits == [min(FIRST_RETRY_MS << n, LAST_RETRY_MS) for n in range(9)]
    assert told == [(5, "EIO")], "once"
    journal.sick = False
    schedule.later()
    assert told == [(5, "EIO"), 3, None]
    assert schedule.due() == []


def test_an_alarm_does_not_wait_for_the_next_try_and_others_do(parts: Any) -> None:
    journal, schedule, _told, keeper = parts
    journal.sick = True
    keeper.wake()
    schedule.turn()
    keeper.wake()
    schedule.turn()
    assert journal.syncs == 1, "an ordinary event waits"
    keeper.wake(urgent=True)
    schedule.turn()
    assert journal.syncs == 2
    assert len(schedule.due()) == 1, "one try at a time"


def test_after_trouble_the_first_wait_is_short_again(parts: Any) -> None:
    journal, schedule, _told, keeper = parts
    journal.sick = True
    keeper.wake()
    schedule.turn()
    schedule.later()
    journal.sick = False
    schedule.later()
    journal.sick = True
    keeper.wake()
    schedule.turn()
    assert schedule.due() == [schedule.ms + FIRST_RETRY_MS]
