"""A badge gives its segments to the evidence server, and its line is cut 100 times, each time after a random number of bytes.

The server is the product's own process behind mutual TLS, the badge's side its own offloader, between them a simulated network that resets
the connection. What is counted is what left the badge as chunks, and what lies at the center in the end.
"""

import contextlib
import hashlib
import os
import pathlib
import random
import socket
import time
from collections.abc import Mapping

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.keys.p256 import verifier
from agent.recording.manifest import FIRST_PREV, TYPE, Contents, Manifest
from agent.wire import chain, cose, event, presence, topics
from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError, Child
from benchmarks.scene import Context
from center.database import Database
from center.keytable import KeyTable
from center.pipeline import Arrival, Pipeline
from devices.video_badge.offload import CHUNK, Offloader, OffloadError
from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity
from simulators.network.cut import CutLine
from simulators.site import HOST, dabyl

CUTS = 100
SEGMENT = 1_000_000
"""Bytes: 2 s at 4 Mb/s."""
SEGMENTS = 40
SEED = 11
BADGE, CENTER, SERVER = "badge-0001", "center-1", "evidence-1"
MOST_PASSES = 2_000


def measure(context: Context) -> list[Figure]:
    """The cuts; a quick run has 10."""
    cuts, segments = context.count(CUTS, 10), context.count(SEGMENTS, 6)
    place = Place(context.directory / "offload", segments)
    context.say(f"{segments} segments of {SEGMENT} bytes over a line that is cut {cuts} times")
    server = Child(place.command(), dict(os.environ), "evidence server")
    try:
        place.reach()
        with CutLine(place.port) as line:
            badge = Counting(place, line.port)
            begun = time.monotonic()
            badge.offload(line, cuts)
            took_s = time.monotonic() - begun
    finally:
        server.kill()
    lost = place.lost()
    return [
        Figure("offload.bytes_lost", lost, at_most=0, details={"cuts": badge.cuts, "bytes": segments * SEGMENT}),
        Figure(
            "offload.chunks_sent_twice",
            badge.most_repeated / CHUNK,
            "of a cut, the worst",
            at_most=1,
            details={"sent_bytes": badge.sent, "whole_s": took_s, "chunk_bytes": CHUNK},
        ),
    ]


class Place:
    """Authority, a center's database that has heard the badge, the server's configuration, and the badge's spool."""

    def __init__(self, directory: pathlib.Path, segments: int) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.now_ms = time.time_ns() // 1_000_000
        self.authority = Authority.create(directory / "authority", "offload", self.now_ms)
        self.center = self._identity("center", CENTER)
        self._identity("evidence", SERVER, (HOST,))
        self.badge = self._identity("device", BADGE)
        with socket.create_server((HOST, 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.config = directory / "center.toml"
        self.config.write_text(
            f"""
[center]
id = "{CENTER}"
database = "center.db"
roots = ["center/root.pem"]
certificate = "center/chain.pem"
key = "center/key.pem"
[broker]
hosts = ["{HOST}:1"]
ca = "center/root.pem"
certificate = "center/chain.pem"
key = "center/key.pem"
[evidence]
listen = "{HOST}:{self.port}"
folder = "store"
certificate = "evidence/chain.pem"
key = "evidence/key.pem"
keep_free_mib = 1
""",
            encoding="utf-8",
        )
        self.spool = directory / "spool"
        self.files: dict[str, bytes] = {}
        self._record(segments)

    def command(self) -> list[str]:
        """The evidence server's command line."""
        return [*dabyl(), "center", "evidence", "--config", os.fspath(self.config)]

    def reach(self) -> None:
        """Wait until it listens."""
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.02)
        raise BenchmarkError("the evidence server does not listen")

    def lost(self) -> int:
        """Bytes that neither lie in their place at the center nor are on the badge any more."""
        store = self.directory / "store" / BADGE
        lost = 0
        for name, data in self.files.items():
            there = [path for path in (store / name, self.spool / name) if path.exists()]
            lost += 0 if any(path.read_bytes() == data for path in there) else len(data)
        return lost

    def _identity(self, role: str, name: str, hosts: tuple[str, ...] = ()) -> IdentityFiles:
        return make_identity(self.directory / role, self.authority, role, name, self.now_ms, hosts=hosts)

    def _record(self, segments: int) -> None:
        """Segments of random bytes, each signed and heard by the center."""
        signer = FileKey.load(str(self.badge.key))
        certificates = chain_from_pem(self.badge.chain.read_text(), BADGE)
        told = presence.Presence(BADGE, "video-badge", 1, 1, True, self.now_ms, 2, 1_000, 60, "benchmark")
        greeting = cose.sign(told.encode(), presence.CONTEXT, signer, cose.x5chain(certificates))
        heard = [Arrival(topics.topic(BADGE, topics.PRESENCE), greeting)]
        draw, links = random.Random(SEED), chain.Chain(1)
        recording = draw.randbytes(16)
        folder = self.spool / recording.hex()
        folder.mkdir(parents=True)
        for n in range(1, segments + 1):
            data = draw.randbytes(SEGMENT)
            contents = Contents(self.now_ms, 2_000, bytes(32), 60, 0, {})
            digest = hashlib.sha256(data).digest()
            manifest = Manifest(recording, n, len(data), digest, FIRST_PREV, "button", bytes(8), b"key", contents)
            made = event.Event(BADGE, "video-badge", TYPE, 1, n, self.now_ms, 2, 1_000 + n, links.prev, manifest.data())
            links.advance(made.encode())
            envelope = cose.sign(made.encode(), event.CONTEXT, signer)
            heard.append(Arrival(topics.topic(BADGE, topics.EVENT), envelope))
            (folder / f"{n:06d}.seg").write_bytes(data)
            (folder / f"{n:06d}.cose").write_bytes(envelope)
            self.files[f"{recording.hex()}/{n:06d}.seg"] = data
        database = Database(self.directory / "center.db")
        keys = KeyTable(load_roots(self.authority.root_pem))
        pipeline = Pipeline(database, keys, FileKey.load(str(self.center.key)), CENTER, self.now_ms)
        pipeline.store(pipeline.prove(heard, self.now_ms), self.now_ms)
        database.close()


class Counting(Offloader):
    """The offloader, with an eye on the chunks that leave it."""

    def __init__(self, place: Place, port: int) -> None:
        centers = {key.kid: verifier(key.public_der) for key in (FileKey.load(str(place.center.key)),)}
        badge = place.badge
        files = (str(badge.root), str(badge.chain), str(badge.key))
        super().__init__((HOST, port), files, BADGE, str(place.spool), centers.get, _silent, _middle)
        self._spool_folder = place.spool
        self._seen: set[tuple[str, str]] = set()
        self.sent = self.repeated = self.most_repeated = self.cuts = 0

    def offload(self, line: CutLine, cuts: int) -> None:
        """Pass after pass until nothing is left, with so many cuts."""
        draw = random.Random(SEED)
        for number in range(MOST_PASSES):
            line.cut_after(draw.randrange(1_000, 800_000) if self.cuts < cuts else None)
            self.repeated = 0
            try:
                self.pass_over(10 * number)
            except OffloadError:
                self.cuts += 1
            self.most_repeated = max(self.most_repeated, self.repeated)
            if not any(self._spool_folder.glob("*/*.seg")):
                return
        raise BenchmarkError("the segments did not arrive")

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        if method == "PATCH" and body is not None:
            self.sent += len(body)
            chunk = (path, headers["Upload-Offset"])
            self.repeated += len(body) * (chunk in self._seen)
            self._seen.add(chunk)
        return super()._ask(method, path, headers, body)


def _silent(_what: str, _text: str) -> None:
    pass


def _middle() -> int:
    return 500
