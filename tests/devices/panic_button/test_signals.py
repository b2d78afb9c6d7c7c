"""What a panic button shows and lets its holder feel: touch, lamp and buzzer."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_touch_and_lamp_tell_sent_received_and_acknowledged(driven: Make) -> None:
    device = driven()
    device.press()
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("sent", "sending")
    device.pass_ms(2000)
    for state, touch, lamp in ((1, "received", "received"), (2, "acknowledged", "acknowledged")):
        device.receipt(1, state)
        assert (device.outputs["haptic"], device.outputs["lamp"]) == (touch, lamp)
        device.pass_ms(3000)
        assert device.outputs["haptic"] == "off"
    device.receipt(1, 2)
    assert device.outputs["haptic"] == "off"
    device.receipt(1, 4)
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("off", "closed")
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "idle"


def test_a_press_without_a_link_feels_different_and_shows_it(driven: Make) -> None:
    device = driven()
    device.take(device.button.link(False, device.now))
    assert device.outputs["lamp"] == "offline"
    device.press()
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("pressed", "sending-no-link")


def test_a_gesture_reached_is_felt_so_that_its_holder_can_let_go(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(5000)
    assert device.outputs["haptic"] == "level"
    device.pass_ms(2000)
    assert device.outputs["haptic"] == "off"
    device.set("button", 0)
    device.pass_ms(100)
    for _ in range(3):
        device.press()
    assert device.outputs["haptic"] == "sent", "a lower gesture is no news"


def test_the_same_touch_again_is_played_again(driven: Make) -> None:
    device = driven()
    device.press()
    device.press()
    assert [one for one in device.played if one[0] == "haptic"][-2:] == [("haptic", "sent"), ("haptic", "sent")]


def test_it_is_silent_unless_told_otherwise(driven: Make) -> None:
    device = driven()
    device.press(5500)
    device.receipt(1, 1)
    assert {pattern for name, pattern in device.played if name == "buzzer"} == {"off"}
    assert len([1 for name, _ in device.played if name == "buzzer"]) == 1
    device = driven({"audible": True})
    device.press()
    assert device.outputs["buzzer"] == "sent"


def test_a_further_press_shows_itself_and_then_the_receipt_again(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 1)
    device.press()
    assert device.outputs["lamp"] == "pressed"
    device.pass_ms(1000)
    assert device.outputs["lamp"] == "received"


def test_a_new_alarm_shows_its_own_receipt_at_once(driven: Make) -> None:
    device = driven()
    device.press(50, 50)
    device.receipt(1, 1)
    device.press(50, 50)
    device.receipt(1, 4)
    assert device.outputs["lamp"] == "closed"
    device.press(50, 50)
    assert device.outputs["lamp"] == "sending"
    device.receipt(3, 1)
    assert device.outputs["lamp"] == "received"
