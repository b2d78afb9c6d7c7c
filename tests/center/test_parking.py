"""What waits for its key: in order, apart by key, and never more, larger or longer than the bounds say."""

import pytest

from center.parking import MAX_PARKED, MAX_PARKED_BYTES, PARKED_MS, Parked, Parking

OURS, THEIRS = b"ours....", b"theirs.."


def parked(number: int = 0, *, kid: bytes = OURS, size: int = 4, since_ms: int = 0) -> Parked:
    return Parked(kid, f"topic {number}", bytes(size), since_ms)


def test_a_key_frees_what_waits_for_it_in_order_and_nothing_else() -> None:
    parking = Parking()
    ours = [parked(number) for number in range(3)]
    for one in ours:
        assert parking.put(one) == []
        parking.put(parked(kid=THEIRS))
    assert parking.take(OURS) == ours
    assert parking.take(OURS) == []
    assert len(parking) == 3


def test_the_oldest_are_given_up_beyond_the_number() -> None:
    parking = Parking()
    for number in range(MAX_PARKED):
        assert parking.put(parked(number)) == []
    assert [one.topic for number in (1, 2) for one in parking.put(parked(MAX_PARKED + number))] == [
        "topic 0",
        "topic 1",
    ]
    assert len(parking) == MAX_PARKED


def test_the_oldest_are_given_up_beyond_the_bytes_and_what_was_taken_counts_no_more() -> None:
    parking = Parking()
    half = MAX_PARKED_BYTES // 2
    for number in range(2):
        assert parking.put(parked(number, size=half)) == []
    assert [one.topic for one in parking.put(parked(2, kid=THEIRS, size=1))] == ["topic 0"]
    assert len(parking.take(OURS)) == 1
    assert parking.put(parked(3, size=half)) == []
    assert parking.put(parked(4, size=half - 1)) == []
    assert len(parking.put(parked(5, size=1))) == 1


@pytest.mark.parametrize("direction", [1, -1], ids=["later", "set back"])
def test_what_has_waited_too_long_is_given_up_and_frees_its_room(direction: int) -> None:
    parking = Parking()
    old, young = parked(1, size=MAX_PARKED_BYTES - 4, since_ms=0), parked(2, since_ms=direction)
    parking.put(old)
    parking.put(young)
    assert parking.overdue(direction * PARKED_MS) == []
    assert parking.overdue(direction * (PARKED_MS + 1)) == [old]
    assert parking.put(parked(3, size=MAX_PARKED_BYTES - 4)) == []
    assert parking.take(OURS)[0] == young
