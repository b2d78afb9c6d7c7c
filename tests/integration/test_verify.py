"""``dabyl verify`` proves what was captured from the broker with nothing but the root certificate, and notices a single changed bit."""

import base64
import json
from pathlib import Path

import pytest

from simulators.site import TAMPER_PIN, dabyl
from tests.integration.ground import Button, Ground
from tests.integration.mqtt import told
from tests.integration.processes import run, until


@pytest.fixture(scope="module")
def captured(running_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Everything that one device has ever said, two boots long, as lines of JSON; and its name."""
    ground = running_ground
    button: Button = ground.button()
    for _ in range(2):
        button.start()
        button.press_and_wait()
        opened = len(button.sealed("tamper."))
        button.board.tamper(TAMPER_PIN, opened=True)
        until(lambda opened=opened: len(button.sealed("tamper.")) > opened, "the enclosure is told", button.agent)  # type: ignore[misc]  # bound now
        button.wait_verified(set(button.sealed()))
        button.wait_settled()
        button.agent.end()
        button.board.tamper(TAMPER_PIN, opened=False)
    button.wait_verified(set(button.sealed()))
    path = tmp_path_factory.mktemp("captured") / "messages.jsonl"
    assert ground.ear.capture(path, button.name) > 8
    return path, button.name


def verified(ground: Ground, path: Path) -> tuple[int, list[dict[str, object]], str]:
    """Exit code, answers, standard error."""
    done = run([*dabyl(), "verify", "--root", str(ground.site.root), "--json", str(path)])
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_all_that_was_captured_is_proven(ground: Ground, captured: tuple[Path, str]) -> None:
    path, name = captured
    code, answers, told = verified(ground, path)
    assert code == 0, told
    messages = [one for one in answers if "message" in one]
    assert len(messages) == len(path.read_text().splitlines())
    assert {one["verdict"] for one in messages} == {"proven"}
    (chain,) = [one for one in answers if "chain" in one]
    assert chain["chain"] == name
    assert chain["sound"]
    assert chain["whole"]


def changed(path: Path, to: Path, leaf: str, *, byte: int) -> None:
    """A copy in which one bit of the last message of a class is turned over."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    target = [line for line in lines if line["topic"].endswith(leaf)][-1]
    message = bytearray(base64.b64decode(target["payload"]))
    message[byte] ^= 1
    target["payload"] = base64.b64encode(message).decode()
    to.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("leaf", ["alarm", "event", "presence"])
@pytest.mark.parametrize("byte", [-1, -70])
def test_one_turned_bit_is_noticed(
    ground: Ground, captured: tuple[Path, str], tmp_path: Path, leaf: str, byte: int
) -> None:
    """The last byte is of the signature, the 70th from the end of the payload."""
    copy = tmp_path / "changed.jsonl"
    changed(captured[0], copy, leaf, byte=byte)
    code, answers, _told = verified(ground, copy)
    assert code == 1
    refused = [one for one in answers if one.get("verdict", "proven") != "proven"]
    assert len(refused) == 1


def test_a_message_left_out_is_noticed(ground: Ground, captured: tuple[Path, str], tmp_path: Path) -> None:
    lines = captured[0].read_text().splitlines(keepends=True)
    alarms = [line for line in lines if '/alarm"' in line]
    copy = tmp_path / "thinned.jsonl"
    copy.write_text("".join(line for line in lines if line != alarms[0]))
    code, answers, _told = verified(ground, copy)
    assert code == 1
    assert {one["verdict"] for one in answers if "message" in one} == {"proven"}, (
        "what is there is genuine all the same"
    )
    (chain,) = [one for one in answers if "chain" in one]
    assert not chain["sound"]
    left_out = told(base64.b64decode(json.loads(alarms[0])["payload"]))
    boots = chain["boots"]
    assert isinstance(boots, list)
    missing = [(boot["boot"], hole) for boot in boots for hole in boot["missing"]]
    assert missing == [(left_out.boot, [left_out.seq, left_out.seq])]
    assert not any(boot["breaks"] or boot["forks"] for boot in boots), "missing is not altered"


def test_another_root_proves_nothing(ground: Ground, captured: tuple[Path, str]) -> None:
    other = ground.broker_identity("broker-4", foreign=True)
    done = run([*dabyl(), "verify", "--root", str(other.root), "--json", str(captured[0])])
    assert done.returncode == 1
    assert "proven" not in {json.loads(line).get("verdict") for line in done.stdout.splitlines()}
