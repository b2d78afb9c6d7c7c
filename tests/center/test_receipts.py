"""Receipts in the making: what waits, what goes at once, and the contract's bounds."""

from hypothesis import given
from hypothesis import strategies as st

from agent.wire import receipt
from center.receipts import APART_MS, GATHER_MS, MAX_PENDING, Receipts


def test_an_alarm_takes_everything_of_its_device_along_and_nothing_of_others() -> None:
    receipts = Receipts()
    receipts.settle("one-1", 1, 1, 0, urgent=False)
    receipts.settle("two-2", 1, 1, 0, urgent=False)
    receipts.settle("one-1", 1, 2, 10, urgent=True)
    (draft,) = receipts.due(10)
    assert (draft.device, draft.settled) == ("one-1", ((1, 1, 2),))
    assert receipts.due(GATHER_MS - 1) == []
    assert [one.device for one in receipts.due(GATHER_MS)] == ["two-2"]


def test_the_first_event_decides_how_long_is_gathered() -> None:
    receipts = Receipts()
    for at in (0, 9, 19):
        receipts.settle("one-1", 1, at + 1, at, urgent=False)
    assert receipts.due(GATHER_MS - 1) == []
    (draft,) = receipts.due(GATHER_MS)
    assert draft.settled == ((1, 1, 1), (1, 10, 10), (1, 20, 20))


def test_after_a_quiet_time_a_receipt_is_prompt_and_in_a_stream_there_is_one_a_second() -> None:
    receipts = Receipts()
    told = []
    for now in range(0, 5_000, 10):
        receipts.settle("one-1", 1, now + 1, now, urgent=False)
        told += [now for _ in receipts.due(now)]
    assert told == [GATHER_MS + n * APART_MS for n in range(5)]
    assert len(receipts.due(told[-1] + APART_MS)) == 1
    quiet = told[-1] + 3 * APART_MS
    receipts.settle("one-1", 2, 1, quiet, urgent=False)
    assert receipts.due(quiet + GATHER_MS - 1) == []
    assert len(receipts.due(quiet + GATHER_MS)) == 1


def test_an_alarm_waits_for_nothing_in_a_stream_either_and_each_device_has_a_stream_of_its_own() -> None:
    receipts = Receipts()
    receipts.settle("one-1", 1, 1, 0, urgent=True)
    assert len(receipts.due(0)) == 1
    receipts.settle("one-1", 1, 2, 10, urgent=False)
    receipts.settle("two-2", 1, 1, 10, urgent=False)
    assert [one.device for one in receipts.due(10 + GATHER_MS)] == ["two-2"]
    receipts.settle("one-1", 1, 3, 100, urgent=True)
    (draft,) = receipts.due(100)
    assert draft.settled == ((1, 2, 3),)


def test_much_is_not_gathered_for_long() -> None:
    receipts = Receipts()
    for seq in range(1, MAX_PENDING + 1):
        receipts.settle("one-1", 1, seq, 5, urgent=False)
    (draft,) = receipts.due(5)
    assert draft.settled == ((1, 1, MAX_PENDING),)


def test_what_could_not_be_sent_is_due_at_once_and_a_state_never_falls() -> None:
    receipts = Receipts()
    receipts.settle("one-1", 1, 1, 0, urgent=True)
    receipts.state("one-1", 1, 1, receipt.ACKNOWLEDGED, 0)
    drafts = receipts.due(0)
    receipts.state("one-1", 1, 1, receipt.RECEIVED, 1)
    receipts.put_back(drafts, 1)
    assert receipts.due(1) == drafts


@given(st.sets(st.tuples(st.integers(1, 3), st.integers(1, 4_000)), max_size=3_000))
def test_whatever_is_settled_fits_the_contract_and_nothing_else_is_told(numbers: set[tuple[int, int]]) -> None:
    receipts = Receipts()
    for boot, seq in numbers:
        receipts.settle("one-1", boot, seq, 0, urgent=False)
    told = set()
    for draft in receipts.due(1_000):
        assert len(draft.settled) <= receipt.MAX_ENTRIES
        told |= {(boot, seq) for boot, first, last in draft.settled for seq in range(first, last + 1)}
    assert told == numbers
