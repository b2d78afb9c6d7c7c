"""Clocks that are wrong: a device that wakes in 1970 sends at once and is dated later; what comes late is told as late."""

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.clocks import clock_at
from tests.integration.ground import Ground, now_ms
from tests.integration.processes import Process, until

pytestmark = pytest.mark.faketime
UNSET, HOLDOVER, SYNCHRONISED = 0, 1, 2
PASSING_S = 3.0
"""So that a clock that stands still, or is counted from elsewhere, is seen."""


def let_pass() -> None:
    """Time goes by; that it does is what is tested."""
    time.sleep(PASSING_S)


def test_a_press_in_1970_is_sent_at_once_and_dated_once_the_time_is_known(ground: Ground, tmp_path: Path) -> None:
    button = ground.button(settings={"alarm_window_s": 10})
    clock = tmp_path / "clock"
    ground.center_process.end()
    try:
        button.start(linked=False, environment=clock_at("@1970-01-01 00:01:00", clock))
        let_pass()
        pressed_ms = now_ms()
        early = button.press_and_wait()
        made_ms = now_ms()
        button.agent.wait_said(stage="link", up=True)  # mutual TLS, although no certificate is valid in 1970
        button.agent.wait_said(stage="published", boot=early[0], seq=early[1])
    finally:
        back_ms = now_ms()
        ground.start_center()
    button.wait_verified({early})
    button.wait_lamp("received")
    behind_ms = now_ms() - back_ms
    """A device's time is late by what the receipt took to reach it, which was less."""

    def alarm_time_ms() -> float | None:
        (found,) = [one for one in ground.ask("alarms", "--all") if (one["boot"], one["seq"]) == early]
        return None if found["time"] is None else datetime.fromisoformat(found["time"]).timestamp() * 1000

    dated = alarm_time_ms() is not None
    knowing = [one for one in ground.stored(button.name) if one.clock != UNSET]
    assert knowing or not dated, "nobody knows yet when it was"
    let_pass()
    again_ms = now_ms()
    later = button.press_and_wait()
    done_ms = now_ms()
    button.wait_verified({later})
    stored = {(one.boot, one.seq): one for one in ground.stored(button.name)}
    assert stored[early].clock == UNSET
    assert stored[early].at < 10 * 60_000, "the device really was in 1970"
    assert stored[later].clock == HOLDOVER
    assert again_ms - behind_ms <= stored[later].at <= done_ms, "the receipt told it the time, and it goes on counting"
    told_ms = alarm_time_ms()
    assert told_ms is not None, "any time that the boot knows dates it"
    assert pressed_ms - behind_ms <= told_ms <= made_ms

    clock.write_text("+0\n", encoding="ascii")  # as NTP sets it

    def pressed_in_true_time() -> bool:
        button.wait_verified({button.press_and_wait()})
        return any(one.clock == SYNCHRONISED for one in ground.stored(button.name))

    until(pressed_in_true_time, "a receipt agrees with its clock", button.agent)
    assert alarm_time_ms() == told_ms, "what was dated stays so"
    assert ground.verdict(button.name)["whole"]


def test_a_command_is_refused_while_the_time_is_unknown(ground: Ground) -> None:
    button = ground.button()
    ground.center_process.end()
    try:
        button.start(environment=clock_at("@1970-01-01 00:01:00"))
        ground.send_command(button.name, ground.command(button.name, 1, "identify"))
        until(lambda: button.sealed("command.refused"), "it is refused", button.agent)
    finally:
        ground.start_center()
    assert button.wait_event("command.refused")["data"]["reason"] == "time-unknown"
    assert "identify" not in button.lamps()


def test_what_arrives_more_than_a_minute_late_is_told_as_late(ground: Ground) -> None:
    button = ground.button()
    button.start()
    button.wait_verified({button.press_and_wait()})
    button.wait_settled()
    ground.center_process.end()
    tardy = button.press_and_wait()
    # Two minutes pass at the center, while what was sent waits in the broker.
    late = Process(
        "the center, two minutes later", ground.site.center("--log", "json"), {**os.environ, **clock_at("+120")}
    )
    ground.centers.append(late)
    try:
        late.wait_said(what="connected")
        button.wait_verified({tardy})
    finally:
        late.end()
        ground.start_center()
    lateness = {(one["dabylboot"], one["dabylseq"]): one["dabyllate"] for one in button.events("alarm.")}
    assert lateness[tardy] is True
    assert not all(lateness.values())
