"""Wrong configuration never starts a device, and says in one sentence what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import config
from agent.errors import ConfigError

GOOD = """\
[device]
id = "pillar-017"
kind = "sos-button"
state = "state"
[keys]
key = "key.pem"
certificate = "chain.pem"
[center]
keys = ["center.pem"]
[[broker]]
host = "broker.example"
ca = "root.pem"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def refusal(path: Path, text: str | bytes) -> str:
    """The one sentence with which this text is refused."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as refused:
        config.read(str(path))
    assert str(refused.value).startswith(str(path))
    assert len(str(refused.value)) < len(str(path)) + 500
    return str(refused.value)


def test_the_least_configuration_is_completed_with_defaults(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    read = config.read(str(path))
    assert read.device == {"id": "pillar-017", "kind": "sos-button", "state": "state", "heartbeat_s": 60}
    assert read.brokers == [{"host": "broker.example", "port": 8883, "ca": "root.pem"}]
    assert read.link["window"] == 20
    assert read.journal == {"max_mb": 64}
    assert read.settings == {}
    assert read.resolve("key.pem") == str(path.parent / "key.pem")
    assert read.resolve("/etc/key.pem") == "/etc/key.pem"


@pytest.mark.parametrize(
    ("name", "table"), [(name, table) for table, rows in config.TABLES.items() for name in rows] + [("port", "broker")]
)
def test_every_key_has_a_default_of_its_own_type_within_its_bounds(name: str, table: str) -> None:
    row: Any = {**config.TABLES, "broker": config.BROKER}[table][name]
    kind, default, low, high, meaning = row
    assert meaning
    assert low is not None
    assert high is not None
    assert low < high
    if default is not config.REQUIRED:
        assert type(default) is kind
        assert low <= (default if kind is int else len(default)) <= high


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("[link]\nkeepalive = 60", ["[link]", "no key 'keepalive'", "did you mean 'keepalive_s'?"]),
        ("[link]\nqqqq = 60", ["no key 'qqqq'", "known are: ", "window"]),
        ("[linq]\nwindow = 1", ["no table [linq]", "did you mean 'link'?"]),
        ("[[broker]]\nhost = 'b'\nca = 'c'\nprot = 1", ["[[broker]] number 2", "did you mean 'port'?"]),
        ("[link]\nwindow = true", ["'window'", "whole number", "not True"]),
        ("[link]\nwindow = 1.0", ["'window'", "whole number", "not 1.0"]),
        ("[link]\nwindow = '1'", ["'window'", "whole number", "not '1'"]),
        ("[link]\nwindow = 0", ["'window'", "1 to 1000", "not 0"]),
        ("[link]\nwindow = 1001", ["'window'", "1 to 1000", "not 1001"]),
        ("[link]\nkeepalive_s = -5", ["'keepalive_s'", "5 to 3600"]),
        ("[journal]\nmax_mb = 0", ["'max_mb'"]),
        ("[journal]\nmax_mb = 0x" + "f" * 5000, ["'max_mb'", "a huge number"]),
        ("[journal]\nmax_mb = [0x" + "f" * 5000 + "]", ["'max_mb'", "whole number"]),
        ("[journal]\nmax_mb = " + "9" * 5000, ["not TOML"]),
        ("settings = 1\n", ["no key 'settings'"]),
        ("[settings", ["not TOML"]),
        ("[link]\nwindow = 1\nwindow = 2", ["not TOML"]),
    ],
)
def test_what_is_unknown_ill_typed_or_out_of_range_is_named(path: Path, added: str, words: list[str]) -> None:
    said = refusal(path, GOOD + added)
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "pillar-017"', "", ["[device]", "'id' is missing", "certificate's CN"]),
        ('id = "pillar-017"', 'id = "Pillar 17"', ["[device]", "'id'"]),
        ('id = "pillar-017"', 'id = "ab"', ["'id'", "3 to 63 characters, not 2"]),
        ('id = "pillar-017"', f'id = "{"a" * 64}"', ["'id'", "not 64"]),
        ('id = "pillar-017"', "id = 17", ["'id'", "must be a text"]),
        ('keys = ["center.pem"]', "keys = []", ["[center]", "1 to 8 entries, not 0"]),
        ('keys = ["center.pem"]', "keys = [1]", ["list of texts"]),
        ('keys = ["center.pem"]', 'keys = "center.pem"', ["must be a list"]),
        ('keys = ["center.pem"]', 'keys = ["a\\u0000b"]', ["control character"]),
        ('state = "state"', 'state = "a\\u0000b"', ["'state'", "control character"]),
        ('state = "state"', 'state = "a\\nb"', ["'state'", "control character"]),
        ('state = "state"', f'state = "{"a" * 5000}"', ["'state'", "not 5000"]),
        ('host = "broker.example"', "", ["[[broker]] number 1", "'host' is missing"]),
        ("[keys]", "[keyz]", ["[keys]", "'key' is missing"]),
        ("[[broker]]", "[broker]", ["1 to 8 brokers", "[[broker]]"]),
        ("[[broker]]", "[[brokers]]", ["1 to 8 brokers"]),
    ],
)
def test_what_is_missing_or_malformed_is_named(path: Path, old: str, new: str, words: list[str]) -> None:
    said = refusal(path, GOOD.replace(old, new))
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize("name", ["device", "keys", "center", "link", "journal"])
def test_a_table_that_is_none_is_refused(path: Path, name: str) -> None:
    start = GOOD.find(f"[{name}]")
    without = GOOD if start < 0 else GOOD[:start] + GOOD[GOOD.find("[", start + 1) :]
    assert "is not a table" in refusal(path, f"{name} = 3\n{without}")


def test_up_to_eight_brokers_are_taken_in_their_order(path: Path) -> None:
    more = "".join(f'[[broker]]\nhost = "b{n}"\nca = "root.pem"\n' for n in range(7))
    path.write_text(GOOD + more, encoding="utf-8")
    assert [broker["host"] for broker in config.read(str(path)).brokers] == [
        "broker.example",
        *(f"b{n}" for n in range(7)),
    ]
    assert "1 to 8 brokers" in refusal(path, GOOD + more + '[[broker]]\nhost = "b"\nca = "c"')


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match="--config"):
            config.read(str(path))


def test_a_file_of_any_length_is_read_to_its_bound_only(path: Path) -> None:
    assert "longer than" in refusal(path, b"#" * (config.MAX_FILE + 1))
    assert "longer than" not in refusal(path, b"#" * config.MAX_FILE)
    with pytest.raises(ConfigError, match="longer than"):
        config.read("/dev/zero")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xef\xbb\xbf[device]", b"a" * 100, b"a = " + b"[" * 30_000, b"\x00"])
def test_what_is_not_toml_is_refused(path: Path, text: bytes) -> None:
    assert "not TOML" in refusal(path, text)


PIECES = st.sampled_from(
    [
        *GOOD.splitlines(),
        "[link]",
        "[settings]",
        "window = ",
        "true",
        "1979-05-27T07:32:00Z",
        "1979-13-41",
        "[",
        "]",
        "'",
        '"',
    ]
)


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.binary(max_size=200) | st.text().map(str.encode) | st.lists(PIECES).map(lambda lines: "\n".join(lines).encode())
)
def test_any_bytes_end_in_a_configuration_or_its_one_error(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    try:
        read = config.read(str(path))
    except ConfigError as error:
        assert str(path) in str(error)  # noqa: PT017  most of these are refused, some are not
    else:
        assert read.device["id"]


VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans() | st.floats() | st.none() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from([*config.LINK, "x"]), VALUES, max_size=3))
def test_any_table_ends_in_all_keys_typed_and_bounded_or_in_the_one_error(given_table: dict[str, object]) -> None:
    try:
        whole = config.checked(given_table, config.LINK, "here")
    except ConfigError:
        return
    assert list(whole) == list(config.LINK)
    for name, (kind, _default, low, high, _meaning) in config.LINK.items():
        assert type(whole[name]) is kind
        assert low is not None
        assert high is not None
        assert low <= whole[name] <= high
