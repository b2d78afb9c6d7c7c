"""The limit on what is said because of others."""

from agent.limit import Limit


def test_so_many_at_once_and_then_one_by_one() -> None:
    limit = Limit(3, 60_000)
    assert [limit.allows(0) for _ in range(4)] == [True, True, True, False]
    assert not limit.allows(19_999)
    assert limit.allows(20_000)
    assert not limit.allows(20_001)


def test_silence_saves_up_no_more_than_the_most() -> None:
    limit = Limit(2, 1000)
    limit.allows(0)
    assert [limit.allows(10_000_000) for _ in range(3)] == [True, True, False]
