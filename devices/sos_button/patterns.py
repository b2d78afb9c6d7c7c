"""What lamp, strobe, siren and relay do, as data (see ``devices.common.patterns``). Runs on MicroPython and CPython alike.

What each pattern means to the people in front of it stands in docs/devices/sos-button.md, which a test holds equal to this table.
"""

from devices.common.patterns import lamp

PATTERNS: "dict[str, dict[str, tuple[tuple[int, int], ...]]]" = {
    # Idle: two steps in ten seconds, for each step wakes the processor, and an idle device should sleep.
    "lamp": lamp({"idle": ((500, 50), (9500, 5))}),
    "strobe": {"off": ((0, 0),), "alarm": ((50, 100), (950, 0))},
    "siren": {"off": ((0, 0),), "alarm": ((800, 100), (200, 0))},
    "relay": {"off": ((0, 0),), "on": ((0, 100),)},
}
