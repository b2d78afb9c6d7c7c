"""The journal's store on a board's flash: LittleFS run by MicroPython over a chip that wears, fills, fails and loses its power."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.journal.log import Journal
from devices.firmware.flash import BOUNDS, FlashStore

ROOT = Path(__file__).parents[3]
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"


def run_on_micropython(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(MICROPYTHON), *arguments], cwd=ROOT, check=False, capture_output=True, text=True, timeout=110
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-500:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def store(tmp_path: Path) -> FlashStore:
    store = FlashStore(str(tmp_path / "journal"))
    assert store.names() == []
    return store


def test_what_is_appended_is_read_back_from_any_place(store: FlashStore) -> None:
    store.create("a")
    assert store.size("a") == 0
    store.append("a", b"one")
    store.append("a", b"two")
    assert (store.size("a"), store.read("a", 2, 3), store.read("a", 4, 99)) == (6, b"etw", b"wo")
    assert FlashStore(store._path).read("a", 0, 6) == b"onetwo"


def test_a_file_is_made_once_and_a_missing_one_is_told(store: FlashStore) -> None:
    store.create("a")
    with pytest.raises(OSError, match="exists") as told:
        store.create("a")
    assert told.value.errno == errno.EEXIST
    for missing in (
        lambda: store.sync("b"),
        lambda: store.size("b"),
        lambda: store.read("b", 0, 1),
        lambda: store.remove("b"),
    ):
        with pytest.raises(OSError, match="No such") as told:
            missing()
        assert told.value.errno == errno.ENOENT
    store.sync("a")
    store.sync_dir()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1300, 1500])
def test_a_cut_file_keeps_its_beginning_and_goes_on_there(store: FlashStore, size: int) -> None:
    content = bytes(n % 251 for n in range(1500))
    store.create("a")
    store.append("a", content)
    store.truncate("a", size)
    store.append("a", b"end")
    assert store.read("a", 0, 9999) == content[:size] + b"end"
    assert store.names() == ["a"]


def test_what_an_interrupted_cut_leaves_is_removed_when_the_journal_opens(
    store: FlashStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(store, **BOUNDS)
    journal.open()
    journal.append(0, 1, 1, bytes(16), b"pressed")
    assert journal.sync()
    (name,) = [name for name in store.names() if name.endswith(".seg")]
    whole = store.size(name)
    store.append(name, b"torn")
    with monkeypatch.context() as without_power:
        without_power.setattr("os.rename", lambda _old, _new: (_ for _ in ()).throw(OSError(errno.EIO)))
        with pytest.raises(OSError, match="5"):
            store.truncate(name, whole)
    assert store.size(name) == whole + 4
    again = Journal(store, **BOUNDS)
    report = again.open()
    assert (report.removed, report.bytes_cut, again.get(1, 1)) == (["cut.new"], 4, (1, 0, 1, 1, b"pressed"))
    assert [left for left in store.names() if left != "reserve"] == [name]
    assert store.size(name) == whole


def test_a_tail_torn_in_any_position_costs_nothing_before_it(tmp_path: Path) -> None:
    first = FlashStore(str(tmp_path / "whole"))
    journal = Journal(first, **BOUNDS)
    journal.open()
    ends = []
    for seq in range(1, 5):
        journal.append(seq % 2, 1, seq, bytes(16), b"event %d" % seq)
        assert journal.sync()
        (name,) = [name for name in first.names() if name.endswith(".seg")]
        ends.append(first.size(name))
    content = first.read(name, 0, ends[-1])
    for size in range(len(content)):
        store = FlashStore(str(tmp_path / str(size)))
        store.names()  # makes the folder
        store.create(name)
        store.append(name, content[:size])
        before = {(1, seq): b"event %d" % seq for seq, end in enumerate(ends, 1) if end <= size}
        torn = Journal(store, **BOUNDS)
        torn.open()
        assert held(torn) == before, size
        torn.append(0, 2, 1, bytes(16), b"pressed")
        assert torn.sync()
        again = Journal(store, **BOUNDS)
        again.open()
        assert held(again) == {**before, (2, 1): b"pressed"}, size


def held(journal: Journal) -> dict[tuple[int, int], bytes]:
    """(boot, number) -> envelope of the events that the journal of the test above has."""
    places = [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1)]
    return {place: entry[4] for place in places if (entry := journal.get(*place)) is not None}


def test_a_file_is_not_cut_to_more_than_it_has(store: FlashStore) -> None:
    store.create("a")
    store.append("a", b"abc")
    with pytest.raises(OSError, match="5"):
        store.truncate("a", 4)
    assert store.read("a", 0, 9) == b"abc"


def test_renaming_takes_the_place_of_what_was_there(store: FlashStore) -> None:
    for name in ("a", "b"):
        store.create(name)
        store.append(name, name.encode())
    store.replace("a", "b")
    assert (store.names(), store.read("b", 0, 9)) == (["b"], b"a")
    store.remove("b")
    assert store.names() == []


def test_the_reserve_really_takes_its_room(store: FlashStore) -> None:
    store.reserve("reserve", 1300)
    assert (store.size("reserve"), store.read("reserve", 0, 2000)) == (1300, bytes(1300))
    assert store.free_bytes() > 0


def test_the_bounds_for_boards_fit_each_other(store: FlashStore) -> None:
    journal = Journal(store, **BOUNDS)
    journal.open()
    journal.append(0, 1, 1, bytes(16), b"pressed")
    assert journal.sync()
    again = Journal(FlashStore(store._path), **BOUNDS)
    again.open()
    assert again.get(1, 1) == (1, 0, 1, 1, b"pressed")


FULL = """
import json, os, random, vfs
from agent.journal.log import Journal
from devices.firmware.flash import FlashStore
from simulators.flash.nor import NorFlash

chance = lambda n: random.randint(0, n - 1)
random.seed(5)
chip = NorFlash(24, chance)
vfs.VfsLfs2.mkfs(chip)
vfs.mount(vfs.VfsLfs2(chip), "/flash")
store = FlashStore("/flash/journal")
store.names()
told = {"changed": 0, "refused": 0, "halves": 0}

store.create("a")
store.append("a", b"whole " * 20)
before = store.read("a", 0, 9999)
chip.failing = True
for change in (lambda: store.append("a", b"x"), lambda: store.append("a", bytes(5000)), lambda: store.truncate("a", 50)):
    try:
        change()
    except OSError as error:
        told["refused"] += error.errno == 5
    told["changed"] += store.read("a", 0, 9999) != before
chip.failing = False
store.append("a", b"more")
told["changed"] += store.read("a", 0, 9999) != before + b"more"

try:
    store.reserve("big", 1 << 20)
except OSError as error:
    told["refused"] += error.errno == 28
told["halves"] += "big" in store.names()
told["free"] = store.free_bytes()
store.remove("a")

bounds = {"max_bytes": 49152, "segment_bytes": 4096, "unkept_bytes": 4096, "scan_bytes": 4096}
journal = Journal(store, **bounds)
journal.open()
kept = []
waiting = []
seq = 0
while journal.trouble is None or journal.trouble[0] != 28 or len(waiting) < 20:
    seq += 1
    waiting.append((journal.append(0, 1, seq, bytes(16), b"alarm %d " % seq * 20), seq))
    journal.sync()
    while waiting and waiting[0][0] <= journal.kept_position:
        kept.append(waiting.pop(0)[1])
told["files_made_while_full"] = len(store.names())
for _ in range(50):
    journal.sync()
told["files_made_while_full"] -= len(store.names())
told["kept"] = len(kept)
told["trouble"] = journal.trouble[0]
told["free_when_full"] = store.free_bytes()

def lost(journal, names):
    return len([seq for seq in names if journal.get(1, seq) is None or journal.get(1, seq)[4] != b"alarm %d " % seq * 20])

vfs.umount("/flash")
vfs.mount(vfs.VfsLfs2(chip), "/flash")
again = Journal(FlashStore("/flash/journal"), **bounds)
again.open()
told["lost"] = lost(again, kept)
journal.settle(1, 1, kept[-1] // 2)
told["clean_at_last"] = int(journal.sync())
told["lost_at_last"] = lost(journal, kept[len(kept) // 2 + 1:] + [seq for _position, seq in waiting])
print(json.dumps(told))
"""


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_a_full_or_failing_flash_loses_nothing_and_changes_nothing_by_half() -> None:
    told = run_on_micropython("-c", FULL)
    assert told.pop("kept") > 50
    assert told.pop("free") > 40_000
    assert 0 <= told.pop("free_when_full") <= 8192
    assert told == {
        "changed": 0, "refused": 4, "halves": 0, "trouble": errno.ENOSPC, "files_made_while_full": 0, "lost": 0, "clean_at_last": 1,
        "lost_at_last": 0,
    }  # fmt: skip


STEPS = """
import json, random, vfs
from devices.firmware.flash import FlashStore
from simulators.flash.nor import NorFlash

chance = lambda n: random.randint(0, n - 1)
random.seed(6)
OLD, OTHER = b"old " * 300, b"other " * 200
fresh = NorFlash(24, chance)
vfs.VfsLfs2.mkfs(fresh)
vfs.mount(vfs.VfsLfs2(fresh), "/flash")
store = FlashStore("/flash/journal")
store.names()
for name, content in (("a", OLD), ("b", OTHER)):
    store.create(name)
    store.append(name, content)
vfs.umount("/flash")
content = bytes(fresh._content)

def after(change, cut_at):
    fresh._content[:] = content
    chip = NorFlash(24, chance, fresh)
    chip.cut_at = cut_at
    vfs.mount(vfs.VfsLfs2(chip), "/flash")
    try:
        change(FlashStore("/flash/journal"))
    except OSError:
        pass
    vfs.umount("/flash")
    vfs.mount(vfs.VfsLfs2(NorFlash(24, chance, chip)), "/flash")
    store = FlashStore("/flash/journal")
    left = {name: store.read(name, 0, 9999) for name in store.names() if not name.endswith(".new")}
    vfs.umount("/flash")
    return chip.on, left

told = {}
for name, change, before, done in (
    ("truncate", lambda store: store.truncate("a", 1000), {"a": OLD, "b": OTHER}, {"a": OLD[:1000], "b": OTHER}),
    ("append", lambda store: store.append("a", b"more" * 50), {"a": OLD, "b": OTHER}, {"a": OLD + b"more" * 50, "b": OTHER}),
    ("replace", lambda store: store.replace("a", "b"), {"a": OLD, "b": OTHER}, {"b": OLD}),
    ("remove", lambda store: store.remove("a"), {"a": OLD, "b": OTHER}, {"b": OTHER}),
):
    kept = changed = broken = 0
    cut_at = 0
    alive = False
    while not alive:
        cut_at += 1
        for _ in range(6):
            alive, left = after(change, cut_at)
            if left == done:
                changed += 1
            elif left == before and not alive:
                kept += 1
            else:
                broken += 1
    told[name] = [kept > 0, changed > 0, broken]
print(json.dumps(told))
"""


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
def test_each_change_is_done_wholly_or_not_at_all_wherever_the_power_goes() -> None:
    told = run_on_micropython("-c", STEPS)
    assert told == {name: [True, True, 0] for name in ("append", "remove", "replace", "truncate")}


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_nothing_promised_is_lost_over_125_power_cuts_with_torn_blocks(seed: int) -> None:
    told = run_on_micropython("-m", "simulators.flash.cuts", "125", str(seed))
    assert (told["broken_promises"], told["in_trouble"], told["twice"]) == (0, 0, 0), told["broken"]
    assert told["cuts"] == 125
    assert told["kept"] > 300
    assert told["settled"] > 200


@pytest.mark.micropython
@pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")
@pytest.mark.parametrize(("heartbeats", "erases", "years"), [(24, 110, 200), (288, 700, 50)])
def test_the_flash_outlasts_the_board(heartbeats: int, erases: int, years: int) -> None:
    told = run_on_micropython("-X", "heapsize=16M", "-m", "simulators.flash.wear", str(heartbeats), "20", "20")
    assert told["events"] == 20 * (heartbeats + 20)
    assert heartbeats < told["erases_a_day"] <= erases
    assert told["years_of_worst_block"] >= years
