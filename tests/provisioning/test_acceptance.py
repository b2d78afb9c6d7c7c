"""A walk through a building: presses as the center has verified them, judged, kept, signed."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable
from typing import Any, cast

import pytest

from agent.keys.file import FileKey
from provisioning import acceptance, walk
from provisioning.acceptance import FAILED, NOT_TESTED, PASSED, Entry, document, encoded, entry_of, judge, signal_dbm
from provisioning.acceptance_pdf import pdf
from provisioning.cable.enrolment import Bench
from provisioning.errors import InputError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import ACCEPTED, VERIFIED, Device, Place
from provisioning.listener import Event
from provisioning.messages import LANGUAGES

OPENSSL = shutil.which("openssl") or ""


def press(name: str, **data: object) -> Event:
    return {
        "id": f"id-{name}", "type": "dabyl.alarm.raised", "source": f"urn:dabyl:device:{name}", "dabylboot": 1, "dabylseq": 3,
        "dabylclock": 2, "time": "2026-11-22T08:00:00.000Z", "dabylreceived": "2026-11-22T08:00:00.072Z", "data": data,
    }  # fmt: skip


PANIC = Device("panic-1", "panic-button", "aa", Place(building="School 5", floor="2", room="212"))
SOS = Device("sos-1", "sos-button", "bb", Place(building="Школа № 5", room="Спортзал"))


@pytest.mark.parametrize(
    ("data", "lamp", "result", "reason"),
    [
        ({"building": "School 5", "floor": "2", "room": "212"}, True, PASSED, ""),
        ({"building": "School 5", "floor": "2", "room": "213"}, True, FAILED, "room: 213"),
        ({"building": "School 6"}, True, FAILED, "building: School 6"),
        ({"room": "212"}, False, FAILED, "lamp"),
        ({}, True, PASSED, ""),
    ],
)
def test_a_press_passes_with_the_right_room_and_a_lamp_that_acknowledged(
    data: dict[str, Any], lamp: bool, result: str, reason: str
) -> None:
    entry = entry_of(PANIC)
    judge(entry, press("panic-1", **data), lamp=lamp, photo="IMG_1.jpg")
    assert (entry.result, entry.reason, entry.photo) == (result, reason, "IMG_1.jpg")
    assert entry.press is not None
    assert entry.press["latency_ms"] == 72


@pytest.mark.parametrize(("said", "result"), [("212", PASSED), ("213", FAILED)])
def test_a_center_that_names_another_room_than_the_inventory_fails_the_device(said: str, result: str) -> None:
    entry = entry_of(PANIC)
    judge(entry, {**press("panic-1"), "dabylbuilding": "School 5", "dabylroom": said}, lamp=True, photo="")
    assert entry.result == result
    assert entry.press is not None
    assert entry.press["room"] == said


@pytest.mark.parametrize(
    ("rssi", "strength"), [(-61, -61), (-130, -130), (-131, None), (0, None), (True, None), ("-61", None), (None, None)]
)
def test_only_a_strength_that_can_be_is_noted(rssi: object, strength: int | None) -> None:
    assert signal_dbm({"type": "dabyl.health.report", "data": {"rssi": rssi}}) == strength
    assert signal_dbm({"type": "dabyl.health.report", "data": None}) is None


def test_a_clock_that_was_not_set_gives_no_latency() -> None:
    entry = entry_of(SOS)
    judge(entry, {**press("sos-1"), "dabylclock": 0}, lamp=True, photo="")
    assert entry.press is not None
    assert entry.press["latency_ms"] is None


def record() -> dict[str, Any]:
    entries = [entry_of(PANIC), entry_of(SOS), entry_of(Device("sos-2", "sos-button"))]
    judge(entries[0], press("panic-1", room="212", building="School 5", floor="2"), lamp=True, photo="212.jpg")
    judge(entries[1], press("sos-1"), lamp=False, photo="")
    return document(entries, by="Ә. Нұрлан", made="2026-11-22T08:00:00Z", authority="00" * 32)


def test_the_record_counts_what_passed_failed_and_was_not_tested() -> None:
    assert record()["counts"] == {PASSED: 1, FAILED: 1, NOT_TESTED: 1}


@pytest.mark.skipif(not OPENSSL, reason="needs openssl")
def test_openssl_verifies_the_record_and_refuses_a_changed_one(tmp_path: pathlib.Path) -> None:
    key = FileKey.generate(str(tmp_path / "key.pem"))
    acceptance.write(tmp_path / "out", record(), pdf(record(), "kk"), key)
    public = tmp_path / "public.pem"
    subprocess.run([OPENSSL, "pkey", "-in", str(tmp_path / "key.pem"), "-pubout", "-out", str(public)], check=True)
    signed = tmp_path / "out" / "acceptance.json"

    def verified() -> bool:
        command = [OPENSSL, "dgst", "-sha256", "-verify", str(public), "-signature", f"{signed}.sig", str(signed)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    assert verified()
    assert json.loads(signed.read_text())["by"] == "Ә. Нұрлан"
    signed.write_text(signed.read_text().replace('"failed"', '"passed"'))
    assert not verified()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_is_the_same_for_the_same_record_and_bounded_for_a_long_one(language: str) -> None:
    assert pdf(record(), language) == pdf(record(), language)
    entries = [entry_of(Device(f"sos-{number}", "sos-button", place=Place(room="Ж" * 80))) for number in range(60)]
    entries[0].reason, entries[0].result = "<b>&", FAILED
    long = pdf(document(entries, by="&<x>", made="", authority=""), language)
    assert long.count(b"/Type /Page\n") > 1
    assert encoded(record()) == encoded(record())


class Events:
    """Presses that come one after another, as the listener gives them."""

    now = 0

    def __init__(self, *events: Event | None) -> None:
        self._events = list(events)
        self.reports: list[Event] = []

    def latest(self, wanted: Callable[[Event], bool]) -> Event | None:
        return next((event for event in reversed(self.reports) if wanted(event)), None)

    def wait(self, wanted: Callable[[Event], bool], _seconds: float, *, since: int) -> Event | None:
        assert since == 0
        event = self._events.pop(0)
        assert event is None or wanted(event)
        return event


class Walker:
    """Somebody whose answers are known."""

    def __init__(self, said: list[str | None], *, lamp: bool = True) -> None:
        self._said, self._lamp = said, lamp
        self.lefts: list[list[str]] = []

    def left(self, entries: list[Entry]) -> None:
        self.lefts.append([entry.name for entry in entries])

    def seen(self, entry: Entry) -> tuple[bool, str]:
        return self._lamp, f"{entry.name}.jpg"

    def waiting(self) -> str | None:
        return self._said.pop(0)


def bench(inventory: Inventory, *events: Event | None) -> Bench:
    return Bench(None, None, inventory, Events(*events))  # type: ignore[arg-type]  # a walk needs no more


@pytest.fixture
def inventory(tmp_path: pathlib.Path) -> Inventory:
    opened = Inventory(tmp_path / "inventory.db")
    opened.plan([PANIC, SOS], 0)
    for number, name in enumerate(("panic-1", "sos-1"), 1):
        opened.certified(name, number, 0)
        opened.reach(name, VERIFIED, 0)
    return opened


def test_presses_come_in_any_order_and_what_was_seen_outlives_an_interruption(
    tmp_path: pathlib.Path, inventory: Inventory
) -> None:
    devices = [inventory.get("panic-1"), inventory.get("sos-1")]
    first = Walker([None])
    entries = walk.walk(bench(inventory, press("sos-1"), None), devices, tmp_path / "out", first, 1)
    assert [entry.result for entry in entries] == [NOT_TESTED, PASSED]
    assert first.lefts == [["panic-1", "sos-1"], ["panic-1"]]
    assert inventory.get("sos-1").state == ACCEPTED
    assert inventory.get("panic-1").state == VERIFIED
    second = Walker(["", "panic-1"])
    devices = [inventory.get("panic-1"), inventory.get("sos-1")]
    entries = walk.walk(bench(inventory, None, None), devices, tmp_path / "out", second, 1)
    assert [(entry.result, entry.reason) for entry in entries] == [(FAILED, "no press"), (PASSED, "")]
    assert entries[1].photo == "sos-1.jpg"
    devices[1] = dataclasses.replace(devices[1], address="10.1.2.7")
    entries = walk.walk(bench(inventory, None), devices, tmp_path / "out", Walker([None]), 1)
    assert [(entry.result, entry.address) for entry in entries] == [(NOT_TESTED, ""), (NOT_TESTED, "10.1.2.7")], (
        "its board was set anew"
    )
    assert document(entries, by="A", made="", authority="")["devices"][1]["address"] == "10.1.2.7"
    inventory.close()


def test_the_strength_of_the_signal_is_noted_by_the_last_report_even_one_after_the_press(
    tmp_path: pathlib.Path, inventory: Inventory
) -> None:
    def report(name: str, rssi: int) -> Event:
        return {"type": "dabyl.health.report", "source": f"urn:dabyl:device:{name}", "data": {"rssi": rssi}}

    work = bench(inventory, press("sos-1"), press("panic-1"), None)
    events = cast("Events", work.listener)
    events.reports = [report("sos-1", -80), report("sos-1", -61), report("sos-9", -50)]

    class Late(Walker):
        def seen(self, entry: Entry) -> tuple[bool, str]:
            if entry.name == "panic-1":
                events.reports.append(report("panic-1", -70))
                events.reports.append(report("sos-1", -62))
            return super().seen(entry)

        def waiting(self) -> str | None:
            events.reports.append(report("panic-1", -71))
            return super().waiting()

    third = Device("sos-3", "sos-button", "cc")
    entries = walk.walk(work, [PANIC, SOS, third], tmp_path / "out", Late([None]), 1)
    assert [(entry.press or {}).get("signal_dbm") for entry in entries] == [-71, -62, None]
    inventory.close()


def test_a_walk_whose_memory_is_damaged_says_so(tmp_path: pathlib.Path, inventory: Inventory) -> None:
    (tmp_path / walk.PART).write_text("[{}]")
    with pytest.raises(InputError) as caught:
        walk.walk(bench(inventory), [SOS], tmp_path, Walker([]), 1)
    assert caught.value.key == "walk-kept"
    assert os.fspath(tmp_path) in str(caught.value)
    inventory.close()
