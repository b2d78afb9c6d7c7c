"""An alarm starts the badges of its place: by a signed command, with the alarm or not at all, and not for what is long over."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event

from agent.keys.p256 import verifier
from agent.wire import command, cose
from agent.wire.command import Command
from center import badges, orders
from center.badges import AGAIN_MS, LATE_MS, Badges
from center.config import Rule
from center.database import Database
from center.errors import DatabaseError
from center.inbox import outgoing
from center.keytable import KeyTable
from center.pipeline import Pipeline
from center.registry import Registry
from tests.center.desk import arrivals, ingest
from tests.center.scripted import NOW, Device, Pki

EXPIRES_S = 60
SCHOOL = {"site": "School 5", "building": "main", "floor": "2"}

Start = Callable[..., Pipeline]


@pytest.fixture
def people(pki: Pki) -> dict[str, Device]:
    """A panic button and three badges, new to the center."""
    number = len(pki.issued)
    made = {"panic": pki.device(f"panic-{number}", kind="panic-button")}
    return made | {name: pki.device(f"badge-{name}-{number}", kind=badges.KIND) for name in ("near", "same", "away")}


@pytest.fixture
def start(database: Database, keys: KeyTable, pki: Pki, people: dict[str, Device]) -> Start:
    """A center whose rule is on; it may be started again."""

    def started(within: str = "site", **places: dict[str, str]) -> Pipeline:
        signer = pki.signer("center-1")
        rule = Rule(("panic-button", "panic-hub"), within, EXPIRES_S)
        made = Pipeline(database, keys, signer, "center-1", NOW, badges=Badges(rule, signer, "center-1"))
        known = {"panic": SCHOOL, "near": SCHOOL, "same": SCHOOL, "away": {**SCHOOL, "site": "School 6"}} | places
        made.enter(Registry({people[name].name: place for name, place in known.items()}))
        return made

    return started


def commands(database: Database, pki: Pki) -> list[Command]:
    """What stands in the outbox for devices, each command's signature and topic verified."""
    check, found = verifier(pki.signer("center-1").public_der), []
    with database.read() as connection:
        rows = outgoing(connection, 0, 0, 1000)
    for _id, topic, body in rows:
        if topic.endswith("/command"):
            told = command.decode(cose.verify(body, command.CONTEXT, lambda _kid: check).payload)
            assert topic == f"dabyl/v1/{told.device}/command"
            found.append(told)
    return found


def greet(pipeline: Pipeline, people: dict[str, Device], now_ms: int = NOW - 3_600_000) -> None:
    for one in people.values():
        ingest(pipeline, arrivals(one.greeting()), now_ms)


def test_an_alarm_has_the_badges_of_its_site_record(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start()
    greet(pipeline, people)
    outcome = ingest(pipeline, arrivals(people["panic"].press()), NOW)
    told = commands(database, pki)
    assert [one.device for one in told] == [people["near"].name, people["same"].name] == list(outcome.started)
    for one in told:
        assert (one.name, one.args, one.center) == ("record", {"by": "alarm"}, "center-1")
        assert (one.at, one.expires) == (NOW, EXPIRES_S)


@pytest.mark.parametrize(
    ("within", "called"), [("site", {"near", "same"}), ("building", {"near", "same"}), ("floor", {"near"})]
)
def test_a_rule_may_mean_a_part_of_a_site_and_never_the_like_named_part_of_another(
    start: Start, people: dict[str, Device], database: Database, pki: Pki, within: str, called: set[str]
) -> None:
    pipeline = start(within, same={**SCHOOL, "floor": "3"})
    greet(pipeline, people)
    ingest(pipeline, arrivals(people["panic"].press()), NOW)
    assert {one.device for one in commands(database, pki)} == {people[name].name for name in called}


def test_who_is_nowhere_calls_nobody_and_is_called_by_nobody(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start(panic={}, near={}, same={"building": "main"})
    greet(pipeline, people)
    ingest(pipeline, arrivals(people["panic"].press()), NOW)
    assert commands(database, pki) == []


@pytest.mark.parametrize(
    ("press", "count"),
    [
        (lambda panic: panic.press(), 2),
        (lambda panic: panic.press(drill=True), 0),
        (lambda panic: panic.event("alarm.raised", clock=2, at=NOW - LATE_MS - 1), 0),
        (lambda panic: panic.event("alarm.raised", clock=2, at=NOW - LATE_MS), 2),
        (lambda panic: panic.event("alarm.raised", clock=0), 2),
        (lambda panic: panic.event("alarm.escalated", {"alarm": [1, 1]}), 0),
        (lambda panic: panic.event("test.passed"), 0),
    ],
)
def test_only_a_new_alarm_that_is_no_drill_starts_a_camera(
    start: Start,
    people: dict[str, Device],
    database: Database,
    pki: Pki,
    press: Callable[[Device], Any],
    count: int,
) -> None:
    pipeline = start()
    greet(pipeline, people)
    ingest(pipeline, arrivals(press(people["panic"])), NOW)
    assert len(commands(database, pki)) == count


def test_kinds_that_the_rule_does_not_name_start_nobody(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start(panic={}, near=SCHOOL)
    other = pki.device(f"sos-{len(pki.issued):04}")
    pipeline.enter(Registry({other.name: SCHOOL, people["near"].name: SCHOOL}))
    greet(pipeline, people)
    ingest(pipeline, arrivals(other.greeting(), other.press()), NOW)
    ingest(pipeline, arrivals(people["near"].greeting()), NOW + 1)
    assert commands(database, pki) == []


def test_the_same_alarm_again_starts_nobody_again_and_a_school_full_of_them_no_flood(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start(same={})
    greet(pipeline, people)
    press = people["panic"].press()
    ingest(pipeline, arrivals(press, press), NOW)
    ingest(pipeline, arrivals(press), NOW + AGAIN_MS)
    assert len(commands(database, pki)) == 1
    ingest(pipeline, arrivals(*(people["panic"].press() for _ in range(50))), NOW + AGAIN_MS - 1)
    assert len(commands(database, pki)) == 1
    ingest(pipeline, arrivals(people["panic"].press()), NOW + AGAIN_MS)
    first, second = commands(database, pki)
    assert second.n > first.n


def test_a_badge_that_was_away_is_told_when_it_connects_as_long_as_the_alarm_is_new(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start()
    ingest(pipeline, arrivals(people["panic"].greeting(), people["panic"].press()), NOW)
    assert commands(database, pki) == []
    ingest(pipeline, arrivals(people["near"].greeting(), people["away"].greeting()), NOW + 1000 * EXPIRES_S - 1)
    (told,) = commands(database, pki)
    assert told.device == people["near"].name
    ingest(pipeline, arrivals(people["same"].greeting()), NOW + 1000 * EXPIRES_S)
    assert len(commands(database, pki)) == 1


def test_an_alarm_that_is_closed_or_was_a_drill_or_came_late_starts_nobody_who_connects(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    pipeline = start()
    panic = people["panic"]
    ingest(
        pipeline,
        arrivals(
            panic.greeting(),
            panic.press(),
            panic.press(drill=True),
            panic.event("alarm.raised", clock=2, at=NOW - LATE_MS - 2),
            panic.event("alarm.escalated", {"alarm": [1, 77]}),  # of an alarm that has not come itself
        ),
        NOW,
    )
    orders.place(database, (panic.name, 1, 1), 4, "somebody", NOW)
    pipeline.carry_out_orders(NOW)
    ingest(pipeline, arrivals(people["near"].greeting()), NOW + 1)
    assert commands(database, pki) == []


def test_no_command_without_its_alarm_and_no_alarm_without_its_command(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    """What cannot be stored is given again; then all of it is there, once, whatever the center had already told itself."""
    pipeline = start(same={})
    greet(pipeline, people)
    proven = pipeline.prove(arrivals(people["panic"].press()), NOW)
    fail = [True]

    def full(_connection: Any) -> None:
        if fail:
            raise DatabaseError("full")

    sqlalchemy_event.listen(database.engine, "commit", full)
    with pytest.raises(DatabaseError):
        pipeline.store(proven, NOW)
    fail.clear()
    assert commands(database, pki) == []
    pipeline.store(proven, NOW + 1)
    assert [one.device for one in commands(database, pki)] == [people["near"].name]


def test_numbers_rise_over_a_restart_of_the_center(
    start: Start, people: dict[str, Device], database: Database, pki: Pki
) -> None:
    """And from badge to badge, whichever of them are told: a badge takes no number that is not above the last one."""
    pipeline = start()
    greet(pipeline, people)
    ingest(pipeline, arrivals(people["panic"].press()), NOW)
    ingest(start(near={}), arrivals(people["panic"].press()), NOW)
    ingest(start(same={}), arrivals(people["panic"].press()), NOW - 1000)  # the clock was set back
    numbers = [one.n for one in commands(database, pki)]
    assert len(numbers) == 4
    assert numbers == sorted(set(numbers))
    assert numbers[0] > NOW
