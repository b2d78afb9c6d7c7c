"""Connections and restarts: what a device is told when it connects; neither a crash nor a replay changes who is known to be there."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from agent.keys.chain import load_roots
from agent.wire import receipt
from center import orders, schema
from center.database import Database
from center.errors import DatabaseFullError
from center.inbox import CLOSED_TOLD
from center.keytable import KeyTable
from center.pipeline import Arrival, Pipeline
from center.presence import MAX_VOLATILE
from tests.center.desk import arrivals, ingest, opened
from tests.center.scripted import NOW, Device, Message, Pki


def restarted(database: Database, pki: Pki) -> Pipeline:
    """Another run of the center on the same database; the one before had no orderly end."""
    return Pipeline(database, KeyTable(load_roots(pki.authority.root_pem)), pki.signer("center-1"), "center-1", NOW)


def moved(pipeline: Pipeline, database: Database, device: Device, seq: int, state: int) -> None:
    """An operator moves an alarm on, and its device is told."""
    orders.place(database, (device.name, 1, seq), state, "a", NOW)
    assert pipeline.carry_out_orders(NOW) == 1
    pipeline.due_receipts(NOW)


def told_of_alarms(pipeline: Pipeline, pki: Pki, *messages: Message, retained: bool = False) -> list[object]:
    """What receipts say of alarms when these messages have come."""
    ingest(pipeline, [Arrival(message.topic, message.envelope, retained) for message in messages], NOW)
    return [told for out in pipeline.due_receipts(NOW) for told in opened(out, pki).alarms]


@pytest.fixture
def alarmed(pipeline: Pipeline, database: Database, device: Device) -> Device:
    """Connected, with one alarm closed and one acknowledged, and told so."""
    ingest(pipeline, arrivals(device.greeting(), device.press(), device.press()), NOW)
    moved(pipeline, database, device, 1, receipt.CLOSED)
    moved(pipeline, database, device, 2, receipt.ACKNOWLEDGED)
    return device


ALARMED = [(1, 1, receipt.CLOSED), (1, 2, receipt.ACKNOWLEDGED)]


def test_a_device_is_told_the_states_of_its_alarms_at_each_connection_and_no_more(
    pipeline: Pipeline, alarmed: Device, pki: Pki
) -> None:
    assert told_of_alarms(pipeline, pki, alarmed.greeting(session=1)) == [], "a presence of the same connection"
    again = alarmed.greeting()
    assert told_of_alarms(pipeline, pki, again) == ALARMED, "a new session"
    for _ in range(3):
        assert told_of_alarms(pipeline, pki, alarmed.greeting(session=2)) == []
    assert told_of_alarms(pipeline, pki, again) == [], "a replay"
    assert told_of_alarms(pipeline, pki, alarmed.greeting(online=False, session=2)) == [], "nobody listens"
    assert told_of_alarms(pipeline, pki, alarmed.greeting(), alarmed.greeting()) == ALARMED, "two in one batch"


def test_a_new_boot_is_a_new_connection_and_its_first_event_alone_is_none(
    pipeline: Pipeline, alarmed: Device, pki: Pki
) -> None:
    assert told_of_alarms(pipeline, pki, alarmed.reboot(2)) == []
    assert told_of_alarms(pipeline, pki, alarmed.greeting()) == ALARMED
    alarmed.reboot(2**31 + 5)
    assert told_of_alarms(pipeline, pki, alarmed.greeting()) == ALARMED


def test_a_replayed_presence_has_nobody_told_anything(pipeline: Pipeline, alarmed: Device, pki: Pki) -> None:
    old = [alarmed.greeting(), alarmed.greeting(online=False), alarmed.greeting()]
    for message in old:
        ingest(pipeline, arrivals(message), NOW)
    alarmed.reboot(2)
    newest = alarmed.greeting()
    assert told_of_alarms(pipeline, pki, newest) == ALARMED
    for message in (*old, newest):
        for retained in (False, True):
            assert told_of_alarms(pipeline, pki, message, retained=retained) == []


def test_the_will_of_a_connection_may_overtake_its_greeting(pipeline: Pipeline, alarmed: Device, pki: Pki) -> None:
    will, greeting = alarmed.greeting(online=False, session=2), alarmed.greeting(session=2)
    assert told_of_alarms(pipeline, pki, will) == []
    assert told_of_alarms(pipeline, pki, greeting) == ALARMED


def test_a_center_that_died_before_it_told_a_device_tells_it_after_its_start(
    pipeline: Pipeline, database: Database, alarmed: Device, pki: Pki
) -> None:
    greeting = alarmed.greeting()
    ingest(pipeline, arrivals(greeting), NOW)  # stored, and the receipt is lost with the process
    again = restarted(database, pki)
    assert told_of_alarms(again, pki, greeting, retained=True) == ALARMED
    assert told_of_alarms(again, pki, greeting, retained=True) == []


def test_a_connection_that_could_not_be_stored_is_told_when_it_is(
    pipeline: Pipeline, database: Database, alarmed: Device, pki: Pki
) -> None:
    def pages(most: int) -> None:
        with database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    pages(1)
    proven = pipeline.prove(
        arrivals(alarmed.greeting(), *(alarmed.event(data={"x": "x" * 4_000}) for _ in range(8))), NOW
    )
    with pytest.raises(DatabaseFullError):
        pipeline.store(proven, NOW)
    assert pipeline.due_receipts(NOW + 5_000) == []
    pages(1_000_000)
    pipeline.store(proven, NOW)
    assert [opened(out, pki).alarms for out in pipeline.due_receipts(NOW)] == [ALARMED]


def test_a_device_is_told_of_no_others_alarms(
    pipeline: Pipeline, alarmed: Device, new_device: Callable[[], Device], pki: Pki
) -> None:
    assert told_of_alarms(pipeline, pki, new_device().greeting()) == []
    assert told_of_alarms(pipeline, pki, alarmed.greeting()) == ALARMED


def test_what_a_device_is_told_of_old_alarms_is_bounded_and_the_newest(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    ingest(pipeline, arrivals(device.greeting()), NOW)
    for number in range(1, 2 * CLOSED_TOLD + 1):
        ingest(pipeline, arrivals(device.press()), NOW + number)
        moved(pipeline, database, device, number, receipt.CLOSED)
    pipeline.due_receipts(NOW + 1_000)
    told = told_of_alarms(pipeline, pki, device.greeting())
    assert told == [(1, seq, receipt.CLOSED) for seq in range(CLOSED_TOLD + 1, 2 * CLOSED_TOLD + 1)]


def test_a_restart_forgets_no_connection_even_if_no_will_came_between_two_boots(
    pipeline: Pipeline, database: Database, new_device: Callable[[], Device], pki: Pki
) -> None:
    devices, firsts = [new_device(), new_device()], []
    for boot, device in enumerate(devices, 2):
        firsts.append(device.greeting())
        ingest(pipeline, arrivals(firsts[-1]), NOW)
        device.reboot(boot)
    for device in devices:
        ingest(pipeline, arrivals(device.greeting(keepalive=13)), NOW)
    again = restarted(database, pki)
    assert [one.reason for one in ingest(again, arrivals(*firsts), NOW).refused] == ["replayed"] * 2
    assert again.watch(NOW + 19_500) == []
    lost = [change.told.device for change in again.watch(NOW + 19_501)]
    assert lost == [device.name for device in devices], "their silence is noticed"


def test_a_restart_forgets_no_volatile_boot_and_what_is_kept_of_them_is_bounded(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki
) -> None:
    greetings = []
    for number in range(2 * MAX_VOLATILE):
        device.reboot(2**32 - 1 - number)  # so that their order is not that of their numbers
        greetings.append(device.greeting())
        ingest(pipeline, arrivals(greetings[-1]), NOW)
    with database.read() as connection:
        kept = connection.execute(select(func.count()).select_from(schema.sessions)).scalar_one()
    assert kept == MAX_VOLATILE
    again = restarted(database, pki)
    device.reboot(2**31 + 1)
    ingest(again, arrivals(device.greeting()), NOW)
    outcome = ingest(again, arrivals(*greetings[MAX_VOLATILE + 1 :]), NOW)
    assert [one.reason for one in outcome.refused] == ["replayed"] * (MAX_VOLATILE - 1)


@pytest.mark.parametrize("damaged", [b"", b"\xff", b"\x81\x41", b"\x81\x41\x00", b"\x80"])
def test_a_kept_key_that_is_damaged_is_left_out_and_comes_again_with_a_presence(
    pipeline: Pipeline, database: Database, device: Device, pki: Pki, damaged: bytes
) -> None:
    greeting = device.greeting()
    ingest(pipeline, arrivals(greeting), NOW)
    with database.begin() as connection:
        connection.execute(schema.keys.update().values(chain=damaged))
    again = restarted(database, pki)
    assert len(again.keys) == 0
    assert len(ingest(again, arrivals(greeting, device.press()), NOW).stored) == 1
