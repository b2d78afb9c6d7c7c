"""Offloading: over real TLS to the real evidence server, and to servers that are away, in trouble, slow, or lie."""

import asyncio
import contextlib
import http.server
import itertools
import os
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from agent.keys.p256 import verifier
from agent.keys.request import certificate_request
from agent.wire import cose, evidence
from agent.wire.evidence import Evidence
from devices.video_badge import offload
from devices.video_badge.offload import Offloader, OffloadError
from simulators.network.proxy import Network
from simulators.network.toxics import LimitData
from tests.center.evidence.site import Segment, Site, random_segment
from tests.center.scripted import Device, Message, Pki

_NUMBERS = itertools.count(1)
Bad = Callable[[http.server.BaseHTTPRequestHandler], None]


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


class Asking(Offloader):
    """Counts its requests."""

    asked = 0

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        self.asked += 1
        return super()._ask(method, path, headers, body)


class Spool:
    """A badge's spool, and what its offloader tells."""

    def __init__(self, site: Site, badge: Device, folder: Path) -> None:
        self.site, self.badge, self.folder = site, badge, folder
        folder.mkdir()
        self.told: list[tuple[str, str]] = []
        self.segments: list[Segment] = []
        self.unheard: list[Message] = []
        self.offloaders: list[Offloader] = []

    def put(self, segment: Segment, *, heard: bool = True) -> Path:
        """A signed segment; ``heard``: the center has the event."""
        message = self.badge.event("recording.segment", segment.manifest().data())
        if heard:
            self.site.hears(message)
        else:
            self.unheard.append(message)
        folder = self.folder / segment.recording.hex()
        folder.mkdir(exist_ok=True)
        path = folder / f"{segment.n:06d}.seg"
        path.write_bytes(segment.file)
        path.with_suffix(".cose").write_bytes(message.envelope)
        self.segments.append(segment)
        return path

    def offloader(self, port: int | None = None) -> "Asking":
        pki = self.site.pki
        signer = pki.signer("center-1")
        table = {signer.kid: verifier(signer.public_der)}
        files = (
            str(pki.root),
            str(pki.directory / f"{self.badge.name}.pem"),
            str(pki.directory / f"{self.badge.name}.key"),
        )
        draw = random.Random(1)
        made = Asking(
            ("127.0.0.1", port or self.site.port),
            files,
            self.badge.name,
            self.folder,
            table.get,
            lambda what, text: self.told.append((what, text)),
            lambda: draw.randrange(1000),
        )
        self.offloaders.append(made)
        return made

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*/*"))

    def all_kept(self) -> bool:
        """Whether the center has every byte."""
        home = self.site.store / self.badge.name
        return all((home / one.recording.hex() / f"{one.n:06d}.seg").read_bytes() == one.file for one in self.segments)


@pytest.fixture
def spool(site: Site, badge: Device, tmp_path: Path) -> Iterator[Spool]:
    made = Spool(site, badge, tmp_path / "spool")
    yield made
    for offloader in made.offloaders:
        offloader.stop()


def until_empty(offloader: Offloader, spool: Spool, passes: int = 400) -> int:
    """Passes until nothing is left; how many failed."""
    failed = 0
    for now in range(0, 10 * passes, 10):
        with contextlib.suppress(OffloadError):
            offloader.pass_over(now)
            if not spool.files():
                return failed
            threading.Event().wait(0.01)
            continue
        failed += 1
    raise AssertionError(f"still there: {spool.files()} {spool.told}")


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
    with Cutting(serving.port) as line:
        offloader = spool.offloader(line.port)
        for now in range(0, 120, 10):
            line.cut_after(draw.randrange(2_000, 2 * offload.CHUNK))
            with contextlib.suppress(OffloadError):
                offloader.pass_over(now)
        line.mend()
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
    with Cutting(serving.port) as line:
        line.cut_after(0)
        offloader = spool.offloader(line.port)
        offloader.start()
        try:
            wait_for(lambda: [what for what, _ in spool.told] == ["away"])
            line.mend()
            wait_for(lambda: not spool.files())
        finally:
            offloader.stop()
    assert [what for what, _ in spool.told] == ["away", "back", "kept"]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


def answer(asked: http.server.BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    asked.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        asked.send_header(name, value)
    asked.end_headers()
    asked.wfile.write(body)


def all_arrived(asked: http.server.BaseHTTPRequestHandler, spool: Spool, receipt: bytes, **lie: str) -> None:
    """Everything is here, says this server, and gives a receipt."""
    headers = {"Location": "/evidence/x", "Upload-Offset": str(len(spool.segments[0].file)), **lie}
    answer(
        asked,
        {"POST": 201, "HEAD": 200, "GET": 200}[asked.command],
        headers,
        receipt if asked.command == "GET" else b"",
    )


class Lying:
    """A TLS server that answers as it is told."""

    def __init__(self, site: Site, act: Bad, *, pki: Pki | None = None, name: str = "evidence-1") -> None:
        folder = (pki or site.pki).directory

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                act(self)

            do_GET = do_HEAD = do_PATCH = do_POST  # noqa: N815  http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up here
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self) -> int:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Cutting:
    """The simulated network before a server, on a loop of its own; a connection is cut after so many bytes."""

    def __init__(self, port: int) -> None:
        self._network = Network(port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._network.start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._network.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut_after(self, size: int) -> None:
        async def do() -> None:
            self._network.clear()
            self._network.add("cut", LimitData(size), "upstream")

        asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    def mend(self) -> None:
        async def do() -> None:
            self._network.clear()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result()
