"""Recordings on the badge's disk until the center holds them: names, room, and what a power cut left.

Nothing is overwritten and nothing deleted here: a segment goes only once its signed evidence receipt is verified, which is the business of
``devices.video_badge.offload``.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re

from agent.keys.secret_file import sync_directory
from agent.recording.manifest import RECOVERED, Manifest, ManifestError
from agent.recording.seal import FIXED, HEADER_MAX, Header, HeaderError
from agent.wire import cbor, cose, event
from agent.wire.errors import WireError

SEGMENT, SIGNED, UNSIGNED = ".seg", ".cose", ".manifest"
TOLD_AGAIN = 5
"""So many of a recording's last signed manifests are told again after a restart: the journal may not have kept them."""
OPEN = "open"
"""The name of an empty file beside the segments of a recording that has not ended."""
RESUME_S = 60
MANIFEST_MAX = 65536
_RECORDING = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"([0-9]{6})\.(seg|cose|manifest)")


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """A recording that was there at the start.

    Args:
        recording: its name.
        manifests: to be told, again or for the first time.
        segments: the highest number.
        cut: it had not ended.
        resume: it was cut a moment ago.
    """

    recording: bytes
    manifests: list[Manifest]
    segments: int
    cut: bool
    resume: bool


class Spool:
    """The folder ``path``, which is made when it is needed, with room for ``quota`` bytes."""

    def __init__(self, path: str, quota: int) -> None:
        self._path = pathlib.Path(path)
        self._quota = quota

    def path(self, recording: bytes, n: int, suffix: str) -> pathlib.Path:
        """The file of a segment."""
        return self._path / recording.hex() / f"{n:06d}{suffix}"

    def create(self, recording: bytes, n: int) -> int:
        """A new file for a segment, its descriptor.

        Raises:
            OSError: it cannot be made, or is there already.
        """
        path = self.path(recording, n, SEGMENT)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if n == 1:
            (path.parent / OPEN).touch(mode=0o600)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def ended(self, recording: bytes) -> None:
        """The recording is over, and said so. Raises OSError."""
        (self._path / recording.hex() / OPEN).unlink(missing_ok=True)

    def sync_names(self, recording: bytes, n: int) -> None:
        """Make the name of a segment durable, and with the first one that of its folder. Raises OSError."""
        folder = self._path / recording.hex()
        for path in (folder, self._path) if n == 1 else (folder,):
            sync_directory(os.fspath(path))

    def keep_manifest(self, manifest: Manifest) -> None:
        """Keep an event's data until it is signed. Raises OSError."""
        path = self.path(manifest.recording, manifest.n, UNSIGNED)
        _write(path, cbor.dumps(manifest.data()))

    def keep_signed(self, envelope: bytes) -> None:
        """Keep a signed event beside its segment, if that is still there. Raises OSError."""
        manifest = signed_manifest(envelope)
        if manifest is None or not self.path(manifest.recording, manifest.n, SEGMENT).exists():
            return
        _write(self.path(manifest.recording, manifest.n, SIGNED), envelope)
        self.path(manifest.recording, manifest.n, UNSIGNED).unlink(missing_ok=True)

    def room(self) -> tuple[int, int]:
        """Bytes that are taken, and bytes that are left, of the quota or on the disk, whichever are fewer.

        Raises:
            OSError: the folder cannot be read.
        """
        used = 0
        for folder in self._recordings():
            names = list(folder.iterdir())
            for path in names:
                with contextlib.suppress(FileNotFoundError):  # the center has just signed for it
                    used += path.stat().st_size
            if not names:
                folder.rmdir()
        disk = os.statvfs(self._path)
        return used, max(0, min(self._quota - used, disk.f_bavail * disk.f_frsize))

    def left_behind(self, unix_s: float) -> list["Left"]:
        """What is to be told after a restart at this time of day.

        Raises:
            OSError: the folder cannot be read.
        """
        return [self._left(folder, unix_s) for folder in self._recordings()]

    def _left(self, folder: pathlib.Path, unix_s: float) -> "Left":
        cut = (folder / OPEN).exists()
        found = sorted(entry for entry in folder.iterdir() if _NAME.fullmatch(entry.name))
        segments = [entry for entry in found if entry.suffix == SEGMENT and not _begun_only(entry)]
        for entry in found:  # the power went while a segment was begun, or let go of
            if entry.with_suffix(SEGMENT) not in segments:
                entry.unlink(missing_ok=True)
        age_s = min((abs(unix_s - _written_s(entry)) for entry in segments), default=RESUME_S)
        manifests = [one for one in map(_manifest_of, segments, range(len(segments), 0, -1)) if one is not None]
        highest = int(segments[-1].stem) if segments else 0
        return Left(bytes.fromhex(folder.name), manifests, highest, cut, resume=cut and age_s < RESUME_S)

    def _recordings(self) -> list[pathlib.Path]:
        if not self._path.is_dir():
            self._path.mkdir(mode=0o700, parents=True)
        return sorted(path for path in self._path.iterdir() if _RECORDING.fullmatch(path.name) and path.is_dir())


def signed_manifest(envelope: bytes) -> Manifest | None:
    """The manifest in a message that the badge itself has signed; None if it is none."""
    try:
        return Manifest.of(event.decode(cose.parse(envelope).payload).data)
    except (WireError, ManifestError):
        return None


def recovered(path: pathlib.Path) -> Manifest | None:
    """What can be said of a segment that was found without its manifest; None if not even its header is there.

    Raises:
        OSError: it cannot be read.
    """
    total = hashlib.sha256()
    with path.open("rb") as file:
        begin = file.read(HEADER_MAX)
        total.update(begin)
        size = len(begin)
        while block := file.read(1 << 20):
            total.update(block)
            size += len(block)
    try:
        header = Header(begin)
    except HeaderError:
        return None
    return Manifest(
        header.recording, header.n, size, total.digest(), header.prev, RECOVERED, header.custodian, header.wrapped, None
    )


def _manifest_of(segment: pathlib.Path, from_the_end: int) -> Manifest | None:
    """What is to be told of a segment after a restart, None if nothing is."""
    signed, unsigned = segment.with_suffix(SIGNED), segment.with_suffix(UNSIGNED)
    known = None
    try:
        if signed.exists():
            if from_the_end > TOLD_AGAIN:
                return None
            known = signed_manifest(_read(signed))
        elif unsigned.exists():
            known = _unsigned_manifest(_read(unsigned))
        return known or recovered(segment)
    except FileNotFoundError:  # the center has just signed for it
        return None


def _begun_only(path: pathlib.Path) -> bool:
    """Whether a segment's file has not even a whole header, so that nothing is in it."""
    try:
        return path.stat().st_size < FIXED.size
    except FileNotFoundError:  # the center has just signed for it
        return True


def _written_s(path: pathlib.Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _unsigned_manifest(data: bytes) -> Manifest | None:
    try:
        return Manifest.of(cbor.loads(data))
    except (WireError, ManifestError):
        return None


def _read(path: pathlib.Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MANIFEST_MAX)


def _write(path: pathlib.Path, data: bytes) -> None:
    """A whole file or none, durable but for its name."""
    fresh = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, data)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
