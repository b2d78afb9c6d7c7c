"""The journal on real files: modes, lock, kill -9, a full and a read-only disk, all in real processes and folders."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.journal.disk import DiskStore
from agent.journal.errors import JournalInUse
from agent.journal.log import Journal

Append = Callable[..., int]
ROOT = Path(__file__).parents[3]


def on_disk(path: Path, **sizes: int) -> tuple[Journal, DiskStore]:
    store = DiskStore(str(path))
    journal = Journal(store, **({"max_bytes": 1 << 20, "segment_bytes": 4096} | sizes))
    journal.open()
    return journal, store


def test_files_are_readable_by_this_user_alone_whatever_the_umask(tmp_path: Path, append: Append) -> None:
    before = os.umask(0)
    try:
        journal, store = on_disk(tmp_path / "journal")
        append(journal, 0, 1, 1)
        assert journal.sync()
    finally:
        os.umask(before)
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "journal").iterdir()} == {0o600}
    store.close()


def test_what_was_kept_is_there_in_the_next_process(tmp_path: Path, append: Append) -> None:
    journal, store = on_disk(tmp_path)
    journal.note("boot", 1)
    for seq in range(1, 200):
        append(journal, seq % 4, 1, seq)
    assert journal.sync()
    journal.settle(1, 1, 100)
    assert journal.sync()
    store.close()
    again, store = on_disk(tmp_path)
    assert again.unsettled_count() == 99
    assert again.notes == {"boot": 1}
    assert again.last == journal.last
    store.close()


def test_compaction_works_on_real_files(tmp_path: Path, append: Append) -> None:
    journal, store = on_disk(tmp_path, max_bytes=16384)
    for seq in range(1, 400):
        append(journal, 3 if seq % 5 else 0, 1, seq)
        if seq % 3 == 0:
            assert journal.sync()
    append(journal, 0, 1, 400)  # behind it, no gap waits in memory
    assert journal.sync()
    store.close()
    again, store = on_disk(tmp_path, max_bytes=1 << 20)
    assert again.unsettled_count(0) == 80
    assert again.take_gaps() == journal.take_gaps() != []
    store.close()


def test_two_processes_cannot_open_one_journal(tmp_path: Path) -> None:
    _journal, store = on_disk(tmp_path)
    script = (
        "import sys\nfrom agent.journal.disk import DiskStore\nfrom agent.journal.errors import JournalInUse\n"
        "try:\n    DiskStore(sys.argv[1])\nexcept JournalInUse:\n    sys.exit(7)\n"
    )
    run = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(run, cwd=ROOT, check=False).returncode == 7
    with pytest.raises(JournalInUse, match="stop the other agent"):
        DiskStore(str(tmp_path))
    store.close()
    assert subprocess.run(run, cwd=ROOT, check=False).returncode == 0


def test_a_folder_that_cannot_be_made_leaves_the_journal_working_in_memory(tmp_path: Path, append: Append) -> None:
    (tmp_path / "file").write_text("in the way")
    journal, store = on_disk(tmp_path / "file" / "journal")
    append(journal, 0, 1, 1)
    assert not journal.sync()
    assert journal.trouble is not None
    assert journal.unsettled_count(0) == 1
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    assert journal.sync()
    store.close()


def test_a_segment_that_is_a_symbolic_link_is_not_followed(tmp_path: Path, append: Append) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "00000001.seg").symlink_to(target)
    journal, store = on_disk(tmp_path / "journal")
    append(journal, 0, 1, 1)
    assert journal.sync()
    assert target.read_bytes() == b"precious"
    store.close()


WRITER = """
import sys
from hashlib import sha256
from agent.journal.disk import DiskStore
from agent.journal.log import Journal
journal = Journal(DiskStore(sys.argv[1]), max_bytes=1 << 20, segment_bytes=4096)
journal.open()
boot = journal.notes.get("boot", 0) + 1
journal.note("boot", boot)
if not journal.sync():
    sys.exit(3)
seq = 0
while True:
    for _ in range(seq % 5 + 1):
        seq += 1
        envelope = b"%d/%d " % (boot, seq) * 20
        journal.append(0, boot, seq, sha256(envelope).digest()[:16], envelope)
    if journal.sync():
        sys.stdout.write("%d %d\\n" % (boot, seq))
        sys.stdout.flush()
"""


def test_nothing_that_was_told_as_kept_is_lost_by_kill_9(tmp_path: Path) -> None:
    kept: list[tuple[int, int]] = []
    for turn in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(3 + turn * 7):
                boot, seq = process.stdout.readline().split()
            process.send_signal(signal.SIGKILL)
            lines = process.stdout.read().splitlines()
            kept.append((int(boot), int(seq)))
            kept += [(int(line.split()[0]), int(line.split()[1])) for line in lines if line.count(" ") == 1]
    assert max(kept)[0] == 8
    journal, store = on_disk(tmp_path)
    owed = {(entry[2], entry[3]): entry[4] for entry in journal.unsettled_alarms()}
    for boot_number, last in kept:
        for number in range(1, last + 1):
            assert owed[boot_number, number] == b"%d/%d " % (boot_number, number) * 20
    store.close()


FULL = """
import sys
from agent.journal.disk import DiskStore
from agent.journal.log import Journal
journal = Journal(DiskStore(sys.argv[1]), max_bytes=1 << 24, segment_bytes=16384)
journal.open()
for seq in range(1, 2001):
    journal.append(3 if seq % 10 else 0, 1, seq, bytes(16), b"x" * 300)
    journal.sync()
for seq in range(2001, 2051):
    journal.append(0, 1, seq, bytes(16), b"y" * 300)
    journal.sync()
print(journal.kept_position, journal.unsettled_count(0), journal.unsettled_count(3), journal.trouble is not None)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_really_full_disk_alarms_are_kept_and_telemetry_gives_way(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        run = [sys.executable, "-c", FULL, str(tmp_path / "journal")]
        out = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
        assert out[:2] == ["2050", "250"]
        assert int(out[2]) < 1000
        journal, store = on_disk(tmp_path / "journal", max_bytes=1 << 24)
        assert journal.unsettled_count(0) == 250
        store.close()
    finally:
        subprocess.run(["/bin/umount", str(tmp_path)], check=True)


def test_a_limit_on_file_size_is_trouble_like_any_other(tmp_path: Path) -> None:
    script = (
        "import signal, sys\nfrom agent.journal.disk import DiskStore\nfrom agent.journal.log import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal(DiskStore(sys.argv[1]), max_bytes=1 << 20, segment_bytes=65536)\njournal.open()\n"
        "for seq in range(1, 101):\n    journal.append(0, 1, seq, bytes(16), b'z' * 300)\n    journal.sync()\n"
        "print(journal.unsettled_count(0), journal.trouble is not None)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    run = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True, preexec_fn=limit)
    assert process.stdout.split()[0] == "100"
    journal, store = on_disk(tmp_path)
    assert journal.report.events >= 20
    store.close()
