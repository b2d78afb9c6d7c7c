"""Every state that the crossing's state machine can reach in bounded worlds with coarse time, and what must hold in each of them.

A model is a world in which a few things can happen each second: somebody comes or presses, a sensor fails, a lamp
breaks, the far side falls silent. The machine is the product's own, with short times. From the start every move is tried in every state
that was not seen before, until there is no new one: that is all of them. Two states are one if they differ only in the hour. Never
loaded on a device.
"""

import pickle
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from agent.effects import EMIT
from devices.crosswalk import farside, relay
from devices.crosswalk.activation import lit_ms
from devices.crosswalk.fusion import Tuning, Weight
from devices.crosswalk.lamps import LATE_MS
from devices.crosswalk.machine import Crossing, Effect
from devices.crosswalk.patterns import OFF, beacon_patterns
from devices.crosswalk.settings import completed

SPEAK_MS = 500
LONG_AGO_MS = 5000
"""Nothing in a model looks further back."""
LOOKS_BACK_MS = {"_since_at_ms": LATE_MS, "_right_at_ms": LATE_MS, "_low_at_ms": LATE_MS, "since_at_ms": 0}
"""These even less: what is late is late, however late. Since when the beacon is lit is told, and decides nothing."""
SETTINGS = {"crossing_mm": 2000, "clear_s": 0, "lit_min_s": 5}
COARSE = Tuning(
    weights={"tracker": Weight(2000, 1000, True), "pir": Weight(2000, 1000, False)},
    call=2000,
    keep=1000,
    most=2500,
    contradicted_ms=3000,
    settled_ms=1000,
    blind_calls=1,
)
"""Together they decide fast, one alone slowly, as in the product; what happens by itself happens at an eighth of a second."""
LAMP_MA = {"good": (0, 800), "dead": (0, 0), "short": (5000, 5000), "on": (800, 800)}
"""Two currents of each sampling, as the lamp's state makes them while the beacon flashes."""


class PromiseError(AssertionError):
    """A promise is broken; the text says which, and after which moves."""


class World:
    """The machine, what is true around it, and what it has done: outputs, pulses, told faults."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        whole = completed({**SETTINGS, **settings})
        self.now_ms = 0
        self.beacons = beacon_patterns(whole["pattern"], whole["night_percent"])
        self.lit_ms = lit_ms(whole)
        self.tracker = "no"
        self.pir = False
        self.lamps = {"left": "good", "right": "good"}
        self.shorted: set[str] = set()  # since the beacon is lit: such a lamp gets its next try when it is lit anew
        self.samples = False
        self.far: str | None = "answers" if whole["farside_port"] else None
        self.called_at_ms: int | None = None
        self.until_ms: int | None = None
        self.outputs: dict[str, str] = {}
        self.pulse_at_ms: int | None = None
        self.order_at_ms: int | None = None
        self.told: dict[str, str] = {}
        self.state = "dark"
        self.changes: list[tuple[str, str]] = []  # of the state in one word, in the present step
        self.crossing = Crossing(whole, 0, COARSE)
        self.take(self.crossing.started())

    def take(self, effects: list[Effect]) -> None:
        """Carry out what the machine asks for."""
        answers = []
        for effect in effects:
            if effect[0] == EMIT:
                self._hear(effect[2], effect[3])
                continue
            _, name, pattern = effect
            self.outputs[name] = pattern
            if name == "supply":
                self.pulse_at_ms = self.now_ms if pattern == "pulse" else None
            if name == "farside":
                self.order_at_ms = self.now_ms
                if self.far == "answers":
                    answers.append(pattern != OFF)
        if not self.crossing.lit:
            self.shorted = set()
            self.until_ms = None
        if self.crossing.pedestrian:
            self.called_at_ms = self.now_ms
        if self.crossing.state != self.state:
            self.changes.append((self.state, self.crossing.state))
            self.state = self.crossing.state
        self.check()
        for flashing in answers:
            self.take(self.crossing.far_says(flashing, self.now_ms))

    def _hear(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "fault.cleared":
            require(data["input"] in self.told, "a fault is over that was never told")
            del self.told[data["input"]]
        elif kind.startswith("fault."):
            require(self.told.get(data["input"]) != data["state"], "a fault is told twice")
            self.told[data["input"]] = data["state"]

    def step(self, move: Callable[["World"], None]) -> None:
        """Let a move happen, and a second pass in which the sensors speak twice."""
        self.changes = []
        move(self)
        for _ in range(2):
            self._speak()
            self.pass_ms(SPEAK_MS)
        require(self.tracker != "lost" or self.told.get("tracker") == "lost", "a sensor's fault is kept secret")
        for name in self.shorted:
            require(self.told.get("lamp-" + name) == "short", "a lamp's fault is kept secret")

    def _speak(self) -> None:
        if self.tracker in ("yes", "no"):
            self.hand(lambda crossing, now_ms: crossing.claim("tracker", self.tracker == "yes", now_ms))
        if self.samples:
            lit = self.outputs["beacon"] != OFF
            for turn in (0, 1):
                for name, state in self.lamps.items():
                    if state == "short" and lit:
                        self.shorted.add(name)
                    self.sample(name, LAMP_MA[state][turn] if lit or state == "on" else 0)

    def sample(self, lamp: str, ma: int) -> None:
        """A lamp has this current."""
        self.hand(lambda crossing, now_ms: crossing.lamp(lamp, ma, now_ms))

    def hand(self, call: Callable[[Crossing, int], list[Effect]]) -> None:
        """Hand something in now."""
        if self.crossing.pedestrian:
            self.called_at_ms = self.now_ms
        self.take(call(self.crossing, self.now_ms))

    def press(self) -> None:
        """Somebody presses the button."""
        self.called_at_ms = self.now_ms
        self.take(self.crossing.press("button", self.now_ms))

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, with a tick whenever one is due."""
        end_ms = self.now_ms + duration_ms
        while (due_ms := self.crossing.next_tick_ms()) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.hand(lambda crossing, now_ms: crossing.tick(now_ms))
            after_ms = self.crossing.next_tick_ms()
            require(after_ms is None or after_ms > self.now_ms, "a tick leaves something due")
        self.now_ms = end_ms
        self.hand(lambda crossing, now_ms: crossing.tick(now_ms))

    def check(self) -> None:
        """What must hold at every moment."""
        beacon = self.outputs["beacon"]
        lit = beacon != OFF
        until_ms = -1 if self.called_at_ms is None else self.called_at_ms + self.lit_ms
        sound = self.lamps.keys() - self.shorted
        require(beacon in self.beacons, "the beacon does what no pattern of this crossing is")
        require(lit or self.now_ms >= until_ms or not sound, "dark, and somebody was there a moment ago")
        require(not lit or self.now_ms < until_ms, "lit, and nobody has been there for long")
        require(self.crossing.lit == (self.now_ms < until_ms), "lit and dark are mixed up")
        if self.crossing.lit_until_ms is not None:
            require(self.until_ms is None or self.crossing.lit_until_ms >= self.until_ms, "the time was shortened")
            self.until_ms = self.crossing.lit_until_ms
        if lit:
            for lamp, name in enumerate(("left", "right")):
                driven = any(step[1 + lamp] for step in self.beacons[beacon])
                require(driven or name not in sound, "a lamp that is well is not driven")
            require(self.pulse_at_ms is not None, "lit without supply")
            require(self.now_ms <= (self.pulse_at_ms or 0) + relay.PERIOD_MS, "the supply's pulse is late")
        else:
            require(self.pulse_at_ms is None, "the supply is held in the dark")
        if self.order_at_ms is not None:
            require((self.outputs["farside"] != OFF) == self.crossing.lit, "the far side is told otherwise")
            hold_ms = farside.KEEP_MS if self.crossing.lit else farside.POLL_MS
            require(self.now_ms <= self.order_at_ms + hold_ms, "the far side's order is late")
        require(self.told == self.crossing.faults, "told faults are not those there are")


def require(holds: bool, promise: str) -> None:
    """Raises PromiseError unless it holds."""
    if not holds:
        raise PromiseError(promise)


Move = Callable[[World], None]


def quiet(world: World) -> None:
    """Nobody is there any more."""
    if world.tracker == "yes":
        world.tracker = "no"
    _pir(world, False)
    _far_pedestrian(world, False)


def _tracker(world: World, state: str) -> None:
    if "lost" in (world.tracker, state) and world.tracker != state:
        health = "lost" if state == "lost" else "well"
        world.hand(lambda crossing, now_ms: crossing.health("tracker", health, now_ms))
    world.tracker = state


def _pir(world: World, active: bool) -> None:
    if world.pir != active:
        world.pir = active
        world.hand(lambda crossing, now_ms: crossing.claim("pir", active, now_ms))


def _lamp(world: World, name: str, state: str) -> None:
    world.samples = True
    world.lamps[name] = state


def _night(world: World, night: bool) -> None:
    world.hand(lambda crossing, now_ms: crossing.night(night, now_ms))


def _far(world: World, state: str) -> None:
    if world.far is not None:
        world.far = state


def _far_pedestrian(world: World, there: bool) -> None:
    if world.far is not None:
        world.hand(lambda crossing, now_ms: crossing.far_claim(there and world.far == "answers", now_ms))


PEOPLE: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    "tracker: somebody": lambda world: _tracker(world, "yes"),
    "tracker: nobody": lambda world: _tracker(world, "no"),
    "PIR: somebody": lambda world: _pir(world, True),
    "PIR: nobody": lambda world: _pir(world, False),
}
FAILING: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    "tracker: somebody": lambda world: _tracker(world, "yes"),
    "tracker mute": lambda world: _tracker(world, "mute"),
    "tracker lost": lambda world: _tracker(world, "lost"),
    "PIR: somebody": lambda world: _pir(world, True),
}
LAMPS: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    **{
        f"{name} lamp {state}": lambda world, name=name, state=state: _lamp(world, name, state)  # type: ignore[misc]
        for name, states in (("left", LAMP_MA), ("right", ("good", "short")))
        for state in states
    },
}
FAR: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    "far side silent": lambda world: _far(world, "silent"),
    "far side answers": lambda world: _far(world, "answers"),
    "far side: somebody": lambda world: _far_pedestrian(world, True),
    "night": lambda world: _night(world, True),
    "day": lambda world: _night(world, False),
}

BUTTON_ONLY = {"tracker_port": "", "pir_pin": -1}
MODELS: dict[str, tuple[dict[str, object], dict[str, Move]]] = {
    "people": ({}, PEOPLE),
    "failing sensor": ({}, FAILING),
    "lamps": (BUTTON_ONLY, LAMPS),
    "far side": ({**BUTTON_ONLY, "farside_port": "far"}, FAR),
}
"""Name -> settings, moves."""


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
