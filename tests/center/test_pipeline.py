"""From bytes that arrive to durable events, receipts and what is handed on."""

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from sqlalchemy import select

from agent.keys.chain import load_roots
from agent.wire import event, receipt
from center import orders, queries, schema
from center.continuity import examine
from center.database import Database
from center.errors import DatabaseBusyError, DatabaseFullError
from center.keytable import KeyTable
from center.parking import MAX_PARKED, PARKED_MS
from center.pipeline import Arrival, Outcome, Pipeline
from center.receipts import APART_MS, GATHER_MS
from tests.center.desk import arrivals, count, counters, handed_on, ingest, opened, settled
from tests.center.scripted import NOW, Device, Message, Pki


def test_an_alarm_is_receipted_at_once_and_the_rest_within_a_second(
    pipeline: Pipeline, device: Device, pki: Pki
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.event(), device.event()), NOW)
    assert pipeline.due_receipts(NOW + GATHER_MS - 1) == []
    (gathered,) = pipeline.due_receipts(NOW + GATHER_MS)
    assert opened(gathered, pki).settled == [(1, 1, 2)]
    ingest(pipeline, arrivals(device.press()), NOW + 2_000)
    (at_once,) = pipeline.due_receipts(NOW + 2_000)
    told = opened(at_once, pki)
    assert told.settled == [(1, 3, 3)]
    assert told.alarms == [(1, 3, receipt.RECEIVED)]
    assert told.boots == 1
    assert at_once.topic == f"dabyl/v1/{device.name}/receipt"


def test_a_repeated_event_is_receipted_again_stored_once_and_handed_on_once(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    press = device.press()
    ingest(pipeline, arrivals(device.greeting(), press, press), NOW)
    pipeline.due_receipts(NOW)
    ingest(pipeline, arrivals(press), NOW + 5)
    assert settled(pipeline.due_receipts(NOW + 5), pki) == {(1, 1)}
    assert count(database) == 1
    assert [one["id"] for one in handed_on(database) if one["type"] == "dabyl.alarm.raised"] == [press.link.hex()]


def test_a_malleated_signature_makes_no_second_event(pipeline: Pipeline, database: Database, device: Device) -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    press = device.press()
    s = int.from_bytes(press.envelope[-32:], "big")
    twin = Message(press.topic, press.envelope[:-32] + (order - s).to_bytes(32, "big"))
    ingest(pipeline, arrivals(device.greeting(), press, twin), NOW)
    assert count(database) == 1
    with database.read() as connection:
        assert queries.incidents(connection) == []


def test_two_payloads_under_one_number_are_both_kept_told_and_receipted_and_are_an_incident(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    first = device.press()
    assert first.made is not None
    first.made.data = {"level": "other"}
    second = device.sealed(first.made)
    ingest(pipeline, arrivals(device.greeting(), first), NOW)
    pipeline.due_receipts(NOW)
    orders.place(database, (device.name, 1, 1), receipt.CLOSED, "a", NOW)
    pipeline.carry_out_orders(NOW)
    pipeline.due_receipts(NOW)
    ingest(pipeline, arrivals(second), NOW + 1)
    assert count(database) == 2
    told = [one for one in handed_on(database) if one["type"] == "dabyl.alarm.raised"]
    assert [one["dabylconflict"] for one in told] == [False, True]
    (out,) = pipeline.due_receipts(NOW + 1)
    assert settled([out], pki) == {(1, 1)}
    assert opened(out, pki).alarms == [(1, 1, receipt.RECEIVED)], "what was closed is another press"
    with database.read() as connection:
        (incident,) = queries.incidents(connection)
    assert incident["kind"] == "cloned-device"


def test_receipt_numbers_never_come_twice_even_if_the_center_dies_between_any_two(
    database: Database, pki: Pki, device: Device
) -> None:
    numbers: list[int] = []
    greeting = device.greeting()
    for round_ in range(5):
        keys = KeyTable(load_roots(pki.authority.root_pem))
        pipeline = Pipeline(database, keys, pki.signer("center-1"), "center-1", NOW)  # no orderly end of the one before
        for _ in range(3):
            ingest(pipeline, arrivals(greeting, device.press()), NOW + round_)
            numbers += [opened(out, pki).n for out in pipeline.due_receipts(NOW + round_)]
    assert len(numbers) == 15
    assert numbers[0] > NOW, "a new database goes on above the numbers of an older one"
    assert sorted(set(numbers)) == numbers


def test_while_the_database_is_locked_nothing_is_said_and_afterwards_nothing_is_missing(
    pipeline: Pipeline, database: Database, device: Device, tmp_path: Path, pki: Pki
) -> None:
    batch = arrivals(device.greeting(), device.press())
    holder = sqlite3.connect(tmp_path / "center.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    proven = pipeline.prove(batch, NOW)
    with pytest.raises(DatabaseBusyError, match="locked by another process"):
        pipeline.store(proven, NOW)
    assert pipeline.due_receipts(NOW + 5_000) == []
    holder.execute("ROLLBACK")
    holder.close()
    pipeline.store(proven, NOW)
    assert settled(pipeline.due_receipts(NOW), pki) == {(1, 1)}
    types = [one["type"] for one in handed_on(database)]
    assert types == ["dabyl.alarm.raised", "dabyl.presence.online"], "the change of presence was not lost either"


def test_while_the_disk_is_full_nothing_is_said_and_afterwards_nothing_is_missing(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    def pages(most: int) -> None:
        with database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    pages(1)
    proven = pipeline.prove(arrivals(device.greeting(), *(device.press(note="x" * 4_000) for _ in range(8))), NOW)
    for _ in range(3):
        with pytest.raises(DatabaseFullError, match="free disk space"):
            pipeline.store(proven, NOW)
    assert pipeline.due_receipts(NOW + 5_000) == []
    pages(1_000_000)
    pipeline.store(proven, NOW)
    assert settled(pipeline.due_receipts(NOW), pki) == {(1, seq) for seq in range(1, 9)}
    types = [one["type"] for one in handed_on(database)]
    assert types == ["dabyl.alarm.raised"] * 8 + ["dabyl.presence.online"], "the device did come online"


def test_receipts_that_find_the_database_locked_are_sent_later(
    pipeline: Pipeline, device: Device, tmp_path: Path, pki: Pki
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    holder = sqlite3.connect(tmp_path / "center.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusyError):
        pipeline.due_receipts(NOW)
    holder.execute("ROLLBACK")
    holder.close()
    (out,) = pipeline.due_receipts(NOW)
    assert opened(out, pki).alarms == [(1, 1, receipt.RECEIVED)]


def test_an_event_before_its_key_waits_unreceipted_until_the_presence_brings_it(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    press = device.press()
    outcome = ingest(pipeline, arrivals(press), NOW)
    assert (outcome.parked, outcome.refused) == ((press.topic,), ())
    assert pipeline.due_receipts(NOW + 2_000) == []
    outcome = ingest(pipeline, arrivals(device.greeting()), NOW + 3_000)
    assert (outcome.parked, outcome.refused) == ((), ())
    assert settled(pipeline.due_receipts(NOW + 3_000), pki) == {(1, 1)}
    assert pipeline.give_up(NOW + 10 * PARKED_MS) == []
    assert counters(pipeline, database) == (1, {}), "what is parked is not refused"


def test_what_waits_for_a_key_in_vain_is_refused_once_and_the_key_comes_too_late_for_it(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    press = device.press()
    ingest(pipeline, arrivals(press), NOW)
    assert pipeline.give_up(NOW + PARKED_MS) == []
    assert [(one.topic, one.reason) for one in pipeline.give_up(NOW + PARKED_MS + 1)] == [(press.topic, "unknown-key")]
    assert pipeline.give_up(NOW + PARKED_MS + 2) == []
    assert ingest(pipeline, arrivals(device.greeting()), NOW + PARKED_MS + 3).stored == ()
    assert counters(pipeline, database) == (1, {"unknown-key": 1})
    ingest(pipeline, arrivals(press), NOW + PARKED_MS + 4)  # as a device does that has no receipt
    assert settled(pipeline.due_receipts(NOW + PARKED_MS + 4), pki) == {(1, 1)}


def test_what_waits_for_a_key_is_bounded_and_what_is_given_up_for_it_is_refused(
    pipeline: Pipeline, database: Database, device: Device, foreign: Pki
) -> None:
    stranger = foreign.device(f"stranger-{len(foreign.issued)}")
    outcome = ingest(pipeline, arrivals(stranger.press()) * (MAX_PARKED + 50), NOW)
    assert [one.reason for one in outcome.refused] == ["unknown-key"] * 50
    outcome = ingest(pipeline, arrivals(device.press(), device.greeting()), NOW)
    assert [one.name for one in outcome.stored] == [(device.name, 1, 1)]
    assert counters(pipeline, database) == (MAX_PARKED + 51, {"unknown-key": 51})


def test_what_waited_for_its_key_and_is_forged_is_refused_as_such(pipeline: Pipeline, device: Device) -> None:
    press = device.press()
    forged = Message(press.topic, press.envelope[:-1] + bytes([press.envelope[-1] ^ 1]))
    outcome = ingest(pipeline, arrivals(forged, device.greeting(), press), NOW)
    assert [one.reason for one in outcome.refused] == ["forged"]
    assert [one.name for one in outcome.stored] == [(device.name, 1, 1)]


def test_keys_survive_a_restart_of_the_center(database: Database, pki: Pki, pipeline: Pipeline, device: Device) -> None:
    ingest(pipeline, arrivals(device.greeting()), NOW)
    again = Pipeline(database, KeyTable(load_roots(pki.authority.root_pem)), pki.signer("center-1"), "center-1", NOW)
    assert len(ingest(again, arrivals(device.press()), NOW).stored) == 1


def test_an_alarms_state_never_falls(pipeline: Pipeline, database: Database, device: Device, pki: Pki) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    pipeline.due_receipts(NOW)
    for state in (receipt.DISPATCHED, receipt.ACKNOWLEDGED):
        orders.place(database, (device.name, 1, 1), state, "a", NOW)
        pipeline.carry_out_orders(NOW)
        (out,) = pipeline.due_receipts(NOW)
        assert opened(out, pki).alarms == [(1, 1, receipt.DISPATCHED)]


def test_an_escalation_counts_on_its_alarm_even_if_it_comes_first(
    pipeline: Pipeline, database: Database, device: Device
) -> None:
    raised, later = device.press(), device.event("alarm.escalated", {"alarm": [1, 1], "count": 3})
    nonsense = device.event("alarm.escalated", {"alarm": [7, 2**40]})
    ingest(pipeline, arrivals(device.greeting(), later, nonsense), NOW)

    def alarms() -> dict[object, tuple[object, object]]:
        with database.read() as connection:
            found = queries.alarms(connection, closed=False, most=10)
        return {one["seq"]: (one["type"], one["escalations"]) for one in found}

    assert alarms() == {1: ("alarm.escalated", 1), 3: ("alarm.escalated", 0)}
    ingest(pipeline, arrivals(raised), NOW)
    assert alarms() == {1: ("alarm.raised", 1), 3: ("alarm.escalated", 0)}


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "the follow-up first"])
@pytest.mark.parametrize("real", [(), (0,), (1,), (0, 1)], ids=["none", "the first", "the second", "both"])
def test_an_alarm_is_a_drill_only_as_long_as_all_its_events_say_so(
    pipeline: Pipeline, database: Database, device: Device, real: tuple[int, ...], turned: bool
) -> None:
    drills = [{} if n in real else {"drill": True} for n in range(2)]
    messages = [device.press(**drills[0]), device.event("alarm.escalated", {"alarm": [1, 1], **drills[1]})]
    ingest(pipeline, arrivals(device.greeting()), NOW)
    for message in reversed(messages) if turned else messages:
        ingest(pipeline, arrivals(message), NOW)
    with database.read() as connection:
        (alarm,) = queries.alarms(connection, closed=False, most=10)
    assert alarm["drill"] is (not real)


def test_a_device_cannot_speak_for_the_center_about_presence(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.event("presence.lost")), NOW)
    assert [one["type"] for one in handed_on(database)] == ["dabyl.presence.online"]
    assert settled(pipeline.due_receipts(NOW + 1_000), pki) == {(1, 1)}


@pytest.mark.parametrize("clock", [event.CLOCK_HOLDOVER, event.CLOCK_SYNCHRONISED])
def test_an_event_before_the_clock_was_set_is_dated_from_a_later_one(
    pipeline: Pipeline, database: Database, device: Device, clock: int
) -> None:
    undated, dating, late = (
        device.event("tamper.opened", clock=0),
        device.event(clock=clock),
        device.event("tamper.opened", clock=0),
    )
    ingest(pipeline, arrivals(device.greeting(), undated), NOW)
    ingest(pipeline, arrivals(dating), NOW)
    ingest(pipeline, arrivals(late), NOW)
    told = {one["dabylseq"]: one for one in handed_on(database) if "dabylseq" in one}
    schema_ = json.loads(Path("docs/wire/verified-event.schema.json").read_text())
    for one in handed_on(database):
        jsonschema.validate(one, schema_)
    assert "time" not in told[1], "nobody could know, and it was not held back"
    assert told[3]["time"] == "2026-05-28T20:26:40.010Z"


def test_a_late_event_is_marked_late(pipeline: Pipeline, database: Database, device: Device) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.event()), NOW + 60_000)
    ingest(pipeline, arrivals(device.event()), NOW + 60_001)
    late = {one["dabylseq"]: one["dabyllate"] for one in handed_on(database) if "dabylseq" in one}
    assert late == {1: False, 2: True}


def test_revocation_takes_a_key_that_is_already_known(pipeline: Pipeline, database: Database, tmp_path: Path) -> None:
    from agent.keys.revocation import load_lists  # noqa: PLC0415  kept beside its one use

    own = Pki(tmp_path / "own")
    own.leaf("center", "center-1")
    lost = own.device("sos-lost")
    keys = KeyTable(load_roots(own.authority.root_pem))
    center = Pipeline(database, keys, own.signer("center-1"), "center-1", NOW)
    assert len(ingest(center, arrivals(lost.greeting(), lost.press()), NOW).stored) == 1
    lists = load_lists(own.revoke("sos-lost"))
    assert [key.device for key in center.revoke(lists, NOW)] == ["sos-lost"]
    outcome = ingest(center, arrivals(lost.press(), lost.greeting()), NOW)
    assert [one.reason for one in outcome.refused] == ["revoked", "revoked"]
    restarted = KeyTable(load_roots(own.authority.root_pem), lists)
    again = Pipeline(database, restarted, own.signer("center-1"), "center-1", NOW)
    assert [one.reason for one in ingest(again, arrivals(lost.press()), NOW).refused] == ["revoked"]


def test_refusals_are_counted_by_reason_and_kept(pipeline: Pipeline, database: Database, device: Device) -> None:
    press = device.press()
    forged = Message(press.topic, press.envelope[:-1] + bytes([press.envelope[-1] ^ 1]))
    ingest(pipeline, arrivals(device.greeting(), forged, forged, Message(press.topic, b"\xd2")), NOW)
    pipeline.keep_counts()
    assert counters(pipeline, database) == (0, {"forged": 2, "malformed": 1})


def test_silence_is_told_once_and_life_after_it_too(pipeline: Pipeline, database: Database, device: Device) -> None:
    ingest(pipeline, arrivals(device.greeting(keepalive=13)), NOW)
    assert pipeline.watch(NOW + 19_500) == []
    assert [change.online for change in pipeline.watch(NOW + 19_501)] == [False]
    assert pipeline.watch(NOW + 60_000) == []
    ingest(pipeline, arrivals(device.event()), NOW + 61_000)
    told = [one for one in handed_on(database) if str(one["type"]).startswith("dabyl.presence")]
    assert [one["type"] for one in told] == ["dabyl.presence.online", "dabyl.presence.lost", "dabyl.presence.online"]
    assert len({one["id"] for one in told}) == 3


@pytest.mark.parametrize("seed", range(4))
def test_however_deliveries_are_shuffled_repeated_and_batched_the_end_is_the_same(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki, seed: int
) -> None:
    draw = random.Random(seed)
    made = [device.press() if draw.random() < 0.2 else device.event() for _ in range(60)]
    deliveries = made + draw.sample(made, 30)
    draw.shuffle(deliveries)
    ingest(pipeline, arrivals(device.greeting()), NOW)
    told: set[tuple[int, int]] = set()
    now = NOW
    while deliveries:
        size = draw.randint(1, 12)
        batch, deliveries = deliveries[:size], deliveries[size:]
        ingest(pipeline, arrivals(*batch), now)
        now += APART_MS
        told |= settled(pipeline.due_receipts(now), pki)
    assert told == {(1, seq) for seq in range(1, 61)}
    assert count(database) == 60
    ids = [one["id"] for one in handed_on(database) if "dabylseq" in one]
    assert sorted(map(str, ids)) == sorted(message.link.hex() for message in made)
    with database.read() as connection:
        verdicts = dict(queries.chains(connection))
    assert verdicts[device.name].whole


def test_the_stored_payloads_themselves_are_judged(
    pipeline: Pipeline, database: Database, device: Device, tmp_path: Path
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.event(), device.event(), device.event()), NOW)
    with database.begin() as connection:
        payload = connection.execute(select(schema.events.c.payload).where(schema.events.c.seq == 2)).scalar_one()
        altered = payload.replace(b"health.report", b"health.riport")
        connection.execute(schema.events.update().where(schema.events.c.seq == 2).values(payload=altered))
    with database.read() as connection:
        verdict = dict(queries.chains(connection))[device.name]
    assert verdict.boots[0].breaks == (3,)


def test_nothing_is_stored_for_an_empty_or_refused_batch(pipeline: Pipeline, database: Database) -> None:
    outcome: Outcome = ingest(pipeline, [Arrival("", b""), Arrival("dabyl/v1/sos-0001/command", b"\xd2\x84")], NOW)
    assert [one.reason for one in outcome.refused] == ["misaddressed", "misaddressed"]
    assert count(database) == 0
    assert examine([]).whole


def test_new_devices_do_not_disturb_each_other(pipeline: Pipeline, new_device: Callable[[], Device], pki: Pki) -> None:
    one, two = new_device(), new_device()
    ingest(pipeline, arrivals(one.greeting(), two.greeting(), one.press(), two.press()), NOW)
    outs = pipeline.due_receipts(NOW)
    assert sorted(opened(out, pki).device for out in outs) == sorted([one.name, two.name])
