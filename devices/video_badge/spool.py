"""Recordings on the badge's disk until the center holds them: names, room, and what a power cut left.

Nothing is overwritten and nothing deleted here: a segment goes only once its signed evidence receipt is verified, which is the business of
``devices.video_badge.offload``.
"""

import contextlib
import dataclasses
import hashlib
import os
import re

from agent.durable import replace_file
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
        self._path = path
        self._quota = quota

    def path(self, recording: bytes, n: int, suffix: str) -> str:
        """The file of a segment."""
        return os.path.join(self._folder(recording), f"{n:06d}{suffix}")

    def create(self, recording: bytes, n: int) -> int:
        """A new file for a segment, its descriptor.

        Raises:
            OSError: it cannot be made, or is there already.
        """
        folder = self._folder(recording)
        os.makedirs(folder, 0o700, exist_ok=True)
        if n == 1:
            os.close(os.open(os.path.join(folder, OPEN), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return os.open(self.path(recording, n, SEGMENT), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def ended(self, recording: bytes) -> None:
        """The recording is over, and said so. Raises OSError."""
        _remove(os.path.join(self._folder(recording), OPEN))

    def sync_names(self, recording: bytes, n: int) -> None:
        """Make the name of a segment durable, and with the first one that of its folder. Raises OSError."""
        folder = self._folder(recording)
        for path in (folder, self._path) if n == 1 else (folder,):
            sync_directory(path)

    def keep_manifest(self, manifest: Manifest) -> None:
        """Keep an event's data until it is signed. Raises OSError."""
        replace_file(self.path(manifest.recording, manifest.n, UNSIGNED), cbor.dumps(manifest.data()))

    def keep_signed(self, envelope: bytes) -> None:
        """Keep a signed event beside its segment, if that is still there. Raises OSError."""
        manifest = signed_manifest(envelope)
        if manifest is None or not os.path.exists(self.path(manifest.recording, manifest.n, SEGMENT)):
            return
        replace_file(self.path(manifest.recording, manifest.n, SIGNED), envelope)
        _remove(self.path(manifest.recording, manifest.n, UNSIGNED))

    def room(self) -> tuple[int, int]:
        """Bytes that are taken, and bytes that are left, of the quota or on the disk, whichever are fewer.

        Raises:
            OSError: the folder cannot be read.
        """
        used = 0
        for folder in self._recordings():
            names = os.listdir(folder)
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # the center has just signed for it
                    used += os.stat(os.path.join(folder, name)).st_size
            if not names:
                os.rmdir(folder)
        disk = os.statvfs(self._path)
        return used, max(0, min(self._quota - used, disk.f_bavail * disk.f_frsize))

    def left_behind(self, unix_s: float) -> list["Left"]:
        """What is to be told after a restart at this time of day.

        Raises:
            OSError: the folder cannot be read.
        """
        return [self._left(folder, unix_s) for folder in self._recordings()]

    def _left(self, folder: str, unix_s: float) -> "Left":
        cut = os.path.exists(os.path.join(folder, OPEN))
        names = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
        found = [os.path.join(folder, name) for name in names]
        segments = [path for path in found if path.endswith(SEGMENT) and not _begun_only(path)]
        for path in found:  # the power went while a segment was begun, or let go of
            if beside(path, SEGMENT) not in segments:
                _remove(path)
        age_s = min((abs(unix_s - _written_s(path)) for path in segments), default=RESUME_S)
        manifests = [one for one in map(_manifest_of, segments, range(len(segments), 0, -1)) if one is not None]
        highest = int(os.path.basename(beside(segments[-1], ""))) if segments else 0
        name = bytes.fromhex(os.path.basename(folder))
        return Left(name, manifests, highest, cut, resume=cut and age_s < RESUME_S)

    def _folder(self, recording: bytes) -> str:
        return os.path.join(self._path, recording.hex())

    def _recordings(self) -> list[str]:
        if not os.path.isdir(self._path):
            os.makedirs(self._path, 0o700)
        return recordings(self._path)


def recordings(spool: str) -> list[str]:
    """The folders of the recordings in a spool. Raises OSError."""
    folders = [os.path.join(spool, name) for name in sorted(os.listdir(spool)) if _RECORDING.fullmatch(name)]
    return [folder for folder in folders if os.path.isdir(folder)]


def segments_in(folder: str) -> list[str]:
    """The files of a recording's segments, in their order. Raises OSError."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(SEGMENT) and _NAME.fullmatch(name))
    return [os.path.join(folder, name) for name in names]


def beside(path: str, suffix: str) -> str:
    """The file of the same segment with another suffix."""
    return os.path.splitext(path)[0] + suffix


def signed_manifest(envelope: bytes) -> Manifest | None:
    """The manifest in a message that the badge itself has signed; None if it is none."""
    try:
        return Manifest.of(event.decode(cose.parse(envelope).payload).data)
    except (WireError, ManifestError):
        return None


def recovered(path: str) -> Manifest | None:
    """What can be said of a segment that was found without its manifest; None if not even its header is there.

    Raises:
        OSError: it cannot be read.
    """
    total = hashlib.sha256()
    with open(path, "rb") as file:
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


def _manifest_of(segment: str, from_the_end: int) -> Manifest | None:
    """What is to be told of a segment after a restart, None if nothing is."""
    signed, unsigned = beside(segment, SIGNED), beside(segment, UNSIGNED)
    known = None
    try:
        if os.path.exists(signed):
            if from_the_end > TOLD_AGAIN:
                return None
            known = signed_manifest(_read(signed))
        elif os.path.exists(unsigned):
            known = _unsigned_manifest(_read(unsigned))
        return known or recovered(segment)
    except FileNotFoundError:  # the center has just signed for it
        return None


def _begun_only(path: str) -> bool:
    """Whether a segment's file has not even a whole header, so that nothing is in it."""
    try:
        return os.stat(path).st_size < FIXED.size
    except FileNotFoundError:  # the center has just signed for it
        return True


def _written_s(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def _unsigned_manifest(data: bytes) -> Manifest | None:
    try:
        return Manifest.of(cbor.loads(data))
    except (WireError, ManifestError):
        return None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MANIFEST_MAX)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
