"""What contacts and wires really do, as lists of instants: bounce, chatter, interference, hum.

Pure: a seeded `random.Random` and microseconds in, a waveform out. A waveform is a tuple of ``(time_us, state)`` with strictly rising
times from 0 on; for contacts the state is 1 closed, 0 open, for interference it is 1 while the disturbance lasts. It never reads a clock.
"""

import dataclasses
import random

from simulators.errors import WiringError

Waveform = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class BouncePattern:
    """How a contact bounces when it closes or opens.

    Args:
        extra: at most so many further interruptions after the first touch.
        settle_us: the contact is at rest at the latest so long after the first touch.
    """

    extra: int
    settle_us: int

    def __post_init__(self) -> None:
        if self.extra < 0 or self.settle_us < 0 or self.settle_us < 4 * self.extra:
            raise WiringError(
                f"a bounce of {self.extra} interruptions does not fit into {self.settle_us} us: allow at least 4 us for each"
            )


# Figures from J. Ganssle, "A Guide to Debouncing" (18 kinds of switch, 300 presses each): 1.6 ms on average, 6.2 ms at worst, and one
# worn kind far beyond. WORN stays just below the 30 ms for which the device's logic wants a stable level.
CLEAN = BouncePattern(extra=0, settle_us=0)
TYPICAL = BouncePattern(extra=4, settle_us=1_600)
POOR = BouncePattern(extra=12, settle_us=6_200)
WORN = BouncePattern(extra=30, settle_us=25_000)


def transition(closed: int, bounce: BouncePattern, rng: random.Random) -> Waveform:
    """A contact closes (1) or opens (0) at time 0 and bounces; the last entry has the state `closed`."""
    interruptions = rng.randint(0, bounce.extra) if bounce.extra else 0
    instants = sorted(rng.sample(range(1, bounce.settle_us + 1), 2 * interruptions))
    wave = [(0, closed)]
    wave.extend((at_us, closed if index % 2 else 1 - closed) for index, at_us in enumerate(instants))
    return tuple(wave)


def press(hold_us: int, bounce: BouncePattern, rng: random.Random) -> Waveform:
    """A press of `hold_us` from first touch to first release, bouncing at both ends. Bounce that outlasts the press is cut short."""
    if hold_us <= 0:
        raise WiringError(f"a press lasts longer than {hold_us} us")
    down = tuple(edge for edge in transition(1, bounce, rng) if edge[0] < hold_us)
    if not down[-1][1]:
        down = down[:-1]
    return down + shifted(transition(0, bounce, rng), hold_us)


def shifted(wave: Waveform, by_us: int) -> Waveform:
    """The same waveform, `by_us` later."""
    return tuple((at_us + by_us, state) for at_us, state in wave)


def recorded(samples: list[tuple[float, int]] | tuple[tuple[float, int], ...]) -> Waveform:
    """A waveform from a recording of ``(ms, state)``.

    Raises:
        WiringError: the times do not rise, are negative, or a state is neither 0 nor 1.
    """
    wave = tuple((round(at_ms * 1000), state) for at_ms, state in samples)
    before_us = -1
    for at_us, state in wave:
        if at_us <= before_us or state not in (0, 1):
            raise WiringError(f"recorded edge ({at_us} us, {state}): times must rise from 0 and a state is 0 or 1")
        before_us = at_us
    return wave


def spikes(count: int, within_us: int, width_us: tuple[int, int], rng: random.Random) -> Waveform:
    """Interference of a motor or a radio: `count` pulses of width `width_us` (least, most), none touching another.

    Raises:
        WiringError: they do not fit.
    """
    widths = [rng.randint(*width_us) for _ in range(count)]
    free_us = within_us - sum(widths) - count
    if free_us < 0 or min(widths, default=1) < 1:
        raise WiringError(f"{count} spikes of {width_us} us do not fit into {within_us} us")
    gaps = sorted(rng.randint(0, free_us) for _ in range(count))
    wave = []
    used_us = 0
    for gap_us, one_us in zip(gaps, widths, strict=True):
        at_us = gap_us + used_us
        wave += [(at_us, 1), (at_us + one_us, 0)]
        used_us += one_us + 1
    return tuple(wave)


def chatter(duration_us: int, mean_us: int, rng: random.Random) -> Waveform:
    """A closed contact that shakes (a lorry passes): opens for moments, and is closed at the end."""
    wave = []
    at_us = 0
    state = 1
    while True:
        at_us += 1 + round(rng.expovariate(1 / mean_us))
        if at_us >= duration_us:
            break
        state = 1 - state
        wave.append((at_us, state))
    if not state:
        wave.append((duration_us, 1))
    return tuple(wave)


def hum(duration_us: int, rng: random.Random, mains_hz: int = 50) -> Waveform:
    """What a floating input reads at the end of a cut wire: mains hum, with edges that wander by a quarter of a half wave."""
    half_us = 500_000 // mains_hz
    wave = []
    state = rng.randint(0, 1)
    for slot_us in range(half_us, duration_us, half_us):
        state = 1 - state
        wave.append((slot_us + rng.randint(-half_us // 4, half_us // 4), state))
    return tuple(wave)
