"""The badge's logic: levels, reports, times and commands in, events and orders out.

Guarantees: a recording begins by a press, a command, a panic alarm of the site (a command as well) or the duress gesture, and ends by a
press that is held or a command alone, or for want of room, which is told; each beginning and end is an event. That nothing is recorded
is told within 5 s. The duress gesture, three presses within two seconds, raises a silent alarm that the lamp does not show.

Inputs: ``button`` (1 pressed), ``tamper`` (1 opened), ``battery`` (millivolts), ``disk`` (1: events cannot be kept); reports of
``devices.video_badge.reports``; ``Fix`` and ``Status`` of the receiver. Orders to the output ``recorder``: ``start:`` and a trigger,
``stop:`` and who wants it; to ``ring``: ``short`` while the storage is full, else ``whole``; to ``offload``: ``gentle`` while an alarm
waits, else ``free``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.effects import EMIT, OUTPUT
from agent.recording import manifest
from devices.common.alarms import UNRECEIPTED, AlarmBook
from devices.common.contact import PRESS, RELEASE, Debouncer
from devices.common.readiness import Readiness
from devices.common.timers import Timers
from devices.sensors.readings import Fix, Health, Status
from devices.video_badge.reports import Began, Camera, Card, Ended, Frames, Gap, Room, Stored, Untaken
from devices.video_badge.settings import completed
from devices.video_badge.watch import CameraWatch, Effect, RoomWatch

DURESS_PRESSES = 3
DURESS_MS = 2000
FIX_MS = 10_000
"""A position that is older is not told."""
BUZZ_MS = 700
SEGMENT_TAG = 1 << 30
"""The tag of segments' events, which nobody asks for: alarms have their own, from 1 on."""
NOT_FITTED = {"supply_pin": -1, "battery_cells": 0, "battery_mah": 0, "battery_draw_ua": 0}


class VideoBadge:
    """One badge. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: Mapping[str, object], now_ms: int) -> None:
        whole = completed(settings)
        self._stop_ms: int = whole["stop_ms"]
        self._button = Debouncer(whole["debounce_ms"], whole["stuck_s"] * 1000)
        self._readiness = Readiness({**whole, **NOT_FITTED}, self._button, now_ms)
        self._alarms = AlarmBook(whole["alarm_window_s"] * 1000)
        self._camera = CameraWatch(now_ms)
        self._room = RoomWatch()
        self._timers = Timers()
        self._presses: list[int] = []
        self._held_ms: int | None = None  # since when the press lasts that may stop the recording
        self._wanted = False
        self._recording: bytes | None = None
        self._card: str | None = None
        self._gnss = Health.WELL
        self._fix: Fix | None = None
        self._buzz = "off"
        self._shown: dict[str, str] = {}

    def started(self, open_alarms: list[tuple[int, int, int]], now_ms: int) -> list[Effect]:
        """Adopt open alarms of earlier boots, (boot, seq, state), oldest first; set all outputs."""
        for boot, seq, state in open_alarms:
            self._alarms.adopt(boot, seq, state, now_ms)
        return self._show(now_ms)

    def input(self, name: str, value: Any, now_ms: int) -> list[Effect]:
        """Take a level, a report, a position or a judgement. An unknown one changes nothing."""
        effects = self._readiness.expire(now_ms)
        if name == "button":
            effects += self._pressed(self._button.level(1 if value else 0, now_ms), now_ms)
        elif isinstance(value, int):
            effects += self._readiness.input(name, value, now_ms)
        elif isinstance(value, Fix):
            self._fix = value
        elif isinstance(value, Status):
            effects += self._judged(value.state)
        else:
            effects += self._reported(value, now_ms)
        return self._finished(effects, now_ms)

    def tick(self, now_ms: int) -> list[Effect]:
        """Do what is due."""
        effects = self._readiness.expire(now_ms)
        effects += self._pressed(self._button.tick(now_ms), now_ms)
        effects += self._held(now_ms)
        effects += self._alarms.tick(now_ms)
        effects += self._camera.tick(now_ms)
        effects += self._readiness.tick(now_ms)
        return self._finished(effects, now_ms)

    def next_tick_ms(self, now_ms: int) -> int | None:
        """When the next tick is wanted; never None, for the self-test is always due some day."""
        due_ms = self._readiness.next_tick_ms()
        held = None if self._held_ms is None else self._held_ms + self._stop_ms
        others = (
            self._button.next_tick_ms(),
            self._alarms.next_tick_ms(),
            self._camera.next_tick_ms(),
            self._timers.next_ms(),
            held,
        )
        return max(now_ms, min([due_ms, *(at_ms for at_ms in others if at_ms is not None)]))

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> list[Effect]:
        """Learn an emitted event's number."""
        return self._finished(self._alarms.sealed(tag, boot, seq, now_ms), now_ms)

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> list[Effect]:
        """Take an alarm's state out of a verified receipt."""
        return self._finished(self._alarms.receipt(boot, seq, state, now_ms), now_ms)

    def command(
        self, name: str, args: Mapping[str, object], now_ms: int
    ) -> tuple[dict[str, object] | None, list[Effect]]:
        """Carry out ``record`` (``by`` is ``alarm`` for a panic alarm of the site), ``stop-recording``, ``mark``, ``self-test``,
        ``identify`` or ``user-test``. Others return (None, []).
        """
        if name == "record":
            effects = self._start("alarm" if args.get("by") == "alarm" else "command", now_ms)
            return {"ok": True}, self._finished(effects, now_ms)
        if name == "stop-recording":
            result: dict[str, object] = {"ok": self._wanted}
            return result, self._finished(self._stop("command", now_ms), now_ms)
        if name == "mark":
            effects = self._mark("command", now_ms)
            return {"ok": bool(effects)}, self._finished(effects, now_ms)
        told, effects = self._readiness.command(name, args, self._alarms.state() is not None, now_ms)
        effects = self._finished(effects, now_ms)
        if name == "self-test" and told is not None:
            told = {"ok": any(effect[0] == EMIT and effect[2] == "test.passed" for effect in effects)}
        return told, effects

    def link(self, up: bool, now_ms: int) -> list[Effect]:
        """Note whether the broker is connected; only the lamp tells."""
        self._readiness.linked = up
        return self._finished([], now_ms)

    # The button

    def _pressed(self, gestures: Sequence[tuple[int, int]], now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for gesture, at_ms in gestures:
            if gesture == PRESS:
                effects += self._readiness.press(now_ms) or self._press(at_ms, now_ms)
            elif gesture == RELEASE:
                if self._held_ms is not None:
                    self._held_ms = None
                    effects += self._mark("button", now_ms)
            else:
                effects += self._readiness.stuck(gesture)
        return effects

    def _press(self, at_ms: int, now_ms: int) -> list[Effect]:
        self._presses = [one for one in self._presses if at_ms - one <= DURESS_MS] + [at_ms]
        if len(self._presses) >= DURESS_PRESSES:
            self._presses = []
            return self._duress(at_ms, now_ms)
        if self._wanted:
            self._held_ms = at_ms
            return []
        return self._start("button", now_ms)

    def _held(self, now_ms: int) -> list[Effect]:
        if self._held_ms is None or now_ms - self._held_ms < self._stop_ms:
            return []
        self._held_ms = None
        return self._stop("press", now_ms)

    def _duress(self, at_ms: int, now_ms: int) -> list[Effect]:
        data: dict[str, object] = {"level": "duress", "silent": True, "age_ms": max(0, now_ms - at_ms)}
        data |= self._where(now_ms)
        if self._recording is not None:
            data["recording"] = self._recording
        _raised, effects = self._alarms.press(now_ms, data)
        if not self._wanted:
            effects += self._start("duress", now_ms)
        return effects

    # Recording

    def _start(self, trigger: str, now_ms: int) -> list[Effect]:
        if self._wanted:
            return self._mark(trigger, now_ms)
        self._wanted = True
        self._answer("began", now_ms)
        return [(OUTPUT, "recorder", "start:" + trigger)]

    def _stop(self, by: str, now_ms: int) -> list[Effect]:
        if not self._wanted:
            return []
        self._wanted = False
        self._answer("ended", now_ms)
        return [(OUTPUT, "recorder", "stop:" + by)]

    def _mark(self, by: str, now_ms: int) -> list[Effect]:
        if self._recording is None:
            return []
        self._answer("marked", now_ms)
        return [(EMIT, 0, "recording.marked", {"recording": self._recording, "by": by, **self._where(now_ms)})]

    def _reported(self, report: object, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        match report:
            case Began(recording, trigger, pre_ms):
                self._recording = recording
                data = {"recording": recording, "trigger": trigger, "pre_ms": pre_ms, **self._where(now_ms)}
                effects.append((EMIT, 0, "recording.started", data))
            case Stored(data):
                effects.append((EMIT, SEGMENT_TAG, manifest.TYPE, data))
            case Ended():
                effects += self._ended(report, now_ms)
            case Gap(recording, for_ms, source):
                told = {"recording": recording, "for_ms": for_ms, "input": source}
                effects.append((EMIT, 0, "recording.gap", told))
            case Frames(count, missing):
                effects += self._camera.frames(count, missing, now_ms)
            case Camera(trouble):
                effects += self._camera.trouble(trouble, now_ms)
            case Room(percent):
                effects += self._room.percent(percent)
            case Card(trouble):
                effects += self._card_says(trouble)
            case Untaken(why):
                effects.append((EMIT, 0, "recording.untaken", {"why": why[:300]}))
        return effects

    def _ended(self, ended: Ended, now_ms: int) -> list[Effect]:
        data: dict[str, object] = {"recording": ended.recording, "by": ended.by, "segments": ended.segments}
        if ended.duration_ms is not None:
            data["duration_ms"] = ended.duration_ms
        if self._recording == ended.recording:
            self._recording = None
            if ended.by in ("storage", "defect"):  # nobody has asked for it
                self._wanted = False
                self._answer("ended", now_ms)
        effects: list[Effect] = [(EMIT, 0, "recording.stopped", data | self._where(now_ms))]
        if ended.resume and not self._wanted:
            effects += self._start("restart", now_ms)
        return effects

    # The rest of the badge

    def _card_says(self, trouble: str | None) -> list[Effect]:
        if trouble == self._card:
            return []
        self._card = trouble
        if trouble is None:
            return [(EMIT, 0, "fault.cleared", {"input": "storage"})]
        return [(EMIT, 0, "fault.storage", {"input": "storage", "state": trouble[:200]})]

    def _judged(self, state: Health) -> list[Effect]:
        if state == self._gnss:
            return []
        self._gnss = state
        if state == Health.WELL:
            return [(EMIT, 0, "fault.cleared", {"input": "gnss"})]
        return [(EMIT, 0, "fault.sensor", {"input": "gnss", "state": state.value})]

    def _where(self, now_ms: int) -> dict[str, object]:
        fix = self._fix
        if fix is None or not 0 <= now_ms - fix.at_ms <= FIX_MS:
            return {}
        return {"latitude_e7": fix.latitude_e7, "longitude_e7": fix.longitude_e7, "fix_age_ms": now_ms - fix.at_ms}

    def _tested(self, effect: Effect) -> Effect:
        """A self-test looks at camera and storage too."""
        if effect[0] != EMIT or effect[2] not in ("test.passed", "test.failed") or effect[3]["by"] == "user":
            return effect
        data = {**effect[3], "camera": self._camera.state or "well", "storage_percent": self._room.now}
        failed = [*data.get("failed", ())]
        failed += ["camera"] if self._camera.state else []
        failed += ["storage"] if self._card or self._room.full else []
        if failed:
            data["failed"] = failed
        return EMIT, effect[1], "test.failed" if failed else "test.passed", data

    def _answer(self, pattern: str, now_ms: int) -> None:
        """Let the finger feel it, not the room hear it."""
        self._buzz = pattern
        self._timers.start("buzzer", now_ms + BUZZ_MS)

    def _lamp(self, now_ms: int) -> str:
        troubled = self._card is not None or self._camera.state is not None
        if self._wanted or self._recording is not None:
            return "recording-fault" if troubled else "recording"
        ready = self._readiness.lamp(now_ms)
        if ready is not None:
            return ready
        if troubled:
            return "fault"
        if self._room.low:
            return "storage-low"
        return "idle" if self._readiness.linked else "offline"

    def _finished(self, effects: list[Effect], now_ms: int) -> list[Effect]:
        return [self._tested(effect) for effect in effects] + self._show(now_ms)

    def _show(self, now_ms: int) -> list[Effect]:
        self._timers.expired(now_ms)
        wanted = {
            "lamp": self._lamp(now_ms),
            "buzzer": self._buzz if self._timers.running("buzzer", now_ms) else "off",
            "ring": "short" if self._room.full else "whole",
            "offload": "gentle" if self._alarms.state() == UNRECEIPTED else "free",
        }
        effects: list[Effect] = []
        for name, pattern in wanted.items():
            if self._shown.get(name) != pattern:
                self._shown[name] = pattern
                effects.append((OUTPUT, name, pattern))
        return effects
