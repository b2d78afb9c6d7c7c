"""Bounded worlds around the crossing's state machine, with coarse time, and what must hold in them at every moment.

In each a few things can happen each second: somebody comes or presses, a sensor fails, a lamp breaks, the relay welds, the far side falls
silent. The machine is the product's own, with short times. Explored by ``devices.crosswalk.exploration``. Never loaded on a device.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agent.effects import EMIT
from devices.crosswalk import farside, relay
from devices.crosswalk.activation import lit_ms
from devices.crosswalk.fusion import Tuning, Weight
from devices.crosswalk.lights import Effect
from devices.crosswalk.machine import Crossing
from devices.crosswalk.patterns import OFF, PROOF, beacon_patterns
from devices.crosswalk.settings import completed

SPEAK_MS = 500
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
HIDDEN_MA = {"good": 0, "dead": 0, "short": 0, "on": 800}
"""What is seen of the same lamps by samples so far apart that all flashes fall between them."""


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
        self.bad: set[str] = set()  # lamps that were not sound since the last time that no fault of theirs was told
        self.samples = ""
        self.watched_at_ms = 0  # a current was taken, or the beacon lit or darkened
        self.welded = False
        self.looked = False  # a current was taken in the present proof
        self.far: str | None = "answers" if whole["farside_port"] else None
        self.called_at_ms: int | None = None
        self.until_ms: int | None = None
        self.outputs: dict[str, str] = {}
        self.pulse_at_ms: int | None = None
        self.off_at_ms = -relay.PULSE_MS
        self.order_at_ms: int | None = None
        self.told: dict[str, str] = {}
        self.state = "dark"
        self.changes: list[tuple[str, str]] = []  # of the state in one word, in the present step
        self.crossing = Crossing(whole, 0, COARSE, SPEAK_MS)
        self.take(self.crossing.started())

    def take(self, effects: list[Effect]) -> None:
        """Carry out what the machine asks for."""
        answers = []
        before = self.outputs.get("beacon")
        for effect in effects:
            if effect[0] == EMIT:
                self._hear(effect[2], effect[3])
                continue
            _, name, pattern = effect
            self.outputs[name] = pattern
            if name == "supply":
                self._supply(pattern)
            if name == "farside":
                self.order_at_ms = self.now_ms
                if self.far != "silent":
                    answers.append(pattern != OFF)
        if before != self.outputs["beacon"]:
            self._relit(before)
        if not self.crossing.lit:
            self.shorted = set()
            self.until_ms = None
        if self.crossing.pedestrian:
            self.called_at_ms = self.now_ms
        self.check()
        for flashing in answers:
            self.take(self.crossing.far_says(flashing, self.now_ms))
            self.take(self.crossing.far_well(self.far != "ill", self.now_ms))

    def _supply(self, pattern: str) -> None:
        if pattern == "pulse":
            self.pulse_at_ms = self.now_ms
        else:
            self.pulse_at_ms, self.off_at_ms = None, self.now_ms

    def _relit(self, before: str | None) -> None:
        """The beacon does something else from now on; if it was a proof of the relay, that has ended."""
        self.watched_at_ms = self.now_ms
        if before != PROOF:
            return
        looked, self.looked = self.looked, False
        closed = self.welded or "on" in self.lamps.values()
        called = self.outputs["beacon"] != OFF
        require(
            called or not looked or ("relay" in self.told) == closed, "the proof of the relay says otherwise than it is"
        )

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
            self.speak()
            self.pass_ms(SPEAK_MS)
        require(self.tracker != "lost" or self.told.get("tracker") == "lost", "a sensor's fault is kept secret")
        require(self.far != "ill" or "farside" in self.told, "the far side's fault is kept secret")
        for name in self.shorted:
            require(self.told.get("lamp-" + name) == "short", "a lamp's fault is kept secret")
        self.bad = {name for name in self.bad if self.lamps[name] != "good" or "lamp-" + name in self.told}

    def speak(self) -> None:
        """The sensors say what is true now; seldom means too far apart to judge a flashing lamp by."""
        if self.tracker in ("yes", "no"):
            self.hand(lambda crossing, now_ms: crossing.claim("tracker", self.tracker == "yes", now_ms))
        if self.samples == "all":
            self.looked = self.outputs["beacon"] == PROOF
            for turn in (0, 1):
                for name, state in self.lamps.items():
                    if state == "short" and self.crossing.lit:
                        self.shorted.add(name)
                    self.sample(name, self._ma(state, turn))
        elif self.samples and self.now_ms > self.watched_at_ms + SPEAK_MS:
            for name, state in self.lamps.items():
                self.sample(name, HIDDEN_MA[state])

    def _ma(self, state: str, turn: int) -> int:
        """What a lamp draws."""
        beacon = self.outputs["beacon"]
        if state != "on" and (beacon == OFF or (self.pulse_at_ms is None and not self.welded)):
            return 0
        return LAMP_MA[state][1 if beacon == PROOF else turn]

    def sample(self, lamp: str, ma: int) -> None:
        """A lamp has this current."""
        self.watched_at_ms = self.now_ms
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
        if self.crossing.state != self.state:
            self.changes.append((self.state, self.crossing.state))
            self.state = self.crossing.state
        beacon = self.outputs["beacon"]
        lit = beacon != OFF and self.pulse_at_ms is not None
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
            require(self.now_ms <= (self.pulse_at_ms or 0) + relay.PERIOD_MS, "the supply's pulse is late")
        else:
            require(self.pulse_at_ms is None, "the supply is held in the dark")
            surely_open = self.now_ms > self.off_at_ms + relay.PULSE_MS
            require(beacon == OFF or (beacon == PROOF and surely_open), "driven in the dark")
        for name in self.lamps:
            require(name in self.bad or "lamp-" + name not in self.told, "a sound lamp is told as one in fault")
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
    world.samples = "all"
    world.lamps[name] = state
    if state != "good":
        world.bad.add(name)


def _samples(world: World, which: str) -> None:
    world.samples = which


def _welded(world: World, welded: bool) -> None:
    world.samples = "all"
    world.welded = welded


def _night(world: World, night: bool) -> None:
    world.hand(lambda crossing, now_ms: crossing.night(night, now_ms))


def _far(world: World, state: str) -> None:
    if world.far is not None:
        world.far = state
        if state != "silent":
            world.hand(lambda crossing, now_ms: crossing.far_well(state != "ill", now_ms))


def _far_pedestrian(world: World, there: bool) -> None:
    if world.far is not None:
        world.hand(lambda crossing, now_ms: crossing.far_claim(there and world.far != "silent", now_ms))


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
    "samples seldom": lambda world: _samples(world, "seldom"),
}
RELAY: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    "relay welded": lambda world: _welded(world, True),
    "relay well": lambda world: _welded(world, False),
    "samples seldom": lambda world: _samples(world, "seldom"),
}
FAR: dict[str, Move] = {
    "nobody there": quiet,
    "button": World.press,
    "far side silent": lambda world: _far(world, "silent"),
    "far side answers": lambda world: _far(world, "answers"),
    "far side ill": lambda world: _far(world, "ill"),
    "far side: somebody": lambda world: _far_pedestrian(world, True),
    "night": lambda world: _night(world, True),
    "day": lambda world: _night(world, False),
}

BUTTON_ONLY = {"tracker_port": "", "pir_pin": -1}
MODELS: dict[str, tuple[dict[str, object], dict[str, Move]]] = {
    "people": ({}, PEOPLE),
    "failing sensor": ({}, FAILING),
    "lamps": (BUTTON_ONLY, LAMPS),
    "relay": (BUTTON_ONLY, RELAY),
    "far side": ({**BUTTON_ONLY, "farside_port": "far"}, FAR),
}
"""Name -> settings, moves."""
