"""The evidence server as a process: killed in the middle of uploads, it loses nothing that it has confirmed."""

import contextlib
import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.keys.p256 import verifier
from devices.video_badge.offload import CHUNK, Offloader, OffloadError
from tests.center.evidence.site import Site, random_segment

COMMAND = "import sys; from agent.command import main; sys.exit(main())"
KILLS = 2


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("evidence"))
    (made.directory / "center.toml").write_text(made.text)
    return made


@contextlib.contextmanager
def server(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    config = os.fspath(site.directory / "center.toml")
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "center", "evidence", "--config", config], stderr=subprocess.DEVNULL
    )
    try:
        site.reach()
        yield process
    finally:
        process.kill()
        process.wait()


def test_kill_9_loses_nothing_that_was_confirmed(site: Site, tmp_path: Path) -> None:
    badge = site.badge("badge-0001")
    recording = os.urandom(16)
    segments = [random_segment(n, 5 * CHUNK // 2, recording) for n in range(1, 4)]
    folder = tmp_path / recording.hex()
    folder.mkdir()
    for segment in segments:
        (folder / f"{segment.n:06d}.seg").write_bytes(segment.file)
        (folder / f"{segment.n:06d}.cose").write_bytes(site.signs(badge, segment).envelope)
    key = site.pki.signer("center-1")
    own = site.pki.directory / badge.name
    files = (str(site.pki.root), str(own.with_suffix(".pem")), str(own.with_suffix(".key")))
    offloader = Offloader(
        ("127.0.0.1", site.port), files, badge.name, str(tmp_path), {key.kid: verifier(key.public_der)}.get, lambda *_: None, lambda: 500
    )  # fmt: skip
    draw, clock = random.Random(5), itertools.count(0, 10)
    for _ in range(KILLS):
        with server(site) as process:
            chunks = draw.randrange(1, 4)
            ask = offloader._ask

            def dying(method: str, *given: object, ask: object = ask, process: object = process) -> object:
                nonlocal chunks
                answer = ask(method, *given)  # type: ignore[operator]
                chunks -= method == "PATCH"
                if not chunks:
                    process.kill()  # type: ignore[attr-defined]
                return answer

            offloader._ask = dying  # type: ignore[method-assign,assignment]
            with contextlib.suppress(OffloadError):
                while process.poll() is None:
                    offloader.pass_over(next(clock))
            offloader._ask = ask  # type: ignore[method-assign]
    with server(site):
        limit = time.monotonic() + 30
        while any(folder.glob("*.seg")):
            assert time.monotonic() < limit
            offloader.pass_over(next(clock))
    offloader.stop()
    kept = site.store / badge.name / recording.hex()
    assert all((kept / f"{one.n:06d}.seg").read_bytes() == one.file for one in segments)
