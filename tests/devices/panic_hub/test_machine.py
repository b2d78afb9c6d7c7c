"""Whatever happens in whatever order: every press is told once, in its zone; no fault is an alarm; no level falls."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devices.panic_hub.world import ACTIONS, World

DEPTH = 3


@pytest.mark.parametrize("first", ACTIONS)
def test_every_order_of_three_things_is_told_right(first: str) -> None:
    for others in itertools.product(ACTIONS, repeat=DEPTH - 1):
        world = World()
        for name in (first, *others):
            ACTIONS[name](world)
        world.check()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=14))
def test_every_order_of_many_things_is_told_right(names: list[str]) -> None:
    world = World()
    for name in names:
        ACTIONS[name](world)
    world.check()


def test_spikes_of_one_look_are_never_a_press() -> None:
    rng = random.Random(1)
    world = World()
    for _ in range(400):
        world.looks(2)
        for zone in (0, 1):
            world.now += 20
            world.look(zone, rng.randrange(5000))
    assert [name for name, *_ in world.events if name.startswith("alarm.")] == []
    assert {name for name, *_ in world.events if name.startswith("fault.")} == {"fault.line"}, (
        "a line like this needs somebody"
    )
