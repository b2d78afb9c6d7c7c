"""Attacks on both engines with valid and invalid certificates. None may have an effect.

That a message does *not* arrive is shown by one that does: a marker sent after it, on the same way.
"""

import json
import pathlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from simulators.broker.engines import Mosquitto, Nats

Engine = Mosquitto | Nats
Join = Callable[..., Any]
Knock = Callable[[ssl.SSLContext | None], bytes]
CONNACK = b"\x20\x02\x00\x00"


def test_the_ways_that_are_meant_are_open(join: Join) -> None:
    center, device, consumer = (join(name).online() for name in ("center-ingest", "device-a", "consumer-one"))
    for last in ("alarm", "event", "presence"):
        assert center.subscribe(f"dabyl/v1/+/{last}") == 1
    assert center.subscribe("dabyl/verified/v1/#") == 1
    assert consumer.subscribe("dabyl/verified/v1/#") == 1
    for last in ("receipt", "command"):
        assert device.subscribe(f"dabyl/v1/device-a/{last}") == 1
    for last in ("alarm", "event", "presence"):
        device.publish(f"dabyl/v1/device-a/{last}", last.encode())
    assert set(center.got(b"alarm", b"event", b"presence")) == {b"alarm", b"event", b"presence"}
    for last in ("receipt", "command"):
        center.publish(f"dabyl/v1/device-a/{last}", last.encode())
    assert device.got(b"receipt", b"command") == [b"receipt", b"command"]
    center.publish("dabyl/verified/v1/device-a/alarm.raised", b"verified")
    assert consumer.got(b"verified") == [b"verified"]
    assert consumer.received[0][0] == "dabyl/verified/v1/device-a/alarm.raised"
    center.wait(lambda: center.received[-1][1] == b"verified")


def test_a_device_cannot_write_as_another_nor_as_the_center(join: Join) -> None:
    center, victim, attacker = (join(name).online() for name in ("center-ingest", "device-a", "device-b"))
    consumer = join("consumer-one").online()
    center.subscribe("dabyl/v1/+/alarm")
    consumer.subscribe("dabyl/verified/v1/#")
    victim.subscribe("dabyl/v1/device-a/receipt")
    for topic in (
        "dabyl/v1/device-a/alarm",
        "dabyl/v1/device-a/receipt",
        "dabyl/v1/device-b/receipt",
        "dabyl/verified/v1/device-a/alarm.raised",
    ):
        attacker.publish(topic, b"forged")
        if attacker.drops:
            attacker.online()
    attacker.publish("dabyl/v1/device-b/alarm", b"marker")
    assert center.got(b"marker") == [b"marker"]
    center.publish("dabyl/v1/device-a/receipt", b"marker")
    assert victim.got(b"marker") == [b"marker"]
    center.publish("dabyl/verified/v1/device-b/alarm.raised", b"marker")
    assert consumer.got(b"marker") == [b"marker"]


@pytest.mark.parametrize("attacker_name", ["device-b", "consumer-one"])
def test_nobody_reads_what_is_not_for_him(join: Join, attacker_name: str) -> None:
    center, victim, attacker = (join(name).online() for name in ("center-ingest", "device-a", attacker_name))
    for topic in (
        "#",
        "dabyl/#",
        "+/v1/#",
        "dabyl/v1/+/receipt",
        "dabyl/v1/device-a/receipt",
        "dabyl/v1/device-a/alarm",
    ):
        attacker.subscribe(topic)
    open_topic = "dabyl/v1/device-b/receipt" if attacker_name == "device-b" else "dabyl/verified/v1/#"
    assert attacker.subscribe(open_topic) == 1
    victim.publish("dabyl/v1/device-a/alarm", b"secret")
    center.publish("dabyl/v1/device-a/receipt", b"secret")
    center.publish("dabyl/v1/device-a/command", b"secret")
    center.publish(open_topic.replace("#", "device-a/alarm.raised"), b"marker")
    assert set(attacker.got(b"marker")) == {b"marker"}


def test_a_consumer_writes_nothing_not_even_below_its_own_name(join: Join) -> None:
    center, consumer, device = (join(name).online() for name in ("center-ingest", "consumer-one", "device-a"))
    center.subscribe("dabyl/v1/+/alarm")
    center.subscribe("dabyl/verified/v1/#")
    for topic in ("dabyl/v1/consumer-one/alarm", "dabyl/v1/device-a/alarm", "dabyl/verified/v1/device-a/alarm.raised"):
        consumer.publish(topic, b"forged")
    device.publish("dabyl/v1/device-a/alarm", b"marker")
    assert center.got(b"marker") == [b"marker"]


def test_a_will_on_anothers_topic_is_not_sent(join: Join) -> None:
    center = join("center-ingest").online()
    center.subscribe("dabyl/v1/+/presence")
    attacker = join("device-b", will="dabyl/v1/device-a/presence")
    attacker.refused_or_online()
    attacker.break_off()
    dying = join("device-c", will="dabyl/v1/device-c/presence").online()
    dying.break_off()
    center.wait(lambda: bool(center.received))
    assert [topic for topic, _ in center.received] == ["dabyl/v1/device-c/presence"]


def test_anothers_client_id_gives_nothing_and_takes_no_message(broker: Engine, join: Join) -> None:
    center = join("center-ingest").online()
    victim = join("device-a", clean=False).online()
    victim.subscribe("dabyl/v1/device-a/receipt")
    attacker = join("device-b", client_id="device-a", clean=False)
    inside = attacker.refused_or_online()
    center.publish("dabyl/v1/device-a/receipt", b"for the victim")
    assert victim.got(b"for the victim") == [b"for the victim"]
    if broker.engine == "mosquitto":  # it takes the CN for the client ID
        assert inside
        assert victim.drops == 0
        attacker.subscribe("dabyl/v1/device-b/receipt")
        center.publish("dabyl/v1/device-b/receipt", b"marker")
        assert attacker.got(b"marker") == [b"marker"]
    else:  # NATS lets it break the connection (docs/simulators.md), which comes back with every message
        attacker.close()
        center.publish("dabyl/v1/device-a/receipt", b"marker")
        assert victim.got(b"marker") == [b"for the victim", b"marker"]
        assert attacker.received == []


@pytest.mark.parametrize("topic", ["$MQTT/#", "$MQTT/sub/#", "$MQTT/msgs/#", "$JS/#", "$SYS/#", "_INBOX/#"])
def test_an_engines_inner_topics_are_closed(join: Join, topic: str) -> None:
    center, victim, attacker = (join(name).online() for name in ("center-ingest", "device-a", "device-b"))
    victim.subscribe("dabyl/v1/device-a/receipt")
    attacker.subscribe("dabyl/v1/device-b/receipt")
    attacker.subscribe(topic)
    center.publish("dabyl/v1/device-a/receipt", b"secret")
    assert victim.got(b"secret") == [b"secret"]
    center.publish("dabyl/v1/device-b/receipt", b"marker")
    assert attacker.got(b"marker") == [b"marker"]


def test_without_a_certificate_of_the_root_nobody_enters(knock: Knock, authority: Any, tmp_path: pathlib.Path) -> None:
    assert knock(authority.context("device-a")) == CONNACK
    stranger = type(authority)(tmp_path / "stranger")
    assert knock(authority.context(None)) == b""
    assert knock(stranger.context("device-a", trust=authority)) == b""
    assert knock(None) != CONNACK


def test_a_certificate_of_the_root_with_an_unknown_name_writes_nothing_of_others(
    knock: Knock, authority: Any, broker: Engine
) -> None:
    answer = knock(authority.context("device-unknown"))
    # Mosquitto admits every certificate of the root to its own topics; NATS knows a list of names.
    assert (answer == CONNACK) == (broker.engine == "mosquitto")


def test_only_this_machine_can_reach_it(broker: Engine) -> None:
    listening = [c for c in psutil.Process(broker.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert broker.port in {connection.laddr.port for connection in listening}
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_the_native_protocol_of_nats_is_no_way_in(broker: Engine, authority: Any) -> None:
    listening = {
        c.laddr.port for c in psutil.Process(broker.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN
    }
    (native,) = listening - {broker.port}
    with socket.create_connection(("127.0.0.1", native), timeout=10) as plain:
        greeting = json.loads(plain.recv(65536).removeprefix(b"INFO "))
        assert greeting["tls_required"]
        with authority.context("center-ingest").wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            secured.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
            answer = b""
            while chunk := secured.recv(65536):
                answer += chunk
    assert b"Authorization Violation" in answer
    assert b"PONG" not in answer


def test_who_is_revoked_writes_and_reads_no_more_and_does_not_come_back(
    broker: Engine, join: Join, knock: Knock, authority: Any
) -> None:
    center, revoked, other = (join(name).online() for name in ("center-ingest", "device-a", "device-b"))
    center.subscribe("dabyl/v1/+/alarm")
    revoked.subscribe("dabyl/v1/device-a/receipt")
    broker.revoke("device-a", authority.crl("device-a"))
    assert knock(authority.context("device-a")) != CONNACK
    if broker.engine == "mosquitto":  # the open session lives on, mute and deaf; NATS has ended it
        revoked.publish("dabyl/v1/device-a/alarm", b"forged")
        center.publish("dabyl/v1/device-a/receipt", b"secret")
    else:
        revoked.wait(lambda: revoked.drops > 0)
    other.publish("dabyl/v1/device-b/alarm", b"marker")
    assert center.got(b"marker") == [b"marker"]
    assert revoked.received == []
    assert center.drops == other.drops == 0


def test_a_device_enrolled_later_is_admitted_without_a_restart(broker: Engine, join: Join) -> None:
    center = join("center-ingest").online()
    center.subscribe("dabyl/v1/+/alarm")
    broker.reload(broker.identities.with_device("device-new"))
    join("device-new").online().publish("dabyl/v1/device-new/alarm", b"hello")
    assert center.got(b"hello") == [b"hello"]
    assert center.drops == 0
