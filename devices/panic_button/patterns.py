"""What lamp, motor and buzzer do, as data (see ``devices.common.patterns``). Runs on MicroPython and CPython alike.

What each pattern means to its holder stands in docs/devices/panic-button.md, which a test holds equal to this table. The motor's patterns
but ``off`` are played once.
"""

from devices.common.patterns import lamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devices.common.patterns import Pattern

TOUCH: "dict[str, Pattern]" = {
    "off": ((0, 0),),
    "pressed": ((80, 100), (220, 0)),
    "sent": ((80, 100), (120, 0), (80, 100), (220, 0)),
    "level": ((700, 100), (300, 0)),
    "received": ((250, 100), (150, 0), (250, 100), (350, 0)),
    "acknowledged": ((400, 100), (200, 0), (400, 100), (200, 0), (400, 100), (400, 0)),
    "test-passed": ((80, 100), (120, 0), (80, 100), (120, 0), (80, 100), (220, 0)),
}

PATTERNS: "dict[str, dict[str, Pattern]]" = {
    # Idle is dark: a badge's light draws eyes, and its battery.
    "lamp": lamp({"idle": ((0, 0),), "drill": ((100, 60), (900, 0), (1000, 60), (1000, 0))}),
    "haptic": TOUCH,
    "buzzer": TOUCH,
}


def once_ms(pattern: "Pattern") -> int:
    """How long a pattern takes when it is played once."""
    return sum([duration_ms for duration_ms, _duty in pattern])
