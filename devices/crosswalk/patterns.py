"""What beacon, tones and lights do, as data. A lit beacon is yellow whatever the pattern: no name here means red or green.

A beacon pattern is a tuple of (duration_ms, left duty, right duty in percent) that repeats for ever, so that both lamps share one clock.
Other outputs have ``(duration_ms, duty)`` as in ``devices.common.patterns``.
"""

Beacon = tuple[tuple[int, int, int], ...]

OFF = "off"
PROOF = "proof"
"""Both drivers on, without supply: see ``devices.crosswalk.relay``."""
BOTH = (True, True)

BASES: dict[str, Beacon] = {
    # FHWA Interim Approval 21 (2018): 75 sequences a minute, left, right, left, right, both, both; 50 ms on, 50 off, 250 at the end.
    "ia-21": (
        (50, 100, 0), (50, 0, 0), (50, 0, 100), (50, 0, 0), (50, 100, 0), (50, 0, 0), (50, 0, 100), (50, 0, 0),
        (50, 100, 100), (50, 0, 0), (50, 100, 100), (250, 0, 0),
    ),
    # Flashing beacon: alternately, 60 a minute, each lamp half of the time.
    "alternate": ((500, 100, 0), (500, 0, 100)),
    # Flashing beacon: together, 60 a minute.
    "together": ((500, 100, 100), (500, 0, 0)),
}  # fmt: skip

ONE = {(True, False): "-left", (False, True): "-right"}

OUTPUTS: dict[str, dict[str, tuple[tuple[int, int], ...]]] = {
    "supply": {OFF: ((0, 0),), "pulse": ((0, 100),)},
    "flood": {OFF: ((0, 0),), "on": ((0, 100),)},
    # At most 0.15 s of tone in each second (accessible pedestrian signals).
    "locator": {OFF: ((0, 0),), "on": ((150, 100), (850, 0))},
    # "Yellow lights are flashing", said twice by the speech module as long as its trigger is held.
    "speech": {OFF: ((0, 0),), "flashing": ((0, 100),)},
    "button": {
        OFF: ((0, 0),),
        "called": ((0, 100),),
        "identify": ((100, 100), (100, 0), (100, 100), (100, 0), (100, 100), (500, 0)),
    },
}


def name_of(base: str, night: bool, lamps: tuple[bool, bool] = BOTH) -> str:
    """The name of a beacon pattern in which only ``lamps`` (left, right) flash; neither is ``off``."""
    if lamps == (False, False):
        return OFF
    return base + ("-night" if night else "") + ONE.get(lamps, "")


def beacon_patterns(base: str, night_percent: int) -> dict[str, Beacon]:
    """All patterns of one crossing's beacon by name."""
    patterns: dict[str, Beacon] = {OFF: ((0, 0, 0),), PROOF: ((1000, 100, 100),)}
    for night in (False, True):
        percent = night_percent if night else 100
        for left, right in (BOTH, *ONE):
            patterns[name_of(base, night, (left, right))] = tuple(
                (duration_ms, on_left * left * percent // 100, on_right * right * percent // 100)
                for duration_ms, on_left, on_right in BASES[base]
            )
    return patterns


def cycle_ms(pattern: Beacon) -> int:
    """How long a pattern takes."""
    return sum(duration_ms for duration_ms, _left, _right in pattern)


def longest_ms(pattern: Beacon, lamp: int, on: bool) -> int:
    """The longest stretch of a repeating pattern in which a lamp (0 left, 1 right) is ``on``, or is not."""
    longest = stretch = 0
    for step in pattern + pattern:
        stretch = stretch + step[0] if bool(step[1 + lamp]) == on else 0
        longest = max(longest, stretch)
    return min(longest, cycle_ms(pattern))
