"""The configuration: the example holds, and every mistake is named with what was meant."""

from pathlib import Path

import pytest

from center.config import BrokerAccess, Rule, host_and_port, load, parse
from center.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[2] / "docs/center.toml"


def test_the_documented_example_is_a_configuration() -> None:
    found = load(EXAMPLE)
    assert found.id == "center-1"
    assert found.broker.hosts == (("broker-a.example", 8883), ("broker-b.example", 8883))
    assert found.database == EXAMPLE.parent / "center.sqlite"
    assert found.registry == EXAMPLE.parent / "registry.json"
    assert found.tap is not None
    assert found.evidence is not None
    assert found.evidence.listen == ("0.0.0.0", 8443)  # noqa: S104  the example's


def test_the_alarm_lane_goes_to_the_same_brokers_with_a_certificate_of_its_own() -> None:
    found = load(EXAMPLE)
    files = EXAMPLE.parent / "center-1-alarms.pem", EXAMPLE.parent / "center-1-alarms.key"
    assert found.alarms == BrokerAccess(found.broker.hosts, found.broker.ca, *files, table="alarms")
    text = EXAMPLE.read_text()
    without = text[: text.index("[alarms]")] + text[text.index("[tap]") :]
    assert parse(without, Path("center.toml")).alarms is None


def test_the_documented_rule_is_one_and_what_is_left_out_has_a_default() -> None:
    assert load(EXAMPLE).recording == Rule(("panic-button", "panic-hub"), "site", 60)
    text = EXAMPLE.read_text().replace('within = "site"', "").replace("expires_s = 60", "")
    assert parse(text, Path("center.toml")).recording == Rule(("panic-button", "panic-hub"), "site", 60)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("database =", "databse =", r"unknown key in \[center\]: 'databse'; did you mean 'database'\?"),
        ("[broker]", "[brokr]", r"unknown table: 'brokr'; did you mean 'broker'\?"),
        ('id = "center-1"', 'id = "Center 1"', r"\[center\] id: 'Center 1' does not match"),
        ('id = "center-1"', "id = 1", r"\[center\] id is to be a text"),
        ('id = "center-1"', "", r"\[center\] id is missing"),
        ('"broker-a.example:8883"', '"broker-a.example"', r"\[broker\] hosts: 'broker-a.example' is not host:port"),
        ('roots = ["root.pem"]', "roots = []", r"\[center\] roots is to be a list of 1 to"),
        ("[center]", "[center", "not TOML"),
        ('listen = "0.0.0.0:8443"', 'listen = "8443"', r"\[evidence\] listen: '8443' is not host:port"),
        ("quota_mib = 256", "quota_mib = 0", r"\[evidence\] quota_mib is to be a whole number from 1 to"),
        ("quota_mib = 256", "quota_mb = 1", r"unknown key in \[evidence\]: 'quota_mb'; did you mean 'quota_mib'"),
        ('within = "site"', 'within = "city"', r"\[recording\] within is one of site, building, floor, not 'city'"),
        ("expires_s = 60", "expires_s = 3601", r"\[recording\] expires_s is to be 3600 at most"),
        ("expires_s = 60", "expires_s = 0", r"\[recording\] expires_s is to be a whole number from 1"),
        ('alarms = ["panic-button", "panic-hub"]', "alarms = []", r"\[recording\] alarms is to be a list of 1 to"),
        ('key = "center-1-alarms.key"', "", r"\[alarms\] key is missing"),
        ('registry = "registry.json"', "", r"\[recording\] needs \[center\] registry"),
    ],
)
def test_a_mistake_is_named_with_what_was_meant(old: str, new: str, message: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse(text.replace(old, new, 1), Path("center.toml"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "expected"), [("a:1", ("a", 1)), ("[::1]:8883", ("::1", 8883)), ("10.0.0.1:65535", ("10.0.0.1", 65535))]
)
def test_hosts_have_a_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize("text", ["", ":1", "a:", "a:0", "a:65536", "::1:8883", "a:1e3", "a:" + "9" * 5000])
def test_other_texts_are_no_hosts(text: str) -> None:
    with pytest.raises(ConfigurationError):
        host_and_port(text)


def test_a_huge_or_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "center.toml"
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(ConfigurationError, match="wrong file"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(path)
