"""``dabyl demo`` without a person, as the product's own command, over both brokers."""

import json
import pathlib

import pytest

from simulators.site import dabyl
from tests.integration.processes import run

ENGINES = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"]


@pytest.mark.micropython
@pytest.mark.parametrize("engine", ENGINES)
def test_every_press_is_verified_none_twice_and_the_lamp_shows_the_receipt(engine: str, bundle: pathlib.Path) -> None:
    done = run([*dabyl(), "demo", "--presses", "3", "--engine", engine, "--bundle", str(bundle), "--json"])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    board = found.pop("board")
    assert found.pop("broker") == engine
    for account, proof in ((found, "receipt"), (board, "signed")):
        times = account.pop(f"press_to_{proof}_ms")
        assert times["n"] == 3
        assert 0 < times["p50"] <= times["p99"]
        refused = account.pop("refused")
        # Over NATS an event may overtake the presence that brings its key; it waits for that, told as refused.
        assert refused == 0 or engine == "nats"
        assert account == {
            "presses": 3,
            "verified": 3,
            "lost": 0,
            "duplicated": 0,
            "conflicts": 0,
            "lamp_received": 3,
        }


@pytest.mark.micropython
@pytest.mark.mosquitto
def test_cuts_and_kills_lose_nothing(bundle: pathlib.Path) -> None:
    mischief = ["--cuts", "1", "--kills", "1", "--seed", "3", "--engine", "mosquitto"]
    done = run([*dabyl(), "demo", "--presses", "4", *mischief, "--bundle", str(bundle)])
    assert done.returncode == 0, done.stdout + done.stderr
    told = {line[:30].strip(): line[30:].split() for line in done.stdout.splitlines()}
    assert told["verified"] == ["4", "4"]
    assert told["lost"] == told["duplicated"] == ["0", "0"]


def test_where_no_board_can_run_the_demo_goes_on_without_it_and_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['micropython_unix'] = None")
    done = run([*dabyl(), "demo", "--presses", "1", "--json"], {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "without the microcontroller" in done.stderr
    found = json.loads(done.stdout)
    assert (found["verified"], found["board"]) == (1, None)
