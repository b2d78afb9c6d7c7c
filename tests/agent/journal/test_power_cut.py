"""The power goes at every change of the disk, and no promise is broken; and the same suite sees it when one is."""

from random import Random

import pytest

from agent.journal import recovery
from agent.journal.log import Journal
from agent.journal.writer import Writer
from simulators.power_cuts import Workload, losses, matrix, open_journal
from simulators.storage import TEARS, SimulatedDisk


@pytest.mark.parametrize("seed", [1, 3])
def test_nothing_promised_is_lost_whenever_the_power_goes(seed: int) -> None:
    workload = Workload(seed, steps=24)
    workload.run()
    operations = {boundary.operation for boundary in workload.boundaries}
    assert operations >= {"create", "append", "sync", "sync_dir", "replace", "remove", "truncate"}
    cuts, broken = matrix(workload, seed=seed)
    assert cuts == len(workload.boundaries) * len(TEARS)
    assert broken == []


def broken_promises() -> list[str]:
    workload = Workload(3, steps=24)
    workload.run()
    random = Random(5)
    return [text for boundary in workload.boundaries[::3] for tear in TEARS for text in losses(boundary, tear, random)]


def test_a_journal_that_does_not_wait_for_the_disk_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "carry_out", lambda _self, _token: None)
    assert any("was kept" in text for text in broken_promises())


def test_a_journal_that_forgets_to_sync_its_folder_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedDisk, "sync_dir", lambda self: self._change("sync_dir", writes=False))
    assert any("was kept" in text for text in broken_promises())


def test_a_journal_that_keeps_what_stands_behind_a_torn_record_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_was_durable", lambda *_arguments: True)
    assert any("an earlier event" in text for text in broken_promises())


def test_a_journal_that_trusts_a_second_sync_after_a_failed_one_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "_leave_segment", lambda _self: None)
    assert any("was kept" in text for text in broken_promises())


def test_positions_go_on_above_all_that_survived() -> None:
    workload = Workload(2, steps=10)
    workload.run()
    disk = workload.boundaries[-1].disk.after_power_cut("torn", Random(1))
    journal = open_journal(disk)
    assert journal.append(0, 50, 1, bytes(16), b"x") > max(
        entry[0] for entry in journal.unsettled_alarms() if entry[2] < 50
    )
