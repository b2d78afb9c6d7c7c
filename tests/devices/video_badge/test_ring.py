"""The ring: the last seconds, in bounded memory, always from a key frame on."""

import random
import sys

import pytest

from devices.video_badge.media import Item, Picture, Sound
from devices.video_badge.ring import ITEM_BYTES, Ring

FPS = 10


def pictures(seconds: float, *, begin: int = 0, size: int = 100) -> list[Item]:
    return [
        Picture(bytes(size), n % FPS == 0, n * 1_000_000 // FPS, n) for n in range(begin, begin + round(seconds * FPS))
    ]


def filled(ring: Ring, items: list[Item]) -> Ring:
    for item in items:
        ring.add(item)
    return ring


@pytest.mark.parametrize(
    ("pre_s", "seconds", "first_us"), [(5, 20, 14_000_000), (5, 3, 0), (0, 20, 19_000_000), (5, 20.5, 15_000_000)]
)
def test_it_goes_back_to_the_key_frame_before_its_seconds(pre_s: int, seconds: float, first_us: int) -> None:
    ring = filled(Ring(pre_s, 10**9), pictures(seconds))
    assert ring.begin_us == first_us
    taken = list(ring.drain())
    assert isinstance(taken[0], Picture)
    assert taken[0].keyframe
    assert taken[0].at_us == first_us
    assert taken == pictures(seconds)[-len(taken) :]


def test_it_is_empty_once_it_was_taken() -> None:
    ring = filled(Ring(5, 10**9), pictures(3))
    assert list(ring.drain())
    assert list(ring.drain()) == []
    assert ring.begin_us is None
    assert ring.size == 0


def test_its_bytes_are_bounded_whatever_comes() -> None:
    rng = random.Random(3)
    ring = Ring(60, 50_000)
    for n in range(3000):
        ring.add(Picture(bytes(rng.randrange(4000)), rng.random() < 0.1, n * 33_333, n))
        assert ring.size <= 50_000
        assert ring.size == sum(len(item.data) + ITEM_BYTES for item in ring._items)


def test_a_ring_that_is_too_small_for_its_seconds_keeps_the_newest_ones() -> None:
    taken = list(filled(Ring(60, 7000), pictures(19)).drain())
    assert taken == pictures(19)[-20:]


def test_nothing_is_kept_before_a_key_frame() -> None:
    ring = filled(Ring(5, 10**9), pictures(0.9, begin=1))
    ring.add(Sound(b"aac", 1_000))
    assert list(ring.drain()) == []


def test_a_shorter_ring_forgets_with_what_comes_next() -> None:
    ring = filled(Ring(5, 10**9), pictures(10))
    ring.limit(0)
    ring.add(pictures(0.1, begin=100)[0])
    assert len(list(ring.drain())) == 1


def test_sounds_stay_with_their_pictures() -> None:
    items: list[Item] = []
    for picture in pictures(4):
        items += [picture, Sound(b"s", picture.at_us)]
    taken = list(filled(Ring(1, 10**9), items).drain())
    assert taken == items[-len(taken) :]
    assert len(taken) == 40


def test_what_was_drained_is_let_go_of_at_once() -> None:
    ring = filled(Ring(5, 10**9), pictures(3))
    first = ring._items[0]
    held = sys.getrefcount(first)
    next(ring.drain())
    assert sys.getrefcount(first) == held - 1
