"""What the badge's lamp shows and its buzzer answers, as data (see ``devices.common.patterns``).

What each pattern means stands in docs/devices/video-badge.md, which a test holds equal to this table.
"""

from devices.common.patterns import LAMP

SHARED = ("offline", "test-armed", "test-passed", "identify", "fault", "tamper")
"""Words of the lamp that all kinds have. Those of an alarm are missing: the one who raises it by duress must not be seen to."""

PATTERNS: dict[str, dict[str, tuple[tuple[int, int], ...]]] = {
    "lamp": {
        "recording": ((0, 100),),
        "recording-fault": ((100, 100), (100, 0)),
        "idle": ((60, 40), (4940, 0)),
        "storage-low": ((60, 40), (300, 0), (60, 40), (4580, 0)),
        **{name: LAMP[name] for name in SHARED},
    },
    "buzzer": {
        "off": ((0, 0),),
        "began": ((150, 100), (100_000, 0)),
        "marked": ((60, 100), (100_000, 0)),
        "ended": ((150, 100), (150, 0), (150, 100), (100_000, 0)),
    },
}
