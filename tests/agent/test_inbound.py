"""What comes from the center is verified before anything is believed."""

from typing import Any

import pytest

from agent.centers import Centers
from agent.inbound import Inbound, Refused
from agent.wire import command, cose, event, receipt
from agent.wire.command import Command
from agent.wire.errors import ForgedError, MalformedError, MisaddressedError, UnknownKeyError, WireError
from agent.wire.receipt import Receipt

DEVICE = "pillar-017"
NOW_MS = 1_800_000_000_000


@pytest.fixture
def inbound(key: Any) -> Inbound:
    return Inbound(DEVICE, Centers([key("center").public_der, key("center-2").public_der], ""))


def receipt_of(
    key: Any, n: int = 1, *, device: str = DEVICE, center: str = "center-1", signed_by: str = "center"
) -> bytes:
    made = Receipt(device, center, n, NOW_MS, 4, [(4, 1, 3)], [(4, 2, 1)])
    return cose.sign(made.encode(), receipt.CONTEXT, key(signed_by))


def command_of(
    key: Any, n: int = 1, *, device: str = DEVICE, expires: int = 60, signed_by: str = "center", name: str = "identify"
) -> bytes:
    made = Command(device, "center-1", n, NOW_MS, expires, name, {})
    return cose.sign(made.encode(), command.CONTEXT, key(signed_by))


def test_a_genuine_receipt_is_read(inbound: Inbound, key: Any) -> None:
    read, newer = inbound.receipt(receipt_of(key))
    assert (read.settled, read.alarms, read.boots, newer) == ([(4, 1, 3)], [(4, 2, 1)], 4, True)


def test_only_the_newest_receipt_of_a_center_is_newer(inbound: Inbound, key: Any) -> None:
    assert inbound.receipt(receipt_of(key, 5))[1]
    assert not inbound.receipt(receipt_of(key, 5))[1], "replayed"
    assert not inbound.receipt(receipt_of(key, 4))[1], "older"
    assert not inbound.receipt(receipt_of(key, 5))[1], "replayed after an older one"
    assert inbound.receipt(receipt_of(key, 6))[1]
    assert inbound.receipt(receipt_of(key, 1, center="center-2", signed_by="center-2"))[1], "another center counts anew"


@pytest.mark.parametrize("make", [receipt_of, command_of])
def test_what_a_stranger_signed_is_not_believed(inbound: Inbound, key: Any, make: Any) -> None:
    ask: Any = inbound.receipt if make is receipt_of else lambda message: inbound.command(message, 0, NOW_MS)
    with pytest.raises(UnknownKeyError):
        ask(make(key, signed_by="device"))


@pytest.mark.parametrize("make", [receipt_of, command_of])
def test_not_a_bit_may_differ(inbound: Inbound, key: Any, make: Any) -> None:
    ask: Any = inbound.receipt if make is receipt_of else lambda message: inbound.command(message, 0, NOW_MS)
    message = make(key)
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 1 << at % 8
        with pytest.raises(WireError):
            ask(bytes(changed))
    with pytest.raises(ForgedError):
        ask(message[:-1] + bytes([message[-1] ^ 1]))
    for end in range(len(message)):
        with pytest.raises(WireError):
            ask(message[:end])


@pytest.mark.parametrize("make", [receipt_of, command_of])
def test_what_is_for_another_device_is_not_taken(inbound: Inbound, key: Any, make: Any) -> None:
    ask: Any = inbound.receipt if make is receipt_of else lambda message: inbound.command(message, 0, NOW_MS)
    with pytest.raises(MisaddressedError):
        ask(make(key, device="pillar-018"))


def test_one_class_cannot_be_replayed_as_another(inbound: Inbound, key: Any) -> None:
    with pytest.raises(ForgedError):
        inbound.receipt(command_of(key))
    with pytest.raises(ForgedError):
        inbound.command(receipt_of(key), 0, NOW_MS)
    made = Command(DEVICE, "center-1", 1, NOW_MS, 60, "identify", {}).encode()
    with pytest.raises(ForgedError):
        inbound.command(cose.sign(made, event.CONTEXT, key("center")), 0, NOW_MS)


def test_a_receipt_for_somebody_else_does_not_count_as_newest(inbound: Inbound, key: Any) -> None:
    with pytest.raises(MisaddressedError):
        inbound.receipt(receipt_of(key, 100, device="pillar-018"))
    assert inbound.receipt(receipt_of(key, 1))[1]


@pytest.mark.parametrize("payload", [b"", b"\xa0", b"\xff", b"\xf6"])
def test_a_genuine_signature_over_nonsense_is_malformed(inbound: Inbound, key: Any, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        inbound.receipt(cose.sign(payload, receipt.CONTEXT, key("center")))
    with pytest.raises(MalformedError):
        inbound.command(cose.sign(payload, command.CONTEXT, key("center")), 0, NOW_MS)


def test_a_genuine_command_is_taken_once_and_its_second_delivery_ignored(inbound: Inbound, key: Any) -> None:
    message = command_of(key, 3)
    taken = inbound.command(message, 2, NOW_MS)
    assert taken is not None
    assert (taken.n, taken.name) == (3, "identify")
    assert inbound.command(message, 3, NOW_MS) is None
    # The same command signed again (ECDSA signatures differ) is the same command.
    assert inbound.command(command_of(key, 3), 3, NOW_MS) is None


@pytest.mark.parametrize(
    ("last_n", "now_ms", "reason"),
    [
        (3, NOW_MS, "replayed"),
        (9, NOW_MS, "replayed"),
        (2, None, "time-unknown"),
        (2, NOW_MS + 60_001, "expired"),
        (9, None, "replayed"),
    ],
)
def test_a_genuine_command_that_must_not_be_carried_out_is_refused_with_its_reason(
    inbound: Inbound, key: Any, last_n: int, now_ms: int | None, reason: str
) -> None:
    for _ in range(2):  # a refused command does not become "the last one, delivered twice"
        with pytest.raises(Refused) as refused:
            inbound.command(command_of(key, 3), last_n, now_ms)
        assert refused.value.reason == reason
        assert refused.value.command.n == 3


def test_a_command_is_good_to_its_last_millisecond(inbound: Inbound, key: Any) -> None:
    assert inbound.command(command_of(key, 3), 2, NOW_MS + 60_000) is not None
