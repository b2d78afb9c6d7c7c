"""Which copy of the firmware is started."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from devices.firmware.slots import AGAIN_MS, BLINKS, FROZEN, MANIFEST, MAX_FAILED, RESTART_MS, Slots


@pytest.fixture(autouse=True)
def _nothing_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have loaded."""
    monkeypatch.setitem(sys.modules, "devices.firmware.start", None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def put(root: Path, slot: str) -> None:
    (root / slot / "deep").mkdir(parents=True)
    (root / slot / "deep" / "module.mpy").write_bytes(slot.encode() * 3000)
    told = {"deep/module.mpy": {"sha256": hashlib.sha256(slot.encode() * 3000).hexdigest()}}
    (root / slot / MANIFEST).write_text(json.dumps({"files": told}))


def test_a_new_board_starts_its_first_copy(root: Path) -> None:
    put(root, "a")
    assert Slots(str(root)).choose() == "a"
    assert Slots(str(root)).path("a") == f"{root}/a"


def test_the_named_copy_is_started_as_long_as_it_is_healthy(root: Path) -> None:
    put(root, "a")
    put(root, "b")
    (root / "slot").write_text("b")
    for _ in range(3 * MAX_FAILED):
        slots = Slots(str(root))
        assert slots.choose() == "b"
        slots.healthy()


def test_a_copy_that_fails_three_times_in_a_row_gives_way_to_the_other(root: Path) -> None:
    put(root, "a")
    put(root, "b")
    chosen = [Slots(str(root)).choose() for _ in range(MAX_FAILED + 2)]
    assert chosen == ["a"] * MAX_FAILED + ["b"] * 2
    Slots(str(root)).healthy()
    assert Slots(str(root)).choose() == "b", "and stays in use"


def test_two_broken_copies_take_turns(root: Path) -> None:
    put(root, "a")
    put(root, "b")
    chosen = [Slots(str(root)).choose() for _ in range(4 * MAX_FAILED)]
    assert chosen == (["a"] * MAX_FAILED + ["b"] * MAX_FAILED) * 2


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The firmware in an image: modules that are found without a copy in the path."""
    image = tmp_path / "image" / "devices" / "firmware"
    image.mkdir(parents=True)
    for name in ("__init__.py", "../__init__.py", "start.py"):
        (image / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "image"))
    before = {name: sys.modules.pop(name) for name in ours()}
    yield tmp_path
    for name in ours():
        del sys.modules[name]
    sys.modules.update(before)


def ours() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "devices"]


@pytest.mark.parametrize("named", ["a", "b"])
def test_the_frozen_firmware_has_its_turn_after_both_copies_and_before_they_have_another(
    frozen: Path, named: str
) -> None:
    put(frozen, "a")
    put(frozen, "b")
    (frozen / "slot").write_text(named)
    other = {"a": "b", "b": "a"}[named]
    turns = [named, other, FROZEN, "a", "b", FROZEN]
    for turn in turns:
        assert [Slots(str(frozen)).choose() for _ in range(MAX_FAILED)] == [turn] * MAX_FAILED


def test_the_frozen_firmware_is_started_at_once_where_no_copy_is_whole_and_stays_in_use(frozen: Path) -> None:
    assert Slots(str(frozen)).choose() == FROZEN
    assert not (frozen / "slot").exists(), "a copy that comes is used"
    (frozen / "a").mkdir()
    assert Slots(str(frozen)).choose() == FROZEN
    Slots(str(frozen)).healthy()
    put(frozen, "b")
    assert Slots(str(frozen)).choose() == FROZEN
    (frozen / "slot").write_text("b")
    assert Slots(str(frozen)).choose() == "b"


def test_the_frozen_firmware_is_not_loaded_while_a_copy_may_start(frozen: Path) -> None:
    put(frozen, "a")
    put(frozen, "b")
    for _ in range(2 * MAX_FAILED):
        assert Slots(str(frozen)).choose() != FROZEN
        assert not ours(), "it would stand for the copy's"


@pytest.mark.parametrize(("copies", "quick"), [("a", MAX_FAILED), ("ab", 2 * MAX_FAILED)])
def test_the_lamp_blinks_for_a_minute_once_everything_has_failed(
    root: Path, monkeypatch: pytest.MonkeyPatch, copies: str, quick: int
) -> None:
    rests: list[tuple[int, int]] = []
    watchdog = SimpleNamespace(feed=None)
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(WDT=lambda **_: watchdog))
    monkeypatch.setattr(Slots, "blink", lambda _self, times, until_ms, _feed: rests.append((times, until_ms)))
    for slot in copies:
        put(root, slot)
    for _ in range(quick + 1):
        slots = Slots(str(root))
        slots.choose()
        slots.rest()
    assert rests == [(0, RESTART_MS)] * quick + [(BLINKS, AGAIN_MS)]


def test_a_healthy_start_in_between_begins_the_count_anew(root: Path) -> None:
    put(root, "a")
    put(root, "b")
    for n in range(3 * MAX_FAILED):
        slots = Slots(str(root))
        assert slots.choose() == "a"
        if n % 2:
            slots.healthy()


def test_without_another_whole_copy_the_same_one_is_started_again_and_flash_is_left_alone(root: Path) -> None:
    put(root, "a")
    (root / "b").mkdir()  # half copied: no manifest
    assert [Slots(str(root)).choose() for _ in range(MAX_FAILED)] == ["a"] * MAX_FAILED
    for name in ("slot", "starts"):
        if (root / name).exists():
            (root / name).chmod(0o400)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in root.iterdir() if path.is_file())
    assert Slots(str(root)).choose() == "a"
    assert sorted((path.name, path.stat().st_mtime_ns) for path in root.iterdir() if path.is_file()) == before


def test_a_half_copied_one_is_not_started_while_there_is_a_whole_one(root: Path) -> None:
    (root / "a").mkdir()
    put(root, "b")
    assert Slots(str(root)).choose() == "b"


@pytest.mark.parametrize(
    "damage",
    [
        lambda copy: (copy / "deep/module.mpy").write_bytes(b"a" * 2999),
        lambda copy: (copy / "deep/module.mpy").unlink(),
        lambda copy: (copy / MANIFEST).write_text("{"),
        lambda copy: (copy / MANIFEST).write_text("{}"),
        lambda copy: (copy / MANIFEST).write_text("[]"),
        lambda copy: (copy / MANIFEST).write_text('{"files": {"deep/module.mpy": 1}}'),
        lambda copy: (copy / MANIFEST).unlink(),
    ],
)
def test_after_a_failed_start_a_damaged_copy_is_not_started_again(root: Path, damage: Callable[[Path], None]) -> None:
    put(root, "a")
    assert Slots(str(root)).choose() == "a"
    damage(root / "a")
    with pytest.raises(OSError, match="neither copy of the firmware is whole"):
        Slots(str(root)).choose()
    put(root, "b")
    assert [Slots(str(root)).choose() for _ in range(2)] == ["b"] * 2


def test_a_good_start_is_not_held_up_by_comparing(root: Path) -> None:
    put(root, "a")
    (root / "a" / MANIFEST).write_text("{")
    assert Slots(str(root)).choose() == "a"


@pytest.mark.parametrize("slot", ["a", "b"])
def test_a_half_copied_one_alone_is_not_started(root: Path, slot: str) -> None:
    (root / slot).mkdir()
    with pytest.raises(OSError, match="copy it again"):
        Slots(str(root)).choose()


@pytest.mark.parametrize("junk", ["", "c", "\x00", "aa", "999999999999999999999"])
def test_damaged_notes_keep_nothing_from_starting(root: Path, junk: str) -> None:
    put(root, "a")
    put(root, "b")
    (root / "slot").write_text(junk)
    (root / "starts").write_text(junk)
    assert Slots(str(root)).choose() == "a"


def test_a_flash_that_takes_nothing_keeps_nothing_from_starting(tmp_path: Path) -> None:
    assert Slots(str(tmp_path / "missing")).choose() == "a"


def test_the_lamps_pin_is_kept_and_written_when_it_changes_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NVS:
        def __init__(self, space: str) -> None:
            assert space == "dabyl"

        def get_i32(self, key: str) -> int:
            if key not in stored:
                raise OSError
            return stored[key]

        def set_i32(self, key: str, value: int) -> None:
            stored[key] = value

        def commit(self) -> None:
            committed.append(dict(stored))

    stored: dict[str, int] = {}
    committed: list[dict[str, int]] = []
    monkeypatch.setitem(sys.modules, "esp32", SimpleNamespace(NVS=NVS))
    for pin in (18, 18, -1, -1):
        Slots(str(root)).remember_lamp(pin)
    assert committed == [{"lamp": 18}, {"lamp": -1}]
