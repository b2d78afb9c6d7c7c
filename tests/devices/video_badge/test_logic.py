"""What the badge does: a recording by press, command, alarm or duress; its end by a held press or a command; and what it tells."""

from typing import Any

import pytest

from devices.sensors.readings import Fix, Health, Status
from devices.video_badge.logic import VideoBadge
from devices.video_badge.patterns import PATTERNS
from devices.video_badge.reports import Began, Camera, Card, Ended, Frames, Gap, Room, Stored, Untaken
from tests.devices.driver import BOOT, Driver

RECORDING = bytes(range(16))
ORDERS = ("recorder", "ring", "offload")


class Badge(Driver):
    """A badge with a camera that delivers."""

    def __init__(self, **settings: object) -> None:
        super().__init__(lambda now_ms: VideoBadge(settings, now_ms))
        self.start()
        self.set("recorder", Frames(30, 0))

    def set(self, name: str, value: Any) -> None:
        self.take(self.button.input(name, value, self.now))

    def begin(self, trigger: str = "button") -> None:
        self.set("recorder", Began(RECORDING, trigger, 30_000))

    def pass_ms(self, duration_ms: int) -> None:
        """The camera delivers meanwhile."""
        while duration_ms > 0:
            super().pass_ms(min(900, duration_ms))
            duration_ms -= 900
            self.set("recorder", Frames(27, 0))

    @property
    def orders(self) -> list[str]:
        return [pattern for name, pattern in self.played if name == "recorder"]

    def told(self, prefix: str) -> list[tuple[str, dict[str, Any]]]:
        return [(name, data) for name, data in self.events if name.startswith(prefix)]


@pytest.fixture
def badge() -> Badge:
    return Badge()


def test_a_press_begins_and_a_held_press_ends(badge: Badge) -> None:
    badge.press()
    assert badge.orders == ["start:button"]
    badge.begin()
    assert badge.told("recording.") == [
        ("recording.started", {"recording": RECORDING, "trigger": "button", "pre_ms": 30_000})
    ]
    assert badge.outputs["lamp"] == "recording"
    badge.press(3100)
    assert badge.orders == ["start:button", "stop:press"]
    badge.set("recorder", Ended(RECORDING, "press", 4, 7466))
    assert badge.told("recording.stopped")[0][1] == {
        "recording": RECORDING,
        "by": "press",
        "segments": 4,
        "duration_ms": 7466,
    }
    assert badge.outputs["lamp"] == "idle"


def test_the_press_that_begins_does_not_end_however_long_it_is_held(badge: Badge) -> None:
    badge.press(9000)
    badge.begin()
    assert badge.orders == ["start:button"]


def test_a_short_press_meanwhile_marks_the_place_and_ends_nothing(badge: Badge) -> None:
    badge.press()
    badge.begin()
    badge.pass_ms(5000)
    badge.press(2000)
    assert badge.told("recording.marked") == [("recording.marked", {"recording": RECORDING, "by": "button"})]
    assert badge.orders == ["start:button"]


@pytest.mark.parametrize(("args", "trigger"), [({}, "command"), ({"by": "alarm"}, "alarm"), ({"by": 7}, "command")])
def test_commands_and_alarms_of_the_site_begin_and_commands_end(
    badge: Badge, args: dict[str, object], trigger: str
) -> None:
    assert badge.command("record", args) == {"ok": True}
    assert badge.orders == ["start:" + trigger]
    badge.begin(trigger)
    assert badge.command("record", {}) == {"ok": True}
    assert badge.orders == ["start:" + trigger], "it goes on"
    assert badge.command("stop-recording", {}) == {"ok": True}
    assert badge.orders[-1] == "stop:command"
    assert badge.command("stop-recording", {}) == {"ok": False}


def test_nothing_else_ends_a_recording(badge: Badge) -> None:
    badge.press()
    badge.begin()
    for name, value in (
        ("tamper", 1),
        ("disk", 1),
        ("recorder", Camera("gone")),
        ("recorder", Card("No space left on device")),
        ("recorder", Room(99)),
        ("recorder", Gap(RECORDING, 5000, "camera")),
        ("nonsense", 5),
    ):
        badge.set(name, value)
        badge.pass_ms(2000)
    badge.take(badge.button.link(False, badge.now))
    for command in ("self-test", "identify", "mark", "user-test", "silence", "nonsense"):
        badge.command(command, {})
    assert badge.orders == ["start:button"]
    assert badge.outputs["lamp"] in ("recording-fault", "recording")


def test_three_presses_within_two_seconds_are_a_silent_alarm_at_once(badge: Badge) -> None:
    for _ in range(3):
        badge.press(150)
        badge.pass_ms(300)
    [(_, alarm)] = badge.told("alarm.")
    assert alarm["level"] == "duress"
    assert alarm["silent"]
    at_ms = dict(badge.times)["alarm.raised"]
    assert at_ms - 1000 <= 2000
    assert badge.orders == ["start:button"]
    assert "sending" not in {pattern for name, pattern in badge.played if name == "lamp"}, "nobody is to see it"
    assert badge.outputs["offload"] == "gentle", "the line belongs to the alarm"
    badge.take(badge.button.receipt(BOOT, dict(badge.numbers)["alarm.raised"], 1, badge.now))
    assert badge.outputs["offload"] == "free"


def test_presses_that_are_further_apart_are_none(badge: Badge) -> None:
    for _ in range(6):
        badge.press()
        badge.pass_ms(1100)
    assert badge.told("alarm.") == []


def test_a_duress_gesture_never_stops_a_recording(badge: Badge) -> None:
    badge.press()
    badge.begin()
    badge.pass_ms(5000)
    for held_ms in (100, 100, 6000):
        badge.press(held_ms)
    assert [name for name, _ in badge.told("alarm.")] == ["alarm.raised"]
    assert badge.told("alarm.")[0][1]["recording"] == RECORDING
    assert badge.orders == ["start:button"]


def test_a_second_gesture_escalates(badge: Badge) -> None:
    for _ in range(2):
        for _ in range(3):
            badge.press()
        badge.pass_ms(5000)
    assert [name for name, _ in badge.told("alarm.")] == ["alarm.raised", "alarm.escalated"]


def test_segments_become_events_as_they_are(badge: Badge) -> None:
    badge.set("recorder", Stored({"n": 1}))
    assert badge.told("recording.segment") == [("recording.segment", {"n": 1})]


def test_a_fix_is_told_while_it_is_fresh_and_not_after(badge: Badge) -> None:
    badge.set("gnss", Fix(badge.now, 432_000_000, 768_000_000, None))
    badge.press()
    badge.pass_ms(2000)
    badge.begin()
    started = badge.told("recording.started")[0][1]
    assert (started["latitude_e7"], started["longitude_e7"]) == (432_000_000, 768_000_000)
    assert 0 <= started["fix_age_ms"] <= 10_000
    badge.pass_ms(10_001)
    badge.command("mark", {})
    assert "latitude_e7" not in badge.told("recording.marked")[-1][1]


def test_a_camera_that_stands_still_is_told_within_five_seconds(badge: Badge) -> None:
    badge.press()
    badge.begin()
    began = badge.now
    Driver.pass_ms(badge, 5000)
    assert badge.told("fault.camera") == [("fault.camera", {"input": "camera", "state": "silent"})]
    assert dict(badge.times)["fault.camera"] - began <= 5000
    assert badge.outputs["lamp"] == "recording-fault"
    badge.set("recorder", Frames(1, 0))
    assert badge.told("fault.cleared") == [("fault.cleared", {"input": "camera"})]


def test_a_recording_that_ends_for_want_of_room_says_so_and_may_begin_again(badge: Badge) -> None:
    badge.press()
    badge.begin()
    badge.set("recorder", Ended(RECORDING, "storage", 9, 18_000))
    assert badge.told("recording.stopped")[0][1]["by"] == "storage"
    assert badge.outputs["lamp"] != "recording"
    badge.pass_ms(3000)
    badge.press()
    assert badge.orders == ["start:button", "start:button"]


def test_a_recording_that_was_cut_a_moment_ago_goes_on(badge: Badge) -> None:
    badge.set("recorder", Ended(RECORDING, "restart", 9, None, resume=True))
    assert badge.told("recording.stopped")[0][1] == {"recording": RECORDING, "by": "restart", "segments": 9}
    assert badge.orders == ["start:restart"]
    quiet = Badge()
    quiet.set("recorder", Ended(RECORDING, "restart", 9, None))
    assert quiet.orders == []


def test_a_recording_that_a_defect_ended_begins_again(badge: Badge) -> None:
    badge.press()
    badge.begin()
    badge.set("recorder", Ended(RECORDING, "defect", 9, 18_000, resume=True))
    assert badge.orders == ["start:button", "start:restart"]
    badge.begin("restart")
    badge.set("recorder", Ended(RECORDING, "defect", 9, 18_000))
    assert badge.orders == ["start:button", "start:restart"]
    assert badge.outputs["lamp"] != "recording", "it does not say that it records"


def test_a_full_storage_shortens_the_ring_and_stops_nothing(badge: Badge) -> None:
    badge.press()
    badge.begin()
    badge.set("recorder", Room(80))
    assert badge.outputs["ring"] == "whole"
    badge.set("recorder", Room(95))
    assert badge.outputs["ring"] == "short"
    assert [name for name, _ in badge.told("storage.")] == ["storage.low", "storage.full"]
    assert badge.orders == ["start:button"]


def test_faults_are_told_once_and_cleared(badge: Badge) -> None:
    for _ in range(2):
        badge.set("recorder", Card("Read-only file system"))
    badge.set("recorder", Card(None))
    badge.set("gnss", Status(badge.now, "gnss", Health.SILENT))
    badge.set("gnss", Status(badge.now, "gnss", Health.WELL))
    assert badge.told("fault.") == [
        ("fault.storage", {"input": "storage", "state": "Read-only file system"}),
        ("fault.cleared", {"input": "storage"}),
        ("fault.sensor", {"input": "gnss", "state": "silent"}),
        ("fault.cleared", {"input": "gnss"}),
    ]
    badge.set("recorder", Untaken("why"))
    assert badge.told("recording.untaken") == [("recording.untaken", {"why": "why"})]
    badge.set("recorder", Gap(RECORDING, 5000, "storage"))
    assert badge.told("recording.gap") == [
        ("recording.gap", {"recording": RECORDING, "for_ms": 5000, "input": "storage"})
    ]


def test_a_self_test_looks_at_camera_and_storage(badge: Badge) -> None:
    badge.pass_ms(12_000)
    assert badge.told("test.")[0][0] == "test.passed"
    assert badge.command("self-test", {}) == {"ok": True}
    badge.set("recorder", Camera("gone"))
    badge.set("recorder", Room(96))
    assert badge.command("self-test", {}) == {"ok": False}
    assert badge.told("test.")[-1][1]["failed"] == ["camera", "storage"]


def test_every_pattern_that_is_asked_for_exists_and_every_one_is_used(badge: Badge) -> None:
    badge.pass_ms(20_000)
    badge.press()
    badge.begin()
    badge.pass_ms(3000)
    badge.press()
    badge.pass_ms(3000)
    badge.press(4000)
    badge.set("recorder", Ended(RECORDING, "press", 1, 1))
    badge.set("recorder", Room(85))
    badge.pass_ms(1000)
    badge.take(badge.button.link(False, badge.now))
    badge.set("recorder", Camera("gone"))
    badge.command("record", {})
    asked = {(name, pattern) for name, pattern in badge.played if name not in ORDERS}
    assert all(pattern in PATTERNS[name] for name, pattern in asked)
    assert {pattern for name, pattern in asked if name == "buzzer"} == set(PATTERNS["buzzer"])
    assert {"idle", "recording", "recording-fault", "storage-low", "fault"} <= {
        pattern for name, pattern in asked if name == "lamp"
    }


def test_an_alarm_of_before_a_restart_is_still_open(badge: Badge) -> None:
    again = Driver(lambda now_ms: VideoBadge({}, now_ms))
    again.start([(3, 4, 0)])
    assert again.outputs["offload"] == "gentle"
