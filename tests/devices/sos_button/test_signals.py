"""What an SOS button shows and sounds: lamp, strobe, siren and relay."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_the_lamp_follows_the_receipts_step_by_step(driven: Make) -> None:
    device = driven()
    device.press()
    for state in (1, 2, 3, 4):
        device.receipt(1, state)
    assert device.lamps == ["offline", "idle", "sending", "received", "acknowledged", "dispatched", "closed"]
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "idle"


def test_receipts_in_any_order_never_lower_the_state_nor_reopen_an_alarm(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 2)
    device.receipt(1, 1)
    assert device.outputs["lamp"] == "acknowledged"
    device.receipt(1, 4)
    device.receipt(1, 3)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_a_receipt_for_an_escalation_changes_nothing(driven: Make) -> None:
    device = driven()
    device.press()
    device.press()
    device.receipt(device.number("alarm.escalated"), 2)
    assert device.outputs["lamp"] == "sending"
    device.receipt(1, 4)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_a_press_on_a_received_alarm_blinks_briefly_and_falls_back_to_what_is_receipted(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 1)
    device.press()
    assert device.outputs["lamp"] == "pressed"
    device.pass_ms(1000)
    assert device.outputs["lamp"] == "received"


def test_without_a_link_the_lamp_says_so_while_sending_and_while_idle(driven: Make) -> None:
    device = driven()
    device.take(device.button.link(False, device.now))
    assert device.outputs["lamp"] == "offline"
    device.press()
    assert device.outputs["lamp"] == "sending-no-link"
    device.take(device.button.link(True, device.now))
    assert device.outputs["lamp"] == "sending"


def test_strobe_and_siren_follow_the_configuration_and_end_by_themselves(driven: Make) -> None:
    device = driven({"siren": True, "siren_s": 180, "strobe_s": 600, "relay_s": 60})
    device.press()
    assert (device.outputs["strobe"], device.outputs["siren"], device.outputs["relay"]) == ("alarm", "alarm", "on")
    device.pass_ms(60_000)
    assert device.outputs["relay"] == "off"
    device.pass_ms(120_000)
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("alarm", "off")
    device.pass_ms(420_000)
    assert device.outputs["strobe"] == "off"


def test_a_silent_button_raises_the_alarm_all_the_same(driven: Make) -> None:
    device = driven({"siren": False, "strobe": False})
    device.press()
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("off", "off")
    assert len(device.named("alarm.raised")) == 1


def test_silence_stops_the_signals_and_nothing_else(driven: Make) -> None:
    device = driven({"siren": True})
    device.press()
    assert device.command("silence") == {"ok": True}
    assert (device.outputs["strobe"], device.outputs["siren"], device.outputs["lamp"]) == ("off", "off", "sending")
    device.press()
    assert device.outputs["siren"] == "off", "the same alarm stays silenced"
    assert len(device.named("alarm.escalated")) == 1


def test_closing_the_alarm_stops_the_signals(driven: Make) -> None:
    device = driven({"siren": True})
    device.press()
    device.receipt(1, 4)
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("off", "off")
