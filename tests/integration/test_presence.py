"""Who is connected: the center knows by signed words only, soon after the fact, and old words do not count."""

import signal

from tests.integration.ground import Button, Ground
from tests.integration.processes import until

QUIET_S = 60
"""A keepalive that is longer than a test waits: what is known sooner is known by words, not by silence."""


def changes(button: Button) -> list[tuple[str, str, int]]:
    """What consumers were told: (online or lost, cause, session)."""
    return [
        (one["type"].rpartition(".")[2], one["data"]["cause"], one["data"]["session"])
        for one in button.events("presence.")
    ]


def online(ground: Ground, button: Button) -> bool:
    """What ``dabyl center devices`` says."""
    return bool(next(one["online"] for one in ground.ask("devices") if one["device"] == button.name))


def wait_change(button: Button, *change: object) -> None:
    until(lambda: changes(button)[-1:] == [change], f"{change}", button.agent)


def test_a_death_a_stop_and_a_start_are_each_known_at_once(ground: Ground) -> None:
    button = ground.button(link={"keepalive_s": QUIET_S})
    button.start()
    wait_change(button, "online", "presence", 1)
    button.kill()
    wait_change(button, "lost", "will", 1)
    assert not online(ground, button)
    button.start()
    wait_change(button, "online", "presence", 1)
    button.agent.end(signal.SIGTERM)
    wait_change(button, "lost", "will", 1)
    button.start()
    wait_change(button, "online", "presence", 1)
    assert online(ground, button)


def test_a_frozen_agent_is_missed_and_welcomed_back(ground: Ground) -> None:
    """How soon is the center's to say (tests/center/test_presence.py) and the brokers' (tests/agent/mqtt/test_brokers.py)."""
    button = ground.button()
    agent = button.start()
    wait_change(button, "online", "presence", 1)
    agent.send(signal.SIGSTOP)
    try:
        until(lambda: changes(button)[-1][0] == "lost", "it is missed", ground.center_process)
    finally:
        agent.send(signal.SIGCONT)
    until(lambda: changes(button)[-1][0] == "online", "it is back", agent, ground.center_process)


def test_a_healthy_idle_device_is_never_missed(ground: Ground) -> None:
    button = ground.button(heartbeat_s=86400)
    button.start()
    wait_change(button, "online", "presence", 1)
    heard = len(ground.ear.of(button.name, "presence"))
    until(
        lambda: len(ground.ear.of(button.name, "presence")) >= heard + 2,
        "signs of life for longer than 1.5 keepalives",
        button.agent,
    )
    assert changes(button) == [("online", "presence", 1)]


def test_an_old_will_changes_nothing(ground: Ground) -> None:
    button = ground.button()
    button.start()
    wait_change(button, "online", "presence", 1)
    button.kill()
    wait_change(button, "lost", "will", 1)
    will = ground.ear.of(button.name, "presence")[-1]
    button.start()
    wait_change(button, "online", "presence", 1)
    boot = button.agent.said(stage="sealed")[0]["boot"]
    voice = ground.join(button.device.identity, button.name)  # throws the agent out, so its own will comes too
    voice.send(f"dabyl/v1/{button.name}/presence", will)
    voice.close()
    until(
        lambda: any(
            line.get("reason") == "replayed" and line["topic"] == f"dabyl/v1/{button.name}/presence"
            for line in ground.center_process.said(what="refused")
        ),
        "the replay is refused",
        ground.center_process,
    )
    until(lambda: changes(button)[-1][0] == "online", "it is back", button.agent)
    after = [one for one in button.events("presence.lost") if one["dabylboot"] != boot]
    assert len(after) == 1, "the old will was taken once, when it was true"
