"""The chain of custody: one log a recording, append-only, in which each entry holds the hash of the one before.

Each line is a JSON object: ``n`` from 1, ``at`` (ms since 1970 UTC), ``who``, ``act``, ``about`` (a map, by act), and ``prev``, SHA-256
of the line before in hex, 64 zeros in the first. An entry is on the disk before what it tells of is handed out. What a signature over
the whole log adds, ``signed``, is that a log which was cut or made anew does not pass for the one that was exported.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.keys import p256
from agent.keys.certificate import Certificate
from agent.keys.chain import verify_chain
from agent.keys.errors import KeysError
from agent.keys.names import CENTER
from agent.keys.secret_file import sync_directory
from agent.wire import cbor, cose
from agent.wire.errors import WireError
from center.evidence import files
from center.evidence.errors import CustodyError

NAME = "custody.jsonl"
CONTEXT = b"dabyl/v1/custody"
"""``external_aad`` of the signature over an exported log."""
FIRST_PREV = "0" * 64
MAX_LINE = 8_192
MAX_LOG = 512 * 1024 * 1024
MAX_WHO = 200
_KEYS = {"n", "at", "who", "act", "about", "prev"}


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Custody:
    """The log of one recording. Processes and threads may append at the same time."""

    def __init__(self, folder: Path, clock_ms: Callable[[], int] = now_ms) -> None:
        self.path = folder / NAME
        self._clock_ms = clock_ms

    def note(self, who: str, act: str, about: Mapping[str, object]) -> dict[str, object]:
        """Append an entry, durably, and return it.

        Raises:
            CustodyError: the log's last line is damaged, or the entry is too long.
            StoreError: the disk does not take it; the log is as it was.
        """
        with self._locked() as descriptor:
            size = os.fstat(descriptor).st_size
            last = _last_line(descriptor, size, self.path)
            n, prev = (_entry(last, self.path)["n"], _digest(last)) if last else (0, FIRST_PREV)
            entry: dict[str, object] = {
                "n": int(str(n)) + 1,
                "at": self._clock_ms(),
                "who": who[:MAX_WHO],
                "act": act,
                "about": dict(about),
                "prev": prev,
            }
            line = json.dumps(entry, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"
            if len(line) > MAX_LINE:
                raise CustodyError(f"{self.path}: an entry of more than {MAX_LINE} bytes: tell less")
            with files.translated(self.path):
                try:
                    files.write_all(descriptor, line)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
        return entry

    @contextmanager
    def _locked(self) -> Iterator[int]:
        with files.translated(self.path):
            fresh = not self.path.exists()
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o600)
        try:
            if fresh:
                with files.translated(self.path):
                    sync_directory(str(self.path.parent))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def read(path: Path) -> list[dict[str, object]]:
    """All entries of a log, whose chain was verified.

    Raises:
        CustodyError: a line is malformed, altered, missing, or in another's place.
        StoreError: the file cannot be read.
    """
    contents = files.read(path, MAX_LOG)
    if contents is None:
        raise CustodyError(f"there is no log {path}")
    entries: list[dict[str, object]] = []
    prev = FIRST_PREV
    if contents and not contents.endswith(b"\n"):
        raise CustodyError(f"{path}: the last line is torn")
    for number, line in enumerate(contents.splitlines(keepends=True), 1):
        entry = _entry(line, path)
        if entry["n"] != number or entry["prev"] != prev:
            raise CustodyError(f"{path}: line {number} does not follow the one before: the log was altered")
        prev = _digest(line)
        entries.append(entry)
    return entries


def signed(path: Path, center: str, signer: "cose.Signer", chain: list[bytes], at_ms: int) -> bytes:
    """The center's signature over a log as it is, with its certificates: what `check_signed` reads.

    Raises:
        CustodyError, StoreError: as ``read``.
    """
    entries = read(path)
    payload = {"center": center, "at": at_ms, "entries": len(entries), "sha256": _whole(path)}
    return cose.sign(cbor.dumps(payload), CONTEXT, signer, cose.x5chain(chain))


def check_signed(path: Path, document: bytes, roots: Sequence[Certificate]) -> tuple[str, int]:
    """Which center signed the log at ``path`` as it is now, and when (ms since 1970 UTC).

    Raises:
        CustodyError: the log is not the one that was signed, or no center that the roots vouch for has signed it.
        StoreError: the log cannot be read.
    """
    try:
        parts = cose.parse(document)
        told = cbor.loads(parts.payload)
        at_ms = told.get("at") if isinstance(told, dict) else None
        if not isinstance(told, dict) or type(at_ms) is not int:
            raise CustodyError("the document is no signature over a log of custody")
        who = verify_chain(cose.certificate_chain(parts), roots, at_ms, role=CENTER)
        check = p256.verifier(who.public_der)
        cose.verify(document, CONTEXT, lambda kid: check if kid == who.kid else None)
    except (WireError, KeysError) as error:
        raise CustodyError(f"no center that is trusted has signed it: {error}") from None
    read(path)
    if told.get("sha256") != _whole(path):
        raise CustodyError(f"{path} is not the log that was signed")
    return who.identity, at_ms


def _whole(path: Path) -> bytes:
    return hashlib.sha256(files.read(path, MAX_LOG) or b"").digest()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _entry(line: bytes, path: Path) -> dict[str, object]:
    try:
        entry = json.loads(line) if len(line) <= MAX_LINE else None
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or set(entry) != _KEYS or type(entry["n"]) is not int:
        raise CustodyError(f"{path}: a line is no entry of a custody log: the file is damaged or was altered")
    return entry


def _last_line(descriptor: int, size: int, path: Path) -> bytes:
    """The log's last line. A torn one, which a power cut leaves, is cut off: what it would have told of was never handed out."""
    tail = os.pread(descriptor, 2 * MAX_LINE, max(0, size - 2 * MAX_LINE))
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        if not whole and size > len(tail):
            raise CustodyError(f"{path}: the end of the log is damaged")
        os.ftruncate(descriptor, size - (len(tail) - whole))
    start = tail.rfind(b"\n", 0, max(0, whole - 1)) + 1
    return tail[start:whole]
