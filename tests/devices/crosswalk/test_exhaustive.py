"""Every reachable state of bounded worlds keeps the promises; and a promise that is broken on purpose is found."""

import pytest

from devices.crosswalk import activation, farside, fusion, lamps, lights, machine, relay
from devices.crosswalk.exploration import explore
from devices.crosswalk.worlds import BUTTON_ONLY, FAILING, FAR, LAMPS, MODELS, PEOPLE, RELAY, Move, PromiseError

NIGHT = ("night", "day")
SMALL: dict[str, tuple[dict[str, object], dict[str, Move]]] = {
    "people": ({}, {name: move for name, move in PEOPLE.items() if name != "button"}),
    "tracker": ({"pir_pin": -1}, {name: move for name, move in FAILING.items() if "PIR" not in name}),
    "lamps": (
        BUTTON_ONLY,
        {name: move for name, move in LAMPS.items() if "right" not in name and name != "samples seldom"},
    ),
    "seldom": (
        BUTTON_ONLY,
        {
            name: LAMPS[name]
            for name in ("nobody there", "button", "left lamp good", "left lamp dead", "samples seldom")
        },
    ),
    "relay": (MODELS["relay"][0], {name: move for name, move in RELAY.items() if name != "samples seldom"}),
    "far side": (MODELS["far side"][0], {name: move for name, move in FAR.items() if name not in (*NIGHT, "button")}),
}


@pytest.mark.parametrize(
    ("name", "at_least"),
    [("people", 200), ("tracker", 50), ("lamps", 500), ("seldom", 200), ("relay", 100), ("far side", 500)],
)
def test_every_state_keeps_the_promises(name: str, at_least: int) -> None:
    explored = explore(*SMALL[name])
    assert explored.states >= at_least
    assert explored.moves == explored.states * len(SMALL[name][1])
    assert explored.slowest_quiet <= 15, "seconds until it is dark when nobody is there any more"


def test_the_small_worlds_are_parts_of_those_of_the_benchmark() -> None:
    for name, (settings, moves) in SMALL.items():
        whole = {"tracker": "failing sensor", "seldom": "lamps"}.get(name, name)
        assert moves.keys() < MODELS[whole][1].keys(), name
        assert settings == {**MODELS[whole][0], **settings}


def forgets_the_rest(self: activation.Activation, now_ms: int) -> bool:
    dark = self.until_at_ms is None
    self.since_at_ms, self.until_at_ms = now_ms, now_ms + (5000 if dark else 2000)
    return dark


def holds_always(self: relay.SupplyRelay, _on: bool, now_ms: int) -> list[str]:
    self.due_at_ms = now_ms + 250
    return ["pulse"]


def pulses_slowly(self: relay.SupplyRelay, on: bool, now_ms: int) -> list[str]:
    if on and self.due_at_ms is not None and now_ms < self.due_at_ms:
        return []
    self.due_at_ms = now_ms + 400 if on else None
    return ["pulse" if on else "off"]


def believes_the_lost(self: fusion.Fusion) -> int:
    return sum(detector.rate for detector in self._detectors.values())


BREAKS: dict[str, tuple[str, object, str, object, str]] = {
    "too short": ("people", machine, "lit_ms", lambda _settings: 4000, "dark, and somebody was there a moment ago"),
    "too long": ("people", machine, "lit_ms", lambda _settings: 6000, "lit, and nobody has been there for long"),
    "shortened by the next": ("people", activation.Activation, "call", forgets_the_rest, "the time was shortened"),
    "upheld by nobody": ("tracker", fusion.Fusion, "_rate", believes_the_lost, "it never goes dark again"),
    "slow pulse": ("people", relay.SupplyRelay, "hold", pulses_slowly, "the supply's pulse is late"),
    "supply held": ("people", relay.SupplyRelay, "hold", holds_always, "the supply is held in the dark"),
    "one fault stops both": (
        "lamps",
        lamps.Lamps,
        "usable",
        property(lambda self: (not self.faults(), not self.faults())),
        "dark, and somebody was there a moment ago",
    ),
    "a dead lamp is not tried": ("lamps", lamps.Lamp, "usable", property(lambda self: not self.fault), "is not driven"),
    "sensor's fault kept secret": ("tracker", machine.Crossing, "_tell_faults", lambda _self: [], "kept secret"),
    "judged by what a gap may have hidden": (
        "seldom",
        lights,
        "Lamps",
        lambda settings, _gap_ms: lamps.Lamps(settings, 5000),
        "a sound lamp is told",
    ),
    "proven too soon": ("relay", relay, "PROOF_AFTER_MS", 500, "driven in the dark"),
    "welded and believed": ("relay", relay, "WELDED_SAMPLES", 5, "the proof of the relay"),
    "lamp's fault kept secret": ("lamps", lamps.Lamps, "faults", lambda _self: {}, "kept secret"),
    "far side's fault kept secret": (
        "far side",
        farside.FarSide,
        "well",
        lambda _self, _well: None,
        "far side's fault is kept secret",
    ),
    "far side told too seldom": ("far side", farside.FarSide, "_calm_ms", lambda _self: 30_000, "order is late"),
}
"""What is broken -> world, whose attribute, its name, what it is instead, the promise that must be found broken."""


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_promise_is_found(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    world, owner, name, instead, promise = BREAKS[broken]
    monkeypatch.setattr(owner, name, instead)
    with pytest.raises(PromiseError, match=promise):
        explore(*SMALL[world])


def test_the_shortest_way_to_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "lit_ms", lambda _settings: 4000)
    with pytest.raises(PromiseError, match=r", after tracker: somebody( > nobody there)+$"):
        explore(*SMALL["people"])
