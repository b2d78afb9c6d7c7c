"""The office on HTTPS, asked by curl with requests of OpenSSL, and by those who mean no good."""

import base64
import contextlib
import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.keys import pem
from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.enrolment import server as server_module
from provisioning.enrolment.server import Server, context, place_of
from tests.provisioning.enrolment.conftest import BOARD, DAY_MS, Town

pytestmark = pytest.mark.curl
MakeTown = Callable[[int], Town]


class Running:
    """A server at work, and curl to ask it."""

    def __init__(self, town: Town, files: IdentityFiles) -> None:
        self.town = town
        self.folder = town.folder
        trusted = town.authority.root_pem + town.authority.issuing_pem
        self.server = Server("127.0.0.1", 0, context(files.chain, files.key, trusted), town.office)
        self.port = self.server.server_address[1]
        self.root = files.root

    def curl(self, what: str, *arguments: str | Path) -> tuple[int, bytes]:
        command = ["curl", "-sS", "--max-time", "20", "--cacert", self.root, "-w", "%{http_code}", *arguments]
        done = subprocess.run(
            [*map(str, command), f"https://127.0.0.1:{self.port}/.well-known/est/{what}"],
            check=False,
            capture_output=True,
        )
        return (int(done.stdout[-3:]), done.stdout[:-3]) if done.returncode == 0 else (0, done.stderr)

    def post(self, what: str, request: Path, *arguments: str | Path) -> tuple[int, bytes]:
        return self.curl(what, "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{request}", *arguments)

    def request(self, key: str, subject: str = f"/CN=sos-1/serialNumber={BOARD}") -> Path:
        """A key and a request of OpenSSL's making; the file as EST wants it."""
        path = self.folder / f"{key}.csr"
        openssl(
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.folder / f"{key}.key"
        )
        openssl("req", "-new", "-key", self.folder / f"{key}.key", "-subj", subject, "-outform", "DER", "-out", path)
        openssl("base64", "-in", path, "-out", self.folder / f"{key}.b64")
        return self.folder / f"{key}.b64"

    def connected(self) -> ssl.SSLSocket:
        tls = ssl.create_default_context(cafile=self.root)
        raw = socket.create_connection(("127.0.0.1", self.port), 10)
        return tls.wrap_socket(raw, server_hostname="127.0.0.1")


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, input=data).stdout


def pem_of(body: bytes) -> str:
    """The certificates in an answer, by OpenSSL."""
    return openssl("pkcs7", "-inform", "DER", "-print_certs", data=openssl("base64", "-d", data=body)).decode()


@pytest.fixture
def running(make_town: MakeTown, tmp_path: Path) -> Iterator[Running]:
    town = make_town(time.time_ns() // 1_000_000 - 200 * DAY_MS)
    real_ms = time.time_ns() // 1_000_000
    files = make_identity(tmp_path / "server", town.authority, "enrolment", "enrol-1", real_ms, hosts=["127.0.0.1"])
    town.now_ms = real_ms
    made = Running(town, files)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_curl_and_openssl_enrol_renew_and_verify(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    status, body = running.curl("cacerts")
    assert status == 200
    (running.folder / "cas.pem").write_text(pem_of(body))
    code = running.town.claim()
    status, body = running.post("simpleenroll", running.request("first"), "-u", f"sos-1:{code}")
    assert status == 200
    chain = running.folder / "first.pem"
    chain.write_text(pem_of(body))
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", running.folder / "cas.pem", chain)
    shown = ("--cert", chain, "--key", running.folder / "first.key")
    status, body = running.post("simplereenroll", running.request("second"), *shown)
    assert status == 200
    (running.folder / "second.pem").write_text(pem_of(body))
    openssl("verify", "-x509_strict", "-CAfile", running.folder / "cas.pem", running.folder / "second.pem")
    status, body = running.curl("../../crl.pem")
    assert (status, openssl("crl", "-noout", "-issuer", data=body)) == (200, b"issuer=CN = Test issuing\n")
    told = capfd.readouterr().err
    assert "sos-1 enrolled" in told
    assert "sos-1 renewed" in told
    assert code not in told


def test_an_expired_certificate_opens_the_connection_for_its_renewal_only(running: Running) -> None:
    real_ms = running.town.now_ms
    code = running.town.claim()
    running.town.now_ms = real_ms - 100 * DAY_MS  # its 90 days end 10 days ago
    request = running.town.request(key="late")
    leaf = running.town.authority.issue_device(
        pem.encoded("CERTIFICATE REQUEST", request), "sos-1", running.town.now_ms, 90
    )
    running.town.now_ms = real_ms
    chain = running.folder / "late-chain.pem"
    chain.write_text(leaf.chain_pem)
    shown = ("--cert", chain, "--key", running.folder / "late.pem")
    assert running.post("simplereenroll", running.request("new"), *shown)[0] == 200
    assert running.post("simpleenroll", running.request("other"), *shown)[0] == 401
    assert running.post("simpleenroll", running.request("other"), *shown, "-u", f"sos-1:{code}")[0] == 200


def test_refusals_say_why_in_one_line(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    request = running.request("key")
    code = running.town.claim()
    status, body = running.post("simpleenroll", request)
    assert (status, b"name and its claim" in body) == (401, True)
    assert running.post("simpleenroll", request, "-H", "Authorization: Basic !!!")[0] == 401
    status, body = running.post("simpleenroll", request, "-u", "sos-1:AAAA-BBBB-CCCC-DDDD")
    assert (status, body.count(b"\n")) == (403, 1)
    assert running.post("simplereenroll", request)[0] == 401
    assert running.curl("simpleenroll", "-d", "x", "-u", f"sos-1:{code}")[0] == 400
    assert running.curl("serverkeygen", "-d", "x")[0] == 404
    assert running.curl("../../../etc/passwd", "--path-as-is")[0] == 404
    large = running.folder / "large"
    large.write_bytes(b"A" * 20_000)
    status, body = running.post("simpleenroll", large, "-u", f"sos-1:{code}")
    assert (status, b"of at most 16384 bytes" in body) == (400, True)
    for _ in range(10):
        status, body = running.post("simpleenroll", request, "-u", "sos-1:AAAA-BBBB-CCCC-DDDD")
    assert status == 429
    assert "Traceback" not in capfd.readouterr().err
    assert running.town.authority.register.records()[1:] == []


def test_a_certificate_of_another_authority_ends_the_handshake(running: Running, tmp_path: Path) -> None:
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sos-1"),
        *("-keyout", tmp_path / "self.key", "-out", tmp_path / "self.pem"),
    )
    shown = ("--cert", tmp_path / "self.pem", "--key", tmp_path / "self.key")
    assert running.post("simplereenroll", running.request("new"), *shown)[0] == 0


@pytest.mark.parametrize("bound", ["IDLE_S", "WHOLE_S"])
def test_who_says_nothing_is_cut_off(running: Running, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    for name in ("IDLE_S", "WHOLE_S"):
        monkeypatch.setattr(server_module, name, 0.3 if name == bound else 60)
    with socket.create_connection(("127.0.0.1", running.port), 20) as silent:
        assert silent.recv(1) == b""
    with running.connected() as slow:
        slow.settimeout(20)
        slow.sendall(b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n")
        with contextlib.suppress(OSError):  # reset or ended, but not waited for
            assert slow.recv(1) == b""


@pytest.mark.parametrize("bound", ["PER_ADDRESS_MAX", "CONNECTIONS_MAX"])
def test_who_holds_many_connections_gets_no_more(running: Running, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(server_module, bound, 3)
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(running.connected()).sendall(b"GET /")
        refused = held.enter_context(socket.create_connection(("127.0.0.1", running.port), 5))
        assert refused.recv(1) == b""
    deadline = time.monotonic() + 20
    while running.server._held and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running.curl("cacerts")[0] == 200


def test_garbage_is_no_defect(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    seeded = random.Random(6)
    request = base64.b64encode(running.town.request())
    good = (
        b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c29zLTE6QUFBQQ==\r\n"
        b"Content-Type: application/pkcs10\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
        % (len(request), request)
    )
    for _ in range(60):
        changed = bytearray(good)
        for _ in range(seeded.randint(1, 4)):
            at = seeded.randrange(len(changed))
            if seeded.random() < 0.5:
                changed[at] = seeded.randrange(256)
            else:
                del changed[at : at + seeded.randint(1, 9)]
        with running.connected() as connection, contextlib.suppress(OSError):
            connection.sendall(bytes(changed))
            connection.settimeout(0.05)
            connection.recv(100)
    with socket.create_connection(("127.0.0.1", running.port), 10) as raw:
        raw.sendall(bytes(seeded.randrange(256) for _ in range(300)))
    assert running.curl("cacerts")[0] == 200
    said = capfd.readouterr().err
    assert "defect" not in said
    assert "Traceback" not in said


def test_nothing_is_left_open(running: Running) -> None:
    running.curl("cacerts")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(8):
        assert running.curl("cacerts")[0] == 200
    deadline = time.monotonic() + 10
    while running.server._held and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_network_of_ipv6_is_one_client() -> None:
    assert place_of(("2001:db8::1", 1, 0, 0)) == place_of(("2001:db8::ffff:2%eth0", 2, 0, 0)) == "2001:db8::/64"
    assert place_of(("10.0.0.7", 1)) == "10.0.0.7"
    assert place_of(("::ffff:10.0.0.7", 1, 0, 0)) == "10.0.0.7"
