"""The promises of the explored worlds, at any times and with all that can happen in one world."""

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.crosswalk.worlds import FAILING, FAR, LAMPS, PEOPLE, RELAY, World

MOVES = {**PEOPLE, **FAILING, **LAMPS, **RELAY, **FAR}
courses = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 7000)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(courses, st.booleans())
def test_whatever_happens_whenever_the_promises_hold(course: list[tuple[str, int]], far: bool) -> None:
    world = World({"farside_port": "far" if far else ""})
    for name, wait_ms in course:
        MOVES[name](world)
        world.speak()
        world.pass_ms(wait_ms)
    MOVES["nobody there"](world)
    world.speak()
    world.pass_ms(20_000)
    assert world.outputs["beacon"] == "off"
    assert world.pulse_at_ms is None
