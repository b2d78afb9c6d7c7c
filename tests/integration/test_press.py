"""One press, end to end, over both brokers: from the finger to the lamp that shows the center's signed receipt, and on to its end."""

import itertools
from collections.abc import Callable

import pytest

from tests.integration.conftest import ENGINES
from tests.integration.ground import Ground
from tests.integration.processes import until

both = pytest.mark.parametrize("running_ground", ENGINES, indirect=True)
LIT_S = 1.6
"""Only a received alarm lights the lamp so long (docs/devices/sos-button.md)."""


@both
def test_a_press_is_verified_receipted_shown_acknowledged_and_closed(
    ground: Ground, record: Callable[[str], None]
) -> None:
    button = ground.button()
    button.start()
    touched_ns = button.press()
    raised = button.wait_event("alarm.raised")
    name = raised["dabylboot"], raised["dabylseq"]
    assert raised["dabylconflict"] is False
    assert raised["data"]["level"] == "sos"
    receipt = button.agent.wait_said(stage="receipt", boot=name[0], seq=name[1], state=1)
    button.wait_lamp("received")

    def long_light() -> bool:
        changes = button.duties(receipt["mono_ns"])
        return any(
            here[1] == 1 and (there[0] - here[0]) / 1e9 > 0.9 * LIT_S for here, there in itertools.pairwise(changes)
        )

    until(long_light, "the lamp itself shows the receipt", button.agent)

    lamps = button.lamps()
    assert lamps.index("sending") < lamps.index("received"), "nothing is shown as received before the receipt"
    before = [line["mono_ns"] for line in button.agent.said(stage="output", name="lamp", pattern="received")]
    assert receipt["mono_ns"] <= before[0]

    ground.order(button.name, *name, "acknowledged")
    button.wait_lamp("acknowledged")
    sent = ground.center_process.said(stage="receipt", device=button.name, boot=name[0], seq=name[1], state=2)
    shown = button.agent.said(stage="output", name="lamp", pattern="acknowledged")
    until(lambda: button.steady_s() > 2, "acknowledged is a steady light, longer than 'received' ever is", button.agent)
    for state in ("dispatched", "closed"):
        ground.order(button.name, *name, state)
        button.wait_lamp(state)
    button.wait_lamp("idle")
    assert [one for one in button.lamps() if one != "sending"][-5:] == [
        "received",
        "acknowledged",
        "dispatched",
        "closed",
        "idle",
    ]
    (alarm,) = [one for one in ground.ask("alarms", "--all") if one["device"] == button.name]
    assert [(step["state"], step["who"]) for step in alarm["steps"]] == [
        ("received", ""),
        ("acknowledged", "tester"),
        ("dispatched", "tester"),
        ("closed", "tester"),
    ]
    assert button.verified()[name] == 1
    record(f"{ground.engine}: press to receipt {(receipt['mono_ns'] - touched_ns) / 1e6:.1f} ms")
    record(f"{ground.engine}: acknowledgement sent to lamp {(shown[0]['mono_ns'] - sent[0]['mono_ns']) / 1e6:.1f} ms")


@both
def test_presses_of_one_alarm_are_counted_none_missing(ground: Ground) -> None:
    button = ground.button()
    button.start()
    button.press_often(6, every_ms=300)
    button.wait_presses_verified()
    assert len(button.events("alarm.raised")) == 1
    assert max(button.verified().values()) == 1
