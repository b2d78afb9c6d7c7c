"""Bad networks and bad brokers: alarms come through first, the backlog comes in full, and PUBACK is not taken for delivery."""

from collections.abc import Iterator

import pytest

from simulators.network.toxics import Timeout, slow_link
from simulators.site import TAMPER_PIN
from tests.integration.ground import Ground
from tests.integration.processes import until
from tests.integration.swallowing_broker import SwallowingBroker
from tests.integration.weather import Weather


@pytest.fixture
def weather(ground: Ground) -> Iterator[Weather]:
    with Weather(ground.site.broker.port, seed=10) as found:
        yield found


def test_after_a_cut_the_alarm_comes_first_and_the_backlog_in_full(ground: Ground, weather: Weather) -> None:
    button = ground.button(ports=[weather.port], settings={"alarm_window_s": 10})
    button.start()
    until(lambda: set(button.sealed()) <= set(button.verified()), "the beginning is verified", button.agent)
    weather.cut()
    button.agent.wait_said(stage="link", up=False)
    for number in range(6):
        button.board.tamper(TAMPER_PIN, opened=number % 2 == 0)
        until(lambda number=number: len(button.sealed("tamper.")) > number, "it is told", button.agent)  # type: ignore[misc]  # bound now
    name = button.press_and_wait()
    waiting = [one for one in button.sealed() if one not in button.verified()]
    assert len(waiting) >= 7
    button.wait_lamp("sending-no-link")
    weather.mend()
    button.wait_verified(set(waiting))
    button.wait_lamp("received")
    again = button.agent.said(stage="link", up=True)[-1]["mono_ns"]
    published = [
        (one["boot"], one["seq"])
        for one in button.agent.said(stage="published")
        if one["mono_ns"] >= again - 50_000_000
    ]
    assert published[0] == name, "the alarm overtakes what waited before it"
    rest = list(dict.fromkeys(one for one in published if one != name))
    assert set(waiting) - {name} <= set(rest)
    assert rest == sorted(rest), "the rest keeps its order"
    assert max(button.verified().values()) == 1
    assert ground.verdict(button.name)["whole"]


def test_through_a_black_hole_nothing_is_lost(ground: Ground, weather: Weather) -> None:
    button = ground.button(ports=[weather.port])
    button.start()
    weather.change(lambda: weather.network.add("hole", Timeout()))
    button.press_and_wait()
    button.agent.wait_said(stage="link", up=False)  # nothing answers, so it gives up by itself
    button.press()
    assert button.receipted() == set()
    weather.change(weather.network.clear)
    button.wait_presses_verified()
    button.wait_settled()


def test_over_a_slow_and_lossy_link_a_press_is_receipted(ground: Ground, weather: Weather) -> None:
    weather.change(lambda: weather.network.add_all("slow", slow_link()))
    button = ground.button(ports=[weather.port], link={"alarm_retry_ms": 4000, "connect_timeout_s": 15})
    button.start()
    for _ in range(3):
        button.press()
        button.wait_presses_verified()
    button.wait_lamp("received")
    assert ground.verdict(button.name)["whole"]


def test_a_broker_that_acknowledges_and_drops_is_left_for_the_next_one(ground: Ground) -> None:
    with SwallowingBroker(ground.broker_identity("broker-2")) as bad:
        button = ground.button(ports=[bad.port, ground.site.broker.port])
        button.start()
        name = button.press_and_wait()
        until(lambda: bad.swallowed.get("alarm", 0) > 0, "the bad broker takes the alarm", button.agent)
        assert button.receipted() == set()
        button.wait_verified({name})
        button.wait_lamp("received")
        assert bad.swallowed["alarm"] >= 3, "it was sent more than once before the broker was given up"
        brokers = [line["broker"] for line in button.agent.said(message="connected")]
        assert brokers[0].endswith(f":{bad.port}")
        assert brokers[-1].endswith(f":{ground.site.broker.port}")
        assert max(button.verified().values()) == 1
        button.agent.end()


def test_a_broker_of_a_foreign_authority_is_never_told_anything(ground: Ground) -> None:
    with SwallowingBroker(ground.broker_identity("broker-3", foreign=True)) as bad:
        button = ground.button(ports=[bad.port, ground.site.broker.port])
        button.start()
        name = button.press_and_wait()
        button.wait_verified({name})
        assert bad.swallowed == {}
        said = button.agent.said(message="no connection")
        assert said
        assert "certificate is not believed" in said[0]["reason"]
