"""Judgements on camera and storage."""

from devices.video_badge.watch import START_MS, CameraWatch, RoomWatch


def types(effects: list[tuple[object, ...]]) -> list[object]:
    return [effect[2] for effect in effects]


def told(effects: list[tuple[object, ...]]) -> list[object]:
    return [effect[3] for effect in effects]


def test_a_camera_that_falls_silent_is_told_within_five_seconds() -> None:
    watch = CameraWatch(0)
    assert watch.frames(30, 0, 20_000) == []
    now_ms = watch.next_tick_ms()
    assert now_ms is not None
    assert now_ms <= 25_000
    assert told(watch.tick(now_ms)) == [{"input": "camera", "state": "silent"}]
    assert types(watch.frames(30, 0, now_ms + 10)) == ["fault.cleared"]


def test_a_camera_may_take_its_time_to_start() -> None:
    watch = CameraWatch(0)
    assert watch.tick(START_MS - 1) == []
    assert told(watch.tick(START_MS)) == [{"input": "camera", "state": "silent"}]


def test_a_camera_that_is_not_there_is_told_with_the_reason() -> None:
    watch = CameraWatch(0)
    assert told(watch.trouble("IndexError: list index out of range", 100)) == [
        {"input": "camera", "state": "absent", "why": "IndexError: list index out of range"}
    ]
    assert watch.trouble("again", 200) == []
    assert watch.next_tick_ms() is None
    assert types(watch.frames(30, 0, 300)) == ["fault.cleared"]


def test_frames_that_are_lost_for_long_are_a_fault_and_a_few_are_not() -> None:
    watch = CameraWatch(0)
    now_ms = 0
    for missing in (0, 10, 10, 0, 5, 10):
        now_ms += 1000
        assert watch.frames(30 - missing, missing, now_ms) == []
    effects = []
    for _ in range(3):
        now_ms += 1000
        effects += watch.frames(15, 15, now_ms)
    assert told(effects) == [{"input": "camera", "state": "dropping"}]
    for _ in range(4):
        now_ms += 1000
        effects += watch.frames(30, 0, now_ms)
    assert types(effects) == ["fault.camera", "fault.cleared"]


def test_storage_is_told_at_80_and_95_percent_and_when_there_is_room_again() -> None:
    watch = RoomWatch()
    said = [(percent, types(watch.percent(percent))) for percent in (79, 80, 81, 76, 80, 95, 94, 90, 89, 96, 75, 74, 0)]
    assert [(percent, *types_) for percent, types_ in said if types_] == [
        (80, "storage.low"),
        (95, "storage.full"),
        (89, "storage.low"),
        (96, "storage.full"),
        (75, "storage.low"),
        (74, "storage.restored"),
    ]
