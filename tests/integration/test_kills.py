"""Every part is killed while presses go on: what was kept arrives, nothing counts twice, and every chain can be proven afterwards."""

import random
import signal
import time
from collections import Counter

import pytest

from tests.integration.ground import Button, Ground
from tests.integration.processes import until
from tests.integration.weather import Weather

AGENT_KILLS = 20


def assert_proven(ground: Ground, button: Button) -> None:
    """The center holds a whole chain of this device, each number once, and knows of no conflict."""
    verdict = ground.verdict(button.name)
    assert verdict["whole"], verdict
    assert ground.incidents(button.name) == []
    stored = Counter((one.boot, one.seq) for one in ground.stored(button.name))
    assert max(stored.values()) == 1


# CPython up to 3.11.7 and 3.12.1 (gh-113280) leaves the socket over when the broker resets a connection within wrap_socket, here paho's.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize(
    ("running_ground", "end"),
    [
        pytest.param("mosquitto", "restart", marks=pytest.mark.mosquitto),
        pytest.param("mosquitto", "kill", marks=pytest.mark.mosquitto),
        ("nats", "kill"),
    ],
    indirect=["running_ground"],
)
def test_the_broker_goes_and_comes_back_while_presses_go_on(ground: Ground, end: str) -> None:
    button = ground.button()
    button.start()
    button.press_and_wait()
    button.press_often(16, every_ms=250)
    for _ in range(2):
        time.sleep(0.7)  # in the midst of the presses; the moment does not matter
        if end == "kill":
            ground.site.broker.kill()
            ground.site.broker.start()
        else:
            ground.site.broker.restart()
    button.board.wait_quiet()
    until(
        lambda: button.presses_stored() == button.presses,
        "every press is stored",
        button.agent,
        ground.center_process,
        timeout_s=60,
    )
    button.wait_settled()
    assert_proven(ground, button)
    if end == "restart":  # what a broker acknowledged before kill -9 it may lose on the way to consumers
        button.wait_presses_verified()


def test_what_a_killed_agent_kept_arrives_once_and_no_number_is_used_twice(ground: Ground) -> None:
    with Weather(ground.site.broker.port, seed=20) as weather:
        kill_and_prove(ground, weather)


def kill_and_prove(ground: Ground, weather: Weather) -> None:
    draw = random.Random(20)
    button = ground.button(ports=[weather.port])
    button.start()
    button.press_and_wait()  # a receipt tells the center's highest boot, so that boots are counted from here on
    button.wait_settled()
    for _ in range(AGENT_KILLS):
        button.press_often(2, every_ms=draw.uniform(220, 300))
        time.sleep(draw.uniform(0.02, 0.5))  # the moment of death is the point
        button.kill()
        if draw.random() < 0.4:  # some boots never hear from the center: only the disk knows their number
            weather.cut()
            button.start(linked=False)
            until(lambda: button.agent.said(stage="kept"), "it keeps its first event", button.agent)
        else:
            weather.mend()
            button.start(linked=draw.random() < 0.5)
    weather.mend()
    button.press()
    button.agent.wait_said(stage="link", up=True)
    button.board.wait_quiet()
    until(lambda: set(button.sealed()[-1:]) <= button.kept(), "the last event is kept", button.agent)
    kept = button.kept()
    assert len(kept) > 2 * AGENT_KILLS, "the kills left something to lose"
    button.wait_verified(kept)
    button.wait_settled()
    assert max(button.verified().values()) == 1
    sealed = Counter(button.sealed())
    assert max(sealed.values()) == 1, "a number was used twice"
    boots = {boot for boot, _ in sealed}
    assert len(boots) == AGENT_KILLS + 1
    assert_proven(ground, button)
    assert all(boot["linked"] for boot in ground.verdict(button.name)["boots"])


def test_a_killed_center_loses_nothing_and_hands_on_an_event_once_in_each_life_at_most(ground: Ground) -> None:
    draw = random.Random(4)
    kills = 4
    button = ground.button(settings={"alarm_window_s": 10})
    button.start()
    button.press_and_wait()
    for _ in range(kills):
        button.press_often(4, every_ms=250)
        time.sleep(draw.uniform(0.05, 1.0))  # the moment of death is the point
        ground.center_process.end(signal.SIGKILL)
        ground.start_center()
    button.press()
    button.wait_presses_verified()
    button.wait_settled()
    until(lambda: button.lamp() == "received", "the lamp shows the receipt", button.agent)
    ids = Counter(one["id"] for one in button.events() if "dabylseq" in one)
    assert max(ids.values()) <= 1 + kills
    assert sum(ids.values()) <= 2 * len(ids), "again only what was on its way when it was killed"
    assert len(set(button.verified())) == len(ids), "the same event has the same id"
    assert_proven(ground, button)


def test_what_happens_while_the_center_is_down_is_receipted_when_it_comes_back(ground: Ground) -> None:
    button = ground.button()
    button.start()
    ground.center_process.end(signal.SIGTERM)
    try:
        button.press_and_wait()
        button.wait_lamp("sending")
        assert button.receipted() == set()
    finally:
        ground.start_center()
    button.wait_lamp("received")
    button.wait_presses_verified()
    assert max(button.verified().values()) <= 2, (
        "what was on its way to consumers when the center stopped may come again"
    )
    assert_proven(ground, button)
