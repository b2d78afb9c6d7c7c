"""The lamps' supply: pulse by pulse while lit, and the proof after each activation that its relay has opened."""

import pytest

from devices.crosswalk.relay import PROOF_AFTER_MS, PROOF_MS, PULSE_MS, SupplyRelay
from tests.devices.crosswalk.conftest import FLASHES, Driver, Make

WELDED = {"input": "relay", "state": "welded"}


def activation(crossing: Driver) -> int:
    """One, with sound lamps; returns when it ended."""
    crossing.press()
    crossing.lamps((0, 700), (700, 0), FLASHES)
    assert crossing.outputs["beacon"] == "off"
    return next(at for name, at in reversed(crossing.times) if name == "crossing.ended")


def proof(crossing: Driver, left_ma: int, right_ma: int) -> None:
    """The time of a proof, with these currents while the drivers are on."""
    for _ in range((PROOF_AFTER_MS + PROOF_MS) // 50 + 2):
        driven = crossing.outputs["beacon"] == "proof"
        crossing.lamps((left_ma * driven,), (right_ma * driven,), 50)


def test_any_one_pulse_may_be_lost_and_the_lamps_stay_lit_and_without_pulses_they_are_dark_within_a_second() -> None:
    relay = SupplyRelay()
    pulses = [now_ms for now_ms in range(0, 10_000, 10) if relay.hold(True, now_ms) == ["pulse"]]
    assert len(pulses) > 10
    assert all(later - sooner < PULSE_MS for sooner, later in zip(pulses, pulses[2:], strict=False))
    assert PULSE_MS < 1000
    assert relay.hold(False, 10_000) == ["off"]
    assert relay.hold(False, 10_010) == []


def test_the_drivers_are_on_for_a_moment_when_the_relay_must_have_opened(make: Make) -> None:
    crossing = make()
    ended = activation(crossing)
    proof(crossing, 0, 0)
    changes = [(at - ended, pattern) for at, name, pattern in crossing.changes if name == "beacon" and at > ended]
    assert changes == [(PROOF_AFTER_MS, "proof"), (PROOF_AFTER_MS + PROOF_MS, "off")]
    assert PROOF_AFTER_MS > PULSE_MS
    assert crossing.outputs["supply"] == "off"
    assert crossing.told("fault.sensor") == []


@pytest.mark.parametrize(("left_ma", "right_ma"), [(700, 700), (0, 700), (700, 0)])
def test_a_current_then_is_a_welded_contact_until_a_proof_shows_none(make: Make, left_ma: int, right_ma: int) -> None:
    crossing = make()
    activation(crossing)
    proof(crossing, left_ma, right_ma)
    assert crossing.told("fault.sensor") == [WELDED]
    assert crossing.told("fault.lamp") == []
    activation(crossing)
    proof(crossing, left_ma, right_ma)
    assert crossing.told("fault.sensor") == [WELDED], "told once"
    activation(crossing)
    proof(crossing, 0, 0)
    assert crossing.told("fault.cleared") == [{"input": "relay"}]


@pytest.mark.parametrize(("sampled_ms", "proofs"), [(0, 1), (2000, 2)])
def test_without_currents_nothing_is_proven(make: Make, sampled_ms: int, proofs: int) -> None:
    crossing = make()
    activation(crossing)
    proof(crossing, 700, 700)
    crossing.press()
    crossing.lamps((0, 700), (700, 0), sampled_ms)
    crossing.pass_ms(FLASHES + PROOF_AFTER_MS + PROOF_MS)
    assert crossing.told("fault.cleared") == []
    assert [pattern for _at, _name, pattern in crossing.changes].count("proof") == proofs


def test_a_press_ends_a_proof(make: Make) -> None:
    crossing = make()
    activation(crossing)
    crossing.pass_ms(PROOF_AFTER_MS + 1 - (crossing.now - crossing.times[-1][1]))
    assert crossing.outputs["beacon"] == "proof"
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.lamps((0, 700), (700, 0), 5000)
    assert crossing.told("fault.sensor") == []


@pytest.mark.parametrize("at_ms", [PROOF_MS - 50, PROOF_MS])
def test_what_a_proof_shows_is_no_fault_of_a_lamp(make: Make, at_ms: int) -> None:
    """Samples are rare in the dark, and one of a proof may come after its end."""
    crossing = make()
    ended = activation(crossing)
    crossing.pass_ms(ended + PROOF_AFTER_MS - 300 - crossing.now)
    crossing.lamps((0,), (0,), 50)
    crossing.pass_ms(ended + PROOF_AFTER_MS + at_ms - crossing.now)
    crossing.lamps((700,), (700,), 50)
    crossing.lamps((0,), (0,), 5000)
    assert crossing.told("fault.lamp") == []
