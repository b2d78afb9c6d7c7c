"""Others agree with the authority: OpenSSL's verifier, Python's TLS in strict mode, and Mosquitto."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.names import SERVERS
from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity

DAY_MS = 86_400_000
OPENSSL = shutil.which("openssl") or "openssl"
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

Make = Callable[..., IdentityFiles]


def now_ms() -> int:
    """TLS reads the machine's clock, so these tests do too."""
    return time.time_ns() // 1_000_000


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "real-ca", "Test", now_ms() - 40 * DAY_MS)


@pytest.fixture
def make(tmp_path: Path, ca: Authority) -> Make:
    def identity(
        role: str, name: str, by: Authority | None = None, at_ms: int | None = None, days: int = 30
    ) -> IdentityFiles:
        hosts = ("localhost", "127.0.0.1") if role in SERVERS else ()
        where = tmp_path / f"{role}-{name}"
        return make_identity(where, by or ca, role, name, at_ms or now_ms(), days=days, hosts=hosts)

    return identity


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([OPENSSL, *map(str, arguments)], check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("role", "purpose", "other"),
    [
        ("device", "sslclient", "sslserver"),
        ("center", "sslclient", "sslserver"),
        ("consumer", "sslclient", "sslserver"),
        ("broker", "sslserver", "sslclient"),
        ("evidence", "sslserver", "sslclient"),
        ("enrolment", "sslserver", "sslclient"),
    ],
)
def test_openssl_verifies_each_profile_strictly_for_its_purpose_only(
    make: Make, role: str, purpose: str, other: str
) -> None:
    files = make(role, "somebody")
    common = ("verify", "-x509_strict", "-CAfile", files.root, "-untrusted", files.chain)
    assert openssl(*common, "-purpose", purpose, files.chain).returncode == 0
    refused = openssl(*common, "-purpose", other, files.chain)
    assert refused.returncode != 0
    assert "purpose" in refused.stdout + refused.stderr


def test_openssl_reads_the_names_and_the_key(make: Make) -> None:
    text = openssl("x509", "-in", make("device", "pillar-017").chain, "-noout", "-text").stdout
    for part in ("CN = pillar-017", "URI:urn:dabyl:device:pillar-017", "prime256v1", "ecdsa-with-SHA256", "CA:FALSE"):
        assert part in text


def test_openssl_accepts_the_list_and_finds_the_revoked_one(tmp_path: Path, ca: Authority, make: Make) -> None:
    files = make("device", "pillar-017")
    crl = tmp_path / "real-ca" / "crl.pem"
    common = (
        "verify",
        "-x509_strict",
        "-crl_check",
        "-CRLfile",
        crl,
        "-CAfile",
        files.root,
        "-untrusted",
        files.chain,
        files.chain,
    )
    assert openssl(*common).returncode == 0
    ca.revoke(files.issued.serial, now_ms())
    assert "certificate revoked" in openssl(*common).stderr
    (tmp_path / "issuing.pem").write_text(ca.issuing_pem)
    assert "verify OK" in openssl("crl", "-in", crl, "-noout", "-CAfile", tmp_path / "issuing.pem").stderr


def contexts(server: IdentityFiles, client: IdentityFiles, crl: Path | None) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    serving, calling = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, files in ((serving, server), (calling, client)):
        context.load_cert_chain(files.chain, files.key)
        context.load_verify_locations(server.root if context is serving else client.root)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    if crl is not None:
        serving.load_verify_locations(crl)
        serving.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return serving, calling


def shake(
    server: IdentityFiles, client: IdentityFiles, crl: Path | None = None, host: str = "localhost"
) -> tuple[str, str]:
    """What the client and the server say after a handshake over loopback: "ok" or the reason."""
    serving, calling = contexts(server, client, crl)
    said = {}

    def serve(listener: socket.socket) -> None:
        try:
            raw, _ = listener.accept()
            raw.settimeout(10)
            with raw, serving.wrap_socket(raw, server_side=True) as connection:
                connection.sendall(connection.recv(4))
                said["server"] = "ok"
        except OSError as error:
            said["server"] = str(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), 10) as raw,
                calling.wrap_socket(raw, server_hostname=host) as connection,
            ):
                connection.sendall(b"ping")
                said["client"] = "ok" if connection.recv(4) == b"ping" else "closed"
        except OSError as error:
            said["client"] = str(error)
        thread.join()
    return said["client"], said["server"]


def test_tls_works_strictly_with_leaf_and_issuing_authority_sent(tmp_path: Path, make: Make) -> None:
    server = make("broker", "broker-1")
    assert shake(server, make("device", "pillar-017"), tmp_path / "real-ca" / "crl.pem") == ("ok", "ok")
    assert shake(server, make("center", "center-1"), host="127.0.0.1") == ("ok", "ok")


def test_tls_refuses_a_client_of_another_authority(tmp_path: Path, make: Make) -> None:
    stranger = Authority.create(tmp_path / "stranger", "Test", now_ms())
    files = make("device", "pillar-017", by=stranger)
    files.root.write_text(make("device", "other-1").root.read_text())
    client, server = shake(make("broker", "broker-1"), files)
    assert client != "ok"
    assert "certificate verify failed" in server


def test_tls_refuses_a_server_of_another_authority(tmp_path: Path, make: Make) -> None:
    stranger = Authority.create(tmp_path / "stranger", "Test", now_ms())
    client, _ = shake(make("broker", "broker-1", by=stranger), make("device", "pillar-017"))
    assert "certificate verify failed" in client


def test_tls_refuses_expired_and_future_certificates(make: Make) -> None:
    server = make("broker", "broker-1")
    _, said = shake(server, make("device", "late-1", at_ms=now_ms() - 5 * DAY_MS, days=2))
    assert "certificate has expired" in said
    _, said = shake(server, make("device", "early-1", at_ms=now_ms() + 5 * DAY_MS))
    assert "not yet valid" in said


def test_tls_refuses_a_revoked_certificate(tmp_path: Path, ca: Authority, make: Make) -> None:
    server, files = make("broker", "broker-1"), make("device", "pillar-017")
    ca.revoke(files.issued.serial, now_ms())
    _, said = shake(server, files, tmp_path / "real-ca" / "crl.pem")
    assert "certificate revoked" in said


def test_tls_refuses_a_device_that_plays_broker_and_a_wrong_host(make: Make) -> None:
    device = make("device", "pillar-017")
    client, _ = shake(device, device)
    assert "unsuitable certificate purpose" in client or "certificate verify failed" in client
    client, _ = shake(make("broker", "broker-1"), device, host="elsewhere.example")
    assert "Hostname mismatch" in client


@pytest.mark.mosquitto
@pytest.mark.skipif(MOSQUITTO is None, reason="the broker is missing: install the Debian package mosquitto")
def test_mosquitto_accepts_the_chain_and_refuses_the_revoked_one(tmp_path: Path, ca: Authority, make: Make) -> None:
    server, good, bad = make("broker", "broker-1"), make("device", "pillar-017"), make("device", "pillar-018")
    ca.revoke(bad.issued.serial, now_ms())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\ncafile {server.root}\ncertfile {server.chain}\nkeyfile {server.key}\n"
        f"crlfile {tmp_path / 'real-ca' / 'crl.pem'}\nrequire_certificate true\nuse_identity_as_username true\nuser root\n"
    )
    assert MOSQUITTO is not None
    command = [MOSQUITTO, "-c", str(tmp_path / "mosquitto.conf")]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert mqtt_answer(port, good, server) == b"\x20\x02\x00\x00"
        assert mqtt_answer(port, bad, server) == b""
    finally:
        broker.terminate()
        broker.wait(10)


def mqtt_answer(port: int, client: IdentityFiles, server: IdentityFiles) -> bytes:
    """The answer to an MQTT 3.1.1 CONNECT (CONNACK with code 0 if welcome), empty if TLS was refused."""
    _, calling = contexts(server, client, None)
    connect = bytes.fromhex("100d00044d5154540402003c000161")
    deadline = time.monotonic() + 10
    while True:
        try:
            raw = socket.create_connection(("127.0.0.1", port), 10)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the broker does not start"
            time.sleep(0.02)
    with (
        raw,
        contextlib.suppress(ssl.SSLError, ConnectionError),
        calling.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(connect)
        return connection.recv(4)
    return b""
