"""What goes out over which session, and what of it is sent again. No broker: links that note what they are given."""

import io
import threading
from collections.abc import Callable

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import func, select

from center import schema
from center.config import BrokerAccess
from center.database import Database
from center.lanes import Lanes
from center.link import Link, Received
from center.pipeline import Pipeline
from center.report import Report
from center.sender import Sender
from tests.center.desk import arrivals, ingest
from tests.center.scripted import NOW, Device, Pki


class Session(Link):
    """A link that is connected when told so. Publishes nothing, but notes it."""

    def __init__(self, access: BrokerAccess) -> None:
        super().__init__(access, "center-1", (), draw=lambda: 0.0, clock=lambda: 0.0, on_state=lambda _up, _text: None)
        self.topics: list[str] = []
        self.up(is_up=True)

    def up(self, *, is_up: bool) -> None:
        """A new connection, or none."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2) if is_up else None

    def publish(self, client: paho.Client, topic: str, payload: bytes) -> int | None:
        assert client is self._client
        assert payload
        self.topics.append(topic.rsplit("/", 1)[1])
        return len(self.topics)

    def come(self) -> None:
        """An alarm."""
        assert self._client is not None
        self.received.put(
            Received("dabyl/v1/sos-0001/alarm", b"press", retained=False, mid=1, qos=1, client=self._client)
        )

    def answer(self, number: int, *, taken: bool = True) -> None:
        assert self._client is not None
        self.published.put((self._client, number, taken))


class Scene:
    """A sender over the first session, and over the alarm lane unless it is to have none."""

    def __init__(self, pki: Pki, database: Database, pipeline: Pipeline, *, lane: bool) -> None:
        files = (pki.directory / "center-1.pem", pki.directory / "center-1.key")
        access = BrokerAccess((("127.0.0.1", 1),), pki.root, *files)
        self.main = Session(access)
        self.alarms = Session(access) if lane else None
        lanes = Lanes(self.main, self.alarms, threading.Event())
        self.lanes = lanes
        self.sender = Sender(lanes, database, pipeline, Report(io.StringIO(), as_json=True))
        self.brings_an_alarm()

    def brings_an_alarm(self) -> None:
        """The lane has shown that it works."""
        if self.alarms is not None:
            self.alarms.come()
            self.lanes.gather(1, 0)

    def turn(self, receipts_ms: int | None = None) -> None:
        """As the service does; receipts only at a time that is given."""
        self.sender.follow(NOW)
        if receipts_ms is not None:
            self.sender.send_receipts(receipts_ms)
        self.sender.send_events()


@pytest.fixture
def scene(pki: Pki, database: Database, pipeline: Pipeline) -> Callable[..., Scene]:
    def make(*, lane: bool = True) -> Scene:
        return Scene(pki, database, pipeline, lane=lane)

    return make


def test_of_what_a_broker_declined_nothing_is_sent_again_that_is_under_way_or_taken(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press(), device.press(), device.press()), NOW)
    stage = scene(lane=False)
    stage.turn()
    assert stage.main.topics == ["alarm.raised"] * 3 + ["presence.online"]
    stage.main.answer(1, taken=False)
    stage.main.answer(4)
    stage.turn()
    assert len(stage.main.topics) == 4, "not at once"
    stage.sender._declined_again = 0.0
    stage.turn()
    assert stage.main.topics[4:] == ["alarm.raised"]


@pytest.mark.parametrize("lane", [False, True])
def test_alarms_do_not_wait_for_the_acknowledgements_of_a_flood_of_others(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device, monkeypatch: pytest.MonkeyPatch, lane: bool
) -> None:
    monkeypatch.setattr("center.sender.OUT_WINDOW", 3)
    monkeypatch.setattr("center.sender.ALARM_ROOM", 2)
    stage = scene(lane=lane)
    ingest(pipeline, arrivals(device.greeting(), *(device.event("reading.taken", {}) for _ in range(5))), NOW)
    stage.turn()
    stage.turn()
    assert stage.main.topics == ["presence.online", "reading.taken", "reading.taken"], "the window is full"
    ingest(pipeline, arrivals(device.press(), device.press(), device.press()), NOW)
    stage.turn()
    stage.turn()
    over = stage.alarms or stage.main
    assert over.topics[-2:] == ["alarm.raised"] * 2, "as far as the room for alarms goes"
    assert len(stage.main.topics) == (3 if lane else 5)
    for number in range(1, 4):
        stage.main.answer(number)
    for number in (1, 2) if lane else (4, 5):
        over.answer(number)
    stage.turn()
    assert over.topics.count("alarm.raised") == 3
    assert stage.main.topics[-2:] == ["reading.taken"] * 2


def test_alarms_and_their_receipts_go_over_the_lane_and_all_else_over_the_first_session(
    scene: Callable[..., Scene], pipeline: Pipeline, new_device: Callable[[], Device]
) -> None:
    pressed, quiet = new_device(), new_device()
    ingest(pipeline, arrivals(pressed.greeting(), pressed.press(), quiet.greeting(), quiet.event()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.turn(NOW + 2_000)
    assert stage.alarms.topics == ["receipt", "alarm.raised"]
    assert sorted(stage.main.topics) == ["health.report", "presence.online", "presence.online", "receipt"]


@pytest.mark.parametrize("ended", ["alarms", "main"])
def test_what_a_session_took_with_it_goes_over_the_other_and_what_that_has_is_not_sent_twice(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device, ended: str
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.turn(NOW)
    assert (stage.alarms.topics, stage.main.topics) == (["receipt", "alarm.raised"], ["presence.online"])
    gone, left = (stage.alarms, stage.main) if ended == "alarms" else (stage.main, stage.alarms)
    gone.up(is_up=False)
    before = len(left.topics)
    stage.turn(NOW)
    assert left.topics[before:] == (["receipt", "alarm.raised"] if ended == "alarms" else ["presence.online"])
    stage.turn(NOW)
    assert len(left.topics) == before + len(gone.topics), "once"
    gone.up(is_up=True)
    stage.brings_an_alarm()
    ingest(pipeline, arrivals(device.press(), device.event()), NOW)
    stage.turn(NOW)
    assert stage.alarms.topics[-2:] == ["receipt", "alarm.raised"], "the lane is used again"
    assert stage.main.topics[-1] == "health.report"


def waiting(database: Database) -> int:
    """Rows that are still to be handed on."""
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(schema.outbox)).scalar_one())


def test_answers_of_an_old_connection_settle_nothing_of_a_new_one(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device, database: Database
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.turn()
    old = stage.alarms.client
    assert old is not None
    stage.alarms.up(is_up=True)
    stage.brings_an_alarm()
    stage.alarms.topics.clear()  # the new connection counts from 1 again
    stage.turn()
    assert stage.alarms.topics == ["alarm.raised"]
    stage.alarms.published.put((old, 1, True))
    stage.main.answer(1)
    stage.turn()
    assert waiting(database) == 2, "the alarm is still under way"
    stage.alarms.answer(1)
    stage.turn()
    assert waiting(database) == 0


@pytest.mark.parametrize("main", [True, False])
def test_over_a_lane_that_has_brought_nothing_nothing_is_sent(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device, main: bool
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.alarms.up(is_up=True)
    stage.main.up(is_up=main)
    stage.turn(NOW)
    assert stage.alarms.topics == []
    assert stage.main.topics == (["receipt", "alarm.raised", "presence.online"] if main else [])
    assert len(pipeline.due_receipts(NOW)) == (not main)


def test_what_the_broker_declines_over_the_lane_goes_over_the_first_session_from_then_on(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.turn(NOW)
    stage.alarms.answer(1, taken=False)
    stage.alarms.answer(2, taken=False)
    stage.turn(NOW)
    stage.sender._declined_again = 0.0
    stage.turn(NOW)
    assert stage.main.topics == ["presence.online", "receipt", "alarm.raised"]
    stage.brings_an_alarm()
    ingest(pipeline, arrivals(device.press()), NOW)
    stage.turn(NOW)
    assert len(stage.alarms.topics) == 2
    stage.alarms.up(is_up=True)
    stage.brings_an_alarm()
    ingest(pipeline, arrivals(device.press()), NOW)
    stage.turn(NOW)
    assert len(stage.alarms.topics) == 4, "a new connection is tried anew"


def test_while_no_session_stands_receipts_keep_their_numbers(
    scene: Callable[..., Scene], pipeline: Pipeline, device: Device
) -> None:
    ingest(pipeline, arrivals(device.greeting(), device.press()), NOW)
    stage = scene()
    assert stage.alarms is not None
    stage.main.up(is_up=False)
    stage.alarms.up(is_up=False)
    stage.turn(NOW)
    assert stage.main.topics == stage.alarms.topics == []
    assert pipeline._next_n == 0, "none was signed in vain"
    (out,) = pipeline.due_receipts(NOW)
    assert out.draft.settled == ((1, 1, 1),)
