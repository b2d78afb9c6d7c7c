"""The device's own state: whole numbers, and nothing guessed."""

from pathlib import Path
from typing import Any

import pytest

from agent import health
from agent.journal.disk import DiskStore
from agent.journal.log import Journal


@pytest.mark.parametrize(
    ("content", "milli"),
    [
        (b"47123\n", 47123),
        (b"-3500", -3500),
        (b"", None),
        (b"hot", None),
        (b"inf", None),
        (b"nan", None),
        (b"\xff", None),
    ],
)
def test_a_reading_is_a_whole_number_or_left_out(tmp_path: Path, content: bytes, milli: int | None) -> None:
    path = tmp_path / "temp"
    path.write_bytes(content)
    assert health.temperature_mc(str(path)) == milli


def test_the_load_is_told_in_thousandths(tmp_path: Path) -> None:
    path = tmp_path / "loadavg"
    path.write_text("0.25 0.10 0.05 1/100 4242\n", encoding="ascii")
    assert health.load_milli(str(path)) == 250


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        (" wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0\n", -56),
        (
            " wlan0: 0000   54.   200.  -256        0      0      0      0      0        0\n",
            None,
        ),  # an old driver's own scale
        (" wlan0: 0000\n", None),
        ("", None),
        (" wlan0: 0000 a. inf. nan\n", None),
    ],
)
def test_the_strength_of_the_wifi_is_told_in_dbm(tmp_path: Path, line: str, dbm: int | None) -> None:
    path = tmp_path / "wireless"
    path.write_text(
        "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
        " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n" + line
    )
    assert health.rssi(str(path)) == dbm


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert health.temperature_mc(str(tmp_path / "none")) is None
    assert health.load_milli(str(tmp_path)) is None
    assert health.rssi(str(tmp_path / "none")) is None
    assert health.disk_free_kb(str(tmp_path / "none")) is None


def test_a_report_counts_what_is_owed_and_tells_of_the_disk(state: Path) -> None:
    store = DiskStore(str(state / "journal"))
    journal = Journal(store)
    journal.open()
    journal.append(0, 1, 1, b"h" * 16, b"alarm")
    journal.append(2, 1, 2, b"h" * 16, b"event")
    facts = health.report(str(state), journal)
    assert (facts["unsettled"], facts["alarms"], facts["unkept"]) == (2, 1, 2)
    assert journal.sync()
    assert health.report(str(state), journal)["unkept"] == 0
    journal.settle(1, 1, 1)
    facts = health.report(str(state), journal)
    assert (facts["unsettled"], facts["alarms"]) == (1, 0)
    assert "disk" not in facts
    free: Any = facts["disk_free_kb"]
    assert free > 0
    assert all(type(value) is int for value in facts.values())
    store.close()
