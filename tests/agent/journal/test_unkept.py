"""What waits for the disk is found by lane and position."""

from agent.journal.unkept import Tail, Unkept


def tail(*ranks: int) -> Tail:
    found = Tail()
    for position, rank in enumerate(ranks, 1):
        found.add(Unkept(position, rank, 1, position, bytes(16), b"x"))
    return found


def position(found: Unkept | None) -> int | None:
    return None if found is None else found.position


def test_the_next_of_a_lane_lies_above_the_position_asked_for_never_at_it() -> None:
    waiting = tail(0, 2, 0, 3, 3)
    assert [position(waiting.next_in(0, after)) for after in range(6)] == [1, 3, 3, None, None, None]
    assert [position(waiting.next_in(1, after)) for after in range(6)] == [2, 2, 4, 4, 5, None]


def test_what_is_settled_is_passed_over() -> None:
    waiting = tail(2, 2, 2)
    waiting.settle(1, 1, 2)
    assert position(waiting.next_in(1, 0)) == 3
