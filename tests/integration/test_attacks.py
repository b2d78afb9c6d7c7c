"""Forgeries through the real broker, by somebody with every right there: the agent changes nothing, the center takes nothing."""

import shutil
from collections.abc import Iterator

import pytest

from agent.keys.file import FileKey
from agent.wire import command, cose, presence, receipt, topics
from agent.wire.receipt import Receipt
from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.brokers.model import device_rights
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.site import CENTER, SUPPLY_PIN, TAMPER_PIN
from tests.integration.ground import Button, Ground, now_ms
from tests.integration.mqtt import Voice
from tests.integration.processes import Process, until


@pytest.fixture(scope="module")
def foreign(running_ground: Ground) -> IdentityFiles:
    """A center of another authority, under the name of ours."""
    folder = running_ground.site.directory / "foreign"
    authority = Authority.create(folder, "Somebody else", now_ms())
    return make_identity(folder / "identity", authority, "center", CENTER, now_ms())


@pytest.fixture
def center_away(ground: Ground) -> Iterator[None]:
    """No honest receipt comes meanwhile."""
    ground.center_process.end()
    yield
    if not ground.center_process.running:
        ground.start_center()


def signed_receipt(
    device: str, name: tuple[int, int], signer: FileKey, *, state: int = receipt.RECEIVED, context: bytes = b""
) -> bytes:
    told = Receipt(device, CENTER, 1 << 40, now_ms(), 0, [(name[0], 1, name[1])], [(*name, state)])
    return cose.sign(told.encode(), context or receipt.CONTEXT, signer)


def test_no_forged_receipt_or_command_changes_anything(
    ground: Ground, foreign: IdentityFiles, center_away: None
) -> None:
    button = ground.button(heartbeat_s=5)
    button.start()
    name = button.press_and_wait()
    button.wait_lamp("sending")
    honest = FileKey.load(str(ground.site.center_identity.key))
    stranger = FileKey.load(str(foreign.key))
    itself = FileKey.load(str(button.device.identity.key))
    good = signed_receipt(button.name, name, honest)
    forged = [
        signed_receipt(button.name, name, stranger),
        signed_receipt(button.name, name, itself),
        signed_receipt("sos-9999", name, honest),
        signed_receipt(button.name, name, honest, context=command.CONTEXT),
        good[:-1] + bytes([good[-1] ^ 1]),
        good + b"\x00",
        b"",
        b"\xd2" + bytes(70_000),
    ]
    for message in forged:
        ground.ear.send(topics.topic(button.name, topics.RECEIPT), message)
    commands = [
        ground.command(button.name, 1, "identify", key=foreign.key),
        ground.command(button.name, 1, "identify", key=button.device.identity.key),
        ground.command("sos-9999", 1, "identify"),
        ground.command(button.name, 1, "identify", context=receipt.CONTEXT),
    ]
    for message in commands:
        ground.send_command(button.name, message)
    ground.send_command(button.name, ground.command(button.name, 7, "silence"))  # carried out after all of these
    button.agent.wait_said(message="command", n=7)

    assert button.agent.said(stage="receipt") == []
    assert button.lamps()[-1] == "sending"
    assert [line["name"] for line in button.agent.said(message="command")] == ["silence"]

    ground.start_center()
    button.wait_lamp("received")
    told = button.wait_event("message.refused")
    assert told["data"] == {"class": "receipt", "reason": "unknown-key", "count": 1}
    wanted = len(forged) + len(commands)
    until(
        lambda: any(one["data"].get("refused") == wanted for one in button.events("health.report")),
        f"the agent has counted {wanted} refusals",
        button.agent,
    )


def test_replayed_and_expired_commands_are_refused_and_said_so(ground: Ground) -> None:
    button = ground.button()
    button.start()
    first = ground.command(button.name, 5, "silence")
    ground.send_command(button.name, first)
    ground.send_command(button.name, ground.command(button.name, 6, "silence"))
    button.wait_event("command.completed", 2)
    ground.send_command(button.name, first)
    ground.send_command(button.name, ground.command(button.name, 9, "identify", at_ms=now_ms() - 90_000, expires_s=60))
    button.wait_event("command.refused", 2)
    told = [one["data"] for one in button.events("command.refused")]
    assert told == [
        {"n": 5, "name": "silence", "reason": "replayed"},
        {"n": 9, "name": "identify", "reason": "expired"},
    ]
    assert "identify" not in button.lamps()
    assert len(button.events("command.completed")) == 2


def quiet(button: Button) -> Voice:
    """The device's own connection, in an attacker's hands, with the agent gone."""
    button.agent.end()
    return button.ground.join(button.device.identity, button.name)


def refusals(ground: Ground) -> dict[str, int]:
    """How often the center refused what, as it told."""
    counted: dict[str, int] = {}
    for line in ground.center_process.said(what="refused"):
        for reason, count in line.get("held", {line.get("reason"): 1}).items():
            counted[reason] = counted.get(reason, 0) + count
    return counted


def test_the_center_takes_nothing_that_is_forged_misplaced_replayed_or_too_large(ground: Ground) -> None:
    button = ground.button()
    button.start()
    button.press_and_wait()
    button.wait_settled()
    button.press_and_wait()
    voice = quiet(button)
    button.wait_verified(set(button.sealed()))
    before = len(ground.stored(button.name))
    seen = len(button.events("alarm."))
    old = refusals(ground)
    alarm, state = ground.ear.of(button.name, "alarm")[0], ground.ear.of(button.name, "event")[0]
    greeting = ground.ear.of(button.name, "presence")[0]
    topic = {leaf: topics.topic(button.name, leaf) for leaf in (topics.ALARM, topics.EVENT, topics.PRESENCE)}
    parts = cose.parse(alarm)
    signer = FileKey.load(str(button.device.identity.key))
    attacks = {
        "forged": [
            (topics.ALARM, alarm[:-1] + bytes([alarm[-1] ^ 1])),
            (topics.ALARM, cose.sign(parts.payload, presence.CONTEXT, signer)),
        ],
        "misaddressed": [(topics.EVENT, alarm), (topics.ALARM, state)],
        "oversized": [(topics.ALARM, alarm + bytes(cose.MAX_MESSAGE))],
        "malformed": [(topics.ALARM, b""), (topics.EVENT, b"\xff" * 100), (topics.PRESENCE, alarm[: len(alarm) // 2])],
        "replayed": [(topics.PRESENCE, greeting)],
    }
    for messages in attacks.values():
        for leaf, message in messages:
            voice.send(topic[leaf], message)
    for _ in range(3):  # a replay of what is stored: receipted again, and nothing else
        voice.send(topic[topics.ALARM], alarm)
    for reason, messages in attacks.items():
        until(
            lambda reason=reason, messages=messages: (  # type: ignore[misc]  # bound now
                refusals(ground).get(reason, 0) - old.get(reason, 0) >= len(messages)
            ),
            f"refused as {reason}",
            ground.center_process,
        )
    assert len(ground.stored(button.name)) == before
    assert len(button.events("alarm.")) == seen
    assert ground.verdict(button.name)["whole"]


def test_no_device_gets_a_word_in_under_another_ones_name(ground: Ground) -> None:
    victim, liar = ground.button(), ground.button()
    victim.start()
    liar.start()
    name = victim.press_and_wait()
    victim.wait_settled()
    voice = quiet(liar)
    alarm = ground.ear.of(victim.name, "alarm")[0]
    before = len(ground.stored(victim.name)), len(ground.ear.heard)
    for leaf in (topics.ALARM, topics.EVENT, topics.PRESENCE, topics.RECEIPT, topics.COMMAND):
        voice.send(topics.topic(victim.name, leaf), alarm)  # acknowledged, and dropped: brokers do not tell
    barrier = FileKey.load(str(liar.device.identity.key))
    voice.send(device_rights(liar.name).write[0], cose.sign(cose.parse(alarm).payload, b"dabyl/v1/event", barrier))
    until(
        lambda: any(
            liar.name in line["topic"] for line in ground.center_process.said(what="refused") if "topic" in line
        ),
        "the center refuses what stands on the liar's own topic",
        ground.center_process,
    )
    assert not any(one.topic.startswith(f"dabyl/v1/{victim.name}/") for one in ground.ear.heard[before[1] :])
    assert len(ground.stored(victim.name)) == before[0]
    assert victim.verified()[name] == 1


def test_what_a_revoked_device_says_is_not_believed(ground: Ground) -> None:
    button = ground.button()
    button.start()
    button.press_and_wait()
    button.wait_settled()
    before = len(ground.stored(button.name))
    ground.site.crl.write_text(
        ground.site.authority.revoke(button.device.identity.issued.serial, now_ms()), encoding="ascii"
    )
    ground.center_process.wait_said(what="revoked", device=button.name)
    button.press()
    until(
        lambda: any(line.get("reason") == "revoked" for line in ground.center_process.said(what="refused")),
        "it is refused",
        ground.center_process,
    )
    assert len(ground.stored(button.name)) == before


def test_of_two_agents_with_one_identity_both_alarms_arrive_and_the_clone_is_told(ground: Ground) -> None:
    button = ground.button()
    button.start()
    button.press_and_wait()
    button.wait_settled()
    ground.order(button.name, *button.sealed("alarm.")[0], "closed")
    button.wait_lamp("closed")
    button.agent.end()
    button.wait_verified(set(button.sealed()))
    folder = button.device.folder.with_name(f"{button.name}-copy")
    shutil.copytree(button.device.folder, folder, ignore=shutil.ignore_patterns("gpio"))
    board = Hardware(folder / "gpio", contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=99)
    environment = {**button.device.environment, "DABYL_GPIO_SOCKET": str(folder / "gpio")}
    line = [
        str(folder / "agent.toml") if part == str(button.device.config) else part
        for part in button.device.agent("--log", "trace")
    ]
    twin = Process("the copy", line, environment)
    try:
        button.start(linked=False)  # the two throw each other out of the broker
        until(lambda: twin.said(stage="input", name="button"), "the copy has looked at its button", twin)
        board.press(17)
        name = button.press_and_wait()
        until(lambda: twin.said(stage="sealed", type="alarm.raised"), "the copy makes an event of its press", twin)
        theirs = {(one["boot"], one["seq"]) for one in twin.said(stage="sealed", type="alarm.raised")}
        assert {boot for boot, _ in theirs} == {name[0]}, "the copy has taken the same boot number"
        until(
            lambda: len([one for one in button.events("alarm.raised") if one["dabylboot"] == name[0]]) >= 2,
            "both alarms are handed on",
            button.agent,
            twin,
            ground.center_process,
        )
    finally:
        twin.destroy()
        board.close()
    made = [one for one in ground.stored(button.name) if one.type == "alarm.raised" and one.boot == name[0]]
    assert len({(one.boot, one.seq, one.prev, one.up) for one in made}) == 2
    assert {one["kind"] for one in ground.incidents(button.name)} == {"cloned-device"}
    assert any(one["dabylconflict"] for one in button.events() if one.get("dabylboot") == name[0])
    assert not ground.verdict(button.name)["whole"]
