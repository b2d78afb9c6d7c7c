"""Offloading: over real TLS to the real evidence server, and to servers that are away, in trouble, slow, or lie."""

import contextlib
import http.server
import itertools
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.keys.request import certificate_request
from agent.wire import cose, evidence
from agent.wire.evidence import Evidence
from devices.video_badge import offload
from devices.video_badge.offload import OffloadError
from simulators.network.cut import CutLine
from tests.center.evidence.site import Site, random_segment
from tests.center.scripted import Device, Pki
from tests.devices.video_badge.offloading import Lying, Spool, all_arrived, answer, until_empty, wait_for

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("offload"))


@pytest.fixture(scope="module")
def serving(site: Site) -> Iterator[Site]:
    with site.serving():
        yield site


@pytest.fixture
def badge(site: Site) -> Device:
    return site.badge(f"video-{next(_NUMBERS):04}")


@pytest.fixture
def spool(site: Site, badge: Device, tmp_path: Path) -> Iterator[Spool]:
    made = Spool(site, badge, tmp_path / "spool")
    yield made
    for offloader in made.offloaders:
        offloader.stop()


def test_what_is_receipted_is_deleted_and_nothing_before(serving: Site, spool: Spool) -> None:
    recording = os.urandom(16)
    first = spool.put(random_segment(1, 40_000, recording), heard=False)
    spool.put(random_segment(2, 40_000, recording), heard=False)
    unsigned = first.with_name("000003.seg")
    unsigned.write_bytes(b"still being written")
    offloader = spool.offloader()
    asked = []
    for now in (0, 1, offload.PARKED_S - 0.1, offload.PARKED_S):
        before = offloader.asked
        assert offloader.pass_over(now) == 0
        asked.append(offloader.asked - before)
    assert asked[1:3] == [0, 0]  # what waits for its event is left alone for a while
    assert asked[3] == 6
    assert len(spool.files()) == 5

    serving.hears(*spool.unheard)
    for now in range(10, 4_000, 10):
        offloader.pass_over(now)
        if len(spool.files()) == 1:
            break
        threading.Event().wait(0.01)
    assert spool.files() == ["000003.seg"]
    assert spool.all_kept()
    assert [what for what, _ in spool.told] == ["kept", "kept"]


def test_it_goes_on_where_it_was_cut(serving: Site, spool: Spool) -> None:
    for n in (1, 2, 3):
        spool.put(random_segment(n, 3 * offload.CHUNK // 2, b"R" * 16))
    draw = random.Random(7)
    with CutLine(serving.port) as line:
        offloader = spool.offloader(line.port)
        for now in range(0, 120, 10):
            line.cut_after(draw.randrange(2_000, 2 * offload.CHUNK))
            with contextlib.suppress(OffloadError):
                offloader.pass_over(now)
        line.cut_after(None)
        until_empty(offloader, spool)
    assert spool.all_kept()


def test_a_server_that_is_away_loses_nothing(site: Site, spool: Spool) -> None:
    spool.put(random_segment())
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    offloader = spool.offloader(port)
    with pytest.raises(OffloadError, match="away: Connection refused"):
        offloader.pass_over(0)
    assert spool.files() == ["000001.cose", "000001.seg"]


@pytest.mark.parametrize("status", [500, 503, 507, 403, 429, 302, 200])
def test_a_server_in_trouble_is_left_alone(site: Site, spool: Spool, status: int) -> None:
    spool.put(random_segment())
    with Lying(site, lambda asked: answer(asked, status, {"Retry-After": "7"})) as port:
        with pytest.raises(OffloadError, match=f"answers {status}") as refused:
            spool.offloader(port).pass_over(0)
        assert refused.value.wait_s == max(7, 60 * (status == 403))
    assert spool.files() == ["000001.cose", "000001.seg"]


def receipt_by(site: Site, name: str, spool: Spool, **changed: object) -> bytes:
    segment = spool.segments[0]
    told = {
        "device": spool.badge.name,
        "center": "center-1",
        "at": 1,
        "recording": segment.recording,
        "n": segment.n,
        "size": len(segment.file),
        "sha256": segment.sha256,
        **changed,
    }
    return cose.sign(Evidence(**told).encode(), evidence.CONTEXT, site.pki.signer(name))  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    "changed",
    [{"device": "video-9999"}, {"recording": bytes(16)}, {"n": 2}, {"size": 1}, {"sha256": bytes(32)}, {"by": "center-2"}, {"by": "self"}],
    ids=str,
)  # fmt: skip
def test_a_receipt_for_anything_else_deletes_nothing(site: Site, spool: Spool, changed: dict[str, object]) -> None:
    spool.put(random_segment())
    by = str(changed.pop("by", "center-1"))
    if by == "center-2" and by not in site.pki.issued:
        site.pki.leaf("center", by)
    receipt = receipt_by(site, spool.badge.name if by == "self" else by, spool, **changed)
    with Lying(site, lambda asked: all_arrived(asked, spool, receipt)) as port:
        with pytest.raises(OffloadError, match="receipt"):
            spool.offloader(port).pass_over(0)
        assert spool.files() == ["000001.cose", "000001.seg"]
        right = receipt_by(site, "center-1", spool)
    with Lying(site, lambda asked: all_arrived(asked, spool, right)) as port:
        assert spool.offloader(port).pass_over(0) == 1  # it was that, and nothing else
    assert spool.files() == []


def test_a_server_that_hangs_up_after_each_answer_gets_everything(site: Site, spool: Spool) -> None:
    spool.put(random_segment())
    receipt = receipt_by(site, "center-1", spool)
    with Lying(site, lambda asked: all_arrived(asked, spool, receipt, Connection="close")) as port:
        assert spool.offloader(port).pass_over(0) == 1
    assert spool.files() == []


@pytest.mark.parametrize(
    "lie",
    [
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "999999999"},
        {"Upload-Offset": "9" * 5000},
        {"Upload-Offset": "1e3"},
        {"Location": "https://elsewhere.example/"},
        {"Location": "/evidence/" + "x" * 5000},
    ],
    ids=lambda lie: str(lie)[:40],
)
def test_a_server_that_lies_costs_nothing(site: Site, spool: Spool, lie: dict[str, str]) -> None:
    spool.put(random_segment())
    with Lying(site, lambda asked: all_arrived(asked, spool, b"", **lie)) as port, pytest.raises(OffloadError):
        spool.offloader(port).pass_over(0)
    assert spool.files() == ["000001.cose", "000001.seg"]


def test_a_server_that_never_has_it_whole_is_asked_so_often_and_no_more(site: Site, spool: Spool) -> None:
    spool.put(random_segment())
    asked: list[str] = []

    def never(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.command)
        if request.command == "POST":
            answer(request, 201, {"Location": "/evidence/x"})
        elif request.command == "HEAD":
            answer(request, 200, {"Upload-Offset": "0"})
        else:
            answer(request, 460, {})

    with Lying(site, never) as port, pytest.raises(OffloadError, match="times"):
        spool.offloader(port).pass_over(0)
    assert asked.count("PATCH") == offload.MAX_TURNS
    assert spool.files() == ["000001.cose", "000001.seg"]


def test_another_s_server_gets_nothing(site: Site, spool: Spool) -> None:
    """A broker's certificate, or a foreign authority's: not a byte is sent."""
    spool.put(random_segment())
    site.pki.leaf("broker", "broker-9")
    foreign = Pki(site.directory / f"foreign-{spool.badge.name}", site.pki.now_ms)
    foreign.leaf("evidence", "evidence-1")
    for pki, name, match in (
        (site.pki, "broker-9", "not an evidence server's"),
        (foreign, "evidence-1", "not believed"),
    ):
        asked: list[str] = []
        server = Lying(site, lambda request, asked=asked: asked.append(request.command), pki=pki, name=name)  # type: ignore[misc]
        with server as port, pytest.raises(OffloadError, match=match):
            spool.offloader(port).pass_over(0)
        assert asked == []


def test_a_manifest_beside_another_segment_is_told_and_nothing_is_sent(site: Site, spool: Spool) -> None:
    first = spool.put(random_segment())
    first.with_suffix(".cose").rename(first.with_name("000002.cose"))
    first.rename(first.with_name("000002.seg"))
    with Lying(site, lambda asked: answer(asked, 500, {})) as port:
        assert spool.offloader(port).pass_over(0) == 0
    assert spool.files() == ["000002.cose", "000002.seg"]
    [(what, text)] = spool.told
    assert what == "untaken"
    assert "belongs to another segment" in text


def test_a_file_that_its_card_has_changed_is_kept_and_told(serving: Site, spool: Spool) -> None:
    good, bad, short = (random_segment(n, 5_000, b"D" * 16) for n in (1, 2, 3))
    spool.put(good)
    spool.put(bad).write_bytes(bytes(5_000))
    spool.put(short).write_bytes(short.file[:100])
    offloader = spool.offloader()
    for now in range(0, 4_000, 10):
        offloader.pass_over(now)
        if len(spool.files()) == 4:
            break
        threading.Event().wait(0.01)
    assert spool.files() == ["000002.cose", "000002.seg", "000003.cose", "000003.seg"]
    assert [what for what, text in spool.told if "damaged" in text] == ["untaken", "untaken"]


def test_a_segment_that_was_signed_differently_is_kept(serving: Site, spool: Spool) -> None:
    recording = os.urandom(16)
    serving.signs(spool.badge, random_segment(1, 700, recording))
    spool.put(random_segment(1, 900, recording), heard=False)
    offloader = spool.offloader()
    for now in range(0, 3_000, 10):
        offloader.pass_over(now)
        if spool.told:
            break
        threading.Event().wait(0.02)
    assert spool.files() == ["000001.cose", "000001.seg"]
    assert [what for what, _ in spool.told] == ["untaken"]


def test_the_line_belongs_to_a_pending_alarm(serving: Site, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.put(random_segment(1, offload.ALARM_CHUNK * 4))
    offloader = spool.offloader()
    waited: list[float] = []
    monkeypatch.setattr(offloader._stop, "wait", waited.append)
    offloader.alarm(True)
    until_empty(offloader, spool)
    assert waited == [offload.ALARM_CHUNK / offload.ALARM_BYTES_S] * 4
    offloader.alarm(False)
    spool.put(random_segment(2, offload.ALARM_CHUNK * 4))
    until_empty(offloader, spool)
    assert len(waited) == 4


def test_a_renewed_certificate_counts_from_the_next_connection_on(serving: Site, spool: Spool) -> None:
    own = serving.pki.directory / f"{spool.badge.name}.pem"
    offloader = spool.offloader()
    spool.put(random_segment())
    until_empty(offloader, spool)
    offloader._hang_up()
    spool.put(random_segment())
    good = own.read_text()
    own.write_text("renewal in the middle")
    with pytest.raises(OffloadError, match="not usable for TLS"):
        offloader.pass_over(0)
    request = certificate_request(serving.pki.signer(spool.badge.name), spool.badge.name)
    renewed = serving.pki.authority.issue("device", request, spool.badge.name, serving.pki.now_ms, 3).chain_pem
    assert renewed != good
    own.write_text(renewed)
    until_empty(offloader, spool)


def test_its_thread_goes_on_by_itself_after_failures(
    serving: Site, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "LOOK_S", 0.02)
    monkeypatch.setattr(offload, "PARKED_S", 0.02)
    monkeypatch.setattr(offload, "LEAST_MS", 20)
    monkeypatch.setattr(offload, "MOST_MS", 100)
    spool.put(random_segment())
    with CutLine(serving.port) as line:
        line.cut_after(0)
        offloader = spool.offloader(line.port)
        offloader.start()
        try:
            wait_for(lambda: [what for what, _ in spool.told] == ["away"])
            line.cut_after(None)
            wait_for(lambda: not spool.files())
        finally:
            offloader.stop()
    assert [what for what, _ in spool.told] == ["away", "back", "kept"]
