"""The evidence server over real TLS: what is sent arrives once, durably, proven, and everything else is refused with the right status."""

import base64
import contextlib
import hashlib
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.wire.evidence import Evidence
from center import cli
from center.evidence import custody, serve, tus
from tests.center.evidence.site import Client, Segment, Site, random_segment
from tests.center.scripted import Device

CHUNK = 65_536


def send(client: Client, segment: Segment, chunk: int = CHUNK) -> str:
    path = client.create(segment)
    for offset in range(0, len(segment.file), chunk):
        status, headers, text = client.patch(path, offset, segment.file[offset : offset + chunk])
        assert status == 204, text
        assert int(headers["upload-offset"]) == min(offset + chunk, len(segment.file))
    return path


def receipt_of(client: Client, path: str) -> bytes:
    """As soon as the server has seen the signed event."""
    for _ in range(400):
        status, headers, body = client.ask("GET", path + "/receipt")
        if status == 200:
            return body
        assert status == 202, body
        assert headers["retry-after"]
        time.sleep(0.01)
    raise AssertionError("no receipt came")


def test_a_segment_arrives_and_is_receipted_once(site: Site, badge: Device, client: Client, folder: Path) -> None:
    segment = random_segment()
    message = site.signs(badge, segment)
    path = send(client, segment)
    first = receipt_of(client, path)

    told = site.receipt(first)
    assert (told.device, told.center, told.n, told.size) == (badge.name, "center-1", 1, len(segment.file))
    assert (told.recording, told.sha256) == (segment.recording, segment.sha256)
    kept = folder / segment.recording.hex()
    assert (kept / "000001.seg").read_bytes() == segment.file
    assert (kept / "000001.cose").read_bytes() == message.envelope
    assert (kept / "000001.receipt").read_bytes() == first
    center = f"center-{site.pki.signer('center-1').kid.hex()}.pem"
    assert (kept / center).read_text() == site.pki.issued["center-1"].chain_pem
    assert (folder / "root.pem").read_text() == site.pki.authority.root_pem
    assert (kept / "chain.pem").read_text() == site.pki.issued[badge.name].chain_pem
    assert [entry["act"] for entry in custody.read(kept / custody.NAME)] == ["received"]

    again = send_again(client, segment)
    assert client.ask("GET", again + "/receipt")[2] == first
    assert len(custody.read(kept / custody.NAME)) == 1


def send_again(client: Client, segment: Segment) -> str:
    """A badge that has forgotten all: it is told that everything is there."""
    path = client.create(segment)
    status, headers, _ = client.head(path)
    assert (status, headers["upload-offset"]) == (200, str(len(segment.file)))
    return path


def test_an_upload_goes_on_where_it_was_cut(site: Site, badge: Device, connect: Callable[[Device], Client]) -> None:
    segment = random_segment()
    site.signs(badge, segment)
    first = connect(badge)
    path = first.create(segment)
    assert first.patch(path, 0, segment.file[:1000])[0] == 204
    first.connection.putrequest("PATCH", path)
    for name, value in {
        "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "1000", "Content-Length": "5000",
    }.items():  # fmt: skip
        first.connection.putheader(name, value)
    first.connection.endheaders(segment.file[1000:3000])
    first.close()

    second = connect(badge)
    status, headers, _ = second.head(path)
    assert (status, headers["upload-offset"], headers["upload-length"]) == (200, "1000", str(len(segment.file)))
    assert headers["cache-control"] == "no-store"
    assert headers["upload-metadata"] == segment.creation()["Upload-Metadata"]
    assert "upload-expires" in headers
    assert second.patch(path, 1000, segment.file[1000:])[0] == 204
    assert isinstance(site.receipt(receipt_of(second, path)), Evidence)


def test_nothing_is_receipted_before_its_signed_event_has_come(
    site: Site, badge: Device, client: Client, folder: Path
) -> None:
    segment = random_segment()
    path = send(client, segment)
    assert client.ask("GET", path + "/receipt")[0] == 202
    assert not (folder / segment.recording.hex()).exists()
    site.signs(badge, segment)
    site.receipt(receipt_of(client, path))


def test_a_file_that_the_device_has_not_signed_is_never_receipted(site: Site, badge: Device, client: Client) -> None:
    recording = os.urandom(16)
    signed, other = random_segment(1, 5000, recording), random_segment(1, 5000, recording)
    site.signs(badge, signed)
    path = send(client, other)
    for _ in range(6000):
        status, _, text = client.ask("GET", path + "/receipt")
        if status != 202:
            break
        time.sleep(0.01)
    assert (status, b"signed another file" in text) == (409, True)
    site.receipt(receipt_of(client, send(client, signed)))
    status, _, text = client.ask("POST", "/evidence", other.creation())
    assert (status, b"another segment 1" in text) == (409, True)


def test_devices_do_not_see_each_other(site: Site, badge: Device, connect: Callable[[Device], Client]) -> None:
    segment = random_segment()
    site.signs(badge, segment)
    mine = connect(badge)
    path = send(mine, segment)
    thief = connect(site.badge(f"thief-{badge.name}"))
    assert thief.head(path)[0] == 404
    assert thief.patch(path, 0, b"x")[0] == 404
    assert thief.ask("GET", path + "/receipt")[0] == 404
    site.receipt(receipt_of(mine, path))


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "1e3"}, 400),
        ({"Upload-Length": "9" * 400}, 400),
        ({"Upload-Length": str(tus.MAX_SEGMENT + 1)}, 413),
        ({"Upload-Metadata": ""}, 400),
        ({"Upload-Metadata": "recording Li4vLi4vLi4vZXRjL3Bhc3N3ZA==,n MQ==,sha256 " + "QUFB" * 20}, 400),
        ({"Upload-Metadata": "filename Li4vLi4v"}, 400),
        ({"Upload-Metadata": "recording ****"}, 400),
        ({"Upload-Metadata": "n MQ==," * 3}, 400),
        ({"Upload-Metadata": "x" * 5000}, 431),
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Content-Length": "3"}, 400),
        ({"X-Much": "x" * 5_000}, 431),
        ({"X-HTTP-Method-Override": "DELETE"}, 405),
    ],
)  # fmt: skip
def test_hostile_announcements_are_refused(client: Client, changed: dict[str, str], status: int, folder: Path) -> None:
    body = b"abc" if "Content-Length" in changed else None
    found = client.ask("POST", "/evidence", {**random_segment().creation(), **changed}, body)
    assert found[0] == status, found
    assert b"Traceback" not in found[2]
    assert not folder.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/evidence/../../etc/passwd", "/evidence/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/evidence/" + "a" * 32, "/", "/evidence//receipt",
        "/evidence/" + "0" * 32 + "-000000-" + "0" * 64 + "-1", "/evidence/" + "0" * 32 + "-000001-" + "0" * 64 + "-0", "/evidence/%00",
        "/evidence/" + "0" * 32 + "-000001-" + "0" * 64 + "-1/receipt",
    ],
)  # fmt: skip
def test_names_that_nothing_has_are_not_found(client: Client, path: str) -> None:
    assert client.head(path)[0] in (404, 405)
    assert client.ask("GET", path)[0] in (404, 405)


def test_hostile_chunks_are_refused_and_change_nothing(badge: Device, client: Client) -> None:
    segment = random_segment(length=2000)
    path = client.create(segment)
    sha256 = base64.b64encode(hashlib.sha256(segment.file[:100]).digest()).decode()
    assert client.patch(path, 0, segment.file[:100], **{"Upload-Checksum": f"sha256 {sha256}"})[0] == 204
    refusals: list[tuple[int, int, bytes, dict[str, str]]] = [
        (409, 0, b"x", {}),
        (409, 101, b"x", {}),
        (400, -1, b"x", {}),
        (413, 100, bytes(1901), {}),
        (413, 100, bytes(tus.MAX_CHUNK + 1), {}),
        (415, 100, b"x", {"Content-Type": "text/plain"}),
        (412, 100, b"x", {"Tus-Resumable": "2.0.0"}),
        (400, 100, b"x", {"Upload-Checksum": "crc32 AAAA"}),
        (400, 100, b"x", {"Upload-Checksum": "sha256 AAAA"}),
        (460, 100, b"x", {"Upload-Checksum": f"sha256 {sha256}"}),
        (460, 100, b"x", {"Upload-Checksum": "sha1 " + base64.b64encode(bytes(20)).decode()}),
    ]
    for status, offset, chunk, headers in refusals:
        answer = client.patch(path, offset, chunk, **headers)
        assert answer[0] == status, (status, headers, answer)
        assert client.head(path)[1]["upload-offset"] == "100"
    for method in ("DELETE", "PUT", "GET"):
        assert client.ask(method, path)[0] == 405
    assert client.ask("OPTIONS", path)[1]["tus-extension"] == "creation,checksum,expiration"
    assert client.patch(path, 100, segment.file[100:])[0] == 204


def test_a_whole_that_is_not_what_was_announced_is_sent_again(site: Site, badge: Device, client: Client) -> None:
    segment = random_segment(length=2000)
    site.signs(badge, segment)
    path = client.create(segment)
    assert client.patch(path, 0, bytes(2000))[0] == 460
    assert client.head(path)[0] == 404
    site.receipt(receipt_of(client, send(client, segment)))


def test_of_two_that_send_the_same_bytes_one_wins(badge: Device, connect: Callable[[Device], Client]) -> None:
    segment = random_segment(length=400_000)
    path = connect(badge).create(segment)
    clients = [connect(badge) for _ in range(3)]
    found: list[int] = []

    def push(one: Client) -> None:
        found.append(one.patch(path, 0, segment.file[:200_000])[0])

    threads = [threading.Thread(target=push, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [204, 409, 409]
    assert clients[0].patch(path, 200_000, segment.file[200_000:])[0] == 204


def test_what_a_device_may_have_open_is_bounded(badge: Device, client: Client) -> None:
    segments = [random_segment(n, 3_000_000) for n in range(1, 4)]
    paths = [client.create(one) for one in segments[:2]]
    status, headers, _ = client.ask("POST", "/evidence", segments[2].creation())
    assert (status, "retry-after" in headers) == (507, True)
    assert client.head(paths[0])[0] == 200


def test_strangers_do_not_come_in(site: Site, serving: Site, badge: Device) -> None:
    site.pki.leaf("consumer", f"consumer-{badge.name}")
    site.pki.leaf("device", f"silent-{badge.name}")
    for name in (f"consumer-{badge.name}", f"silent-{badge.name}"):
        stranger = serving.client(name)
        assert stranger.ask("POST", "/evidence", random_segment().creation())[0] == 403
        stranger.close()
    nobody = ssl.create_default_context(cafile=site.pki.root)
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", site.port)) as raw,
        nobody.wrap_socket(raw, server_hostname="127.0.0.1") as sock,
    ):
        sock.sendall(b"OPTIONS /evidence HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = sock.recv(1)
    assert answer == b""


def raw(site: Site, badge: Device, sent: bytes) -> bytes:
    """What comes back for these bytes, until the server hangs up."""
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", site.port), 20) as plain,
        site.tls(badge.name).wrap_socket(plain, server_hostname="127.0.0.1") as sock,
    ):
        sock.sendall(sent)
        while part := sock.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"PATCH /evidence HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /evidence HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /evidence HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /evidence HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 600_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda sent: sent[:20],
)
def test_what_is_no_request_is_400_or_nothing(serving: Site, badge: Device, sent: bytes) -> None:
    answer = raw(serving, badge, sent)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert b"Traceback" not in answer


def test_a_connection_without_a_request_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEADERS_S", 0.2)
    site = Site(tmp_path)
    badge = site.badge("badge-0001")
    with site.serving():
        for begun in (b"", b"HEAD /evi", b"HEAD /evidence HTTP/1.1\r\nHost: x\r\n"):
            assert raw(site, badge, begun) == b""


def test_a_revoked_badge_is_out_at_once(site: Site, badge: Device, client: Client) -> None:
    segment = random_segment(length=2000)
    path = client.create(segment)
    site.pki.revoke(badge.name)
    for _ in range(6000):
        status, _, text = client.patch(path, 0, b"")
        if status == 403:
            break
        time.sleep(0.01)
    assert (status, b"revoked" in text) == (403, True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("evidence-1.pem", "center-1.pem", "an? .*evidence"),
        ("evidence-1.key", "center-1.key", r"\[evidence\] certificate and key"),
        ('"pki/center-1.key"', '"pki/evidence-1.key"', r"\[center\] certificate and key"),
        ('folder = "store"', 'folder = "center.toml/x"', "check the folder"),
        ("center.sqlite", "other.sqlite", "there is no database"),
        ("[evidence]", "[tap]", "unknown key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    site: Site, old: str, new: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in site.text
    path = site.directory / "center.toml"
    path.write_text(site.text.replace(old, new))
    assert cli.main(["evidence", "--config", str(path)]) in (1, 2, 3)
    said = capsys.readouterr().err
    assert re.search(told, said)
    assert "please report" not in said


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "own")
    looks: list[object] = []

    def looking(*given: Any) -> ssl.SSLContext:
        looks.append(given)
        return tls_context(*given)

    tls_context = serve.tls_context
    monkeypatch.setattr(serve, "tls_context", looking)
    monkeypatch.setattr(serve, "FILES_S", 0.01)
    old = site.pki.issued["evidence-1"].serial
    with site.serving() as said:
        assert shown(site) == old
        site.pki.leaf("evidence", "evidence-2")  # another key, too
        folder = site.pki.directory
        (folder / "evidence-2.pem").replace(folder / "evidence-1.pem")
        until(lambda: len(looks) > 4, said)
        assert shown(site) == old, "a certificate without its key is not used"
        (folder / "evidence-2.key").replace(folder / "evidence-1.key")
        until(lambda: shown(site) == site.pki.issued["evidence-2"].serial, said)
        assert said.getvalue().count("trouble") == 1


def shown(site: Site) -> int:
    """The serial number of the certificate that a new connection is shown."""
    client = site.client("center-1")
    try:
        client.connection.connect()
        told = client.connection.sock.getpeercert() or {}
        return int(str(told["serialNumber"]), 16)
    finally:
        client.close()


def until(reached: Callable[[], bool], said: Any) -> None:
    for _ in range(1000):
        if reached():
            return
        time.sleep(0.01)
    raise AssertionError(said.getvalue())
