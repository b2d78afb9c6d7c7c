"""The journal's core is the same on a microcontroller: same file, same bytes, run by the MicroPython unix port."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"

SCRIPT = """
import sys
sys.path.insert(0, ".")
from binascii import crc32
from agent.journal.log import Journal

class RamStore:
    def __init__(self):
        self.files = {}
        self.failing = 0
    def names(self):
        return list(self.files)
    def _file(self, name):
        if name not in self.files:
            raise OSError(2)
        return self.files[name]
    def size(self, name):
        return len(self._file(name))
    def read(self, name, offset, n):
        return bytes(self._file(name)[offset:offset + n])
    def create(self, name):
        if name in self.files:
            raise OSError(17)
        self.files[name] = b""
    def append(self, name, data):
        self.files[name] = self._file(name) + data
    def truncate(self, name, size):
        self.files[name] = self._file(name)[:size]
    def sync(self, name):
        if self.failing:
            self.failing -= 1
            raise OSError(5)
        self._file(name)
    def replace(self, old, new):
        self.files[new] = self._file(old)
        del self.files[old]
    def remove(self, name):
        self._file(name)
        del self.files[name]
    def sync_dir(self):
        pass
    def free_bytes(self):
        return 1 << 20

def show(store, journal):
    for name in sorted(store.files):
        print(name, len(store.files[name]), crc32(store.files[name]))
    print(sorted(journal.notes.items()), journal.last, journal.kept_position, journal.unsettled_count())
    print([gap[:3] for gap in journal.take_gaps()])
    for lane in (0, 1):
        position = 0
        while True:
            entry = journal.next(lane, position)
            if entry is None:
                break
            position = entry[0]
            print(entry)

store = RamStore()
for boot in range(1, 5):
    journal = Journal(store, max_bytes=8192, segment_bytes=1024, scan_bytes=512)
    report = journal.open()
    print(report.events, report.unsettled, report.bytes_cut, report.damaged, report.removed)
    journal.note("boot", boot)
    for seq in range(1, 60):
        journal.append((3, 2, 3, 1, 3, 0)[seq % 6], boot, seq, bytes([seq]) * 16, b"envelope %d" % seq * (seq % 9))
        if seq % 3 == 0:
            journal.sync()
        if seq == 30:
            store.failing = 1
        if seq % 20 == 0:
            print(journal.settle(boot, seq - 9, seq - 2), journal.get(boot, seq - 1))
    journal.sync()
    journal.take_gaps()
    if boot == 2:
        journal.append(1, boot, 100, bytes(16), b"gap")
        journal.sync()
        journal.gaps_declared()
    if boot == 3:
        newest = max(store.files)
        store.files[newest] += b"torn"
    show(store, journal)
try:
    journal.append(0, 4, 1, bytes(16), b"")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_micropython_writes_and_reads_the_same_bytes(tmp_path: Path) -> None:
    script = tmp_path / "scenario.py"
    script.write_text(SCRIPT)
    outputs = [
        subprocess.run([program, str(script)], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
        for program in (sys.executable, str(MICROPYTHON))
    ]
    assert [output.stderr for output in outputs] == ["", ""]
    assert outputs[0].stdout.count("\n") > 100
    assert "DuplicateEvent" in outputs[0].stdout
    assert outputs[1].stdout == outputs[0].stdout
