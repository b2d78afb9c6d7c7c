"""What a connection is fed: from memory and from the journal, in which order, and what becomes of messages on which connections break."""

from typing import Any

import pytest

from agent.link.feed import STALLED_MS, SUSPECT_BYTES, SUSPICIONS, Feed
from agent.link.outbox import Outbox
from agent.seal import Sealed
from agent.wire import event

ALARM_TOPIC = "dabyl/v1/sos-0001/alarm"
EVENT_TOPIC = "dabyl/v1/sos-0001/event"


class Connection:
    """Keeps what it is given. ``flushed`` counts messages that left."""

    receive_max = 65535

    def __init__(self, most: int = 1 << 20, room: int = 1000) -> None:
        self.most = most
        self.room = room
        self.published: list[tuple[str, bytes]] = []
        self.flushed = 0

    @property
    def has_room(self) -> bool:
        return len(self.published) < self.room

    def takes(self, size: int) -> bool:
        return size <= self.most

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int:
        assert not retain
        assert self.has_room
        self.published.append((topic, payload))
        return len(self.published)

    def flush(self) -> None:
        self.flushed = len(self.published)

    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.published]


class Notes:
    """What is logged."""

    def __init__(self) -> None:
        self.tracing = False
        self.stages: list[tuple[str, int, int]] = []
        self.warnings: list[tuple[str, str]] = []

    def stage(self, name: str, *, boot: int, seq: int) -> None:
        self.stages.append((name, boot, seq))

    def warning(self, message: str, *, code: str) -> None:
        self.warnings.append((message, code))


class Rig:
    """A feed over a list of events."""

    def __init__(self, window: int = 4) -> None:
        self.ms = 0
        self.entries: list[tuple[int, int, int, int, bytes]] = []
        self.quarantined: list[tuple[int, int, int]] = []
        self.notes = Notes()
        self.outbox = Outbox(self._next, lambda: len(self.entries), window, 1000, 5000, 60_000)
        clock: Any = self
        self.feed = Feed("sos-0001", self.outbox, clock, self.notes, lambda *facts: self.quarantined.append(facts))

    def up(self) -> int:
        return self.ms

    def _next(self, lane: int, after: int) -> Any:
        return next((entry for entry in self.entries[after:] if (entry[1] > 0) == (lane == 1)), None)

    def connect(self, **settings: int) -> Connection:
        connection = Connection(**settings)
        self.feed.begin(connection)
        return connection

    def emit(self, payload: bytes, *, alarm: bool = False) -> bool:
        at = len(self.entries) + 1
        rank = event.ALARM if alarm else event.STATE
        sealed = Sealed(7, at, rank, "alarm.raised" if alarm else "test.passed", b"", payload)
        mid = self.feed.express(sealed)
        self.entries.append((at, rank, 7, at, payload))
        if mid is None:
            self.feed.queue(at, sealed)
        else:
            self.feed.adopt(mid, at, sealed)
        return mid is not None


def test_without_a_connection_everything_waits_and_then_goes_in_order_alarms_first() -> None:
    rig = Rig(window=10)
    assert [rig.emit(b"1"), rig.emit(b"2", alarm=True), rig.emit(b"3")] == [False] * 3
    rig.feed.pump()
    connection = rig.connect()
    assert connection.published == [], "not before the first pump"
    rig.feed.pump()
    assert connection.published == [(ALARM_TOPIC, b"2"), (EVENT_TOPIC, b"1"), (EVENT_TOPIC, b"3")]
    assert connection.flushed == 3


def test_an_alarm_leaves_at_once_from_memory_and_other_events_with_the_next_pump() -> None:
    rig = Rig()
    connection = rig.connect()
    rig.feed.pump()
    assert rig.emit(b"event")
    assert connection.flushed == 0
    rig.feed.pump()
    assert connection.flushed == 1
    sealed = Sealed(7, 9, event.ALARM, "alarm.raised", b"", b"alarm")
    assert rig.feed.express(sealed) == 2
    assert connection.flushed == 2, "before it is in the journal"
    assert connection.published == [(EVENT_TOPIC, b"event"), (ALARM_TOPIC, b"alarm")]
    rig.feed.pump()
    assert connection.payloads() == [b"event", b"alarm"], "what went from memory does not go again from the journal"


def test_the_window_is_kept_one_place_of_the_brokers_is_left_for_presence_and_acknowledgements_make_room() -> None:
    rig = Rig(window=4)
    connection = rig.connect()
    assert [rig.emit(b"%d" % n) for n in range(6)] == [True] * 4 + [False] * 2
    rig.feed.pump()
    assert len(connection.published) == 4
    rig.feed.acknowledged([(1, 0), (2, 0), (99, 0)])
    rig.feed.pump()
    assert connection.payloads() == [b"0", b"1", b"2", b"3", b"4", b"5"]

    narrow = Connection()
    narrow.receive_max = 3
    rig.feed.end()
    rig.feed.begin(narrow)
    rig.feed.pump()
    assert len(narrow.published) == 2


def test_what_is_too_large_for_the_broker_is_quarantined_and_the_rest_goes_on() -> None:
    rig = Rig()
    connection = rig.connect(most=10)
    assert not rig.emit(b"x" * 11)
    assert not rig.emit(b"x" * 12, alarm=True)
    rig.emit(b"small")
    rig.feed.pump()
    assert rig.quarantined == [(7, 2, 12), (7, 1, 11)]
    assert connection.payloads() == [b"small"]
    rig.feed.end()
    assert rig.connect().payloads() == []
    rig.feed.pump()
    assert len(rig.quarantined) == 2


def test_a_connection_without_room_is_fed_later() -> None:
    rig = Rig()
    connection = rig.connect(room=1)
    rig.emit(b"1")
    rig.emit(b"2")
    rig.feed.pump()
    assert connection.payloads() == [b"1"]
    assert not rig.emit(b"3", alarm=True)
    connection.room = 5
    rig.feed.pump()
    assert connection.payloads() == [b"1", b"3", b"2"]


def test_the_largest_message_under_way_is_suspected_and_quarantined_when_connections_break_on_it_in_a_row() -> None:
    rig = Rig(window=10)
    for payload in (b"a" * SUSPECT_BYTES, b"b" * (SUSPECT_BYTES + 1), b"c" * (SUSPECT_BYTES - 1)):
        rig.emit(payload)
    for n in range(SUSPICIONS):
        assert rig.quarantined == [], n
        rig.connect()
        rig.feed.pump()
        rig.feed.end()
    assert rig.quarantined == [(7, 2, SUSPECT_BYTES + 1)]
    for _ in range(SUSPICIONS):
        rig.connect()
        rig.feed.pump()
        rig.feed.end()
    assert rig.quarantined[1:] == [(7, 1, SUSPECT_BYTES)]
    for _ in range(2 * SUSPICIONS):
        rig.connect()
        rig.feed.pump()
        rig.feed.end()
    assert len(rig.quarantined) == 2, "what is smaller is never suspected"


def test_a_message_that_the_broker_took_once_is_suspected_anew() -> None:
    rig = Rig()
    rig.emit(b"a" * SUSPECT_BYTES)
    for n in range(3 * SUSPICIONS):
        rig.connect()
        rig.feed.pump()
        if n % SUSPICIONS == SUSPICIONS - 1:
            rig.feed.acknowledged([(1, 0)])
        rig.feed.end()
    assert rig.quarantined == []


def test_what_was_acknowledged_before_the_connection_broke_is_not_suspected() -> None:
    rig = Rig()
    rig.emit(b"a" * SUSPECT_BYTES)
    for _ in range(2 * SUSPICIONS):
        rig.connect()
        rig.feed.pump()
        rig.feed.acknowledged([(1, 0)])
        rig.feed.end()
    assert rig.quarantined == []


def test_a_connection_that_broke_before_anything_was_sent_blames_nothing() -> None:
    rig = Rig()
    rig.emit(b"a" * SUSPECT_BYTES)
    rig.connect()
    rig.feed.pump()
    rig.feed.end()
    for _ in range(2 * SUSPICIONS):
        rig.connect()
        rig.feed.end()
    assert rig.quarantined == []


def test_a_refusal_makes_room_and_is_told() -> None:
    rig = Rig(window=1)
    rig.connect()
    assert rig.emit(b"1")
    rig.feed.acknowledged([(1, 0x97)])
    assert rig.notes.warnings == [("the broker refused a message", "0x97")]
    assert rig.emit(b"2")
    rig.feed.acknowledged([(2, 0x10)])
    assert len(rig.notes.warnings) == 1


def test_a_broker_that_acknowledges_nothing_is_stalled_after_a_while_and_any_sign_of_life_counts() -> None:
    rig = Rig()
    rig.connect()
    rig.ms = 10 * STALLED_MS
    assert rig.feed.stalled_ms < 0, "nothing is under way"
    rig.emit(b"1")
    rig.ms += STALLED_MS - 1
    assert rig.feed.stalled_ms == -1
    rig.emit(b"2")
    rig.ms += 1
    assert rig.feed.stalled_ms == 0, "the second message gives no new grace"
    rig.feed.acknowledged([(1, 0)])
    assert rig.feed.stalled_ms == -STALLED_MS
    rig.ms += STALLED_MS + 5
    assert rig.feed.stalled_ms == 5
    rig.feed.heard()
    assert rig.feed.stalled_ms == -STALLED_MS


def test_after_the_end_nothing_is_sent_and_everything_goes_again_on_the_next_connection() -> None:
    rig = Rig()
    first = rig.connect()
    rig.emit(b"1")
    rig.feed.end()
    assert not rig.emit(b"2", alarm=True)
    rig.feed.pump()
    assert first.payloads() == [b"1"]
    second = rig.connect()
    rig.feed.acknowledged([(1, 0)])
    rig.feed.pump()
    assert second.payloads() == [b"2", b"1"]
    assert rig.outbox.under_way == 2, "an acknowledgement of the connection before means nothing"


@pytest.mark.parametrize("tracing", [True, False])
def test_stages_are_told_while_somebody_wants_them(tracing: bool) -> None:
    rig = Rig()
    rig.notes.tracing = tracing
    rig.emit(b"1")
    rig.connect()
    rig.feed.pump()
    assert rig.notes.stages == ([("published", 7, 1)] if tracing else [])
