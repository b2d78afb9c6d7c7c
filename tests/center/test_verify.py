"""Who is believed, and the one word for why somebody is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from agent.keys.revocation import load_lists
from agent.wire import cose, event, presence, topics
from center.errors import REASONS, RefusedError
from center.keytable import KeyTable
from center.verify import verify_event, verify_presence
from tests.center.scripted import NOW, Device, Message, Pki


def reason(message: Message, keys: KeyTable, now_ms: int = NOW) -> str:
    verify = verify_presence if message.topic.endswith("presence") else verify_event
    try:
        verify(message.topic, message.envelope, keys, now_ms)
    except RefusedError as error:
        return REASONS[REASONS.index(error.reason)]
    return "proven"


@pytest.fixture
def known(device: Device, keys: KeyTable) -> Device:
    greeting = device.greeting()
    verify_presence(greeting.topic, greeting.envelope, keys, NOW)
    return device


def test_an_event_is_proven_under_the_key_that_its_presence_brought(device: Device, keys: KeyTable) -> None:
    press = device.press()
    assert reason(press, keys) == "unknown-key"
    assert reason(device.greeting(), keys) == "proven"
    proven = verify_event(press.topic, press.envelope, keys, NOW)
    assert (proven.event.device, proven.link, proven.kid) == (device.name, press.link, device.signer.kid)


def test_every_altered_byte_is_refused(known: Device, keys: KeyTable) -> None:
    press = known.press()
    for position in range(len(press.envelope)):
        altered = bytearray(press.envelope)
        altered[position] ^= 0x01
        assert reason(Message(press.topic, bytes(altered)), keys) in {"forged", "malformed", "unknown-key"}, position


def test_every_truncation_and_addition_is_malformed(known: Device, keys: KeyTable) -> None:
    press = known.press()
    for length in range(len(press.envelope)):
        assert reason(Message(press.topic, press.envelope[:length]), keys) == "malformed"
    assert reason(Message(press.topic, press.envelope + b"\x00"), keys) == "malformed"
    assert reason(Message(press.topic, press.envelope + bytes(cose.MAX_MESSAGE)), keys) == "oversized"


@pytest.mark.parametrize("context", [presence.CONTEXT, b"dabyl/v1/receipt", b"dabyl/v1/command", b""])
def test_an_event_signed_as_another_kind_of_message_is_forged(known: Device, keys: KeyTable, context: bytes) -> None:
    press = known.press()
    assert reason(Message(press.topic, cose.sign(press.payload, context, known.signer)), keys) == "forged"


def test_an_event_is_no_presence_and_a_presence_no_event(known: Device, keys: KeyTable) -> None:
    greeting, press = known.greeting(), known.press()
    assert reason(Message(press.topic, greeting.envelope), keys) == "forged"
    assert reason(Message(greeting.topic, press.envelope), keys) == "forged"


def test_a_message_in_another_place_is_misaddressed(
    known: Device, keys: KeyTable, new_device: Callable[[], Device]
) -> None:
    other = new_device()
    reason(other.greeting(), keys)
    press, state = known.press(), known.event("tamper.opened")
    elsewhere = [
        topics.topic(known.name, topics.EVENT),
        topics.topic(other.name, topics.ALARM),
        topics.topic(known.name, topics.RECEIPT),
        topics.topic(known.name, "else"),
        "alarm",
        "",
    ]
    assert [reason(Message(place, press.envelope), keys) for place in elsewhere] == ["misaddressed"] * 6
    assert reason(Message(topics.topic(known.name, topics.ALARM), state.envelope), keys) == "misaddressed"
    assert press.made is not None
    pretended = cose.sign(press.payload, event.CONTEXT, other.signer)
    for name in (known.name, other.name):
        assert reason(Message(topics.topic(name, topics.ALARM), pretended), keys) == "misaddressed"
    greeting = known.greeting()
    assert reason(Message(topics.topic(other.name, topics.PRESENCE), greeting.envelope), keys) == "misaddressed"


def test_a_bridges_prefix_changes_nothing(known: Device, keys: KeyTable) -> None:
    press = known.press()
    assert reason(Message("site/7/" + press.topic, press.envelope), keys) == "proven"


def test_a_presence_of_another_authority_is_untrusted_and_brings_no_key(foreign: Pki, keys: KeyTable) -> None:
    stranger = foreign.device(f"stranger-{len(foreign.issued)}")
    assert reason(stranger.greeting(), keys) == "untrusted"
    assert reason(stranger.press(), keys) == "unknown-key"


@pytest.mark.parametrize("role", ["center", "consumer", "broker"])
def test_a_certificate_of_another_role_can_never_sign_as_a_device(pki: Pki, keys: KeyTable, role: str) -> None:
    name = f"{role}-as-device-{len(pki.issued)}"
    pem, _ = pki.leaf(role, name)
    from agent.keys.credentials import load_chain  # noqa: PLC0415  kept beside its one use

    pretender = Device(name, pki.signer(name), load_chain(str(pem)), 1, NOW)
    assert reason(pretender.greeting(), keys) == "role"
    assert reason(pretender.press(), keys) == "unknown-key"


def test_a_chain_shown_with_another_keys_signature_brings_no_key(
    new_device: Callable[[], Device], keys: KeyTable
) -> None:
    victim, thief = new_device(), new_device()
    thief.certificates = victim.certificates
    assert reason(thief.greeting(), keys) == "unknown-key"
    assert reason(victim.press(), keys) == "unknown-key", "nothing of a refused presence is kept"


def test_an_expired_certificate_is_refused_even_if_its_key_is_known(known: Device, keys: KeyTable) -> None:
    later = NOW + 40 * 86_400_000
    assert reason(known.press(), keys, later) == "expired"
    assert reason(known.greeting(), keys, later) == "expired"


def test_a_revocation_list_takes_a_known_key_at_once_and_a_corrected_one_gives_it_back(tmp_path: Path) -> None:
    own = Pki(tmp_path / "own")
    lost, kept = own.device("sos-lost"), own.device("sos-kept")
    keys = KeyTable(load_roots(own.authority.root_pem))
    assert [reason(one.greeting(), keys) for one in (lost, kept)] == ["proven", "proven"]
    empty = load_lists(own.crl.read_text())
    keys.revoke(load_lists(own.revoke("sos-lost")), NOW)
    assert [reason(one.press(), keys) for one in (lost, kept)] == ["revoked", "proven"]
    assert reason(lost.greeting(), keys) == "revoked"
    keys.revoke(empty, NOW)
    assert reason(lost.press(), keys) == "proven"


def test_the_key_table_is_bounded(pki: Pki, new_device: Callable[[], Device]) -> None:
    keys = KeyTable(load_roots(pki.authority.root_pem), most=1)
    assert [reason(new_device().greeting(), keys) for _ in range(2)] == ["proven", "untrusted"]
    assert len(keys) == 1


def test_the_algorithm_comes_from_the_key_table_not_from_the_message(known: Device, keys: KeyTable) -> None:
    press = known.press()
    for algorithm in (-8, -35, -65535, 5):
        from agent.wire import cbor  # noqa: PLC0415  kept beside its one use

        protected = cbor.dumps({1: algorithm, 4: known.signer.kid})
        signature = known.signer.sign(cose.to_be_signed(protected, event.CONTEXT, press.payload))
        message = b"\xd2\x84" + cbor.dumps(protected) + b"\xa0" + cbor.dumps(press.payload)
        assert reason(Message(press.topic, message + cbor.dumps(signature)), keys) == "forged"
