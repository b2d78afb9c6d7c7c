"""The center's sessions as the configuration has them."""

import io
import json
from pathlib import Path

import pytest

from center import config
from center.errors import ConfigurationError
from center.report import Report
from center.start import check_files, lanes_of
from tests.center.scripted import Pki


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("start"))
    for name in ("center-1", "center-1-alarms"):
        made.leaf("center", name)
    return made


def configuration(own: Pki, alarms: str | None, key: str | None = None) -> config.Configuration:
    def files(name: str, key: str) -> str:
        return f'certificate = "{own.directory}/{name}.pem"\nkey = "{own.directory}/{key}.key"\n'

    leaf = files("center-1", "center-1")
    text = (
        f'[center]\nid = "center-1"\ndatabase = "center.sqlite"\nroots = ["{own.root}"]\n{leaf}'
        f'[broker]\nhosts = ["127.0.0.1:1"]\nca = "{own.root}"\n{leaf}'
    )
    return config.parse(text + (f"[alarms]\n{files(alarms, key or alarms)}" if alarms else ""), Path("center.toml"))


def test_the_lane_has_a_name_of_its_own_and_alarms_only_and_the_first_session_has_everything(own: Pki) -> None:
    said = io.StringIO()
    lanes = lanes_of(configuration(own, "center-1-alarms"), Report(said, as_json=True))
    alarms, main = lanes.links
    assert (alarms._client_id, alarms._subscriptions) == ("center-1-alarms", ("dabyl/v1/+/alarm",))
    assert (main._client_id, len(main._subscriptions)) == ("center-1", 3)
    assert "dabyl/v1/+/alarm" in main._subscriptions
    assert main is lanes.main
    for link in lanes.links:
        link._on_state(True, "here")
        link._on_state(False, "there")
    lanes._doubt(True)
    lanes._doubt(False)
    told = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [(one["what"], one.get("up")) for one in told] == [
        ("alarm-lane", True),
        ("alarm-lane", False),
        ("connected", None),
        ("disconnected", None),
        ("alarm-lane", False),
        ("alarm-lane", True),
    ]
    assert "do not let center-1-alarms read dabyl/v1/+/alarm" in told[4]["text"]


def test_without_the_table_there_is_one_session(own: Pki) -> None:
    lanes = lanes_of(configuration(own, None), Report(io.StringIO(), as_json=True))
    assert lanes.links == (lanes.main,)


def test_two_sessions_of_one_name_are_refused(own: Pki) -> None:
    with pytest.raises(ConfigurationError, match="has the name of the one in \\[broker\\], center-1") as caught:
        lanes_of(configuration(own, "center-1"), Report(io.StringIO(), as_json=True))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("alarms", "key"), [("center-1-alarms", "center-1"), ("nowhere", "nowhere")])
def test_the_files_of_the_lane_are_checked(own: Pki, monkeypatch: pytest.MonkeyPatch, alarms: str, key: str) -> None:
    monkeypatch.setattr("center.start.now_ms", lambda: own.now_ms)
    check_files(configuration(own, "center-1-alarms"))
    with pytest.raises(ConfigurationError, match=alarms):
        check_files(configuration(own, alarms, key))
