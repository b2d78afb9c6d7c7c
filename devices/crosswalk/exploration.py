"""Every state that the crossing's state machine can reach in the bounded worlds of ``devices.crosswalk.worlds``.

From the start every move is tried in every state that was not seen before, until there is no new one: that is all of them. Two states are
one if they differ only in the hour. Never loaded on a device.
"""

import pickle
from collections import deque
from collections.abc import Mapping
from typing import Any

from devices.crosswalk import relay
from devices.crosswalk.lamps import LATE_MS
from devices.crosswalk.worlds import SPEAK_MS, Move, PromiseError, World, quiet

LONG_AGO_MS = 5000
"""Nothing in a model looks further back."""
LOOKS_BACK_MS = {
    **dict.fromkeys(("_since_at_ms", "_right_at_ms", "_low_at_ms", "_sampled_at_ms"), LATE_MS),
    "since_at_ms": 0,
    "off_at_ms": relay.PULSE_MS + 1,
    "watched_at_ms": SPEAK_MS + 1,
}
"""These even less: what is late is late, however late. Since when the beacon is lit is told, and decides nothing."""


def shape(value: object, now_ms: int, name: str = "") -> Any:
    """A value with its times made relative, so that states that differ only in the hour are one."""
    if isinstance(value, int):
        timed = name.endswith("_at_ms") or name in ("_now_ms", "now_ms", "until_ms")
        if not timed or isinstance(value, bool):
            return value
        return max(value - now_ms, -LOOKS_BACK_MS.get(name, LONG_AGO_MS))
    if isinstance(value, dict):
        return tuple(sorted((key, shape(inner, now_ms, name)) for key, inner in value.items()))
    if isinstance(value, set):
        return tuple(sorted(value))
    if hasattr(value, "__dict__"):
        return tuple(
            shape(inner, now_ms, key)
            for key, inner in vars(value).items()
            if key not in ("beacons", "until_ms", "changes", "_tuning", "weight")
        )
    return value


class Explored:
    """What an exploration found.

    Args:
        states: how many there are.
        moves: how many were tried.
        edges: (state in one word, move, state in one word): the changes of state in each move's second.
        slowest_quiet: the most steps until the beacon is dark when nobody is there any more, over all states.
    """

    def __init__(self, states: int, moves: int, edges: set[tuple[str, str, str]], slowest_quiet: int) -> None:
        self.states = states
        self.moves = moves
        self.edges = edges
        self.slowest_quiet = slowest_quiet


def explore(settings: Mapping[str, object], moves: Mapping[str, Move]) -> Explored:
    """Visit every reachable state of a model.

    Raises:
        PromiseError: a promise is broken; the text has the shortest way there.
    """
    start = World(settings)
    seen = {shape(start, start.now_ms): 0}
    paths: list[tuple[int, str]] = [(-1, "")]
    lit = [start.crossing.lit]
    after_quiet: list[int] = []
    edges: set[tuple[str, str, str]] = set()
    queue = deque([pickle.dumps(start)])
    tried = 0
    while queue:
        snapshot = queue.popleft()
        here = len(after_quiet)
        for name, move in moves.items():
            world: World = pickle.loads(snapshot)  # noqa: S301  our own bytes
            try:
                world.step(move)
            except PromiseError as broken:
                raise PromiseError(f"{broken}, after {' > '.join([*_way(paths, here), name])}") from None
            tried += 1
            edges.update((before, name, after) for before, after in world.changes)
            form = shape(world, world.now_ms)
            if form not in seen:
                seen[form] = len(paths)
                paths.append((here, name))
                lit.append(world.crossing.lit)
                queue.append(pickle.dumps(world))
            if move is quiet:
                after_quiet.append(seen[form])
    return Explored(len(seen), tried, edges, _slowest(after_quiet, lit, paths))


def _way(paths: list[tuple[int, str]], state: int) -> list[str]:
    way: list[str] = []
    while state > 0:
        state, name = paths[state]
        way.insert(0, name)
    return way


def _slowest(after_quiet: list[int], lit: list[bool], paths: list[tuple[int, str]]) -> int:
    """The longest way into the dark, in steps, when nobody is there any more. Raises PromiseError for one that never ends."""
    steps: dict[int, int] = {state: 0 for state, is_lit in enumerate(lit) if not is_lit}
    for state in range(len(lit)):
        way = []
        at = state
        while at not in steps:
            way.append(at)
            if len(way) > len(lit):
                raise PromiseError(f"it never goes dark again, after {' > '.join(_way(paths, state))}")
            at = after_quiet[at]
        for number, passed in enumerate(reversed(way), 1):
            steps[passed] = steps[at] + number
    return max(steps.values())
