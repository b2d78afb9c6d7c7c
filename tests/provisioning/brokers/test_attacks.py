"""Attacks on the brokers that the command configures. None may have an effect; each test is one attack on one engine.

That something does *not* arrive is shown by what does: a marker sent after it on the same way. What the broker answers proves nothing,
for Mosquitto and NATS acknowledge what they drop.
"""

import pathlib
import socket
import ssl

import pytest

from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.brokers.write import READ_LISTS
from tests.provisioning.brokers.conftest import REISSUED, REVOKED, Join, Yard, now_ms
from tests.provisioning.brokers.running import Client

VICTIM, ATTACKER, CENTER, CONSUMER = "sos-0001", "sos-0002", "center-1", "desk-1"
CONNECT = b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0aintruder-1"
CONNACK = b"\x20\x02\x00\x00"


def test_the_ways_that_are_meant_are_open(join: Join) -> None:
    center, device, consumer = join(CENTER, client_id=CENTER), join(VICTIM), join(CONSUMER, client_id=CONSUMER)
    for last in ("alarm", "event", "presence"):
        center.subscribe(f"dabyl/v1/+/{last}")
    consumer.subscribe("dabyl/verified/v1/#")
    for last in ("receipt", "command"):
        device.subscribe(f"dabyl/v1/{VICTIM}/{last}")
    for last in ("alarm", "event", "presence"):
        device.publish(f"dabyl/v1/{VICTIM}/{last}", last.encode())
        center.until(last.encode())
    for last in ("receipt", "command"):
        center.publish(f"dabyl/v1/{VICTIM}/{last}", last.encode())
        device.until(last.encode())
    center.publish(f"dabyl/verified/v1/{VICTIM}/alarm.raised", b"verified")
    consumer.until(b"verified")
    assert not (center.ended)
    assert not (device.ended)
    assert not (consumer.ended)


@pytest.mark.parametrize(
    ("attacker", "topic"),
    [
        pytest.param(ATTACKER, f"dabyl/v1/{VICTIM}/alarm", id="device writes as another"),
        pytest.param(ATTACKER, f"dabyl/v1/{VICTIM}/presence", id="device says another is away"),
        pytest.param(ATTACKER, f"dabyl/v1/{VICTIM}/receipt", id="device writes another's receipt"),
        pytest.param(ATTACKER, f"dabyl/v1/{ATTACKER}/receipt", id="device writes its own receipt"),
        pytest.param(ATTACKER, f"dabyl/verified/v1/{VICTIM}/alarm.raised", id="device writes what is verified"),
        pytest.param(CONSUMER, f"dabyl/v1/{VICTIM}/alarm", id="consumer writes as a device"),
        pytest.param(CONSUMER, f"dabyl/v1/{CONSUMER}/alarm", id="consumer's name as a device"),
        pytest.param(CONSUMER, f"dabyl/verified/v1/{VICTIM}/alarm.raised", id="consumer writes what is verified"),
        pytest.param("center-2", f"dabyl/v1/{CENTER}/alarm", id="center's name as a device"),
        pytest.param("center-2", "dabyl/v1/center-2/alarm", id="center writes as a device of its own name"),
    ],
)
def test_what_is_forged_does_not_arrive(yard: Yard, join: Join, attacker: str, topic: str) -> None:
    center, victim = join(CENTER, client_id=CENTER), join(VICTIM)
    for mine in ("dabyl/v1/+/alarm", "dabyl/v1/+/presence", "dabyl/verified/v1/#"):
        center.subscribe(mine)
    victim.subscribe(f"dabyl/v1/{VICTIM}/receipt")
    other = None
    if attacker == ATTACKER:
        other = join(ATTACKER)
        other.subscribe(f"dabyl/v1/{ATTACKER}/receipt")
    # Mosquitto has one session for each name, so the attacker listens and writes over the same connection.
    attacking = other if other is not None else join(yard.identity(attacker), client_id=attacker)
    assert attacking.entered
    attacking.publish(topic, b"forged")
    attacking.close()
    victim.publish(f"dabyl/v1/{VICTIM}/alarm", b"marker")
    assert center.until(b"marker") == [b"marker"]
    center.publish(f"dabyl/v1/{VICTIM}/receipt", b"receipt")
    assert victim.until(b"receipt") == [b"receipt"]
    assert attacking.received == []


@pytest.mark.parametrize("attacker", [ATTACKER, CONSUMER])
@pytest.mark.parametrize(
    "topic",
    [
        "#",
        "+/#",
        "dabyl/#",
        f"dabyl/v1/{VICTIM}/#",
        "dabyl/v1/+/receipt",
        f"dabyl/v1/{VICTIM}/receipt",
        f"dabyl/v1/{VICTIM}/alarm",
        f"$share/group/dabyl/v1/{VICTIM}/receipt",
    ],
)
def test_nobody_reads_what_is_not_for_him(join: Join, attacker: str, topic: str) -> None:
    center, victim, attacking = join(CENTER, client_id=CENTER), join(VICTIM), join(attacker)
    assert attacking.entered
    victim.subscribe(f"dabyl/v1/{VICTIM}/receipt")
    attacking.subscribe(topic)
    victim.publish(f"dabyl/v1/{VICTIM}/alarm", b"secret")
    center.publish(f"dabyl/v1/{VICTIM}/receipt", b"secret")
    assert victim.until(b"secret") == [b"secret"]
    assert _after_a_marker(join, attacker, attacking, center) == [b"marker"]


def _after_a_marker(join: Join, name: str, attacking: Client, center: Client) -> list[bytes]:
    """All that the attacker got, up to a message that is meant for it. Where it was thrown out, the marker comes to its next connection."""
    mine, sent = (
        ("dabyl/verified/v1/#", "dabyl/verified/v1/x/alarm.raised")
        if name == CONSUMER
        else (f"dabyl/v1/{name}/receipt", f"dabyl/v1/{name}/receipt")
    )
    listening = join(name) if attacking.ended else attacking
    listening.subscribe(mine)
    center.publish(sent, b"marker")
    listening.until(b"marker")
    return listening.received if listening is attacking else attacking.received + listening.received


def test_a_forged_will_is_not_sent(join: Join) -> None:
    center = join(CENTER, client_id=CENTER)
    center.subscribe("dabyl/v1/+/presence")
    join(ATTACKER, will=f"dabyl/v1/{VICTIM}/presence").break_off()
    dying = join(VICTIM, will=f"dabyl/v1/{VICTIM}/event")
    dying.publish(f"dabyl/v1/{VICTIM}/presence", b"marker")
    assert center.until(b"marker") == [b"marker"]
    # The will of a device on its own topic does go out, and nothing forged came before it.
    join(ATTACKER, will=f"dabyl/v1/{ATTACKER}/presence").break_off()
    assert center.until(b"forged") == [b"marker", b"forged"]


@pytest.mark.parametrize("clean", [True, False])
def test_anothers_client_id_shows_no_message_and_stops_none(yard: Yard, join: Join, clean: bool) -> None:
    center = join(CENTER, client_id=CENTER)
    victim = join(VICTIM, client_id=VICTIM, clean=False)
    victim.subscribe(f"dabyl/v1/{VICTIM}/receipt")
    attacking = join(ATTACKER, client_id=VICTIM, clean=clean)
    center.publish(f"dabyl/v1/{VICTIM}/receipt", b"for the victim")
    if not attacking.ended:
        attacking.subscribe(f"dabyl/v1/{VICTIM}/receipt")
    attacking.close()
    center.publish(f"dabyl/v1/{VICTIM}/receipt", b"marker")
    victim.wait(lambda: victim.ended or b"marker" in victim.received)
    sent, heard = {b"for the victim", b"marker"}, set(victim.received)
    if yard.engine == "mosquitto":
        assert not victim.ended
    if not sent <= heard:  # RabbitMQ and NATS let it break the connection, at any moment: the victim comes back
        victim.close()
        back = join(VICTIM, client_id=VICTIM, clean=False)
        back.subscribe(f"dabyl/v1/{VICTIM}/receipt")
        center.publish(f"dabyl/v1/{VICTIM}/receipt", b"marker")
        back.until(b"marker")
        if yard.engine != "nats" or not clean:  # NATS lets it discard the session too, which costs what was under way
            back.wait(lambda: sent <= heard | set(back.received))
    assert attacking.received == []


def test_the_client_id_of_a_centers_alarm_lane_shows_no_alarm_and_each_comes_to_its_other_session(
    yard: Yard, join: Join
) -> None:
    main, lane, device = join(CENTER, client_id=CENTER), join("center-2", client_id="center-2"), join(VICTIM)
    for session in (main, lane):
        session.subscribe("dabyl/v1/+/alarm")
    attacking = join(ATTACKER, client_id="center-2")
    device.publish(f"dabyl/v1/{VICTIM}/alarm", b"press")
    if not attacking.ended:
        attacking.subscribe("dabyl/v1/+/alarm")
    device.publish(f"dabyl/v1/{VICTIM}/alarm", b"marker")
    assert main.until(b"marker") == [b"press", b"marker"]
    assert _after_a_marker(join, ATTACKER, attacking, main) == [b"marker"]
    if yard.engine == "mosquitto":
        assert lane.until(b"marker") == [b"press", b"marker"]


def _enters(yard: Yard, context: ssl.SSLContext | None) -> bool:
    """Whether a CONNECT is answered with a yes."""
    try:
        with socket.create_connection(("127.0.0.1", yard.port), timeout=10) as plain:
            if context is None:
                plain.sendall(CONNECT)
                return plain.recv(4) == CONNACK
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                secured.sendall(CONNECT)
                return secured.recv(4) == CONNACK
    except (ssl.SSLError, ConnectionError):
        return False


def test_plain_tcp_does_not_enter(yard: Yard) -> None:
    assert _enters(yard, yard.context(yard.identity(VICTIM)))
    assert not _enters(yard, None)


def test_tls_without_a_certificate_does_not_enter(yard: Yard) -> None:
    assert not _enters(yard, yard.context(None))


@pytest.mark.parametrize(("role", "name"), [("device", VICTIM), ("center", CENTER)])
def test_a_certificate_of_another_authority_does_not_enter(
    yard: Yard, tmp_path: pathlib.Path, role: str, name: str
) -> None:
    stranger = Authority.create(tmp_path / "stranger", "Dabyl simulated site", now_ms())
    assert not _enters(yard, yard.context(make_identity(tmp_path / "forged", stranger, role, name, now_ms())))


def test_a_revoked_device_does_not_enter(yard: Yard) -> None:
    assert not _enters(yard, yard.context(yard.identity(REVOKED)))


def test_a_revoked_certificate_does_not_enter_where_its_name_goes_on(yard: Yard) -> None:
    if yard.engine in READ_LISTS:
        assert not _enters(yard, yard.context(yard.identity(REISSUED)))
    assert _enters(yard, yard.context(yard.good))
