"""The registry: what the installer's inventory exports says where an event comes from, and makes nobody believed."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from center import config
from center.database import Database
from center.errors import ConfigurationError
from center.lanes import Lanes
from center.link import Link
from center.pipeline import Pipeline
from center.registry import FORMAT, MAX_DEVICES, Registry, load
from center.report import Report
from center.service import Service
from provisioning.inventory.export import registry
from provisioning.inventory.record import ENROLLED, Device, Place
from tests.center.desk import arrivals, ingest
from tests.center.scripted import NOW, Pki
from tests.center.test_cloudevents import SCHEMA, VALIDATOR

ROOM = {"building": "Школа 5", "floor": "-1", "room": "212", "latitude": "43.2389", "longitude": "1e-05", "city": "ALA"}
PLACE = Place(building="Школа 5", floor="-1", room="212", latitude=43.2389, longitude=0.00001, city="ALA")


def written(file: Path, *devices: dict[str, Any]) -> Path:
    file.write_text(json.dumps({"format": FORMAT, "devices": devices}))
    return file


def handed_on(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [json.loads(row[0]) for row in connection.exec_driver_sql("SELECT body FROM outbox ORDER BY id")]


def test_the_center_reads_what_the_inventory_exports(tmp_path: Path) -> None:
    device = Device("sos-0001", "sos-button", place=PLACE, state=ENROLLED)
    (tmp_path / "registry.json").write_text(registry([device, Device("sos-0002", "sos-button")], NOW), encoding="utf-8")
    assert load(tmp_path / "registry.json") == Registry({"sos-0001": ROOM})


def test_what_is_handed_on_says_where_it_comes_from(pipeline: Pipeline, database: Database, pki: Pki) -> None:
    known, stranger = pki.device("sos-known"), pki.device("sos-stranger")
    pipeline.enter(Registry({"sos-known": ROOM}))
    ingest(pipeline, arrivals(known.greeting(), known.press(), stranger.greeting(), stranger.press()), NOW)
    told = handed_on(database)
    assert len(told) == 4
    for body in told:
        VALIDATOR.validate(body)
        place = {
            name.removeprefix("dabyl"): value for name, value in body.items() if name.removeprefix("dabyl") in ROOM
        }
        assert place == (ROOM if body["source"].endswith("sos-known") else {})


@given(st.dictionaries(st.sampled_from(["latitude", "longitude"]), st.floats(-90, 90), min_size=2))
def test_every_degree_fits_the_schema(tmp_path_factory: pytest.TempPathFactory, degrees: dict[str, float]) -> None:
    file = written(tmp_path_factory.mktemp("registry") / "r.json", {"name": "sos-0001", **degrees})
    for value in load(file).place("sos-0001").values():
        VALIDATOR.evolve(schema=SCHEMA["$defs"]["degrees"]).validate(value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is none of the format"),
        ('{"format": "dabyl-registry/2", "devices": []}', "is none of the format dabyl-registry/1"),
        (f'{{"format": "{FORMAT}", "devices": {{}}}}', "is none of the format"),
        (f'{{"format": "{FORMAT}", "devices": [{"{}," * MAX_DEVICES}{{}}]}}', "more than 100000 devices"),
    ],
)
def test_what_is_no_registry_is_refused_in_a_sentence(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "registry.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load(file)
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(file)


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {},
        {"name": "A"},
        {"name": "sos-1", "room": 5},
        {"name": "sos-1", "room": "x" * 81},
        {"name": "sos-1", "room": "a\nb"},
    ]
    + [{"name": "sos-1", "latitude": value} for value in ("43", True, 91, float("nan"), float("inf"))],
)
def test_a_device_that_is_none_is_named_by_its_number(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(ConfigurationError, match="device 2: "):
        load(written(tmp_path / "registry.json", {"name": "sos-0001"}, entry))


def test_a_name_stands_there_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="sos-1 stands there twice"):
        load(written(tmp_path / "registry.json", {"name": "sos-1"}, {"name": "sos-1"}))


@pytest.fixture
def running(
    tmp_path: Path, pki: Pki, database: Database, pipeline: Pipeline
) -> tuple[Callable[[], list[str]], Path, Service]:
    """What a service that is not started tells after a look at its files, the registry's file, and the service."""
    file = written(tmp_path / "registry.json")
    leaf = f'certificate = "{pki.directory}/center-1.pem"\nkey = "{pki.directory}/center-1.key"\n'
    configuration = config.parse(
        f'[center]\nid = "center-1"\ndatabase = "c"\nroots = ["{pki.root}"]\nregistry = "registry.json"\n{leaf}'
        f'[broker]\nhosts = ["127.0.0.1:1"]\nca = "{pki.root}"\n{leaf}',
        tmp_path / "center.toml",
    )
    link = Link(configuration.broker, "center-1", (), draw=lambda: 0.0, clock=lambda: 0.0, on_state=lambda *_: None)
    said = io.StringIO()
    lanes = Lanes(link, None, threading.Event())
    service = Service(configuration, database, pipeline, lanes, Report(said, as_json=True), load(file), lambda: True)

    def told() -> list[str]:
        service._reload()
        lines = [json.loads(line)["what"] for line in said.getvalue().splitlines()]
        said.seek(0)
        said.truncate()
        return lines

    return told, file, service


def test_a_changed_registry_counts_and_a_damaged_one_changes_nothing(
    running: tuple[Callable[[], list[str]], Path, Service], pipeline: Pipeline, database: Database, pki: Pki
) -> None:
    told, file, service = running
    device = pki.device("sos-moves")

    def press() -> str | None:
        service._store(pipeline.prove(arrivals(device.greeting(), device.press()), NOW))
        found: str | None = handed_on(database)[-1].get("dabylroom")
        return found

    assert press() is None
    assert told() == ["unregistered"]
    assert press() is None
    assert told() == [], "told once"
    written(file, {"name": "sos-moves", "room": "212"})
    assert told() == ["registry"]
    assert press() == "212"
    file.write_text("{")
    assert told() == ["registry"]
    assert told() == []
    assert press() == "212"
    written(file, {"name": "sos-other", "room": "1"})
    assert told() == ["registry"]
    assert press() is None
    assert told() == ["unregistered"], "again, for it is news"
