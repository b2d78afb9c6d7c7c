"""Signed commands through the real broker: carried out once, and their end told in a signed event."""

from agent.keys.file import FileKey
from simulators.gpio.hardware import Hardware
from simulators.site import LAMP_PIN
from tests.integration.ground import Ground
from tests.integration.processes import until


def blinks(board: Hardware, since_ns: int) -> int:
    return sum(output.duty == 1 for output in board.history(LAMP_PIN) if output.since_ns >= since_ns)


def test_a_self_test_is_carried_out_and_told(ground: Ground) -> None:
    button = ground.button()
    button.start()
    ground.send_command(button.name, ground.command(button.name, 1, "self-test"))
    done = button.wait_event("command.completed")
    assert done["data"] == {"n": 1, "name": "self-test", "result": {"ok": True}}
    passed = button.wait_event("test.passed")
    assert passed["data"]["by"] == "command"
    assert passed["data"]["link"] is True


def test_identify_shows_on_the_lamp_itself(ground: Ground) -> None:
    button = ground.button()
    button.start()
    ground.send_command(button.name, ground.command(button.name, 1, "identify", {"seconds": 3}))
    button.wait_lamp("identify")
    began = button.agent.said(stage="output", pattern="identify")[0]["mono_ns"]
    until(lambda: blinks(button.board, began) >= 6, "the lamp blinks by threes", button.agent)
    button.wait_lamp("idle")
    assert button.wait_event("command.completed")["data"]["result"] == {"ok": True, "seconds": 3}


def test_an_unknown_command_fails_and_says_so(ground: Ground) -> None:
    button = ground.button()
    button.start()
    ground.send_command(button.name, ground.command(button.name, 1, "open-sesame"))
    assert button.wait_event("command.failed")["data"] == {"n": 1, "name": "open-sesame", "reason": "unknown"}


def test_after_a_change_of_the_centers_key_the_old_one_counts_no_more_even_after_a_restart(ground: Ground) -> None:
    button = ground.button()
    button.start()
    new = ground.identity("center", "center-two")
    rotation: dict[str, object] = {"keys": [FileKey.load(str(new.key)).public_der]}
    ground.send_command(button.name, ground.command(button.name, 1, "center-keys", rotation))
    button.wait_event("command.completed")
    ground.send_command(button.name, ground.command(button.name, 2, "identify"))
    button.agent.wait_said(message="a message was refused", reason="unknown-key")
    ground.send_command(button.name, ground.command(button.name, 3, "self-test", key=new.key))
    button.agent.wait_said(message="command", n=3)
    button.agent.end()
    button.start()
    ground.send_command(button.name, ground.command(button.name, 4, "identify"))
    ground.send_command(button.name, ground.command(button.name, 5, "self-test", key=new.key))
    button.agent.wait_said(message="command", n=5)
    assert [line["n"] for one in button.runs for line in one.said(message="command")] == [1, 3, 5]
    assert "identify" not in button.lamps()
