"""What the badge's lamp shows and its buzzer answers, as data (see ``devices.common.patterns``).

What each pattern means stands in docs/devices/video-badge.md.
"""

from devices.common.patterns import lamp

PATTERNS: dict[str, dict[str, tuple[tuple[int, int], ...]]] = {
    "lamp": lamp(
        {
            "idle": ((60, 40), (4940, 0)),
            "recording": ((0, 100),),
            "recording-fault": ((100, 100), (100, 0)),
            "storage-low": ((1500, 100), (150, 0), (150, 100), (150, 0)),
        }
    ),
    "buzzer": {
        "off": ((0, 0),),
        "began": ((150, 100), (100_000, 0)),
        "marked": ((60, 100), (100_000, 0)),
        "ended": ((150, 100), (150, 0), (150, 100), (100_000, 0)),
    },
}
