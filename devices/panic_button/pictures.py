"""The pictures and tables of docs/devices/panic-button.md, drawn from the pattern, gesture and settings tables themselves.

Run ``python -m devices.panic_button.pictures docs/devices`` after changing a pattern, a gesture or a setting; a test compares the result
with what is committed. Never loaded on a device.
"""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from devices.common.pictures import (
    CALLED,
    INK,
    QUIET,
    STYLE,
    TRIED,
    asked_folder,
    filled,
    lamp_svg,
    lamp_table,
    settings_table,
)
from devices.panic_button import GESTURES, LEVELS, SETTINGS
from devices.panic_button.patterns import PATTERNS, TOUCH

HOLDER = "its holder"

# lamp pattern -> (what its holder understands, what an installer or officer reads)
MEANINGS = {
    "idle": ("dark: nothing to say", "in service, broker connected, no alarm open"),
    **CALLED,
    "drill": ("short, long: this is a drill", "a drill is on: every event is marked as one"),
    **TRIED,
}

# pattern of motor and buzzer -> what its holder understands
TOUCHES = {
    "pressed": "one tap: felt, but there is no connection now",
    "sent": "two taps: felt, and on its way",
    "level": "one long pulse: the gesture is complete, you can let go",
    "received": "two pulses: your call has arrived",
    "acknowledged": "three long pulses: somebody has your call",
    "test-passed": "three taps: the test press was felt",
}

SPAN_MS = 2400
DRAWN_MS = 9000
COLOURS = ("#6a8caf", "#e8920c", "#b3261e")


def lamp() -> str:
    """The lamp's language as a picture."""
    return lamp_svg("panic button", HOLDER, PATTERNS["lamp"], MEANINGS)


def touch_svg() -> str:
    """What the motor plays, each once."""
    row, left, width = 40, 190, 420
    height = 44 + row * len(TOUCHES) + 24
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        "<title>What the panic button's motor plays</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
        f"<text x='{left}' y='26' fill='{QUIET}'>played once</text>",
        f"<text x='{left + width + 24}' y='26' fill='{QUIET}'>what {HOLDER} understands</text>",
    ]
    for number, (name, understood) in enumerate(TOUCHES.items()):
        top = 40 + row * number
        lines.append(f"<text x='28' y='{top + 20}' fill='{INK}' font-weight='bold'>{escape(name)}</text>")
        lines.append(f"<rect x='{left}' y='{top}' width='{width}' height='30' fill='#eef1f4'/>")
        at_ms = 0
        for duration_ms, duty in TOUCH[name]:
            x, wide = left + width * at_ms / SPAN_MS, width * duration_ms / SPAN_MS
            if duty:
                lines.append(f"<rect x='{x:g}' y='{top + 2}' width='{wide:g}' height='28' fill='#6b4fa0'/>")
            at_ms += duration_ms
        lines.append(f"<text x='{left + width + 24}' y='{top + 20}' fill='{INK}'>{escape(understood)}</text>")
    for tenth in range(0, SPAN_MS // 100 + 1, 4):
        x = left + width * tenth * 100 // SPAN_MS
        lines.append(f"<text x='{x}' y='{height - 10}' fill='{QUIET}' text-anchor='middle'>{tenth / 10:g} s</text>")
    return "\n".join([*lines, "</svg>", ""])


def gestures_svg() -> str:
    """The default gestures on a time axis: each press is an event where it begins, and the one that completes a gesture bears its level."""
    row, left, width = 62, 190, 720
    height = 34 + row * (len(GESTURES) + 1) + 30
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        "<title>Gestures of the panic button</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
    ]
    once: dict[str, Any] = {"level": LEVELS[0], "presses": 1, "within_ms": 0}
    for number, gesture in enumerate([once, *GESTURES]):
        top = 30 + row * number
        level = LEVELS.index(str(gesture["level"]))
        lines.append(f"<text x='28' y='{top + 22}' fill='{INK}' font-weight='bold'>{escape(_words(gesture))}</text>")
        lines.append(f"<path d='M{left} {top + 34} H{left + width}' stroke='{QUIET}'/>")
        for at_ms, held_ms, raises in _course(gesture):
            x, wide = left + width * at_ms / DRAWN_MS, max(8, width * held_ms / DRAWN_MS)
            lines.append(f"<rect x='{x:g}' y='{top + 14}' width='{wide:g}' height='20' fill='{COLOURS[level]}'/>")
            lines.append(f"<circle cx='{x:g}' cy='{top + 34}' r='4' fill='{INK}'/>")
            if raises:
                end = x + (wide if held_ms > 1000 else 0)
                lines.append(f"<circle cx='{end:g}' cy='{top + 34}' r='6' fill='{COLOURS[level]}' stroke='{INK}'/>")
                word = escape(str(gesture["level"]))
                lines.append(
                    f"<text x='{end:g}' y='{top + 8}' fill='{COLOURS[level]}' font-weight='bold'>{word}</text>"
                )
    for second in range(DRAWN_MS // 1000 + 1):
        x = left + width * second * 1000 // DRAWN_MS
        lines.append(f"<text x='{x}' y='{height - 10}' fill='{QUIET}' text-anchor='middle'>{second} s</text>")
    return "\n".join([*lines, "</svg>", ""])


def gestures_table() -> str:
    """The default gestures in words."""
    lines = ["| gesture | level |", "|---|---|", f"| the first press | `{LEVELS[0]}` |"]
    lines += [f"| {_words(gesture)} | `{gesture['level']}` |" for gesture in GESTURES]
    return "\n".join(lines) + "\n"


def touch_table() -> str:
    """What motor and buzzer play, in words."""
    lines = ["| pattern | what its holder feels and understands |", "|---|---|"]
    lines += [f"| `{name}` | {understood} |" for name, understood in TOUCHES.items()]
    return "\n".join(lines) + "\n"


def tables() -> dict[str, str]:
    """The page's tables by their marks."""
    return {
        "gestures": gestures_table(),
        "lamp": lamp_table(HOLDER, MEANINGS),
        "touch": touch_table(),
        "settings": settings_table(SETTINGS),
    }


def main(folder: Path) -> None:
    """Write all pictures and tables into a folder that holds panic-button.md."""
    for name, picture in (("lamp", lamp()), ("touch", touch_svg()), ("gestures", gestures_svg())):
        (folder / f"panic-button-{name}.svg").write_text(picture, encoding="utf-8")
    page = folder / "panic-button.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")


def _words(gesture: dict[str, Any]) -> str:
    if "hold_ms" in gesture:
        return f"held {gesture['hold_ms'] / 1000:g} s"
    if gesture["presses"] == 1:
        return "first press"
    return f"{gesture['presses']} presses in {gesture['within_ms'] / 1000:g} s"


def _course(gesture: dict[str, Any]) -> list[tuple[int, int, bool]]:
    """Presses of a gesture as (at_ms, held_ms, completes it)."""
    if "hold_ms" in gesture:
        return [(0, gesture["hold_ms"], True)]
    presses = gesture["presses"]
    apart_ms = gesture["within_ms"] * 9 // 10 // max(1, presses - 1)
    return [(apart_ms * number, 150, number == presses - 1) for number in range(presses)]


if __name__ == "__main__":
    main(asked_folder("panic-button.md"))
