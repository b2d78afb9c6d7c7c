# A NOR flash of 4 KB blocks in a file of the host: what a power cut leaves of it is what the file holds. Each erase and each program is told
# to the host, which keeps the wear; faults are planned by the host in numbers of such operations.
#
# No interrupt is served within an operation, as a real driver runs no Python; and nothing is allocated, because the collector closes files
# that were left open, with the heap locked.
#
# Ctrl-C comes at a jump. There is none between an operation's `try` and its caller.
import os
import struct
import time

import sim_bus
import vfs

BLOCK = 4096
_PROGRAM, _ERASE, _FAILURE = 1, 2, 3
_EIO = 5
_ERASED = b"\xff" * BLOCK
_record = bytearray(sim_bus.SIZE)
_interrupted = False


class Flash:
    """The block device."""

    _cut_after = -1  # operations until the cut; below zero there is none
    _tear = "none"
    _random = 1
    _fail_after = 0
    _fail_count = 0
    _bad = ()

    def __init__(self, path, faults):
        self._file = open(path, "r+b")
        self._blocks = self._file.seek(0, 2) // BLOCK
        self.plan(faults)
        sim_bus.handlers[sim_bus.FAULTS] = lambda number, value, extra, payload: self.plan(sim_bus.json.loads(payload))

    def plan(self, faults):
        """Which operations from now on go wrong; what is not named stays planned."""
        self._cut_after = faults.get("cut_after", self._cut_after)
        self._tear = faults.get("tear", self._tear)
        self._random = faults.get("seed", self._random)
        self._fail_after = faults.get("fail_after", self._fail_after)
        self._fail_count = faults.get("fail_count", self._fail_count)
        self._bad = faults.get("bad_blocks", self._bad)

    def readblocks(self, block, buffer, offset=0):
        try:
            return _done(self._read(block, buffer, offset))
        except KeyboardInterrupt:
            _once_more()
            return self.readblocks(block, buffer, offset)

    def writeblocks(self, block, buffer, offset=None):
        try:
            return _done(self._write(block, buffer, offset))
        except KeyboardInterrupt:
            _once_more()
            return self.writeblocks(block, buffer, offset)

    def ioctl(self, operation, argument):
        try:
            return _done(self._control(operation, argument))
        except KeyboardInterrupt:
            _once_more()
            return self.ioctl(operation, argument)

    def _read(self, block, buffer, offset):
        sim_bus.busy = True
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)
        sim_bus.busy = False

    def _write(self, block, buffer, offset):
        if offset is None:
            for i in range(len(buffer) // BLOCK):
                self._change(_ERASE, block + i, 0, _ERASED)
            offset = 0
        self._change(_PROGRAM, block, offset, buffer)

    def _control(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._change(_ERASE, argument, 0, _ERASED)
        return 0

    def _change(self, what, block, offset, data):
        sim_bus.busy = True
        failed = self._changed(what, block, offset, data)
        sim_bus.busy = False
        if failed:
            raise OSError(_EIO)

    def _changed(self, what, block, offset, data):
        if self._cut_after == 0:
            data = self._torn(block, offset, data)
        failed = block in self._bad or self._fails()
        if not failed:
            self._file.seek(block * BLOCK + offset)
            self._file.write(data)
        struct.pack_into(
            sim_bus.RECORD,
            _record,
            0,
            sim_bus.FLASH,
            _FAILURE if failed else what,
            0,
            block,
            len(data),
            time.ticks_us(),
        )
        sim_bus._events.write(_record)
        if self._cut_after == 0 and not failed:
            sim_bus.halt(sim_bus.POWER_CUT)
        if self._cut_after > 0:
            self._cut_after -= 1
        return failed

    def _fails(self):
        if self._fail_count and self._fail_after:
            self._fail_after -= 1
        elif self._fail_count:
            self._fail_count -= 1
            return True
        return False

    def _torn(self, block, offset, data):
        done = self._chance() % (len(data) + 1)
        rest = bytearray(len(data) - done)
        if self._tear == "old":
            self._file.seek(block * BLOCK + offset + done)
            self._file.readinto(rest)
        elif self._tear == "random":
            for i in range(len(rest)):
                rest[i] = self._chance() & 255
        else:  # "none": the cut falls between two operations
            return data
        return bytes(data[:done]) + rest

    def _chance(self):
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        return self._random >> 8


def _once_more():
    """Ctrl-C must not leave LittleFS in the middle of its C code: the operation is done again, and Ctrl-C comes after it."""
    global _interrupted
    _interrupted = True


def _done(answer):
    global _interrupted
    if _interrupted:
        _interrupted = False
        sim_bus.again()
    return answer


def mount(flash):
    """Mount the flash at "/", made new where there is no file system on it."""
    vfs.umount("/")
    try:
        vfs.mount(flash, "/")
    except OSError:
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(flash, "/")
    os.chdir("/")
