"""The alarm lane over a real broker: a flood holds no alarm up, either session is enough, and its coming and going loses nothing."""

import contextlib
import io
import json
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from center import config
from center.database import Database
from center.identity import own_key, trusted_roots
from center.keytable import KeyTable
from center.pipeline import Pipeline
from center.report import Report
from center.service import BATCH, Service, load_crls, now_ms
from center.start import lanes_of
from tests.center.loopback import ALARMS, Client, Site, until

pytestmark = pytest.mark.mosquitto
FLOOD = 1_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with contextlib.ExitStack() as open_:

        def make(engine: str = "mosquitto", **options: bool) -> Site:
            made = Site(tmp_path, engine, ("sos-0001", "sos-0002"), **options)
            open_.callback(made.close)
            made.broker.start()
            return made

        yield make


def rows(site: Site, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def lane_says(site: Site) -> list[bool]:
    """Whether the lane was up, each time that it was told."""
    return [bool(told["up"]) for told in site.told() if told.get("what") == "alarm-lane"]


def events(tap: Client) -> list[object]:
    """The types of the verified events, without the center's own of presences."""
    return [one["type"] for one in tap.verified if "dabylseq" in one]


class HeldCenter:
    """The center's own service in a thread, with both sessions connected; it takes nothing before ``go``."""

    def __init__(self, site: Site) -> None:
        configuration = config.load(site.config)
        roots, crls = trusted_roots(configuration.roots), load_crls(configuration.crls)
        signer, _ = own_key(configuration, roots, crls, now_ms())
        self.said = io.StringIO()
        report = Report(self.said, as_json=True)
        self.lanes = lanes_of(configuration, report)
        self._database = Database(configuration.database)
        pipeline = Pipeline(self._database, KeyTable(roots, crls), signer, configuration.id, now_ms(), report.stage)
        self.go, self._over = threading.Event(), threading.Event()
        service = Service(configuration, self._database, pipeline, self.lanes, report, None, self._stopped)
        self._thread = threading.Thread(target=service.run, daemon=True)
        self._thread.start()

    def _stopped(self) -> bool:
        self.go.wait()
        return self._over.is_set()

    def stored(self) -> list[str]:
        """The types of what was stored, in order."""
        lines = [json.loads(line) for line in self.said.getvalue().splitlines()]
        return [line["type"] for line in lines if line.get("stage") == "stored"]

    def close(self) -> None:
        self._over.set()
        self.go.set()
        self._thread.join(30)
        self._database.close()


def test_an_alarm_is_stored_receipted_and_handed_on_before_a_flood_that_came_first(site: Callable[..., Site]) -> None:
    made = site()
    flooding, calling = made.devices["sos-0001"], made.devices["sos-0002"]
    made.start_center()
    clients = [made.join("sos-0001"), made.join("sos-0002")]
    clients[0].send(flooding.greeting())
    clients[1].send(calling.greeting())
    until(lambda: rows(made, "SELECT count(*) FROM keys") == [(2,)], "both keys are known")
    until(lambda: lane_says(made) == [True], "the lane has its session")
    assert made.end_center(signal.SIGTERM) == 0
    clients[0].send(*(flooding.event() for _ in range(FLOOD)))
    clients[1].send(calling.press())
    tap = made.join("tap-1")
    center = HeldCenter(made)
    try:
        until(lambda: not center.lanes.main.received.empty(), "the flood has begun")
        alarm_lane = center.lanes.links[0]
        until(lambda: not alarm_lane.received.empty(), "the alarm has overtaken it at the broker")
        center.go.set()
        until(lambda: (1, 1) in clients[1].alarms, "its receipt")
        until(lambda: len(center.stored()) == FLOOD + 1, "all is stored")
        until(lambda: len(events(tap)) == FLOOD + 1, "all is handed on")
    finally:
        center.close()
    assert center.stored().index("alarm.raised") < BATCH // 4
    assert events(tap).index("dabyl.alarm.raised") < BATCH // 4, "two sessions hand on side by side"
    assert len(clients[1].receipts) == 1, "no second receipt for the second copy"


@pytest.mark.parametrize("site_engine", ["mosquitto", "nats"])
def test_an_alarm_comes_twice_and_is_receipted_and_handed_on_once(site: Callable[..., Site], site_engine: str) -> None:
    made = site(site_engine)
    made.start_center()
    device, client, tap = made.devices["sos-0001"], made.join("sos-0001"), made.join("tap-1")
    until(lambda: lane_says(made) == [True], "the lane is up")
    client.send(device.greeting(), *(device.press() for _ in range(30)), device.event())
    until(lambda: client.settled == {(1, seq) for seq in range(1, 32)}, "receipts")
    assert made.end_center(signal.SIGTERM) == 0
    named = [name for told in client.receipts for name in told.alarms]
    assert len(named) == len({(boot, seq) for boot, seq, _ in named}) == 30
    until(lambda: len(tap.verified) >= 32, "all is handed on")
    assert len({one["id"] for one in tap.verified}) == len(tap.verified) == 32
    assert rows(made, "SELECT count(*) FROM events") == [(31,)]


def test_a_lane_that_the_broker_does_not_know_holds_nothing_up(site: Callable[..., Site]) -> None:
    made = site(known=False)
    made.start_center()
    device, client, tap = made.devices["sos-0001"], made.join("sos-0001"), made.join("tap-1")
    until(lambda: True in lane_says(made), "Mosquitto lets it connect and subscribe")
    client.send(device.greeting(), device.press())
    until(lambda: (1, 1) in client.alarms, "the receipt comes all the same")
    until(lambda: any(one["type"] == "dabyl.alarm.raised" for one in tap.verified), "so does the verified event")
    assert made.end_center(signal.SIGTERM) == 0
    assert not [told for told in made.told() if told.get("what") == "declined"], "nothing was tried over the lane"


def test_a_lane_that_ends_and_comes_back_loses_nothing(site: Callable[..., Site]) -> None:
    made = site()
    draw = random.Random(3)
    made.start_center()
    device, client, tap = made.devices["sos-0001"], made.join("sos-0001"), made.join("tap-1")
    until(lambda: lane_says(made) == [True], "the lane is up")
    client.send(device.greeting())
    sent = 0
    for _ in range(3):
        for _ in range(20):
            message = device.press() if draw.random() < 0.7 else device.event()
            client.mqtt.publish(message.topic, message.envelope, 1)
            sent += 1
        before = len(lane_says(made))
        made.take_over(ALARMS)
        until(lambda before=before: len(lane_says(made)) >= before + 2, "the lane is down and up")  # type: ignore[misc]  # bound now
    until(lambda: client.settled == {(1, seq) for seq in range(1, sent + 1)}, "receipts, without sending again")
    until(lambda: rows(made, "SELECT count(*) FROM outbox") == [(0,)], "all is handed on")
    assert made.end_center(signal.SIGTERM) == 0
    assert rows(made, "SELECT count(*) FROM events") == [(sent,)]
    assert {one["id"] for one in tap.verified if "dabylseq" in one} == {
        row[0] for row in rows(made, "SELECT lower(hex(link)) FROM events")
    }


def test_a_center_that_gets_a_lane_and_loses_it_again_misses_nothing_that_waited(site: Callable[..., Site]) -> None:
    made = site(lane=False)
    made.start_center()
    device, client = made.devices["sos-0001"], made.join("sos-0001")
    client.send(device.greeting())
    until(lambda: rows(made, "SELECT count(*) FROM keys") == [(1,)], "the key is known")
    without, seqs = made.config.read_text(), 0
    for lane in (True, False, True):
        assert made.end_center(signal.SIGTERM) == 0
        client.send(*(device.press() for _ in range(5)), device.event())
        seqs += 6
        made.config.write_text(without)
        if lane:
            made.add_lane()
        made.start_center()
        until(
            lambda seqs=seqs: client.settled == {(1, seq) for seq in range(1, seqs + 1)},  # type: ignore[misc]  # bound now
            "receipts for all that waited in the old session, without sending again",
        )
    assert made.end_center(signal.SIGTERM) == 0
    assert rows(made, "SELECT count(*) FROM events") == [(seqs,)]
