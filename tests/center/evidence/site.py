"""A center's database with a badge in it, and the real evidence server on a loopback port, with real certificates and TLS."""

import base64
import hashlib
import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.keys.chain import load_roots
from agent.keys.p256 import verifier
from agent.recording.manifest import FIRST_PREV, Contents, Manifest
from agent.wire import cose, evidence
from agent.wire.evidence import Evidence
from center.config import Configuration, parse
from center.database import Database
from center.evidence.serve import EvidenceService
from center.keytable import KeyTable
from center.pipeline import Arrival, Pipeline
from center.report import Report
from tests.center.scripted import Device, Message, Pki

PATIENCE_S = 60


@dataclass(frozen=True)
class Segment:
    """A segment's file as a badge would have it; what is in it does not matter here."""

    recording: bytes
    n: int
    file: bytes

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.file).digest()

    @property
    def name(self) -> str:
        return f"{self.recording.hex()}-{self.n:06d}-{self.sha256.hex()}-{len(self.file)}"

    def creation(self) -> dict[str, str]:
        told = {"recording": self.recording.hex(), "n": str(self.n), "sha256": self.sha256.hex()}
        pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items()]
        return {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(self.file)), "Upload-Metadata": ",".join(pairs)}

    def manifest(self) -> Manifest:
        known = Contents(1, 2000, bytes(32), 60, 0, {})
        return Manifest(
            self.recording, self.n, len(self.file), self.sha256, FIRST_PREV, "button", bytes(8), b"wrapped", known
        )


class Site:
    """Certificates, a center's database, and the configuration of both."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pki = Pki(directory / "pki", time.time_ns() // 1_000_000)
        self.pki.leaf("center", "center-1")
        self.pki.leaf("evidence", "evidence-1")
        self.store = directory / "store"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.text = f"""
            [center]
            id = "center-1"
            database = "center.sqlite"
            roots = ["pki/root.pem"]
            crls = ["pki/crl.pem"]
            certificate = "pki/center-1.pem"
            key = "pki/center-1.key"
            [broker]
            hosts = ["127.0.0.1:1"]
            ca = "pki/root.pem"
            certificate = "pki/center-1.pem"
            key = "pki/center-1.key"
            [evidence]
            listen = "127.0.0.1:{self.port}"
            folder = "store"
            certificate = "pki/evidence-1.pem"
            key = "pki/evidence-1.key"
            quota_mib = 8
            keep_free_mib = 1
        """
        self.configuration: Configuration = parse(self.text, directory / "center.toml")
        self.database = Database(directory / "center.sqlite")
        self.keys = KeyTable(load_roots(self.pki.authority.root_pem))
        signer = self.pki.signer("center-1")
        self.pipeline = Pipeline(self.database, self.keys, signer, "center-1", self.pki.now_ms)

    def badge(self, name: str) -> Device:
        """A badge that the center knows."""
        made = self.pki.device(name)
        self.hears(made.greeting())
        return made

    def hears(self, *messages: Message) -> None:
        """The center has believed and stored these."""
        now = self.pki.now_ms
        proven = self.pipeline.prove([Arrival(one.topic, one.envelope) for one in messages], now)
        assert not proven.refused
        assert len(self.pipeline.store(proven, now).stored) == len(proven.events)

    def signs(self, badge: Device, segment: Segment) -> Message:
        """The badge tells of a segment, and the center hears it."""
        message = badge.event("recording.segment", segment.manifest().data())
        self.hears(message)
        return message

    @contextmanager
    def serving(self) -> Iterator[io.StringIO]:
        """The server runs; what it says."""
        said = io.StringIO()
        service = EvidenceService(self.configuration, Report(said, as_json=False))
        stop = threading.Event()
        thread = threading.Thread(target=service.run, args=(stop.is_set,))
        thread.start()
        try:
            self.reach()
            yield said
        finally:
            stop.set()
            thread.join()

    def reach(self) -> None:
        """Wait until somebody listens."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("the evidence server does not listen")

    def tls(self, name: str) -> ssl.SSLContext:
        """A client's context for an identity made before."""
        made = ssl.create_default_context(cafile=self.pki.root)
        made.load_cert_chain(self.pki.directory / f"{name}.pem", self.pki.directory / f"{name}.key")
        return made

    def client(self, name: str) -> "Client":
        return Client(self, name)

    def receipt(self, message: bytes) -> Evidence:
        """What a receipt of this center says."""
        signer = self.pki.signer("center-1")
        table = {signer.kid: verifier(signer.public_der)}
        return evidence.decode(cose.verify(message, evidence.CONTEXT, table.get).payload)


class Client:
    """A tus client that does exactly what it is told, right or wrong."""

    def __init__(self, site: Site, name: str) -> None:
        self.connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=20, context=site.tls(name))

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        self.connection.request(method, path, body, {"Tus-Resumable": "1.0.0", **(headers or {})})
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def create(self, segment: Segment) -> str:
        status, headers, text = self.ask("POST", "/evidence", segment.creation())
        assert status == 201, text
        return headers["location"]

    def patch(self, path: str, offset: int, chunk: bytes, **more: str) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset), **more}
        return self.ask("PATCH", path, headers, chunk)

    def head(self, path: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("HEAD", path)

    def close(self) -> None:
        self.connection.close()


def random_segment(n: int = 1, length: int = 300_000, recording: bytes | None = None) -> Segment:
    return Segment(recording or os.urandom(16), n, os.urandom(length))
