"""The alarms of a board are taken for what they are: signed, one for each press."""

from pathlib import Path

import pytest

from agent.keys.file import FileKey
from agent.wire import cose, event
from agent.wire.chain import ZERO, link
from benchmarks.board_latency import beyond_ms, checked
from benchmarks.processes import BenchmarkError
from benchmarks.watcher import Message


@pytest.fixture
def board(tmp_path: Path) -> FileKey:
    return FileKey.generate(str(tmp_path / "key.pem"))


def alarm(signer: FileKey, count: int, ns: int) -> Message:
    kind, data = ("alarm.escalated", {"count": count}) if count > 1 else ("alarm.raised", {})
    made = event.Event("sos-board-1", "sos-button", kind, 1, count + 1, 0, event.CLOCK_UNSET, 0, ZERO, {**data})
    return Message(ns, "dabyl/v1/sos-board-1/alarm", cose.sign(made.encode(), event.CONTEXT, signer))


def test_each_press_has_its_alarm_and_the_check_counts(board: FileKey) -> None:
    messages = [alarm(board, 1, 1_000), alarm(board, 3, 3_000), alarm(board, 2, 4_000)]
    found = checked([*messages, alarm(board, 1, 9_000_000_000_000)], board.public_der, 3)
    assert [one.ns - round(one.check_ms * 1e6) for one in found] == [1_000, 4_000, 3_000]
    assert all(one.check_ms > 0 for one in found)
    payload = cose.parse(messages[2].payload).payload
    assert found[1].id == link(payload).hex()


@pytest.mark.parametrize("counts", [(1, 3), (1, 2), (2, 3), (1, 2, 3, 4)])
def test_a_press_without_an_alarm_or_an_alarm_without_a_press_ends_it(board: FileKey, counts: tuple[int, ...]) -> None:
    with pytest.raises(BenchmarkError, match="3 presses made the alarms"):
        checked([alarm(board, count, count) for count in counts], board.public_der, 3)


def test_what_the_board_did_not_sign_ends_it(board: FileKey, tmp_path: Path) -> None:
    genuine = alarm(board, 1, 1)
    forged = Message(1, genuine.topic, genuine.payload[:-1] + bytes([genuine.payload[-1] ^ 1]))
    for message in (forged, alarm(FileKey.generate(str(tmp_path / "other.pem")), 1, 1)):
        with pytest.raises(BenchmarkError, match="is not the board's"):
            checked([message], board.public_der, 1)


def test_the_debounce_is_not_counted() -> None:
    assert beyond_ms(5_000_000, 47_500_000) == 12.5
