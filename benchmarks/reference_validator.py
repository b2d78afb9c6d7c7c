"""The recordings before ONVIF's own validator: an exported clip, copies of it in other containers, and the tamper matrix of its signature.

Not part of a run of all benchmarks, for the validator is not ours: build the example application *validator* of ONVIF's Media Signing
Framework (``meson setup -Dvalidator=true …``, ``ninja``; it needs GStreamer and OpenSSL 3), then:

    python -m benchmarks.reference_validator path/to/validator

Each line tells what was done to the clip, the verdict that it is to get, and the one that it got. Exit codes: 0 all as expected, 1 not, 2
usage.
"""

import argparse
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator

import av
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agent.keys.chain import load_roots
from agent.keys.credentials import load_chain
from agent.keys.file import FileKey
from agent.recording.seal import Custodian
from agent.recording.stream import nal, sei
from agent.recording.unseal import open_segment
from benchmarks.evidence import BADGE, FPS, RECORDING, Recorder
from center.evidence.export import Wish, export
from center.evidence.recording import load
from center.evidence.trust import Trust
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from simulators.camera.footage import footage

SECONDS = 10
SIZE, BITRATE = (640, 360), 1_000_000
VALID, MISSING, INVALID, UNSIGNED = "VALID", "VALID, BUT HAS MISSING FRAMES", "INVALID", "NOT SIGNED"
KEY, NO_KEY = "VALID", "NOT VALID"
PATIENCE_S = 60
Unit = list[bytes]
"""The NAL units of one picture."""


def main() -> int:
    """Make recordings, have them judged, and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference_validator", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("validator", type=pathlib.Path, help="the program that was built")
    validator: pathlib.Path = parser.parse_args().validator
    if not validator.is_file():
        parser.error(f"there is no program {validator}")
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"{'what was done':44} {'expected':32} judged")
        for what, file, root, expected in _cases(folder):
            judged = _judged(validator.resolve(), file, root, folder)
            wrong += judged != expected
            print(f"{what:44} {_words(expected):32} {'as expected' if judged == expected else _words(judged)}")
    print(f"{wrong} not as expected")
    return 1 if wrong else 0


def _cases(folder: pathlib.Path) -> Iterator[tuple[str, pathlib.Path, pathlib.Path, tuple[str, str]]]:
    """What was done, the file, the trusted root, and the verdict on the video and on its key."""
    clip, segment, root = _recorded(folder)
    other = Authority.create(folder / "other", "another", time.time_ns() // 1_000_000).root_pem
    stranger = folder / "other.pem"
    stranger.write_text(other)
    yield "an exported clip", clip, root, (VALID, KEY)
    yield "one segment alone", segment, root, (VALID, KEY)
    yield "the clip, another root", clip, stranger, (VALID, NO_KEY)
    yield "the clip as MKV", _remuxed(clip, folder / "copy.mkv"), root, (VALID, KEY)
    transported = _remuxed(clip, folder / "copy.ts")  # which this validator cannot read itself
    yield "the clip through MPEG-TS, as MP4 again", _remuxed(transported, folder / "copy.mp4"), root, (VALID, KEY)
    for number, (what, units, verdict) in enumerate(_tampered(_pictures(clip))):
        file = folder / f"{number}.h264"
        file.write_bytes(b"".join(b"\x00\x00\x00\x01" + one for unit in units for one in unit))
        yield what, file, root, (verdict, "" if verdict == UNSIGNED else KEY)


def _tampered(units: list[Unit]) -> Iterator[tuple[str, list[Unit], str]]:
    """The matrix, on the clip's bare stream."""
    third = 2 * FPS  # a key frame
    yield "the bare stream", units, VALID
    yield "cut at key frames", units[third : 6 * FPS + 1], VALID
    yield "a bit of a key frame flipped", _changed(units, third, _flipped(units[third])), INVALID
    yield "a bit of another picture flipped", _changed(units, third + 9, _flipped(units[third + 9])), INVALID
    yield "a picture doubled", [*units[: third + 9], units[third + 8], *units[third + 9 :]], INVALID
    swapped = [*units[: third + 8], units[third + 9], units[third + 8], *units[third + 10 :]]
    yield "two pictures exchanged", swapped, INVALID
    yield "a picture left out", [*units[: third + 9], *units[third + 10 :]], MISSING
    yield "a second left out", [*units[:third], *units[third + FPS :]], INVALID
    signing = next(n for n in range(third, len(units)) if any(map(sei.is_signing, units[n])))
    yield "one signature left out", _changed(units, signing, _bare(units[signing])), INVALID
    yield "all signatures left out", [_bare(unit) for unit in units], UNSIGNED


def _recorded(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """An exported clip, the plaintext of one segment, and the root that they stand on."""
    now_ms = time.time_ns() // 1_000_000
    authority = Authority.create(folder / "authority", "benchmark", now_ms - 86_400_000)
    files = make_identity(folder / BADGE, authority, "device", BADGE, now_ms - 86_400_000)
    private = generate_private_key(SECP256R1())
    out = folder / "out"
    recorder = Recorder(out, FileKey.load(str(files.key)), load_chain(str(files.chain)), now_ms)
    recorder.record(footage(SECONDS, SIZE, FPS, BITRATE), SECONDS, Custodian(private.public_key()))
    root, clip, segment = folder / "root.pem", folder / "clip.mp4", folder / "segment.mp4"
    root.write_text(authority.root_pem)
    trust = Trust(load_roots(authority.root_pem), (), now_ms)
    export(load(out / RECORDING.hex(), trust), trust, private, clip, Wish("benchmark"))
    segment.write_bytes(open_segment((out / RECORDING.hex() / "000002.seg").read_bytes(), private).plaintext)
    return clip, segment, root


def _pictures(clip: pathlib.Path) -> list[Unit]:
    """The pictures of a clip with their parameter sets, as a bare stream has them."""
    copy = _remuxed(clip, clip.with_suffix(".h264"), sound=False)
    with av.open(str(copy), "r") as container:
        return [nal.split(bytes(packet)) for packet in container.demux(video=0) if packet.size]


def _remuxed(clip: pathlib.Path, path: pathlib.Path, *, sound: bool = True) -> pathlib.Path:
    with av.open(io.BytesIO(clip.read_bytes()), "r") as container, av.open(str(path), "w") as out:
        wanted = ("video", "audio") if sound else ("video",)
        streams = {one.index: out.add_stream_from_template(one) for one in container.streams if one.type in wanted}
        for packet in container.demux():
            if packet.size and packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return path


def _changed(units: list[Unit], number: int, unit: Unit) -> list[Unit]:
    return [*units[:number], unit, *units[number + 1 :]]


def _flipped(unit: Unit) -> Unit:
    number = next(number for number, one in enumerate(unit) if nal.is_slice(one))
    changed = bytearray(unit[number])
    changed[len(changed) // 2] ^= 1
    return _changed_unit(unit, number, bytes(changed))


def _changed_unit(unit: Unit, number: int, one: bytes) -> Unit:
    return [*unit[:number], one, *unit[number + 1 :]]


def _bare(unit: Iterable[bytes]) -> Unit:
    return [one for one in unit if not sei.is_signing(one)]


def _judged(validator: pathlib.Path, file: pathlib.Path, root: pathlib.Path, folder: pathlib.Path) -> tuple[str, str]:
    """The validator's verdict on the video, and on the key that signed it."""
    report = folder / "validation_results.txt"
    report.unlink(missing_ok=True)
    command = [str(validator), "-b", "-C", str(root), "-c", "h264", str(file)]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S, check=False)
    told = report.read_text(encoding="utf-8", errors="replace") if report.exists() else ""
    video, key = (
        re.search(r"^VIDEO IS (.*)!$", told, re.MULTILINE),
        re.search(r"^PUBLIC KEY IS (.*)!$", told, re.MULTILINE),
    )
    return video[1] if video else "no verdict", key[1] if key else ""


def _words(verdict: tuple[str, str]) -> str:
    video, key = verdict
    return f"{video.lower()}, key {key.lower()}" if key else video.lower()


if __name__ == "__main__":
    sys.exit(main())
