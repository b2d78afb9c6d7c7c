"""The picture and the tables of docs/devices/video-badge.md, drawn from the pattern and settings tables themselves.

Run ``python -m devices.video_badge.pictures docs/devices`` after changing a pattern or a setting; a test compares the result with what
is committed. Never loaded on a device.
"""

from pathlib import Path

from devices.common.pictures import asked_folder, filled, lamp_svg, lamp_table, settings_table
from devices.video_badge import SETTINGS
from devices.video_badge.patterns import PATTERNS

READER = "somebody who meets the officer"

# lamp pattern -> (what somebody who meets the officer understands, what the officer or an installer reads)
MEANINGS = {
    "recording": ("lit: this is being recorded", "it records"),
    "recording-fault": (
        "flickers: recording, with trouble",
        "it is to record, and camera or storage are in fault; see the events",
    ),
    "idle": ("a short blink every five seconds", "in service, connected; the last seconds are in memory only"),
    "storage-low": (
        "two short blinks every five seconds",
        "in service; four fifths of the room for recordings are taken",
    ),
    "offline": (
        "a short blink now and then",
        "in service, no connection; events and recordings are kept and sent later",
    ),
    "test-armed": ("double blink: test", "user test armed: the next press is a test and records nothing"),
    "test-passed": ("swells fast for 3 s: test done", "user test passed, signed and sent"),
    "identify": ("triple blink", "this is the badge that the command named"),
    "fault": ("two short blinks, long dark", "camera, storage, button, battery or the agent's disk are in fault"),
    "tamper": ("three short blinks, long dark", "enclosure open, or the tamper wire cut"),
}
BUZZES = {
    "began": "one long: a recording has begun",
    "marked": "one short: this moment is marked",
    "ended": "two long: the recording has ended",
}


def lamp() -> str:
    """The lamp's language as a picture."""
    return lamp_svg("video badge", READER, PATTERNS["lamp"], MEANINGS)


def tables() -> dict[str, str]:
    """The page's tables by their marks."""
    return {"lamp": lamp_table(READER, MEANINGS), "settings": settings_table(SETTINGS)}


def main(folder: Path) -> None:
    """Write picture and tables into a folder that holds video-badge.md."""
    (folder / "video-badge-lamp.svg").write_text(lamp(), encoding="utf-8")
    page = folder / "video-badge.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")


if __name__ == "__main__":
    main(asked_folder("video-badge.md"))
