"""A simulated disk for the journal: page cache and durable medium are two things, and the power can go at any moment.

It implements the store that `agent.journal` asks for, at the same level as the Linux folder does. What was not synced
may survive a power cut wholly, in part (torn at any byte, or sector by sector, with zeros or rubbish between), or not at
all; names that were made, renamed or removed without `sync_dir` may or may not be so. A failed sync drops what was
dirty: a second sync then succeeds and still proves nothing, as on Linux. Deterministic: all chance comes from the
`random.Random` passed in. It never raises anything but `OSError`.
"""

import errno
import os
from collections.abc import Callable
from random import Random
from typing import Literal

SECTOR = 512
Tear = Literal["none", "all", "torn", "sectors", "mixed"]
TEARS: tuple[Tear, ...] = ("none", "all", "torn", "sectors", "mixed")


class _File:
    """Content as the process sees it, and as the medium holds it."""

    def __init__(self) -> None:
        self.cache = bytearray()
        self.durable = b""
        self.dropped = 0  # bytes before here that are not durable by now never will be

    def copy(self) -> "_File":
        twin = _File()
        twin.cache = bytearray(self.cache)
        twin.durable = self.durable
        twin.dropped = self.dropped
        return twin


class SimulatedDisk:
    """One folder on a disk that can fail and lose its power.

    Args:
        capacity: bytes that fit, page cache included.
        on_change: called with the name of the operation before each one that changes anything; it may raise.

    Attributes:
        capacity: may be changed at any time.
        read_only: every change fails with EROFS.
        faults: per operation, errnos of its next calls (0 = succeeds); ``{"sync": [EIO]}`` fails one sync.
        operations: how many changes were asked for.
    """

    def __init__(self, capacity: int = 1 << 40, on_change: Callable[[str], None] | None = None) -> None:
        self.capacity = capacity
        self.on_change = on_change
        self.read_only = False
        self.faults: dict[str, list[int]] = {}
        self.operations = 0
        self._files: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._pending: list[tuple[str, str, str, _File]] = []  # operation, name, other name, file

    # What the journal asks for

    def names(self) -> list[str]:
        """Names of all files."""
        self._fault("names")
        return list(self._files)

    def size(self, name: str) -> int:
        """Bytes in a file."""
        return len(self._file(name).cache)

    def read(self, name: str, offset: int, n: int) -> bytes:
        """At most `n` bytes from `offset` on."""
        self._fault("read")
        return bytes(self._file(name).cache[offset : offset + n])

    def create(self, name: str) -> None:
        """Make an empty file."""
        self._change("create")
        if name in self._files:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        file = self._files[name] = _File()
        self._pending.append(("create", name, "", file))

    def append(self, name: str, data: bytes) -> None:
        """Write at the end; on a full disk, as much as fits."""
        file = self._file(name)
        try:
            self._change("append")
        except OSError:
            file.cache += data[: len(data) // 2]  # part of it may be there
            raise
        room = self.free_bytes()
        file.cache += data[: max(0, room)]
        if room < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        self._change("truncate")
        file = self._file(name)
        del file.cache[size:]
        file.dropped = min(file.dropped, size)  # what is written there from now on is dirty again

    def sync(self, name: str) -> None:
        """Make content durable, or lose what was dirty."""
        file = self._file(name)
        try:
            self._change("sync", writes=False)
        except OSError:
            file.dropped = len(file.cache)
            raise
        lost = range(len(file.durable), min(file.dropped, len(file.cache)))
        durable = bytearray(file.cache)
        durable[lost.start : lost.stop] = bytes(len(lost))
        file.durable = bytes(durable)

    def replace(self, old: str, new: str) -> None:
        """Rename over."""
        self._change("replace")
        file = self._file(old)
        del self._files[old]
        self._files[new] = file
        self._pending.append(("replace", old, new, file))

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._change("remove")
        file = self._file(name)
        del self._files[name]
        self._pending.append(("remove", name, "", file))

    def sync_dir(self) -> None:
        """Make all names durable."""
        self._change("sync_dir", writes=False)
        self._durable = dict(self._files)
        self._pending = []

    def free_bytes(self) -> int:
        """Bytes that still fit."""
        return self.capacity - sum(len(file.cache) for file in self._files.values())

    def reserve(self, name: str, size: int) -> None:
        """Make a file of zeros, or nothing if it does not fit."""
        if self.free_bytes() < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        self.create(name)
        self._files[name].cache += bytes(size)

    # What a test does to it

    def snapshot(self) -> "SimulatedDisk":
        """An independent copy, page cache and all, without faults and callbacks."""
        twin = SimulatedDisk(self.capacity)
        twins: dict[int, _File] = {}
        for file in (*self._files.values(), *self._durable.values(), *(entry[3] for entry in self._pending)):
            twins.setdefault(id(file), file.copy())
        twin._files = {name: twins[id(file)] for name, file in self._files.items()}
        twin._durable = {name: twins[id(file)] for name, file in self._durable.items()}
        twin._pending = [(op, name, other, twins[id(file)]) for op, name, other, file in self._pending]
        return twin

    def after_power_cut(self, tear: Tear, random: Random) -> "SimulatedDisk":
        """The disk as the next start finds it.

        Args:
            tear: what survives of everything that was not synced: "none", "all", "torn" (each file up to some byte,
                names up to some operation), "sectors" (each sector on its own, rubbish between, names one by one) or
                "mixed" (one of these for each file).
            random: source of all chance.
        """
        names = dict(self._durable)
        pending = self._pending
        if tear == "none":
            pending = []
        elif tear == "torn":
            pending = pending[: random.randint(0, len(pending))]
        elif tear in {"sectors", "mixed"}:
            pending = [entry for entry in pending if random.random() < 0.5]
        for operation, name, other, file in pending:
            if operation == "create":
                names.setdefault(name, file)
            elif operation == "replace":
                names.pop(name, None)
                names[other] = file
            elif names.get(name) is file:
                del names[name]
        survived = SimulatedDisk(self.capacity)
        for name, file in names.items():
            kept = _File()
            how = random.choice(TEARS[:4]) if tear == "mixed" else tear
            kept.durable = _survivor(file, how, random)
            kept.cache = bytearray(kept.durable)
            survived._files[name] = survived._durable[name] = kept
        return survived

    def damage(self, name: str, offset: int, data: bytes) -> None:
        """Change bytes on the medium itself."""
        file = self._file(name)
        file.cache[offset : offset + len(data)] = data
        file.durable = file.durable[:offset] + data + file.durable[offset + len(data) :]

    def content(self) -> dict[str, bytes]:
        """All files as the process sees them."""
        return {name: bytes(file.cache) for name, file in self._files.items()}

    def _file(self, name: str) -> _File:
        try:
            return self._files[name]
        except KeyError:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None

    def _change(self, operation: str, *, writes: bool = True) -> None:
        self.operations += 1
        if self.on_change is not None:
            self.on_change(operation)
        self._fault(operation)
        if self.read_only and writes:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def _fault(self, operation: str) -> None:
        waiting = self.faults.get(operation)
        if waiting:
            number = waiting.pop(0)
            if number:
                raise OSError(number, os.strerror(number))


def _survivor(file: _File, tear: str, random: Random) -> bytes:
    """What the medium holds of a file after the cut."""
    old, new = file.durable, bytes(file.cache)
    lost = min(file.dropped, len(new))
    if lost > len(old):
        new = new[: len(old)] + bytes(lost - len(old)) + new[lost:]
    if tear == "none" or old == new:
        return old
    if tear == "all":
        return new
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if tear == "torn":
        return new[: random.randint(same, len(new))] if len(new) > same else random.choice((old, new))
    end = random.randint(min(len(old), len(new)), max(len(old), len(new)))
    out = bytearray(old[:same])
    while len(out) < end:
        start = len(out)
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        source = random.choice((old, new, new, bytes(stop), random.randbytes(stop)))
        out += source[start:stop].ljust(stop - start, b"\0")
    return bytes(out)
