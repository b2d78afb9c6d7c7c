"""The account of cut boards: what it owes, and that each kind of loss shows."""

import pytest

from benchmarks.board_cuts import Account


@pytest.mark.parametrize(
    ("made", "owed", "told", "lost", "doubtful", "too_many"),
    [
        (1, 1, 1, 0, 0, 0),
        (1, 1, 0, 1, 0, 0),
        (1, 1, 2, 0, 0, 1),
        (1, 0, 0, 0, 1, 0),
        (1, 0, 1, 0, 1, 0),
        (1, 0, 2, 0, 1, 1),
        (0, 1, 1, 0, 0, 0),
        (0, 1, 0, 1, 0, 0),
        (0, 0, 1, 0, 0, 1),
        (2, 1, 1, 0, 1, 0),
    ],
)
def test_a_life_owes_what_was_answered_and_allows_what_was_doubtful(
    made: int, owed: int, told: int, lost: int, doubtful: int, too_many: int
) -> None:
    account = Account()
    account.close_life(made, owed, told)
    assert (account.owed, account.lost, account.doubtful, account.too_many) == (owed, lost, doubtful, too_many)


def test_a_press_told_too_often_in_one_life_does_not_hide_one_lost_in_another() -> None:
    account = Account()
    account.close_life(1, 1, 0)
    account.close_life(1, 1, 2)
    assert (account.lost, account.too_many) == (1, 1)


def test_the_accounts_of_boards_are_added_up() -> None:
    one, other = Account(cuts=1, torn=1, hang_ms=[5.0]), Account(cuts=2, lost=3, hang_ms=[7.0])
    one.add(other)
    assert one == Account(cuts=3, torn=1, lost=3, hang_ms=[5.0, 7.0])
