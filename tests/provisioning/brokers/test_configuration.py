"""The configuration texts, line by line where a line is a promise, and what cannot be written into them."""

import pathlib
import re
import subprocess

import pytest
from pyhocon import ConfigFactory

from provisioning.brokers import emqx, mosquitto, nats, rabbitmq
from provisioning.brokers.errors import BrokerModelError
from provisioning.brokers.model import BrokerModel, Certificates, Identities, Rights, device_rights, rights_of


def model(directory: str = "/var/broker", *, crl: bool = True) -> BrokerModel:
    files = [pathlib.Path(f"/keys/{name}.pem") for name in ("root", "broker", "broker-key", "crl")]
    identities = Identities.of(devices=("device-a",), centers=("center-one",), consumers=("consumer-one",))
    certificates = Certificates(files[0], files[1], files[2], files[3] if crl else None)
    return BrokerModel(18883, pathlib.Path(directory), certificates, identities, run_as="nobody")


@pytest.mark.parametrize(
    "line",
    [
        "listener 18883 127.0.0.1",
        "allow_anonymous false",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "tls_version tlsv1.2",
        "crlfile /keys/crl.pem",
        "acl_file /var/broker/mosquitto.acl",
        "persistence true",
        "user nobody",
    ],
)
def test_mosquittos_promises_stand_in_its_configuration(line: str) -> None:
    assert line in mosquitto.configuration(model()).splitlines()


def test_without_a_revocation_list_none_is_named() -> None:
    assert "crlfile" not in mosquitto.configuration(model(crl=False))


def test_mosquittos_access_list_in_full() -> None:
    identities = model().identities.without("device-a")
    assert mosquitto.access_list(identities) == (
        "pattern write dabyl/v1/%u/alarm\n"
        "pattern write dabyl/v1/%u/event\n"
        "pattern write dabyl/v1/%u/presence\n"
        "pattern read dabyl/v1/%u/receipt\n"
        "pattern read dabyl/v1/%u/command\n"
        "\n"
        "user device-a\n"
        "topic deny #\n"
        "\n"
        "user center-one\n"
        "topic write dabyl/v1/+/receipt\n"
        "topic write dabyl/v1/+/command\n"
        "topic write dabyl/verified/v1/#\n"
        "topic read dabyl/v1/+/alarm\n"
        "topic read dabyl/v1/+/event\n"
        "topic read dabyl/v1/+/presence\n"
        "topic read dabyl/verified/v1/#\n"
        "topic deny dabyl/v1/center-one/#\n"
        "\n"
        "user consumer-one\n"
        "topic read dabyl/verified/v1/#\n"
        "topic deny dabyl/v1/consumer-one/#\n"
    )


def test_nats_binds_every_user_to_mqtt_and_to_its_own_subjects() -> None:
    text = nats.configuration(model())
    assert text.count("verify_and_map: true") == 2
    assert text.count('allowed_connection_types: ["MQTT"]') == text.count('user: "CN=') == 3
    assert 'allow: ["dabyl.v1.device-a.alarm", "dabyl.v1.device-a.event", "dabyl.v1.device-a.presence"]' in text
    assert 'listen: "127.0.0.1:18883"' in text


def test_a_revoked_name_is_no_user_of_nats() -> None:
    assert "device-a" not in nats.configuration(
        BrokerModel(1, pathlib.Path("/b"), model().certificates, model().identities.without("device-a"), "nobody")
    )


def test_mqtt_filters_become_nats_subjects() -> None:
    assert nats.subjects("dabyl/v1/+/alarm") == ("dabyl.v1.*.alarm",)
    assert nats.subjects("dabyl/verified/v1/#") == ("dabyl.verified.v1", "dabyl.verified.v1.>")


def test_rights_come_from_the_role_and_end_with_revocation() -> None:
    identities = model().identities
    assert rights_of(identities)["device-a"] == device_rights("device-a")
    assert rights_of(identities)["consumer-one"] == Rights((), ("dabyl/verified/v1/#",))
    assert set(rights_of(identities.without("device-a"))) == {"center-one", "consumer-one"}


@pytest.mark.parametrize(
    "name", ["", "ab", "A-device", "device\nuser x", "device+", "#", "-device", "x" * 64, 'x"y', "a b c"]
)
def test_a_name_that_could_change_the_rules_is_refused(name: str) -> None:
    with pytest.raises(BrokerModelError, match="cannot be a certificate's CN"):
        Identities.of(devices=(name,))


def test_one_name_has_one_role() -> None:
    with pytest.raises(BrokerModelError, match="two roles"):
        Identities.of(devices=("same-name",), centers=("same-name",))


@pytest.mark.parametrize("directory", ["/a\nlistener 1", '/a"b', "/a\\b"])
def test_a_path_that_could_change_the_rules_is_refused(directory: str) -> None:
    with pytest.raises(BrokerModelError, match="cannot stand in a broker's configuration"):
        model(directory)


def test_rabbitmqs_only_way_in_is_mqtt_with_a_certificate() -> None:
    text = rabbitmq.configuration(model()).splitlines()
    assert {"listeners.tcp = none", "listeners.ssl = none", "mqtt.listeners.tcp = none"} < set(text)
    assert {"mqtt.allow_anonymous = false", "mqtt.ssl_cert_login = true"} < set(text)
    assert "mqtt.listeners.ssl.1 = 127.0.0.1:18883" in text
    tls = rabbitmq.advanced(model())
    assert "{verify, verify_peer},\n  {fail_if_no_peer_cert, true}" in tls
    assert "crl" not in rabbitmq.advanced(model(crl=False))


def test_rabbitmqs_users_have_no_password_and_touch_only_their_own() -> None:
    told = rabbitmq.definitions(model())
    assert [(user["name"], user["password_hash"]) for user in told["users"]] == [
        ("center-one", ""),
        ("consumer-one", ""),
        ("device-a", ""),
    ]
    device = next(one for one in told["permissions"] if one["user"] == "device-a")
    assert re.search(device["configure"], "mqtt-subscription-device-a-0123456789abcdefqos1")
    for foreign in ("mqtt-subscription-device-abqos1", "mqtt-subscription-device-a-bqos1", "amq.topic", ""):
        assert not re.search(device["configure"], foreign)
    consumer = next(one for one in told["permissions"] if one["user"] == "consumer-one")
    assert not re.search(consumer["write"], "amq.topic")


@pytest.mark.parametrize(
    ("user", "right", "keys", "foreign"),
    [
        ("device-a", "write", ["dabyl.v1.device-a.alarm"], ["dabyl.v1.device-b.alarm", "dabyl.v1.*.alarm", "#", ""]),
        ("device-a", "read", ["dabyl.v1.device-a.command"], ["dabyl.v1.device-a.#", "dabyl.v1.device-a.alarm"]),
        ("center-one", "read", ["dabyl.v1.*.alarm", "dabyl.verified.v1.#"], ["#", "dabyl.#", "dabyl.v1.#.alarm"]),
        (
            "consumer-one",
            "read",
            ["dabyl.verified.v1", "dabyl.verified.v1.a.b"],
            ["dabyl.verified.v10", "dabyl.v1.a.alarm"],
        ),
        ("consumer-one", "write", [], ["dabyl.verified.v1.a", "", "x"]),
    ],
)
def test_rabbitmqs_routing_keys(user: str, right: str, keys: list[str], foreign: list[str]) -> None:
    rule = next(one for one in rabbitmq.definitions(model())["topic_permissions"] if one["user"] == user)[right]
    assert all(re.search(rule, key) for key in keys)
    assert [key for key in foreign if re.search(rule, key) and key] == []


def test_emqxs_access_list_in_full() -> None:
    assert emqx.access_list(model().identities.without("device-a")) == (
        '{deny, {user, "device-a"}, all, ["#"]}.\n'
        '{allow, {user, "center-one"}, publish, ["dabyl/v1/+/receipt", "dabyl/v1/+/command", "dabyl/verified/v1/#"]}.\n'
        '{allow, {user, "center-one"}, subscribe, ["dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence",'
        ' "dabyl/verified/v1/#"]}.\n'
        '{deny, {user, "center-one"}, all, ["#"]}.\n'
        '{allow, {user, "consumer-one"}, subscribe, ["dabyl/verified/v1/#"]}.\n'
        '{deny, {user, "consumer-one"}, all, ["#"]}.\n'
        '{allow, all, publish, ["dabyl/v1/${username}/alarm", "dabyl/v1/${username}/event",'
        ' "dabyl/v1/${username}/presence"]}.\n'
        '{allow, all, subscribe, ["dabyl/v1/${username}/receipt", "dabyl/v1/${username}/command"]}.\n'
        "{deny, all}.\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        '  bind = "127.0.0.1:18883"',
        "    verify = verify_peer",
        "    fail_if_no_peer_cert = true",
        "  peer_cert_as_username = cn",
        "  peer_cert_as_clientid = cn",
        "  no_match = deny",
        "listeners.tcp.default.enable = false",
        "listeners.ws.default.enable = false",
        "listeners.wss.default.enable = false",
        "dashboard.listeners.http.bind = 0",
    ],
)
def test_emqxs_promises_stand_in_its_configuration(line: str) -> None:
    assert line in emqx.configuration(model()).splitlines()


def test_emqxs_configuration_is_hocon_that_says_what_it_should() -> None:
    read = ConfigFactory.parse_string(emqx.configuration(model()))
    tls = read["listeners.ssl.default.ssl_options"]
    assert (tls["verify"], tls["fail_if_no_peer_cert"], tls["cacertfile"]) == ("verify_peer", True, "/keys/root.pem")
    assert {name: read[f"listeners.{name}.default.enable"] for name in ("tcp", "ws", "wss")} == dict.fromkeys(
        ("tcp", "ws", "wss"), False
    )
    assert [source["path"] for source in read["authorization.sources"]] == ["/var/broker/acl.conf"]
    assert read["durable_sessions.enable"] is True


@pytest.mark.rabbitmq  # which brings Erlang
def test_emqxs_access_list_is_erlang_terms_as_emqx_reads_them(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "acl.conf"
    file.write_text(emqx.access_list(model().identities.without("device-a")), encoding="utf-8")
    code = 'case file:consult(os:getenv("ACL")) of {ok, T} -> io:format("~b ~p", [length(T), lists:last(T)]); E -> io:format("~p", [E]) end'
    done = subprocess.run(
        ["/usr/bin/erl", "-noshell", "-eval", f"{code}, halt()."],
        env={"ACL": str(file), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "9 {deny,all}"
