"""Who is connected: old presences cannot be replayed, silence is noticed, and a failed commit leaves no trace."""

import pytest

from agent.wire.presence import Presence
from center.errors import RefusedError
from center.presence import MAX_VOLATILE, Change, Roll

VOLATILE = 2**31


def told(boot: int = 1, session: int = 1, up: int = 100, *, online: bool = True, keepalive: int = 60) -> Presence:
    return Presence("sos-0001", "sos-button", boot, session, online, 0, 0, up, keepalive, "test")


def replayed(roll: Roll, presence: Presence) -> bool:
    try:
        roll.judge(presence, 0)
    except RefusedError as error:
        return error.reason == "replayed"
    return False


def changes(roll: Roll, *presences: Presence) -> list[tuple[bool, str] | None]:
    found: list[Change | None] = [roll.judge(presence, 0) for presence in presences]
    return [(change.online, change.cause) if change else None for change in found]


def test_coming_going_and_coming_again() -> None:
    assert changes(Roll(), told(), told(online=False), told(session=2), told(session=2, up=600)) == [
        (True, "presence"),
        (False, "will"),
        (True, "presence"),
        None,
    ]


def test_a_repetition_changes_nothing_and_is_no_sign_of_life() -> None:
    roll = Roll()
    roll.judge(told(), 0)
    assert roll.judge(told(), 80_000) is None
    assert len(roll.silent(90_001)) == 1


@pytest.mark.parametrize(
    "old",
    [
        told(2, 1),
        told(2, 1, online=False),
        told(1, 9),
        told(2, 2, up=99),
        told(VOLATILE + 1, 1),
        told(VOLATILE + 1, 7, online=False),
    ],
    ids=["session", "will", "boot", "up", "left-volatile", "left-volatile-will"],
)
def test_whatever_is_older_than_what_was_seen_is_replayed(old: Presence) -> None:
    roll = Roll()
    for presence in (told(VOLATILE + 1), told(1), told(2), told(2, 2)):
        roll.judge(presence, 0)
    assert replayed(roll, old)


def test_after_its_will_a_session_cannot_be_made_to_look_alive_with_its_own_greeting() -> None:
    roll = Roll()
    roll.judge(told(), 0)
    roll.judge(told(online=False), 0)
    assert replayed(roll, told())


def test_a_volatile_boot_may_begin_at_any_time_but_only_once() -> None:
    roll = Roll()
    roll.judge(told(5), 0)
    roll.judge(told(VOLATILE + 9), 0)
    roll.judge(told(VOLATILE + 2), 0)
    assert replayed(roll, told(VOLATILE + 9, 2))
    assert replayed(roll, told(5, 2)), "a regular boot that was left"
    assert not replayed(roll, told(6))


def test_what_is_remembered_of_boots_is_bounded() -> None:
    roll = Roll()
    for number in range(1, 300):
        roll.judge(told(number), 0)
        roll.judge(told(VOLATILE + number), 0)
    assert len(roll._members["sos-0001"].sessions) == MAX_VOLATILE + 1


def test_silence_is_found_until_it_is_stored_and_life_ends_it() -> None:
    roll = Roll()
    roll.judge(told(keepalive=13), 0)
    assert roll.silent(19_500) == []
    assert roll.silent(19_501) == roll.silent(19_501) != []
    roll.lose(roll.silent(19_501))
    assert roll.silent(99_999) == []
    change = roll.sign_of_life("sos-0001", 100_000)
    assert change is not None
    assert change.online


def test_while_the_center_itself_was_cut_off_nobody_is_silent() -> None:
    roll = Roll()
    roll.judge(told(keepalive=13), 0)
    roll.heard_nothing(60_000)
    assert roll.silent(79_500) == []
    roll.heard_nothing(-60_000)  # its clock was set back
    assert roll.silent(-40_500) == []
    assert len(roll.silent(-40_499)) == 1


def test_after_a_will_an_event_does_not_bring_a_device_back() -> None:
    roll = Roll()
    roll.judge(told(), 0)
    roll.judge(told(online=False), 0)
    assert roll.sign_of_life("sos-0001", 1) is None


def test_what_could_not_be_stored_is_forgotten() -> None:
    roll = Roll()
    copies = roll.copies(["sos-0001"])
    roll.judge(told(), 0)
    roll.put_back(copies)
    assert roll.judge(told(), 0) is not None
    copies = roll.copies(["sos-0001"])
    roll.judge(told(online=False), 0)
    roll.put_back(copies)
    assert roll.judge(told(online=False), 0) is not None
