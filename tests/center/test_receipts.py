"""Receipts in the making: what waits, what goes at once, and the contract's bounds."""

from hypothesis import given
from hypothesis import strategies as st

from agent.wire import receipt
from center.receipts import MAX_PENDING, Receipts


def test_an_alarm_takes_everything_of_its_device_along_and_nothing_of_others() -> None:
    receipts = Receipts()
    receipts.settle("one-1", 1, 1, 0, urgent=False)
    receipts.settle("two-2", 1, 1, 0, urgent=False)
    receipts.settle("one-1", 1, 2, 10, urgent=True)
    (draft,) = receipts.due(10)
    assert (draft.device, draft.settled) == ("one-1", ((1, 1, 2),))
    assert receipts.due(999) == []
    assert [one.device for one in receipts.due(1_000)] == ["two-2"]


def test_the_first_event_decides_how_long_is_gathered() -> None:
    receipts = Receipts()
    for at in (0, 400, 800):
        receipts.settle("one-1", 1, at + 1, at, urgent=False)
    assert receipts.due(999) == []
    (draft,) = receipts.due(1_000)
    assert draft.settled == ((1, 1, 1), (1, 401, 401), (1, 801, 801))


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
