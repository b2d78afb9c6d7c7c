"""The pictures and tables of docs/devices/sos-button.md, drawn from the pattern and settings tables themselves.

Run ``python -m devices.sos_button.pictures docs/devices`` after changing a pattern or a setting; a test compares the result with what
is committed. Never loaded on a device.
"""

from pathlib import Path
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
from devices.sos_button import SETTINGS
from devices.sos_button.patterns import PATTERNS

# lamp pattern -> (what a passer-by understands, what an installer or officer reads)
MEANINGS = {
    "idle": ("ready: a slow blink of light every ten seconds", "in service, broker connected, no alarm open"),
    **CALLED,
    **TRIED,
}

# The configuration that the wiring picture shows.
EXAMPLE = {"tamper_pin": 5, "supply_pin": 6, "strobe_pin": 22, "siren_pin": 23, "relay_pin": 24}

# BCM number -> pin on the 40-pin header of a Raspberry Pi
HEADER = {5: 29, 6: 31, 17: 11, 18: 12, 22: 15, 23: 16, 24: 18}

# setting -> (title, wire, remark)
PARTS = {
    "button_pin": ("SOS button", "contact to ground (header pin 9)", "normally open; internal pull-up"),
    "tamper_pin": (
        "Enclosure switch",
        "loop to ground (header pin 30)",
        "closed while shut: a cut wire reads as opened",
    ),
    "supply_pin": ("Mains sense", "3.3 V through an optocoupler", "never mains on the board; high = mains present"),
    "lamp_pin": ("Button lamp", "gate of an N-MOSFET, lamp to its own supply", "PWM 200 Hz"),
    "strobe_pin": ("Strobe", "gate of an N-MOSFET, flyback diode", "one flash a second"),
    "siren_pin": ("Siren", "gate of an N-MOSFET, flyback diode", "only where siren = true"),
    "relay_pin": ("Camera / intercom relay", "relay board with its own supply", "on for relay_s after each press"),
}


def lamp() -> str:
    """The lamp's language as a picture."""
    return lamp_svg("SOS button", "a passer-by", PATTERNS["lamp"], MEANINGS)


def wiring_svg() -> str:
    """The wiring of a fully fitted pillar: header pin, wire, part."""
    row = 62
    height = 84 + row * len(PARTS)
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        "<title>Wiring of the SOS button</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
        f"<rect x='20' y='20' width='220' height='{height - 40}' rx='8' fill='#2f6f4f'/>",
        "<text x='130' y='44' fill='#ffffff' text-anchor='middle' font-weight='bold'>Raspberry Pi header</text>",
    ]
    for number, (setting, (title, wire, remark)) in enumerate(PARTS.items()):
        middle = 84 + row * number
        pin = EXAMPLE.get(setting, SETTINGS[setting][1])
        into = setting in ("button_pin", "tamper_pin", "supply_pin")
        colour = "#1f66b0" if into else "#c0501a"
        arrow = (
            f"M248 {middle} l10 -6 v12 z" if into else f"M640 {middle} l-10 -6 v12 z"
        )  # it points where the signal goes
        lines += [
            f"<text x='36' y='{middle - 4}' fill='#ffffff' font-weight='bold'>GPIO{pin}</text>",
            f"<text x='36' y='{middle + 13}' fill='#d5ecdf'>pin {HEADER[pin]}, {setting}</text>",
            f"<circle cx='240' cy='{middle}' r='7' fill='#e6c34a' stroke='{INK}'/>",
            f"<path d='M247 {middle} H640' stroke='{colour}' stroke-width='3'/><path d='{arrow}' fill='{colour}'/>",
            f"<text x='443' y='{middle - 9}' fill='{INK}' text-anchor='middle'>{escape(wire)}</text>",
            f"<rect x='640' y='{middle - 25}' width='350' height='50' rx='6' fill='#eef1f4' stroke='{QUIET}'/>",
            f"<text x='654' y='{middle - 4}' fill='{INK}' font-weight='bold'>{escape(title)}</text>",
            f"<text x='654' y='{middle + 14}' fill='{QUIET}'>{escape(remark)}</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def tables() -> dict[str, str]:
    """The page's tables by their marks."""
    return {"lamp": lamp_table("a passer-by", MEANINGS), "settings": settings_table(SETTINGS)}


def main(folder: Path) -> None:
    """Write both pictures and both tables into a folder that holds sos-button.md."""
    (folder / "sos-button-lamp.svg").write_text(lamp(), encoding="utf-8")
    (folder / "sos-button-wiring.svg").write_text(wiring_svg(), encoding="utf-8")
    page = folder / "sos-button.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")


if __name__ == "__main__":
    main(asked_folder("sos-button.md"))
