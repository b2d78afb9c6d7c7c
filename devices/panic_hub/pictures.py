"""The pictures and tables of docs/devices/panic-hub.md, drawn from the code: wiring, bands, pace, settings.

Run ``python -m devices.panic_hub.pictures docs/devices`` after changing any of them; a test compares the result with what is committed.
Never loaded on a device.
"""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from devices.common.pictures import INK, QUIET, STYLE, asked_folder, filled, lamp_table, settings_table
from devices.panic_button import pictures as button
from devices.panic_hub import SETTINGS, scan
from devices.panic_hub.loop import Bands, State
from devices.panic_hub.settings import completed

EXAMPLE: dict[str, Any] = {
    "building": "School 5",
    "floor": "1",
    "modules": [
        {"port": "/dev/serial/by-id/usb-rs485", "unit": 1, "channels": 8},
        {"port": "/dev/serial/by-id/usb-rs485", "unit": 2, "channels": 8},
    ],
    "zones": [
        {"name": "Reception", "module": 1, "channel": 1, "room": "101"},
        {"name": "Head's office", "module": 1, "channel": 2, "room": "104"},
        {"name": "Chemistry", "module": 2, "channel": 1, "floor": "2", "room": "212"},
        {"name": "Sports hall", "module": 2, "channel": 2, "building": "Gym", "room": "Hall"},
    ],
    "tamper_pin": 5,
}

MEANINGS = {
    **button.MEANINGS,
    "received": ("lit with short gaps: every call has arrived", "signed receipts: stored at the center"),
    "fault": ("two short blinks, long dark", "a line or module in fault, a button stuck, or events cannot be kept"),
}
"""The panic button's words; the hub shows the alarm that has come least far."""

# state -> (colour, what it is, what the hub does)
STATES = {
    State.SHORT: ("#8a2be2", "the wires touch", "`fault.line`, `short`"),
    State.PRESSED: ("#b3261e", "somebody presses", "an alarm"),
    State.NORMAL: ("#2f6f4f", "at rest", "nothing"),
    State.OPEN: ("#1f66b0", "a wire is cut", "`fault.line`, `open`"),
    State.OUT_OF_BAND: (
        "#9aa5b1",
        "none of these: a leak to ground, a corroded joint, a wrong resistor",
        "`fault.line`, `out-of-band`",
    ),
}
BLUE, ORANGE, GREEN = "#1f66b0", "#c0501a", "#2f6f4f"
AXIS_MV = 5500
RATES = (9600, 38400, 57600, 115200, 256000)
FITTED = ((8,), (8, 8), (8, 8, 8), (16,), (16, 16), (32,))


def kilo(ohm: int) -> str:
    """A resistance as it stands on a part."""
    return f"{ohm / 1000:g} kΩ"


def wiring_svg() -> str:
    """Above, what hangs on what; below, one zone as a circuit."""
    whole = completed(EXAMPLE)
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 690' {STYLE} font-size='13'>",
        "<title>Wiring of the hub of panic buttons</title>",
        "<rect width='1010' height='690' fill='#ffffff'/>",
        f"<rect x='20' y='20' width='200' height='270' rx='8' fill='{GREEN}'/>",
        "<text x='120' y='44' fill='#ffffff' text-anchor='middle' font-weight='bold'>Raspberry Pi</text>",
    ]
    pins = ((SETTINGS["lamp_pin"][1], "lamp_pin", 215), (EXAMPLE["tamper_pin"], "tamper_pin", 260))
    for head, below, middle in (("USB", "port", 100), *((f"GPIO{pin}", name, y) for pin, name, y in pins)):
        lines += [
            f"<text x='36' y='{middle - 4}' fill='#ffffff' font-weight='bold'>{head}</text>",
            f"<text x='36' y='{middle + 13}' fill='#d5ecdf'>{below}</text>",
            f"<circle cx='220' cy='{middle}' r='6' fill='#e6c34a' stroke='{INK}'/>",
        ]
    lines += [
        *_part(270, 78, 150, 44, "RS-485 adapter", "low latency"),
        f"<path d='M226 100 H270 M420 100 H500 M460 100 V185 H500' stroke='{BLUE}' stroke-width='3' fill='none'/>",
        f"<text x='284' y='66' fill='{QUIET}'>A, B and ground; 120 Ω at both ends; {whole['baud']} baud</text>",
        *_part(270, 194, 180, 42, "The hub's lamp", "gate of an N-MOSFET"),
        *_part(270, 240, 180, 42, "Enclosure switch", "closed to ground while shut"),
        f"<path d='M226 215 H270' stroke='{ORANGE}' stroke-width='3'/>",
        f"<path d='M226 260 H270' stroke='{BLUE}' stroke-width='3'/>",
    ]
    for number, module in enumerate(whole["modules"]):
        top = 75 + 85 * number
        lines += _part(500, top, 200, 50, f"Analog module {number + 1}", f"unit {module.unit}, range 0 to 5 V")
        own = [zone for zone in whole["zones"] if zone.module == module.name]
        for row, zone in enumerate(own):
            middle = top + 10 + 32 * row
            where = escape(f"{zone.place['zone']}, room {zone.place['room']}")
            lines += [
                f"<path d='M700 {middle} H760' stroke='{BLUE}' stroke-width='3'/>",
                f"<text x='730' y='{middle - 5}' fill='{QUIET}' text-anchor='middle' font-size='10'>AI{zone.channel}</text>",
                f"<circle cx='770' cy='{middle}' r='9' fill='#b3261e' stroke='{INK}'/>",
                f"<text x='788' y='{middle + 5}' fill='{INK}'>{where}</text>",
            ]
    return "\n".join([*lines, *_circuit(whole), "</svg>", ""])


def _circuit(whole: dict[str, Any]) -> list[str]:
    """One zone: supply, pull resistor and input in the cabinet; cable; resistors and button in the box."""
    series, bridged = whole["pressed_ohm"], whole["normal_ohm"] - whole["pressed_ohm"]
    told = f"At rest {kilo(whole['normal_ohm'])} are between the wires, pressed {kilo(series)}: both resistors sit at the button,"
    wire = f"stroke='{INK}' stroke-width='2' fill='none'"
    return [
        f"<text x='20' y='336' fill='{INK}' font-weight='bold'>One zone</text>",
        f"<rect x='20' y='350' width='440' height='270' rx='8' fill='#f7f9fb' stroke='{QUIET}' stroke-dasharray='6 4'/>",
        f"<text x='36' y='374' fill='{QUIET}'>in the hub's cabinet</text>",
        f"<rect x='650' y='350' width='340' height='270' rx='8' fill='#f7f9fb' stroke='{QUIET}' stroke-dasharray='6 4'/>",
        f"<text x='666' y='374' fill='{QUIET}'>in the button's box</text>",
        f"<text x='36' y='424' fill='{INK}' font-weight='bold'>+{whole['supply_mv'] / 1000:g} V</text>",
        f"<text x='36' y='574' fill='{INK}' font-weight='bold'>0 V</text>",
        f"<path d='M84 420 H120 M230 420 H700 M800 420 H960 M84 570 H960' {wire}/>",
        *_resistor(120, 400, 110, 40, f"{kilo(whole['pull_ohm'])} 1 %"),
        f"<path d='M320 420 V470 M320 520 V570' {wire}/>",
        *_part(250, 470, 150, 50, "AI1+", "module 1, input 1"),
        f"<text x='330' y='538' fill='{QUIET}' font-size='11'>AI1-</text>",
        f"<circle cx='320' cy='420' r='4' fill='{INK}'/><circle cx='320' cy='570' r='4' fill='{INK}'/>",
        f"<path d='M460 420 H650 M460 570 H650' stroke='{BLUE}' stroke-width='4'/>",
        f"<text x='555' y='490' fill='{INK}' text-anchor='middle'>cable, one pair</text>",
        f"<text x='555' y='508' fill='{QUIET}' text-anchor='middle'>{whole['cable_ohm']} Ω there and back</text>",
        *_resistor(700, 400, 100, 40, f"{kilo(series)} 1 %"),
        *_resistor(780, 470, 100, 40, f"{kilo(bridged)} 1 %"),
        f"<path d='M830 420 V470 M830 510 V570 M960 420 V470 M960 520 V570 M960 470 L944 514' {wire}/>",
        f"<circle cx='830' cy='420' r='4' fill='{INK}'/><circle cx='830' cy='570' r='4' fill='{INK}'/>",
        "<circle cx='960' cy='470' r='4' fill='#b3261e'/><circle cx='960' cy='520' r='4' fill='#b3261e'/>",
        "<text x='948' y='546' fill='#b3261e' text-anchor='end' font-weight='bold'>button</text>",
        f"<text x='20' y='650' fill='{INK}'>{told}</text>",
        f"<text x='20' y='670' fill='{INK}'>so that no cut and no short on the way looks like either.</text>",
    ]


def bands_svg() -> str:
    """Which voltage means what, with the default resistors."""
    left, width, top = 40, 930, 60
    bands = _bands()
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 170' {STYLE} font-size='13'>",
        "<title>What a zone's voltage means</title>",
        "<rect width='1010' height='170' fill='#ffffff'/>",
        f"<rect x='{left}' y='{top}' width='{width}' height='46' fill='{STATES[State.OUT_OF_BAND][0]}' opacity='0.35'/>",
    ]
    for band in bands.all:
        colour = STATES[band.state][0]
        most_mv = min(band.most_mv, AXIS_MV)
        x, wide = left + width * band.least_mv / AXIS_MV, width * (most_mv - band.least_mv) / AXIS_MV
        middle, anchor = (x, "start") if band.state == State.SHORT else (x + wide / 2, "middle")
        told = f"{band.least_mv} … {most_mv} mV" if band.state != State.OPEN else f"from {band.least_mv} mV"
        lines += [
            f"<rect x='{x:g}' y='{top}' width='{wide:g}' height='46' fill='{colour}'/>",
            f"<text x='{middle:g}' y='{top - 26}' fill='{colour}' font-weight='bold' text-anchor='{anchor}'>{band.state}</text>",
            f"<text x='{middle:g}' y='{top - 9}' fill='{QUIET}' text-anchor='{anchor}'>{told}</text>",
        ]
    for mv in range(0, AXIS_MV, 500):
        x = left + width * mv / AXIS_MV
        lines.append(f"<path d='M{x:g} {top + 46} v6' stroke='{QUIET}'/>")
        lines.append(f"<text x='{x:g}' y='{top + 66}' fill='{QUIET}' text-anchor='middle'>{mv / 1000:g} V</text>")
    lines.append(
        f"<text x='{left}' y='{top + 94}' fill='{INK}'>Grey is out of band: a line that nobody can be sure of.</text>"
    )
    return "\n".join([*lines, "</svg>", ""])


def bands_table() -> str:
    """The same in words."""
    lines = ["| state | input reads | what it is | what the hub says |", "|---|---|---|---|"]
    found = {band.state: band for band in _bands().all}
    for state, (_colour, what, says) in STATES.items():
        band = found.get(state)
        told = "anything else" if band is None else f"{band.least_mv} … {band.most_mv} mV"
        if state == State.OPEN and band:
            told = f"{band.least_mv} mV and more"
        lines.append(f"| `{state}` | {told} | {what} | {says} |")
    return "\n".join(lines) + "\n"


def pace_table() -> str:
    """From look to look at each module, by what hangs on a port and its rate."""
    answer_ms, sample_ms = SETTINGS["answer_ms"][1], SETTINGS["sample_ms"][1]
    lines = [
        f"| modules on a port | {' | '.join(f'{rate} baud' for rate in RATES)} |",
        "|---|" + "---|" * len(RATES),
    ]
    for channels in FITTED:
        cells = []
        for rate in RATES:
            every_ms = scan.look_ms(channels, rate, answer_ms)
            cells.append(f"{every_ms} ms" if every_ms <= scan.most_ms(sample_ms) else f"refused ({every_ms} ms)")
        what = f"{len(channels)} with {channels[0]} inputs"
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def example_toml() -> str:
    """The configuration that the picture shows, as it stands on the page."""
    lines = ["```toml", "# kind panic-hub"]
    for name, value in EXAMPLE.items():
        if isinstance(value, list):
            rows = ["  { " + ", ".join(f"{key} = {_toml(one)}" for key, one in row.items()) + " }," for row in value]
            lines += [f"{name} = [", *rows, "]"]
        else:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join([*lines, "```", ""])


def tables() -> dict[str, str]:
    """The page's tables by their marks."""
    return {
        "example": example_toml(),
        "bands": bands_table(),
        "pace": pace_table(),
        "lamp": lamp_table("the office", MEANINGS),
        "settings": settings_table(SETTINGS),
    }


def main(folder: Path) -> None:
    """Write all pictures and tables into a folder that holds panic-hub.md."""
    (folder / "panic-hub-wiring.svg").write_text(wiring_svg(), encoding="utf-8")
    (folder / "panic-hub-bands.svg").write_text(bands_svg(), encoding="utf-8")
    page = folder / "panic-hub.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")


def _bands() -> Bands:
    return Bands({name: default for name, (_type, default, *_rest) in SETTINGS.items()})


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _part(x: int, y: int, width: int, height: int, name: str, below: str) -> list[str]:
    return [
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='6' fill='#eef1f4' stroke='{QUIET}'/>",
        f"<text x='{x + 12}' y='{y + height // 2 - 3}' fill='{INK}' font-weight='bold'>{escape(name)}</text>",
        f"<text x='{x + 12}' y='{y + height // 2 + 14}' fill='{QUIET}' font-size='11'>{escape(below)}</text>",
    ]


def _resistor(x: int, y: int, width: int, height: int, value: str) -> list[str]:
    return [
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' fill='#fdf1e3' stroke='{ORANGE}' stroke-width='2'/>",
        f"<text x='{x + width // 2}' y='{y + height // 2 + 5}' fill='{INK}' text-anchor='middle'>{value}</text>",
    ]


if __name__ == "__main__":
    main(asked_folder("panic-hub.md"))
