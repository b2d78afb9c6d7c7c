"""A badge's spool, its offloader, and servers that lie, for the tests of offloading."""

import contextlib
import http.server
import random
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.keys.p256 import verifier
from devices.video_badge.offload import Offloader, OffloadError
from tests.center.evidence.site import Segment, Site
from tests.center.scripted import Device, Message, Pki

Bad = Callable[[http.server.BaseHTTPRequestHandler], None]


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
            str(self.folder),
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
