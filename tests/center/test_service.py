"""The running center's own judgement, without a broker."""

import io
import json
import os
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.keys.chain import load_roots
from center import config
from center.database import Database
from center.errors import DatabaseBusyError
from center.keytable import KeyTable
from center.lanes import Batch, Lanes
from center.link import Link, Received
from center.parking import PARKED_MS
from center.pipeline import Outcome, Pipeline, Proven
from center.report import Report
from center.service import AWAY_MS, Service
from tests.center.desk import arrivals, ingest
from tests.center.scripted import NOW, Pki


@pytest.fixture
def own(tmp_path: Path) -> Pki:
    made = Pki(tmp_path / "own")
    made.leaf("center", "center-1")
    return made


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def service(own: Pki, tmp_path: Path, database: Database, pipeline: Pipeline, said: io.StringIO) -> Service:
    """Not started."""
    leaf = f'certificate = "{own.directory}/center-1.pem"\nkey = "{own.directory}/center-1.key"\n'
    text = (
        f'[center]\nid = "center-1"\ndatabase = "center.sqlite"\nroots = ["{own.root}"]\ncrls = ["{own.crl}"]\n{leaf}'
        f'[broker]\nhosts = ["127.0.0.1:1"]\nca = "{own.root}"\n{leaf}'
    )
    configuration = config.parse(text, tmp_path / "center.toml")
    link = Link(
        configuration.broker, "center-1", (), draw=lambda: 0.0, clock=lambda: 0.0, on_state=lambda _up, _text: None
    )
    lanes = Lanes(link, None, threading.Event())
    return Service(configuration, database, pipeline, lanes, Report(said, as_json=True), None, lambda: True)


@pytest.fixture
def pipeline(database: Database, own: Pki) -> Pipeline:
    keys = KeyTable(load_roots(own.authority.root_pem))
    return Pipeline(database, keys, own.signer("center-1"), "center-1", NOW)


def told(service: Service, said: io.StringIO) -> list[str]:
    """What has been told since the last call, after three looks at the lists."""
    for _ in range(3):
        service._reload()
    lines = [json.loads(line)["what"] for line in said.getvalue().splitlines()]
    said.seek(0)
    said.truncate()
    return lines


def test_a_revocation_list_that_cannot_be_used_is_told_once(service: Service, said: io.StringIO, own: Pki) -> None:
    assert told(service, said) == []
    good, status = own.crl.read_text(), own.crl.stat()
    own.crl.write_text("-----BEGIN X509 CRL-----")
    assert told(service, said) == ["crl"]
    own.crl.unlink()
    assert told(service, said) == ["crl"], "a new trouble is told"
    own.crl.write_text(good)
    assert told(service, said) == []
    own.crl.unlink()
    assert told(service, said) == ["crl"], "so is one that comes again"
    own.crl.write_text(good)
    os.utime(own.crl, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert told(service, said) == []


@pytest.mark.parametrize("cut", ["", "-----BEGIN X509 CRL-----\n", "\n"])
def test_a_revocation_list_that_is_cut_short_makes_no_revoked_key_good_again(
    service: Service, pipeline: Pipeline, said: io.StringIO, own: Pki, cut: str
) -> None:
    lost = own.device("sos-lost")
    messages = lost.greeting(), lost.press()
    assert len(ingest(pipeline, arrivals(*messages), NOW).stored) == 1
    own.revoke("sos-lost")
    assert told(service, said) == ["revoked"]
    own.crl.write_text(cut)
    assert told(service, said) == ["crl"]
    assert [one.reason for one in ingest(pipeline, arrivals(*messages), NOW).refused] == ["revoked"] * 2


@pytest.mark.parametrize(
    ("steps", "lost"),
    [
        ([500] * 40, True),
        ([AWAY_MS] * 4, True),
        ([19_501], False),  # held up by its database, or its clock was set forward
        ([3_600_000], False),
        ([500, -3_600_000, *[500] * 38], False),  # set back
        ([-3_600_000, *[500] * 40], True),
    ],
)
def test_silence_counts_only_while_the_center_listens(
    service: Service,
    pipeline: Pipeline,
    own: Pki,
    said: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[int],
    lost: bool,
) -> None:
    clock = [NOW]
    monkeypatch.setattr("center.service.now_ms", lambda: clock[0])
    service._lanes.main._client = paho.Client(CallbackAPIVersion.VERSION2)  # a connection that stands
    ingest(pipeline, arrivals(own.device("sos-0001").greeting(keepalive=13)), NOW)
    service._watch()
    for step in steps:
        clock[0] += step
        service._watch()
    assert ("lost" in said.getvalue()) is lost


def test_silence_does_not_count_without_a_broker(
    service: Service, pipeline: Pipeline, own: Pki, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [NOW]
    monkeypatch.setattr("center.service.now_ms", lambda: clock[0])
    ingest(pipeline, arrivals(own.device("sos-0001").greeting(keepalive=13)), NOW)
    for _ in range(60):
        service._watch()
        clock[0] += 500
    assert said.getvalue() == ""


def test_what_waits_for_its_key_in_vain_is_told_as_refused(
    service: Service, pipeline: Pipeline, own: Pki, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(pipeline, arrivals(own.device("sos-0001").press()), NOW)
    monkeypatch.setattr("center.service.now_ms", lambda: NOW + PARKED_MS + 1)
    service._turn()
    assert [json.loads(line)["reason"] for line in said.getvalue().splitlines()] == ["unknown-key"]


@pytest.mark.parametrize("which", [0, 1])
def test_what_did_not_fit_the_queue_of_a_session_is_told_and_asked_for_again_there(
    service: Service, said: io.StringIO, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    alarms = Link(
        service._lanes.main._access,
        "center-2",
        (),
        draw=lambda: 0.0,
        clock=lambda: 0.0,
        on_state=lambda _up, _text: None,
    )
    service._lanes = lanes = Lanes(service._lanes.main, alarms, threading.Event())
    renewed = []
    for link in lanes.links:
        monkeypatch.setattr(link, "renew", lambda link=link: renewed.append(link))
    full = lanes.links[which]
    full.dropped = 3
    service._turn()
    service._turn()
    assert renewed == [full]
    assert json.loads(said.getvalue().splitlines()[0])["text"].startswith("3 messages")
    full.dropped = 5
    service._turn()
    assert renewed == [full, full]


def test_the_broker_hears_nothing_of_a_batch_and_its_copies_before_it_is_stored(
    service: Service, pipeline: Pipeline, own: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    press, client = own.device("sos-0001").press(), paho.Client(CallbackAPIVersion.VERSION2)
    messages = [Received(press.topic, press.envelope, retained=False, mid=mid, qos=1, client=client) for mid in (1, 2)]
    acknowledged: list[int] = []
    monkeypatch.setattr(service._lanes.main, "acknowledge", lambda message: acknowledged.append(message.mid))
    store = pipeline.store

    def busy(_proven: Proven, _now_ms: int) -> Outcome:
        raise DatabaseBusyError("locked")

    monkeypatch.setattr(pipeline, "store", busy)
    service._take(Batch(messages[:1], messages[1:]))
    assert acknowledged == []
    monkeypatch.setattr(pipeline, "store", store)
    service._take(Batch(messages[:1], messages[1:]))
    assert acknowledged == [1, 2]
