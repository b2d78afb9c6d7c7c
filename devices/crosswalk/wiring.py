"""The wiring pictures of docs/devices/crosswalk.md, and the example configurations that they show. Never loaded on a device."""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from devices.common.pictures import INK, QUIET, STYLE
from devices.crosswalk import SETTINGS as NEAR_SETTINGS
from devices.crosswalk import far_settings

EXAMPLE: dict[str, object] = {
    "crossing_mm": 10500,
    "night_by": "panel",
    "tracker_port": "/dev/serial/by-id/usb-tracker",
    "speed_port": "/dev/serial/by-id/usb-speed",
    "charger_port": "/dev/serial/by-id/usb-charger",
    "io_port": "/dev/serial/by-id/usb-rs485",
    "farside_port": "/dev/serial/by-id/usb-radio",
    "button_lamp_pin": 18,
    "locator_pin": 22,
    "speech_pin": 25,
    "tamper_pin": 5,
}
FAR_EXAMPLE: dict[str, object] = {
    "near_port": "/dev/serial/by-id/usb-radio",
    "tracker_port": "/dev/serial/by-id/usb-tracker",
    "io_port": "/dev/serial/by-id/usb-rs485",
    "button_lamp_pin": 18,
    "locator_pin": 22,
    "speech_pin": 25,
}

# BCM number -> pin on the 40-pin header of a Raspberry Pi
HEADER = {5: 29, 17: 11, 18: 12, 22: 15, 23: 16, 24: 18, 25: 22, 27: 13}

# setting -> (part, wire); what comes in first
PINS = {
    "button_pin": ("Pedestrian button", "contact to ground"),
    "pir_pin": ("PIR", "open or 3.3 V: somebody; closed to ground: nobody"),
    "tamper_pin": ("Enclosure switch", "closed to ground while shut"),
    "button_lamp_pin": ("Lamp in the button", "gate of an N-MOSFET"),
    "locator_pin": ("Locator tone", "sounder, switched on and off"),
    "speech_pin": ("Spoken message", "trigger of the speech module"),
    "left_pin": ("Driver of the left lamp", "input; pull-down of 10 kΩ"),
    "right_pin": ("Driver of the right lamp", "input; pull-down of 10 kΩ"),
}
INPUTS = ("button_pin", "pir_pin", "tamper_pin")
PORTS = {
    "tracker_port": ("Tracking radar LD2450", "USB adapter 3.3 V, 256000 baud"),
    "speed_port": ("Speed radar OPS243-A", "UART adapter, 19200 baud"),
    "charger_port": ("Solar charger", "VE.Direct to USB, isolated"),
    "farside_port": ("Radio modem, or a cable", "9600 baud, to the far unit"),
    "near_port": ("Radio modem, or a cable", "9600 baud, to the controller"),
    "io_port": ("RS-485, 9600 baud", "1: relay module, 2: analog module 4 to 20 mA"),
}
POWER = (
    ("Battery 12 V +", "fuse", 40),
    ("Relay 1 of module 1", "its contact, normally open", 230),
    ("Transducers", "left, right: loops to module 2", 440),
    ("Lamp drivers", "left, right: inputs from the header", 640),
    ("Lamps", "left, right", 870),
)
BLUE, ORANGE = "#1f66b0", "#c0501a"
ROW, TOP = 50, 84


def near_svg() -> str:
    """The near side's."""
    return _wiring_svg("Wiring of the crosswalk", EXAMPLE, NEAR_SETTINGS)


def far_svg() -> str:
    """The far side's."""
    return _wiring_svg("Wiring of the far side", FAR_EXAMPLE, far_settings.SETTINGS)


def _wiring_svg(title: str, example: Mapping[str, object], settings: Mapping[str, tuple[Any, ...]]) -> str:
    """Header pins and ports with their parts, and below them the lamps' supply."""
    wired = {
        name: part
        for name, part in (PINS | PORTS).items()
        if example.get(name, settings.get(name, ("", -1))[1]) not in (-1, "")
    }
    rows = len(wired)
    foot = TOP + ROW * rows
    height = foot + 130
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        f"<title>{title}</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
        f"<rect x='20' y='20' width='220' height='{foot - 40}' rx='8' fill='#2f6f4f'/>",
        "<text x='130' y='44' fill='#ffffff' text-anchor='middle' font-weight='bold'>Raspberry Pi</text>",
    ]
    for number, (setting, (part, wire)) in enumerate(wired.items()):
        middle = TOP + ROW * number
        if setting in PINS:
            pin = example.get(setting, settings[setting][1])
            assert isinstance(pin, int)
            head, below = f"GPIO{pin}", f"pin {HEADER[pin]}, {setting}"
        else:
            head, below = "USB", setting
        colour = BLUE if setting in (*INPUTS, "tracker_port", "speed_port", "charger_port") else ORANGE
        lines += [
            f"<text x='36' y='{middle - 4}' fill='#ffffff' font-weight='bold'>{head}</text>",
            f"<text x='36' y='{middle + 13}' fill='#d5ecdf'>{below}</text>",
            f"<circle cx='240' cy='{middle}' r='6' fill='#e6c34a' stroke='{INK}'/>",
            f"<path d='M247 {middle} H640' stroke='{colour}' stroke-width='3'/>",
            _arrow(*((248, 1) if colour == BLUE else (639, -1)), middle, colour),
            f"<text x='443' y='{middle - 8}' fill='{INK}' text-anchor='middle'>{escape(wire)}</text>",
            f"<rect x='640' y='{middle - 18}' width='350' height='36' rx='6' fill='#eef1f4' stroke='{QUIET}'/>",
            f"<text x='654' y='{middle + 5}' fill='{INK}' font-weight='bold'>{escape(part)}</text>",
        ]
    middle = foot + 50
    for (part, below, x), end in zip(POWER, (*(x for *_, x in POWER[1:]), 1000), strict=True):
        width = end - x - 30
        lines += [
            f"<rect x='{x}' y='{middle - 24}' width='{width}' height='48' rx='6' fill='#fdf1e3' stroke='{ORANGE}'/>",
            f"<text x='{x + 10}' y='{middle - 4}' fill='{INK}' font-weight='bold'>{escape(part)}</text>",
            f"<text x='{x + 10}' y='{middle + 14}' fill='{QUIET}' font-size='9'>{escape(below)}</text>",
        ]
        if end < 1000:
            lines.append(f"<path d='M{x + width} {middle} H{end}' stroke='{ORANGE}' stroke-width='5'/>")
            lines.append(_arrow(end - 1, -1, middle, ORANGE))
    words = "The lamps' supply: without a pulse every 0.7 s the contact opens, whatever the drivers are told."
    lines.append(f"<text x='40' y='{middle + 52}' fill='{INK}'>{escape(words)}</text>")
    return "\n".join([*lines, "</svg>", ""])


def _arrow(tip: int, back: int, middle: int, colour: str) -> str:
    """An arrowhead at ``tip``; ``back`` 1 points to the left, -1 to the right."""
    return f"<path d='M{tip} {middle} l{15 * back} -7 v14 Z' fill='{colour}'/>"


def example_toml(head: str, example: Mapping[str, object]) -> str:
    """A configuration that a picture shows, as it stands on the page."""
    lines = ["```toml", head]
    for name, value in example.items():
        lines.append(f"{name} = {value}" if isinstance(value, int) else f'{name} = "{value}"')
    return "\n".join([*lines, "```", ""])
