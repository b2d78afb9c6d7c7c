"""The center as a process, over a real broker with mutual TLS: what it promises while everything around it breaks."""

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wire import cose, event, presence, receipt
from simulators.broker.engines import Mosquitto
from tests.center.loopback import Client, Site, until
from tests.center.scripted import Message, Pki

DEVICES = ("sos-0001", "sos-0002")


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, request.param, DEVICES)
    made.broker.start()
    yield made
    made.close()


def rows(site: Site, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def refused(site: Site, reason: str, what: str = "refused") -> int:
    """How often the center has told of this refusal, or that it ``parked`` a message."""
    told = [one for one in site.told() if one.get("what") == what]
    held: list[Any] = [one["held"] for one in told if "held" in one]
    return sum(one.get("reason") == reason for one in told) + int(sum(one.get(reason, 0) for one in held))


def reread(site: Site) -> None:
    """Have Mosquitto read its access rules again, as they stand in its file."""
    before = site.broker.log.read_bytes().count(Mosquitto.reloaded)
    assert site.broker.pid is not None
    os.kill(site.broker.pid, signal.SIGHUP)
    until(lambda: site.broker.log.read_bytes().count(Mosquitto.reloaded) > before, "the broker reads its rules")


def send_until_settled(client: Client, messages: list[Message], seconds: float = 40.0) -> None:
    """As a device does: everything not receipted is sent again."""
    names = {(one.made.boot, one.made.seq): one for one in messages if one.made is not None}
    limit = time.monotonic() + seconds
    while open_ := set(names) - client.settled:
        assert time.monotonic() < limit, f"never receipted: {sorted(open_)[:5]} of {len(names)}"
        client.send(*(names[name] for name in sorted(open_)))
        until_quiet = time.monotonic() + 1.5
        while set(names) - client.settled and time.monotonic() < until_quiet:
            time.sleep(0.01)


@pytest.mark.parametrize("site", [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"], indirect=True)
def test_a_press_is_receipted_handed_on_and_acknowledged(site: Site) -> None:
    site.start_center()
    device = site.devices["sos-0001"]
    client, tap = site.join("sos-0001"), site.join("tap-1")
    client.send(device.greeting(), device.press(drill=True))
    until(lambda: client.alarms.get((1, 1)) == receipt.RECEIVED, "the receipt")
    until(lambda: any(one["type"] == "dabyl.alarm.raised" for one in tap.verified), "the verified event")
    told = next(one for one in tap.verified if one["type"] == "dabyl.alarm.raised")
    assert told["source"] == "urn:dabyl:device:sos-0001"
    assert told["dabyldrill"] is True
    done = site.cli("acknowledge", "sos-0001", "1", "1", "--by", "tester", "--json")
    assert done.returncode == 0, done.stderr
    until(lambda: client.alarms[1, 1] == receipt.ACKNOWLEDGED, "the lamp changes")
    assert json.loads(done.stdout)["state"] == "acknowledged"
    (steps,) = [one["steps"] for one in json.loads(site.cli("alarms", "--json").stdout)]
    assert [(step["state"], step["who"]) for step in steps] == [("received", ""), ("acknowledged", "tester")]
    stages = [one["stage"] for one in site.told() if one.get("seq") == 1 and "stage" in one]
    assert stages[:3] == ["verified", "stored", "receipt"]
    assert site.cli("check").returncode == 0
    assert site.end_center(signal.SIGTERM) == 0


def test_nothing_forged_replayed_readdressed_foreign_or_revoked_is_accepted(site: Site) -> None:
    site.start_center()
    one, two = site.devices["sos-0001"], site.devices["sos-0002"]
    honest, hostile = site.join("sos-0001"), site.join("sos-0002")
    foreign = Pki(site.directory / "foreign", site.pki.now_ms).device("sos-0002")
    first_greeting = one.greeting()
    honest.send(first_greeting, one.greeting(online=False, session=1), one.greeting())
    hostile.send(two.greeting())
    until(lambda: rows(site, "SELECT count(*) FROM keys") == [(2,)], "both keys are known: alarms overtake presences")
    honest.send(one.press())
    until(lambda: (1, 1) in honest.settled, "the honest event")

    press, state = two.press(), two.event("tamper.opened")
    assert press.made is not None
    flipped = Message(press.topic, press.envelope[:-1] + bytes([press.envelope[-1] ^ 1]))
    as_presence = Message(press.topic, cose.sign(press.payload, presence.CONTEXT, two.signer))
    alarm_as_event = Message("dabyl/v1/sos-0002/event", press.envelope)
    event_as_alarm = Message("dabyl/v1/sos-0002/alarm", state.envelope)
    of_another = Message("dabyl/v1/sos-0002/alarm", one.press().envelope)
    claims_another = one.press()
    assert claims_another.made is not None
    pretends = Message("dabyl/v1/sos-0002/alarm", cose.sign(claims_another.payload, event.CONTEXT, two.signer))
    greeting_of_another = Message("dabyl/v1/sos-0002/presence", one.greeting().envelope)
    oversized = Message(press.topic, press.envelope + b"\x00" * cose.MAX_MESSAGE)
    attacks = {
        "forged": [flipped, as_presence],
        "misaddressed": [alarm_as_event, event_as_alarm, of_another, pretends, greeting_of_another],
        "oversized": [oversized],
        "malformed": [Message(press.topic, b""), Message(press.topic, press.envelope + b"\x00")],
        "untrusted": [foreign.greeting()],
    }
    for reason, messages in attacks.items():
        hostile.send(*messages)
        until(lambda reason=reason, messages=messages: refused(site, reason) >= len(messages), reason)  # type: ignore[misc]  # bound now
    hostile.send(foreign.press())
    until(lambda: refused(site, "unknown-key", "parked") == 1, "what nobody knows waits for its key")
    honest.send(first_greeting)
    until(lambda: refused(site, "replayed") == 1, "the replayed presence")
    site.pki.revoke("sos-0002")
    until(lambda: any(told.get("what") == "revoked" for told in site.told()), "the list is read again")
    hostile.send(press, two.greeting())
    until(lambda: refused(site, "revoked") == 2, "revoked")
    assert rows(site, "SELECT device, boot, seq FROM events") == [("sos-0001", 1, 1)]
    assert hostile.receipts == []
    assert site.end_center(signal.SIGINT) == 0
    counted = {row[0]: row[1] for row in rows(site, "SELECT name, value FROM counters WHERE name LIKE 'refused.%'")}
    assert counted == {f"refused.{reason}": len(messages) for reason, messages in attacks.items()} | {
        "refused.replayed": 1,
        "refused.revoked": 2,
    }


def test_an_event_that_overtakes_its_devices_presence_waits_for_it_and_is_not_refused(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.press(), device.event())
    until(lambda: refused(site, "unknown-key", "parked") == 2, "both wait")
    client.send(device.greeting())
    until(lambda: client.settled == {(1, 1), (1, 2)}, "receipts, without the device sending again")
    assert site.end_center(signal.SIGTERM) == 0
    told = json.loads(site.cli("check", "--json").stdout)
    assert (told["parked"], told["refused"]) == (2, {})


def test_killed_at_random_moments_it_loses_nothing_and_never_repeats_a_receipt_number(site: Site) -> None:
    draw = random.Random(7)
    device = site.devices["sos-0001"]
    client, tap = site.join("sos-0001"), site.join("tap-1")
    made: list[Message] = []
    site.start_center()
    client.send(device.greeting())
    for _ in range(6):
        fresh = [device.press() if draw.random() < 0.2 else device.event() for _ in range(60)]
        made += fresh
        for message in fresh:
            client.mqtt.publish(message.topic, message.envelope, 1)
        time.sleep(draw.random() * 0.25)  # the moment of death is the point
        site.end_center(signal.SIGKILL)
        site.start_center()
    send_until_settled(client, made)
    assert site.end_center(signal.SIGTERM) == 0
    numbers = [told.n for told in client.receipts]
    assert len(set(numbers)) == len(numbers), "a receipt number came twice"
    stored = rows(site, "SELECT boot, seq, count(*) FROM events GROUP BY boot, seq")
    assert stored == [(1, seq, 1) for seq in range(1, len(made) + 1)]
    site.start_center()
    until(lambda: rows(site, "SELECT count(*) FROM outbox") == [(0,)], "all is handed on")
    ids = {one["id"] for one in tap.verified if "dabylseq" in one}
    assert ids == {message.link.hex() for message in made}


def test_while_another_process_locks_the_database_no_receipt_is_given_and_then_all_are(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.greeting(), device.press())
    until(lambda: (1, 1) in client.settled, "the first receipt")
    until(lambda: rows(site, "SELECT count(*) FROM outbox") == [(0,)], "nothing else is to be written")
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        client.send(*(device.press() for _ in range(20)))
        until(lambda: any("locked" in str(told.get("text")) for told in site.told()), "it says what is wrong")
        assert client.settled == {(1, 1)}
        holder.execute("ROLLBACK")
    until(
        lambda: client.settled == {(1, seq) for seq in range(1, 22)}, "all receipts, without the device sending again"
    )


def test_while_the_disk_is_full_no_receipt_is_given_and_then_all_are(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.greeting(), device.press())
    until(lambda: (1, 1) in client.settled, "the first receipt")
    until(lambda: rows(site, "SELECT count(*) FROM outbox") == [(0,)], "nothing else is to be written")
    assert site.center is not None
    before = resource.prlimit(site.center.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    client.send(*(device.press(note="x" * 500) for _ in range(20)))
    until(lambda: any("cannot be written" in str(told.get("text")) for told in site.told()), "it says what is wrong")
    assert client.settled == {(1, 1)}
    resource.prlimit(site.center.pid, resource.RLIMIT_FSIZE, before)
    until(
        lambda: client.settled == {(1, seq) for seq in range(1, 22)}, "all receipts, without the device sending again"
    )


def test_the_broker_may_die_and_come_back(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.greeting(), device.press())
    until(lambda: (1, 1) in client.settled, "the first receipt")
    site.broker.kill()
    until(lambda: any(told.get("what") == "disconnected" for told in site.told()), "it notices")
    site.broker.start()
    made = [device.press() for _ in range(5)]
    send_until_settled(client, made)


def test_what_came_while_the_center_was_down_is_waiting_for_it(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.greeting(), device.press())
    until(lambda: (1, 1) in client.settled, "the first receipt")
    site.end_center(signal.SIGTERM)
    client.send(*(device.event() for _ in range(600)))  # more than the broker lets out unacknowledged
    site.start_center()
    until(lambda: len(client.settled) == 601, "receipts, without the device sending again")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"this is not a database, but somebody's letter" * 100, id="foreign"),
        pytest.param(lambda good: good[:100] + bytes(len(good) - 100), id="zeroed"),
    ],
)
def test_a_damaged_database_is_refused_with_its_remedy_and_left_as_it_is(
    site: Site, damage: Callable[[bytes], bytes]
) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    client.send(device.greeting(), *(device.press() for _ in range(50)))
    until(lambda: len(client.settled) == 50, "receipts")
    site.end_center(signal.SIGTERM)
    damaged = damage(site.database.read_bytes())
    site.database.write_bytes(damaged)
    for command in ("run", "alarms"):
        found = site.cli(command)
        assert found.returncode == 3
        assert str(site.database) in found.stderr
        assert "Traceback" not in found.stderr
    assert site.database.read_bytes() == damaged


def test_a_tap_writes_each_event_once_and_ends_when_it_has_enough(site: Site) -> None:
    site.start_center()
    device, client = site.devices["sos-0001"], site.join("sos-0001")
    child = site.follow("--type", "alarm.*", "--count", "3")
    client.send(device.greeting())
    made: list[Message] = []

    def enough() -> bool:
        made.append(device.press())
        client.send(made[-1], device.event())
        return child.poll() is not None

    until(enough, "the tap ends", 30)
    out, err = child.communicate()
    lines = [json.loads(line) for line in out.splitlines()]
    assert child.returncode == 0, err
    assert [one["type"] for one in lines] == ["dabyl.alarm.raised"] * 3
    assert len({one["id"] for one in lines}) == 3


@pytest.mark.parametrize("site", [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"], indirect=True)
def test_an_event_that_is_huge_as_json_keeps_nothing_behind_it_from_consumers(site: Site) -> None:
    site.start_center()
    device, client, tap = site.devices["sos-0001"], site.join("sos-0001"), site.join("tap-1")
    huge, press = device.press(note="\x01" * 48_800), device.press()
    client.send(device.greeting(), huge, press)
    until(lambda: press.link.hex() in {one["id"] for one in tap.verified}, "the press behind it is handed on")
    assert huge.link.hex() in {one["id"] for one in tap.verified}
    assert rows(site, "SELECT payload FROM events WHERE seq = 1") == [(huge.payload,)], "and is stored as it came"


def test_what_the_broker_declines_is_kept_told_and_handed_on_once_it_takes_it(site: Site) -> None:
    site.start_center()
    device, client, tap = site.devices["sos-0001"], site.join("sos-0001"), site.join("tap-1")
    client.send(device.greeting(), device.press())
    until(lambda: len(tap.verified) == 2, "the way is open")
    rules = site.broker.directory / "mosquitto.acl"
    allowed = rules.read_text()
    rules.write_text(allowed.replace("topic write dabyl/", "topic read dabyl/"))
    reread(site)
    made = [device.press(), device.event()]
    client.send(*made)
    until(lambda: any(told.get("what") == "declined" for told in site.told()), "it says that it may not write")
    until(lambda: len(rows(site, "SELECT id FROM outbox")) == 2, "both are kept")
    assert (1, 2) not in client.settled
    rules.write_text(allowed)
    reread(site)
    until(lambda: {one.link.hex() for one in made} <= {one["id"] for one in tap.verified}, "both are handed on")
    until(lambda: {(1, 2), (1, 3)} <= client.settled, "receipts, without the device sending again")
    until(lambda: rows(site, "SELECT id FROM outbox") == [], "and kept no longer")
    assert len(tap.verified) == 4, "nothing was handed on twice"


def test_the_database_is_nobody_elses_business(site: Site) -> None:
    site.start_center()
    assert [path.stat().st_mode & 0o777 for path in sorted(site.directory.glob("center.sqlite*"))] == [0o600] * 3
