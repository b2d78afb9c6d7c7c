"""What comes over two sessions: alarms first, each once, everything acknowledged where it came from."""

import threading
import time

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from center.config import BrokerAccess
from center.lanes import Copies, Lanes
from center.link import Link, Received
from tests.center.scripted import Pki

ALARM, EVENT, PRESENCE = (f"dabyl/v1/sos-0001/{leaf}" for leaf in ("alarm", "event", "presence"))
MOST = 40


class Session(Link):
    """A link that is connected, and to whose queue the test adds. Notes what is acknowledged."""

    def __init__(self, access: BrokerAccess, news: threading.Event) -> None:
        super().__init__(
            access, "center-1", (), draw=lambda: 0.0, clock=time.monotonic, on_state=lambda _up, _text: None, news=news
        )
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self.acknowledged: list[tuple[str, bytes]] = []

    def come(self, topic: str, *payloads: bytes) -> None:
        for payload in payloads:
            message = paho.MQTTMessage(1, topic.encode())
            message.payload, message.qos = payload, 1
            assert self._client is not None
            self._take(self._client, message)

    def acknowledge(self, message: Received) -> None:
        if message.client is self._client:
            self.acknowledged.append((message.topic, message.payload))


class Pair:
    """Both sessions."""

    def __init__(self, pki: Pki, *, lane: bool = True) -> None:
        files = (pki.directory / "center-1.pem", pki.directory / "center-1.key")
        access = BrokerAccess((("127.0.0.1", 1),), pki.root, *files)
        news = threading.Event()
        self.main = Session(access, news)
        self.alarms = Session(access, news)
        self.doubts: list[bool] = []
        self.lanes = Lanes(self.main, self.alarms if lane else None, news, self.doubts.append)

    def gather(self) -> list[tuple[str, bytes]]:
        """What is to be looked at; all of it is acknowledged, as after a commit."""
        batch = self.lanes.gather(MOST, 5)
        self.lanes.acknowledge(batch)
        return [(message.topic, message.payload) for message in batch.fresh]


@pytest.fixture
def pair(pki: Pki) -> Pair:
    return Pair(pki)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_an_alarm_is_taken_before_what_came_ahead_of_it_and_its_batch_is_short(pair: Pair) -> None:
    pair.main.come(EVENT, *numbered(100))
    assert len(pair.gather()) == MOST
    pair.alarms.come(ALARM, b"press")
    batch = pair.gather()
    assert batch[0] == (ALARM, b"press")
    assert len(batch) == 1 + MOST // 4


def test_a_flood_of_alarms_leaves_room_for_the_presences_that_bring_keys(pair: Pair) -> None:
    pair.alarms.come(ALARM, *numbered(500))
    pair.main.come(PRESENCE, *numbered(500))
    for _ in range(5):
        batch = pair.gather()
        assert len(batch) == MOST
        assert [topic for topic, _ in batch].count(PRESENCE) == MOST // 4


@pytest.mark.parametrize("first", ["alarms", "main"])
def test_the_second_copy_of_an_alarm_is_acknowledged_and_not_looked_at(pair: Pair, first: str) -> None:
    order = (pair.alarms, pair.main) if first == "alarms" else (pair.main, pair.alarms)
    for session in order:
        session.come(ALARM, b"press")
        looked_at = pair.gather()
        assert looked_at == ([(ALARM, b"press")] if session is order[0] else [])
    assert pair.alarms.acknowledged == pair.main.acknowledged == [(ALARM, b"press")]


def test_what_a_device_sends_again_is_looked_at_again(pair: Pair) -> None:
    for _ in range(3):
        pair.alarms.come(ALARM, b"press")
        assert pair.gather() == [(ALARM, b"press")]
    pair.main.come(ALARM, b"press", b"press", b"press")
    assert pair.gather() == []
    pair.main.come(ALARM, b"press")
    assert pair.gather() == [(ALARM, b"press")]


def test_only_the_same_bytes_on_the_same_topic_are_a_copy(pair: Pair) -> None:
    pair.alarms.come(ALARM, b"press")
    pair.main.come(ALARM, b"Press")
    pair.main.come(ALARM.replace("1", "2"), b"press")
    pair.main.come(EVENT, b"press", b"press")
    assert len(pair.gather()) == 5


def test_a_flood_of_events_makes_no_alarm_forgotten(pair: Pair) -> None:
    pair.alarms.come(ALARM, b"press")
    pair.main.come(EVENT, *numbered(100))
    pair.gather()
    pair.gather()
    assert len(pair.lanes._copies._balance) == 1


def test_without_a_lane_everything_is_looked_at(pki: Pki) -> None:
    alone = Pair(pki, lane=False)
    alone.main.come(ALARM, b"press", b"press")
    alone.main.come(EVENT, *numbered(100))
    assert len(alone.gather()) == MOST
    assert len(alone.main.acknowledged) == MOST


@pytest.mark.parametrize("session", ["alarms", "main"])
def test_what_comes_over_either_session_ends_the_wait(pair: Pair, session: str) -> None:
    came = []
    waiting = threading.Thread(target=lambda: came.append(pair.lanes.gather(MOST, 60)), daemon=True)
    waiting.start()
    getattr(pair, session).come(ALARM, b"press")
    waiting.join(20)
    assert [len(batch.fresh) for batch in came] == [1]
    assert not pair.lanes._news.is_set(), "the next wait is one again"


@pytest.mark.parametrize(("late_s", "brings", "doubts"), [(0.0, False, [True]), (0.0, True, []), (3600.0, False, [])])
def test_a_lane_that_brings_no_alarm_where_the_first_session_does_is_told_once_a_connection(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, late_s: float, brings: bool, doubts: list[bool]
) -> None:
    monkeypatch.setattr("center.lanes.LATE_S", late_s)
    for connection in (1, 2):
        pair.alarms._client = paho.Client(CallbackAPIVersion.VERSION2)
        pair.main.come(ALARM, b"press")
        pair.gather()
        if brings:
            pair.alarms.come(ALARM, b"press")
        for payload in numbered(3):
            pair.main.come(ALARM, payload)
            pair.gather()
        assert pair.doubts == doubts * connection


def test_a_lane_that_was_doubted_and_works_after_all_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("center.lanes.LATE_S", 0.0)
    pair.main.come(ALARM, b"waited since before there was a lane")
    pair.gather()
    for payload in numbered(3):
        pair.alarms.come(ALARM, payload)
        pair.main.come(ALARM, payload)
        pair.gather()
        pair.main.come(ALARM, b"more" + payload)
        pair.gather()
    assert pair.doubts == []
    pair.alarms._client = paho.Client(CallbackAPIVersion.VERSION2)
    for payload in numbered(3):
        pair.main.come(ALARM, payload)
        pair.gather()
    assert pair.doubts == [True]
    pair.alarms.come(ALARM, *numbered(3))
    pair.gather()
    assert pair.doubts == [True, False]


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans()), max_size=60))
def test_in_any_order_as_many_are_looked_at_as_came_over_the_session_that_brought_more(
    came: list[tuple[bytes, bool]],
) -> None:
    copies = Copies()
    looked_at = [one for one in came if not copies.is_second(ALARM, one[0], over_lane=one[1])]
    for payload in {payload for payload, _ in came}:
        over = [came.count((payload, lane)) for lane in (True, False)]
        fresh = sum(one[0] == payload for one in looked_at)
        assert max(over) <= fresh <= sum(over)
    if all(came.count((payload, True)) == came.count((payload, False)) for payload, _ in came):
        assert copies._balance == {}, "nothing is remembered of what came over both"


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=200), st.integers(1, 5))
def test_what_is_forgotten_is_looked_at_twice_and_never_not_at_all(came: list[tuple[int, bool]], most: int) -> None:
    copies = Copies(most)
    seen: set[int] = set()
    for number, over_lane in came:
        if copies.is_second(ALARM, b"%d" % number, over_lane=over_lane):
            assert number in seen
        seen.add(number)
        assert len(copies._balance) <= most
