"""HTTP/1.1 over real TLS: whole answers, and servers whose answers are none."""

import http.server
import ssl
from collections.abc import Iterator

import pytest

from devices.video_badge.https import BODY_MAX, HEAD_MAX, Connection, HttpError
from tests.center.evidence.site import Site
from tests.devices.video_badge.offloading import Lying

ANSWERS = {
    "/whole": b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nX-Told:  twice : so \r\n\r\nabc",
    "/none": b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
    "/head": b"HTTP/1.1 200\r\nContent-Length: 9\r\n\r\n",
    "/interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    "/bare": b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
    "/last": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    "/old": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "/chunked": b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "/long": b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX + 1) + bytes(BODY_MAX + 1),
    "/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    "/cut-head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "/endless": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (HEAD_MAX // 6) + b"Content-Length: 0\r\n\r\n",
    "/nothing": b"",
    "/babble": b"\xff\xfe babble\r\n\r\n",
    "/version": b"HTTP/2 200 OK\r\n\r\n",
    "/status": "HTTP/1.1 ²00 OK\r\n\r\n".encode("latin-1"),
    "/folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n",
    "/header": b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    "/length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "/huge": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext]]:
    site = Site(tmp_path_factory.mktemp("https"))

    def act(asked: http.server.BaseHTTPRequestHandler) -> None:
        asked.wfile.write(ANSWERS[asked.path])
        asked.close_connection = asked.path not in ("/whole", "/none", "/head", "/interim", "/bare")

    with Lying(site, act) as port:
        yield port, ssl.create_default_context(cafile=site.pki.root)


@pytest.fixture
def connection(serving: tuple[int, ssl.SSLContext]) -> Iterator[Connection]:
    port, tls = serving
    made = Connection(("127.0.0.1", port), tls, 30.0)
    yield made
    made.close()


def test_answers_follow_each_other_on_one_connection(connection: Connection) -> None:
    assert connection.ask("GET", "/whole", {}) == (200, {"content-length": "3", "x-told": "twice : so"}, b"abc")
    assert connection.ask("PATCH", "/none", {"A": "b"}, bytes(300_000))[::2] == (204, b"")
    assert connection.ask("HEAD", "/head", {})[::2] == (200, b"")
    assert connection.ask("POST", "/interim", {}) == (201, {"content-length": "0"}, b"")
    assert connection.ask("GET", "/bare", {})[::2] == (200, b"x")
    assert connection.ask("GET", "/whole", {})[2] == b"abc"
    assert connection.usable


@pytest.mark.parametrize(
    ("path", "status", "size"), [("/last", 200, 1), ("/old", 200, 1), ("/chunked", 502, 0), ("/long", 500, BODY_MAX)]
)
def test_after_an_answer_whose_end_is_not_read_the_connection_is_over(
    connection: Connection, path: str, status: int, size: int
) -> None:
    told, _, body = connection.ask("GET", path, {})
    assert (told, len(body), connection.usable) == (status, size, False)


@pytest.mark.parametrize("path", list(ANSWERS)[list(ANSWERS).index("/cut") :])
def test_what_is_no_answer_is_one_error(connection: Connection, path: str) -> None:
    with pytest.raises(ConnectionResetError if path == "/nothing" else HttpError):
        connection.ask("GET", path, {})
    assert not connection.usable
