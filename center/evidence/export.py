"""Handing out a clip: segments opened with the custodian's key and joined, without being encoded again, into one film that plays
everywhere and still proves itself. What is not what was signed is not exported, what is missing is told, each export enters custody.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from agent.keys.secret_file import sync_directory
from agent.recording.unseal import open_segment
from center.evidence import files, fragments
from center.evidence.custody import Custody
from center.evidence.errors import EvidenceError
from center.evidence.fragments import Run, TrackHead
from center.evidence.movie import Movie
from center.evidence.recording import Recording
from center.evidence.segment import UNTOLD_US, judge_segment
from center.evidence.timeline import ALTERED
from center.evidence.trust import Trust
from center.evidence.verify import unchained

if TYPE_CHECKING:
    from center.evidence.content_credentials import Exporter

EXPORTED = "exported"
"""The act of a custody entry."""
MAX_TOLD = 500
"""Missing segments that are named one by one."""


class NotProvenError(EvidenceError):
    """A segment that was asked for is not what its device has signed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be exported, from ``begin_s`` to ``end_s`` of the recording (whole segments), by whom and why."""

    who: str
    why: str = ""
    begin_s: float = 0.0
    end_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Clip:
    """An exported clip. ``missing``: numbers of segments that are lost; ``signed``: it has content credentials."""

    device: str
    recording: str
    segments: tuple[int, ...]
    missing: tuple[int, ...]
    frames: int
    lasts_s: float
    bytes: int
    sha256: str
    signed: bool


def export(
    recording: Recording,
    trust: Trust,
    private: EllipticCurvePrivateKey,
    out: Path,
    wish: Wish,
    exporter: "Exporter | None" = None,
) -> Clip:
    """Write the wished part of a recording to the new file ``out``, and tell what it holds.

    Raises:
        NotProvenError: a segment is not what was signed; nothing is written.
        EvidenceError: there is nothing to be exported, the key is another, a file cannot be read or written, or ``out`` is there.
    """
    wished = _wished(recording, wish)
    held = [n for n in wished if recording.segment(n) is not None]
    missing = tuple(n for n in range(wished[0], wished[-1] + 1) if n not in held) if wished else ()
    if not held:
        raise EvidenceError("none of what was asked for is here: look at `dabyl evidence verify`")
    tracks, runs = _index(recording, held, trust, private)
    movie = Movie(tracks, [run for _, some in runs for run in some])
    frames = sum(len(run.samples) for _, some in runs for run in some if tracks[run.track].handler == b"vide")
    told = {
        "device": recording.device,
        "recording": recording.name,
        "segments": f"{held[0]}-{held[-1]}",  # texts: the library of C2PA takes lists of small numbers for bytes
        "missing": " ".join(str(n) for n in missing[:MAX_TOLD]),
        "begin_ms": _begin_ms(recording, held[0]),
    }
    with _fresh(out) as (plain, signed):
        with files.translated(plain), plain.open("wb") as file:
            file.write(movie.header())
            for n, some in runs:
                data = _plain(recording, n, private)
                for run in some:
                    file.write(data[run.offset : run.offset + run.size])
            file.flush()
            os.fsync(file.fileno())
        ready = plain
        if exporter is not None:
            exporter.sign(plain, signed, out.name, told)
            ready = signed
        size, digest = _digest(ready)
        by = {"by": exporter.name} if exporter is not None else {}
        about = {**told, "sha256": digest, "bytes": size, "why": wish.why[:1000], **by}
        Custody(recording.folder).note(wish.who, EXPORTED, about)
        with files.translated(out):
            ready.replace(out)
            sync_directory(str(out.resolve().parent))
    lasts_s = round(movie.lasts_s, 3)
    return Clip(
        recording.device, recording.name, tuple(held), missing, frames, lasts_s, size, digest, exporter is not None
    )


def as_json(clip: Clip) -> dict[str, object]:
    """For programs."""
    return {**asdict(clip), "segments": list(clip.segments), "missing": list(clip.missing)}


def _wished(recording: Recording, wish: Wish) -> list[int]:
    """The numbers of the segments that hold any of the wished time, as `verify` counts it: by their lengths, for clocks are set."""
    wished: list[int] = []
    at_s = 0.0
    for n in range(1, max(recording.told, default=0) + 1):
        told = recording.told.get(n)
        known = told.manifest.contents if told is not None else None
        end_s = at_s + (known.duration_ms / 1000 if known is not None else UNTOLD_US / 1_000_000)
        if told is not None and at_s < wish.end_s and end_s > wish.begin_s:
            wished.append(n)
        at_s = end_s
    return wished


def _begin_ms(recording: Recording, n: int) -> int:
    told = recording.told.get(n)
    if told is None:
        return 0
    return told.manifest.contents.at if told.manifest.contents is not None else told.at_ms


def _index(
    recording: Recording, numbers: Sequence[int], trust: Trust, private: EllipticCurvePrivateKey
) -> tuple[tuple[TrackHead, ...], list[tuple[int, tuple[Run, ...]]]]:
    """Prove each segment, and find its samples; the tracks are those of all."""
    tracks: tuple[TrackHead, ...] = ()
    runs = []
    for before, n in itertools.pairwise([0, *numbers]):
        told = recording.told[n]
        wrong = unchained(recording, recording.told.get(n - 1) if before else None, told)
        spans = judge_segment(recording.segment(n), told, recording.device, trust, private).spans
        wrong = wrong or next((span.why for span in spans if span.verdict == ALTERED), "")
        if wrong:
            raise NotProvenError(
                f"segment {n} is not what was signed ({wrong}): it is not exported; leave its time out"
            )
        found = fragments.read(_plain(recording, n, private))
        tracks = tracks or found.tracks
        if found.tracks != tracks:
            raise EvidenceError(f"the recording changes its form at segment {n}: export the parts one by one")
        runs.append((n, found.runs))
    return tracks, runs


def _plain(recording: Recording, n: int, private: EllipticCurvePrivateKey) -> bytes:
    data = recording.segment(n)
    if data is None or hashlib.sha256(data).digest() != recording.told[n].manifest.sha256:
        raise NotProvenError(f"segment {n} has changed on the disk: nothing is exported")
    return open_segment(data, private).plaintext


def _digest(path: Path) -> tuple[int, str]:
    with files.translated(path), path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _fresh(out: Path) -> Iterator[tuple[Path, Path]]:
    """Two names beside ``out`` for what is not finished yet; gone at the end, and ``out`` too if it did not come about.

    ``out`` is taken first, empty, so that nothing is written over. Only their owner reads them, where the file system knows owners.
    """
    both = (out.with_name(f".{out.name}.plain"), out.with_name(f".{out.name}.signed"))
    _make(out)
    try:
        for path in both:
            path.unlink(missing_ok=True)  # of an export that was killed
            _make(path)
        yield both
    except BaseException:
        out.unlink()
        raise
    finally:
        for path in both:
            path.unlink(missing_ok=True)


def _make(path: Path) -> None:
    with files.translated(path):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            raise EvidenceError(f"{path} is there already, and is not written over") from None
