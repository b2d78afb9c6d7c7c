"""``dabyl center``: answers for people and for programs, documented exit codes, and never a traceback."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from center import cli, queries
from center.database import Database
from center.pipeline import Arrival, Pipeline
from center.registry import FORMAT
from center.tap import Seen, line_of
from tests.center.desk import ingest
from tests.center.scripted import NOW, Device, Pki

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, pki: Pki) -> Path:
    path = tmp_path / "center.toml"
    leaf = f'certificate = "{pki.directory}/center-1.pem"\nkey = "{pki.directory}/center-1.key"\n'
    path.write_text(
        f'[center]\nid = "center-1"\ndatabase = "center.sqlite"\nroots = ["{pki.root}"]\n{leaf}'
        f'[broker]\nhosts = ["127.0.0.1:1"]\nca = "{pki.root}"\n{leaf}'
    )
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.main([*arguments, "--config", str(config)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


@pytest.fixture
def pressed(pipeline: Pipeline, device: Device) -> Device:
    messages = [device.greeting(), device.press(), device.event()]
    ingest(pipeline, [Arrival(message.topic, message.envelope) for message in messages], NOW)
    return device


def test_alarms_and_devices_are_told_to_people_and_programs(run: Run, pressed: Device) -> None:
    assert f"{pressed.name} 1/1  alarm.raised  received" in run("alarms")[1]
    (alarm,) = json.loads(run("alarms", "--json")[1])
    assert (alarm["device"], alarm["state"], alarm["conflict"]) == (pressed.name, "received", False)
    assert "online" in run("devices")[1]
    (device,) = json.loads(run("devices", "--json")[1])
    assert (device["online"], device["events"], device["boots"]) == (True, 2, 1)


def test_the_registry_says_where_an_alarm_is_and_who_was_never_heard(run: Run, pressed: Device, config: Path) -> None:
    known = {"name": pressed.name, "building": "School 5", "room": "212"}
    registry = {"format": FORMAT, "devices": [known, {"name": "sos-silent", "room": "Hall"}]}
    config.with_name("registry.json").write_text(json.dumps(registry))
    config.write_text(config.read_text().replace("[broker]", 'registry = "registry.json"\n[broker]'))
    assert run("alarms")[1].rstrip().endswith("received  School 5, 212")
    assert json.loads(run("alarms", "--json")[1])[0]["place"] == {"building": "School 5", "room": "212"}
    assert "sos-silent  NEVER HEARD  Hall" in run("devices")[1]
    assert [(one["device"], one["events"]) for one in json.loads(run("devices", "--json")[1])] == [
        (pressed.name, 2),
        ("sos-silent", 0),
    ]
    config.with_name("registry.json").write_text("{}")
    assert run("check")[0] == 2


def test_an_order_waits_for_a_center_and_the_next_one_carries_it_out(
    run: Run, pressed: Device, pipeline: Pipeline, database: Database
) -> None:
    code, out, _ = run("acknowledge", pressed.name, "1", "1", "--wait", "0", "--by", "A. Serik")
    assert (code, "no center is running" in out) == (1, True)
    assert pipeline.carry_out_orders(NOW) == 1
    with database.read() as connection:
        (alarm,) = queries.alarms(connection, closed=False, most=1)
    assert alarm["state"] == "acknowledged"
    assert [draft.alarms for draft in pipeline.receipts.due(NOW)] == [((1, 1, 2),)]


@pytest.mark.parametrize("number", ["2", "99999999999999999999", "0", "-1"])
def test_an_alarm_that_is_none_cannot_be_acknowledged(run: Run, pressed: Device, number: str) -> None:
    code, _, err = run("acknowledge", pressed.name, "1", "--wait", "0", "--", number)
    assert code in (1, 2)
    assert err


def test_check_finds_what_is_missing(
    run: Run, pressed: Device, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("center.start.now_ms", lambda: NOW)
    assert run("check")[0] == 0
    pressed.event()
    late = pressed.event()
    ingest(pipeline, [Arrival(late.topic, late.envelope)], NOW)
    code, out, _ = run("check", "--json")
    assert code == 1
    assert json.loads(out)["devices"][0]["boots"][0]["missing"] == [[3, 3]]


def test_exit_codes_tell_usage_from_database(run: Run, pressed: Device, config: Path, tmp_path: Path) -> None:
    assert run("no-such-command")[0] == 2
    assert run("alarms", "--most", "many")[0] == 2
    assert run("tap")[0] == 2
    assert cli.main(["alarms", "--config", str(tmp_path / "none.toml")]) == 2
    assert cli.main(["--help"]) == 0
    holder = sqlite3.connect(tmp_path / "center.sqlite", isolation_level=None)
    holder.execute("PRAGMA user_version = 9")
    holder.close()
    assert run("alarms")[0] == 3
    (tmp_path / "center.sqlite").unlink()
    assert run("devices")[0] == 3


@pytest.mark.parametrize("command", ["run", "tap", "acknowledge", "alarms", "devices", "check"])
def test_help_has_examples_and_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"dabyl center {command}" in out.split("\n", maxsplit=2)[2]
    assert "Exit codes" in out
    assert "--json" in out or command == "run"


def test_a_tap_lets_matching_events_pass_once() -> None:
    seen = Seen(most=2)
    assert [seen.is_new(one) for one in ("a", "a", "b", "a", "c", "a")] == [True, False, True, False, True, True]
    body = json.dumps({"id": "1", "type": "dabyl.alarm.raised"}).encode()
    assert line_of(body, "alarm.*") is not None
    assert line_of(body, "health.*") is None
    assert [line_of(nonsense, None) for nonsense in (b"", b"[]", b"{}", b"\xff", b"[" * 99_999)] == [None] * 5
