"""The store: where recordings lie, segment by segment, and where uploads grow until they are whole.

``<folder>/<device>/<recording>/<n>.seg`` with ``<n>.cose``, the device's signed manifest, and ``<n>.receipt``, what the center signed for
it; ``<folder>/.incoming/<device>/`` holds uploads under their names. A device's folder is what ``dabyl evidence`` works on. Bytes count
only once they are on the disk; a segment that is in place is never written again.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.keys.secret_file import sync_directory
from center.evidence import files, tus
from center.evidence.errors import NoRoomError
from center.evidence.tus import Upload

EXPIRES_S = 7 * 86_400
"""An upload that nobody has gone on with for so long is removed. The device still has all of it."""
MAX_OPEN = 64
"""Uploads of one device that are not kept yet, at most."""
MAX_SMALL = 65_536
_INCOMING = ".incoming"
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``quota``: bytes that one device's unfinished uploads may have together; ``keep_free``: bytes of the disk that stay free."""

    quota: int = 256 * 1024 * 1024
    keep_free: int = 256 * 1024 * 1024


class Store:
    """The store in ``folder``. Every call may be made from any thread, and beside other processes.

    Raises:
        StoreError: the folder cannot be used.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self._limits = limits
        files.make_folder(folder / _INCOMING, folder.parent)

    def recording(self, device: str, recording: str) -> Path:
        """The folder of a recording."""
        return self.folder / device / recording

    def segment(self, device: str, upload: Upload) -> Path:
        """Where the segment lies once it is kept."""
        return self.recording(device, upload.recording) / f"{upload.n:06d}.seg"

    def create(self, device: str, upload: Upload) -> None:
        """Make room for an upload; one that is there already, whole or in part, stays as it is.

        Raises:
            NoRoomError: the disk or the device's quota is used up.
            StoreError: the folder cannot be used.
        """
        if self.offset(device, upload) is not None:
            return
        incoming = self.folder / _INCOMING / device
        files.make_folder(incoming, self.folder)
        with self._locked(incoming, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            waiting = [path.name for path in incoming.iterdir() if path.name != upload.name]
            if len(waiting) >= MAX_OPEN:
                raise NoRoomError(f"{device} has {MAX_OPEN} uploads that are not kept yet: finish those first")
            promised = sum(tus.named(name).length for name in waiting)
            if promised + upload.length > self._limits.quota:
                raise NoRoomError(f"{device} has uploads of {promised} bytes that are not kept yet: finish those first")
            self._check_free(upload.length)
            with files.translated(incoming):
                os.close(
                    os.open(
                        upload.name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=descriptor
                    )
                )
                os.fsync(descriptor)

    def offset(self, device: str, upload: Upload) -> int | None:
        """How many bytes of an upload are here; None if it was never created, or has expired.

        Raises:
            RefusedError: another segment is kept under this number; 409.
            StoreError: the disk cannot be read.
        """
        if self.segment(device, upload).exists():
            if not self._is(self.segment(device, upload), upload):
                raise _taken(upload)
            return upload.length
        try:
            return self._incoming(device, upload).stat().st_size
        except FileNotFoundError:
            return None

    def expires_s(self, device: str, upload: Upload) -> float | None:
        """When an upload that is not whole expires (seconds since 1970); None for others."""
        try:
            status = self._incoming(device, upload).stat()
        except FileNotFoundError:
            return None
        return status.st_mtime + EXPIRES_S if status.st_size < upload.length else None

    def append(self, device: str, upload: Upload, offset: int, chunk: bytes) -> int:
        """Keep ``chunk`` durably; returns where the upload stands then.

        Raises:
            RefusedError: 404 no such upload; 409 it stands elsewhere; 413 beyond its end; 460 whole, and not what was announced: it
                is gone, and to be sent again from the beginning.
            NoRoomError: the disk is full; the upload stands where it stood.
            StoreError: the disk does not take it; likewise.
        """
        path = self._incoming(device, upload)
        with self._locked(path, os.O_RDWR) as descriptor:
            stands = os.fstat(descriptor).st_size
            if offset != stands:
                raise tus.wrong_offset(stands)
            if offset + len(chunk) > upload.length:
                raise tus.RefusedError(413, f"the segment was announced with {upload.length} bytes")
            self._check_free(len(chunk))
            with files.translated(path):
                try:
                    os.lseek(descriptor, stands, os.SEEK_SET)
                    files.write_all(descriptor, chunk)
                    os.fdatasync(descriptor)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(descriptor, stands)
                    raise
            if stands + len(chunk) == upload.length and not self._is(path, upload):
                path.unlink()
                raise tus.RefusedError(tus.CHECKSUM_MISMATCH, "the whole does not have the announced SHA-256: again")
            return stands + len(chunk)

    def put_in_place(self, device: str, upload: Upload) -> None:
        """A whole upload becomes the recording's segment. What is in place already stays.

        Raises:
            RefusedError: 409 another segment is there; 404 the upload is not what was announced (a power cut can do that), and is gone.
            StoreError: the folder cannot be used.
        """
        target = self.segment(device, upload)
        files.make_folder(target.parent, self.folder)
        path = self._incoming(device, upload)
        with self._locked(target.parent, os.O_RDONLY | os.O_DIRECTORY), files.translated(target):
            if target.exists():
                if not self._is(target, upload):
                    raise _taken(upload)
                path.unlink(missing_ok=True)
                return
            if not path.exists():
                raise _gone()
            if not self._is(path, upload):
                path.unlink()
                raise _gone()
            path.rename(target)
            sync_directory(str(target.parent))
            sync_directory(str(path.parent))

    def expire(self, now_s: float) -> int:
        """Remove uploads that nobody has gone on with; returns how many."""
        removed = 0
        for path in (self.folder / _INCOMING).glob("*/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime + EXPIRES_S < now_s:
                    path.unlink()
                    removed += 1
        return removed

    def _incoming(self, device: str, upload: Upload) -> Path:
        return self.folder / _INCOMING / device / upload.name

    def _check_free(self, length: int) -> None:
        with files.translated(self.folder):
            disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize - length < self._limits.keep_free:
            raise NoRoomError(f"{self.folder}: less than {self._limits.keep_free} bytes would stay free")

    @contextmanager
    def _locked(self, path: Path, flags: int) -> Iterator[int]:
        """The file, opened, and nobody else's while it is held."""
        with files.translated(path):
            try:
                descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise _gone() from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_nlink:
                raise _gone()
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _is(path: Path, upload: Upload) -> bool:
        """Whether the file is the announced segment, whole."""
        with files.translated(path), path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != upload.length:
                return False
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest() == upload.sha256


def _taken(upload: Upload) -> tus.RefusedError:
    return tus.RefusedError(409, f"another segment {upload.n} of this recording is kept already")


def _gone() -> tus.RefusedError:
    return tus.RefusedError(404, "there is no such upload (any more): create it again")
