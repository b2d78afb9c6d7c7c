"""The real logic over the street's bytes: what it notices, what it lights, and that a recording tells the same again."""

import gzip
import json
import pathlib
from collections.abc import Mapping

import pytest

from devices.sensors.sensor import MODELS
from simulators.errors import WiringError
from simulators.street.account import account
from simulators.street.recording import RecordingError, record, replay
from simulators.street.rig import IO, LINES, Rig
from simulators.street.run import MINIMUM, Run, settings_for
from simulators.street.truth import judge
from simulators.street.world import Plan, World

BUSY = Plan(7, groups_h=300, vehicles_h=200, presses=0.3)
ALONE = ("tracker", IO)
"""This side only."""
QUIET = Plan(7, groups_h=0, vehicles_h=0)


def told_by(plan: Plan, broken: Mapping[str, str], ms: int, fitted: tuple[str, ...] = LINES) -> tuple[Run, list[str]]:
    events: list[str] = []
    run = Run(
        plan,
        settings_for(plan, fitted),
        told=lambda _now_ms, kind, data: events.append(
            f"{kind} {data.get('input', '')} {data.get('state', '')}".strip()
        ),
    )
    run.until(5000)
    for what, how in broken.items():
        run.rig.break_it(what, how)
    run.until(ms)
    return run, events


def test_people_are_detected_and_lamps_lit_in_time() -> None:
    run, events = told_by(BUSY, {}, 75_000)
    found = account(run)
    assert found["pedestrians"] >= 3
    assert found["missed"] == 0
    assert found["by_detection"] >= 1
    assert found["detection_to_lamp_ms"]["p99"] <= 200
    assert found["detection_to_far_side_ms"]["p99"] <= 500
    assert found["faults"] == {}
    assert not [event for event in events if event.startswith("fault")]


def test_an_empty_street_stays_dark() -> None:
    run, events = told_by(QUIET, {}, 60_000)
    assert run.calls == []
    assert not [event for event in events if event.startswith(("fault", "crossing"))]
    assert run.rig.dark_for_ms(60_000.0) > 60_000


@pytest.mark.parametrize(
    "ailing",
    [
        {"tracker": ("unplugged", "lost")},
        {"tracker": ("silent", "silent"), "speed": ("silent", "silent")},
        {"tracker": ("babbling", "babbling"), "presence": ("silent", "silent")},
        {"tracker": ("wrong-baud", "babbling"), "charger": ("babbling", "babbling")},
    ],
)
def test_broken_lines_are_faults_and_heal(ailing: Mapping[str, tuple[str, str]]) -> None:
    run, events = told_by(QUIET, {what: how for what, (how, _state) in ailing.items()}, 18_000, (*ailing, IO))
    assert run.faults == {what: state for what, (_how, state) in ailing.items()}
    for what in ailing:
        run.rig.break_it(what, "well")
    run.until(26_000)
    assert {f"fault.cleared {what}" for what in ailing} <= {*events}
    assert run.faults == {}


def test_a_tracker_frozen_on_somebody_is_found_out() -> None:
    run = Run(QUIET, settings_for(QUIET, ALONE))
    run.rig.break_it("tracker", "haunted")
    run.until(3000)
    run.rig.break_it("tracker", "frozen")
    run.until(4000 + MODELS["ld2450"].limits.frozen_ms)
    assert run.faults["tracker"] == "frozen"
    run.rig.break_it("tracker", "well")
    run.until(run.now_ms + 5000)
    assert run.faults == {}


def test_a_sensor_that_alone_claims_somebody_is_set_aside_and_the_beacon_ends() -> None:
    run, events = told_by(QUIET, {"tracker": "haunted"}, 145_000, ALONE)
    assert "fault.sensor tracker contradicted" in events
    assert events.index("fault.sensor tracker contradicted") < events.index("crossing.ended") if run.calls else True
    assert not run.controller.crossing.lit
    run.rig.break_it("tracker", "well")
    run.until(155_000)
    assert run.faults == {}


def lit(broken: Mapping[str, str]) -> tuple[Run, list[str]]:
    events: list[str] = []
    run = Run(
        QUIET,
        settings_for(QUIET, ALONE),
        told=lambda _now_ms, kind, data: events.append(
            f"{kind} {data.get('input', '')} {data.get('state', '')}".strip()
        ),
    )
    for what, how in broken.items():
        run.rig.break_it(what, how)
    press(run, 5000)
    run.until(8000)
    return run, events


def press(run: Run, at_ms: int) -> None:
    for level in (1, 0):
        run.until(at_ms + 200 * (1 - level))
        run.controller.level("button", level, run.now_ms)


@pytest.mark.parametrize(
    ("how", "state"), [("broken", "dead"), ("stuck-on", "stuck-on"), ("degraded", "dead"), ("short", "short")]
)
def test_a_lamp_that_is_not_sound_is_told_and_the_other_flashes(how: str, state: str) -> None:
    run, events = lit({"lamp-left": how})
    assert f"fault.lamp lamp-left {state}" in events
    run.flashed.clear()
    run.until(9000)
    assert "right" in run.flashed
    run.rig.break_it("lamp-left", "well")
    run.until(20_000)
    assert not run.controller.crossing.lit
    press(run, 20_000)
    run.until(26_000)
    assert run.faults == {}
    assert events.count(f"fault.lamp lamp-left {state}") == 1


def test_a_relay_that_welds_while_it_is_lit_is_told_after_it() -> None:
    run, events = lit({})
    run.rig.break_it("relay", "welded")
    run.until(25_000)
    assert not run.controller.crossing.lit
    assert "fault.sensor relay welded" in events
    run.rig.break_it("relay", "well")
    press(run, 25_000)
    run.until(40_000)
    assert "fault.cleared relay" in events
    assert run.faults == {}


@pytest.mark.parametrize(
    ("what", "inputs"),
    [
        ("relay", {"relay": "silent", "lamp-left": "dead", "lamp-right": "dead"}),  # they have no supply
        ("current-left", {"current-left": "silent"}),
        ("io", dict.fromkeys(("relay", "current-left", "current-right"), "silent")),
    ],
)
def test_what_is_broken_is_called_as_in_its_fault(what: str, inputs: dict[str, str]) -> None:
    run, _events = lit({})
    run.rig.break_it(what, "silent")
    run.until(12_000)
    assert run.faults == inputs
    run.rig.break_it(what, "well")
    press(run, 12_000)
    run.until(20_000)
    assert run.faults == {}


def test_without_the_controller_the_relay_makes_it_dark() -> None:
    run, _events = lit({})
    assert run.rig.dark_for_ms(8000.0) < 800
    for at_ms in range(8001, 9001):  # time goes on, the controller does not
        list(run.rig.advance(float(at_ms)))
    assert run.rig.dark_for_ms(9000.0) > 200
    assert not run.rig.relays.closed(0)


def test_a_seed_is_a_run() -> None:
    one, again = (told_by(BUSY, {}, 30_000) for _ in range(2))
    assert one[1] == again[1]
    assert account(one[0]) == account(again[0])


def test_a_replay_calls_as_the_run_did(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "street.jsonl.gz"
    run = record(path, BUSY, settings_for(BUSY, MINIMUM), 45_000)
    again = replay(path)
    assert run.calls
    assert again.calls == run.calls
    assert again.truth == run.witness.truth
    assert again.reports == run.reports
    assert judge(again.truth, again.calls) == judge(run.witness.truth, run.calls)
    assert replay(path, pir_pin=-1, farside_port="", watch_far_mm=500).calls != run.calls


@pytest.mark.parametrize("lines", [[], ["{}"], ["[1, 2]"], ['{"street": 1}'], ['{"street": 2}'], ["garbage"]])
def test_what_is_no_recording_is_refused(tmp_path: pathlib.Path, lines: list[str]) -> None:
    path = tmp_path / "bad.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    with pytest.raises(RecordingError, match=r"bad\.gz"):
        replay(path)


def test_a_recording_that_was_cut_short_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "short.gz"
    record(path, QUIET, settings_for(QUIET, MINIMUM), 1000)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert json.loads(lines[0])["street"] == 2
    path.write_bytes(gzip.compress(b"\n".join(lines[:-1])))
    with pytest.raises(RecordingError, match="cut short"):
        replay(path)
    path.write_bytes(gzip.compress(b"\n".join(lines))[:-20])
    with pytest.raises(RecordingError, match="damaged"):
        replay(path)


def test_what_cannot_be_broken_is_refused() -> None:
    rig = Rig(World(QUIET), settings_for(QUIET))
    for what, how in (("moon", "silent"), ("tracker", "broken"), ("lamp-left", "silent"), ("lamp-middle", "broken")):
        with pytest.raises(WiringError, match=what):
            rig.break_it(what, how)


def test_lines_that_are_not_fitted_are_not_there() -> None:
    rig = Rig(World(QUIET), settings_for(QUIET, MINIMUM))
    assert {*rig.ports} == {*MINIMUM}
    assert rig.far is not None
    assert Rig(World(QUIET), settings_for(QUIET, ("io",))).far is None
