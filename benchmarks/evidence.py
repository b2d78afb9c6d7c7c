"""What evidence costs: the badge's processor for signing, hashing, muxing and encrypting 720p30, and the center's time to verify it.

The video is real: H.264 of a drawn street at 4 Mb/s with AAC sound, encoded beforehand and not counted, as a badge's hardware does it.
Its ten seconds are recorded over and over by the badge's own segment writer, and verified from the files, decrypted, with every check.
Both count processor time, of one core: verification is one thread, and waits for nothing but the disk. An hour would take as much longer
as it is longer.

``python -m benchmarks.evidence`` prints the figures alone.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agent.keys import pem
from agent.keys.chain import load_roots
from agent.keys.credentials import load_chain
from agent.keys.file import FileKey
from agent.recording.manifest import FIRST_PREV, TYPE, Manifest, digest
from agent.recording.seal import Custodian, Sealer
from agent.recording.stream.media_signing import MediaSigner
from agent.recording.stream.sei import Vendor
from agent.wire import cose, event
from benchmarks.figures import Figure, table
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from center.evidence.timeline import PROVEN
from center.evidence.trust import Trust
from center.evidence.verify import verify_folder
from devices.video_badge.media import Item, Picture
from devices.video_badge.segment import Segment
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from simulators.camera.footage import footage
from simulators.camera.sensor import RATE

SIZE, FPS, BITRATE = (1280, 720), 30, 4_000_000
MOST_CPU_PERCENT = 5
LEAST_SPEED = 60
LOOP_S = 10
SEGMENT_S = 2
RECORDING = bytes(16)
BADGE = "badge-001"
US = 1_000_000


def measure(context: Context) -> list[Figure]:
    """Processor time of recording in percent of a core, and how much faster than it lasts a recording is verified.

    Raises:
        BenchmarkError: what was recorded is not proven.
    """
    context.say(f"{LOOP_S} s of 720p30, encoded before anything is measured")
    loop = footage(LOOP_S, SIZE, FPS, BITRATE)
    seconds = context.count(600, 40)
    with tempfile.TemporaryDirectory(dir=context.directory) as temporary:
        folder = pathlib.Path(temporary)
        now_ms = time.time_ns() // 1_000_000
        authority = Authority.create(folder / "authority", "benchmark", now_ms - 86_400_000)
        files = make_identity(folder / BADGE, authority, "device", BADGE, now_ms - 86_400_000)
        private = generate_private_key(SECP256R1())
        context.say(f"recording {seconds} s")
        recorder = Recorder(folder / "out", FileKey.load(str(files.key)), load_chain(str(files.chain)), now_ms)
        recording_s = recorder.record(loop, seconds, Custodian(private.public_key()))
        context.say(f"verifying {seconds} s")
        trust = Trust(load_roots(authority.root_pem), (), now_ms)
        began, spent = time.perf_counter(), time.process_time()
        verdicts = list(verify_folder(folder / "out", trust, private))
        lasted, used = time.perf_counter() - began, time.process_time() - spent
    if not all(verdict.proven for verdict in verdicts) or round(verdicts[0].total_s(PROVEN)) != seconds:
        raise BenchmarkError(f"what was recorded is not proven: {verdicts[0].notes}")
    size = recorder.size / seconds * 8 / 1e6
    details = {"recorded_s": seconds, "cpu_s": round(recording_s, 3), "mbit_s": round(size, 2)}
    return [
        Figure("evidence.record_cpu", 100 * recording_s / seconds, "%", at_most=MOST_CPU_PERCENT, details=details),
        Figure(
            "evidence.verify_speed",
            seconds / used,
            at_least=LEAST_SPEED,
            details={"verified_s": seconds, "elapsed_s": round(lasted, 3), "cpu_s": round(used, 3)},
        ),
    ]


class Recorder:
    """Writes a recording as a badge does, without a camera to wait for."""

    def __init__(self, folder: pathlib.Path, key: FileKey, chain: list[bytes], now_ms: int) -> None:
        self._folder = folder / RECORDING.hex()
        self._folder.mkdir(parents=True)
        (folder / "chain.pem").write_text("".join(pem.encoded("CERTIFICATE", der) for der in chain))
        self._key = key
        self._now_ms = now_ms
        self._signer = MediaSigner(key, chain, Vendor("1", BADGE, "dabyl"))
        self._prev = FIRST_PREV
        self.size = 0

    def record(self, loop: list[Item], seconds: int, custodian: Custodian) -> float:
        """Record so many seconds; the processor time in seconds."""
        spent = time.process_time()
        for n in range(1, seconds // SEGMENT_S + 1):
            begin_us = (n - 1) * SEGMENT_S * US
            shift_us = begin_us // (LOOP_S * US) * LOOP_S * US
            items = [
                _moved(one, shift_us, self._now_ms)
                for one in loop
                if begin_us <= one.at_us + shift_us < begin_us + SEGMENT_S * US
            ]
            self._segment(n, items, custodian, last=n == seconds // SEGMENT_S)
        return time.process_time() - spent

    def _segment(self, n: int, items: list[Item], custodian: Custodian, *, last: bool) -> None:
        first = next(one for one in items if isinstance(one, Picture))
        sealer = Sealer(custodian, RECORDING, n, self._prev)
        segment = Segment(sealer, self._signer, first, sound=(RATE, 1), positions=False, zero_us=0, fps=FPS)
        hashed = sha256()
        with (self._folder / f"{n:06d}.seg").open("wb", buffering=0) as file:
            for item in items:
                data = segment.add(item)
                if data:
                    hashed.update(data)
                    file.write(data)
            rest, contents = segment.finish(n * SEGMENT_S * US)
            hashed.update(rest)
            file.write(rest)
            size = file.tell()
        told = Manifest(
            RECORDING, n, size, hashed.digest(), self._prev, "button", custodian.kid, segment.wrapped, contents, last
        ).data()
        made = event.Event(BADGE, "video-badge", TYPE, 1, n, self._now_ms, 2, n, bytes(16), told)
        (self._folder / f"{n:06d}.cose").write_bytes(cose.sign(made.encode(), event.CONTEXT, self._key))
        self._prev = digest(told)
        self.size += size


def _moved(item: Item, by_us: int, now_ms: int) -> Item:
    at_us = item.at_us + by_us
    if isinstance(item, Picture):
        return dataclasses.replace(item, at_us=at_us, unix_ms=now_ms + at_us // 1000)
    return dataclasses.replace(item, at_us=at_us)


if __name__ == "__main__":
    told = measure(
        Context(pathlib.Path(tempfile.gettempdir()), quick=False, say=lambda text: print(text, file=sys.stderr))
    )
    print(table(told))
