"""The pictures and tables of docs/devices/firmware.md: both buttons on an ESP32, and what the lamp shows while a board cannot work.

Run ``python -m provisioning.firmware.pictures docs/devices`` after changing a part or a fault; a test compares the result with what is
committed.
"""

from pathlib import Path
from xml.sax.saxutils import escape

from devices.common.pictures import INK, QUIET, STYLE, asked_folder, filled, lamp_svg, lamp_table
from devices.firmware.faults import FAULTS, blinks

READER = "an installer"
NAMES = ("sos-button", "panic-button")

# fault -> (what is wrong, what to do)
MEANINGS = {
    "configuration": ("four blinks: device.json is missing or wrong", "enrol the board, or copy device.json again"),
    "keys": ("five blinks: a key or certificate is missing or wrong", "enrol the board again"),
    "flash": (
        "six blinks: no whole firmware, or the flash is full or fails",
        "copy the firmware again; else replace the board",
    ),
    "hardware": ("seven blinks: a pin cannot do what it is set to", "choose another pin in device.json"),
}

# kind -> setting -> (GPIO, title, wire, remark); an input's pin is named by a setting that has an _active_low beside it
PARTS = {
    "sos-button": {
        "button_pin": (
            32,
            "SOS button",
            "contact to ground",
            "normally open; pull-up, on long wires 10 kΩ",
        ),
        "tamper_pin": (33, "Enclosure switch", "loop to ground", "closed while shut: a cut wire reads as opened"),
        "supply_pin": (
            25,
            "Mains sense",
            "3.3 V through an optocoupler",
            "never mains on the board; high = mains present",
        ),
        "lamp_pin": (18, "Button lamp", "gate of an N-MOSFET, lamp to its own supply", "PWM 200 Hz"),
        "strobe_pin": (19, "Strobe", "gate of an N-MOSFET, flyback diode", "one flash a second"),
        "siren_pin": (21, "Siren", "gate of an N-MOSFET, flyback diode", "only where siren = true"),
        "relay_pin": (
            22,
            "Camera / intercom relay",
            "relay board with its own supply",
            "on for relay_s after each press",
        ),
    },
    "panic-button": {
        "button_pin": (
            32,
            "Panic button",
            "contact to ground, 1 MΩ to 3.3 V",
            "wakes a badge: an RTC pin, its pull-up outside",
        ),
        "lamp_pin": (18, "Lamp", "LED with 330 Ω to ground", "PWM 200 Hz"),
        "haptic_pin": (19, "Vibration motor", "gate of an N-MOSFET, flyback diode", "felt, not heard"),
        "buzzer_pin": (21, "Buzzer", "active buzzer, 3.3 V", "only where audible = true"),
        "tamper_pin": (33, "Enclosure switch", "loop to ground", "wall buttons only: the loop draws current"),
    },
}
INPUTS = ("button_pin", "tamper_pin", "supply_pin")


def wiring_svg(kind: str) -> str:
    """The wiring of a fully fitted board: GPIO, wire, part."""
    row = 62
    parts = PARTS[kind]
    height = 84 + row * len(parts)
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        f"<title>Wiring of the {kind} on an ESP32</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
        f"<rect x='20' y='20' width='220' height='{height - 40}' rx='8' fill='#34495e'/>",
        "<text x='130' y='44' fill='#ffffff' text-anchor='middle' font-weight='bold'>ESP32-WROOM-32</text>",
    ]
    for number, (setting, (pin, title, wire, remark)) in enumerate(parts.items()):
        middle = 84 + row * number
        into = setting in INPUTS
        colour = "#1f66b0" if into else "#c0501a"
        arrow = f"M248 {middle} l10 -6 v12 z" if into else f"M640 {middle} l-10 -6 v12 z"
        lines += [
            f"<text x='36' y='{middle - 4}' fill='#ffffff' font-weight='bold'>GPIO{pin}</text>",
            f"<text x='36' y='{middle + 13}' fill='#d5dfec'>{setting}</text>",
            f"<circle cx='240' cy='{middle}' r='7' fill='#e6c34a' stroke='{INK}'/>",
            f"<path d='M247 {middle} H640' stroke='{colour}' stroke-width='3'/><path d='{arrow}' fill='{colour}'/>",
            f"<text x='443' y='{middle - 9}' fill='{INK}' text-anchor='middle'>{escape(wire)}</text>",
            f"<rect x='640' y='{middle - 25}' width='350' height='50' rx='6' fill='#eef1f4' stroke='{QUIET}'/>",
            f"<text x='654' y='{middle - 4}' fill='{INK}' font-weight='bold'>{escape(title)}</text>",
            f"<text x='654' y='{middle + 14}' fill='{QUIET}'>{escape(remark)}</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def faults_svg() -> str:
    """The lamp while a board cannot work."""
    return lamp_svg("board that cannot work", READER, {name: blinks(name) for name in FAULTS}, MEANINGS)


def page(text: str) -> str:
    """The page with its table drawn anew."""
    return filled(text, {"faults": lamp_table(READER, MEANINGS)})


def main(folder: Path) -> None:
    """Write the pictures and the table into a folder that holds firmware.md."""
    for kind in NAMES:
        (folder / f"firmware-{kind}-wiring.svg").write_text(wiring_svg(kind), encoding="utf-8")
    (folder / "firmware-faults.svg").write_text(faults_svg(), encoding="utf-8")
    path = folder / "firmware.md"
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(asked_folder("firmware.md"))
