"""Pictures and tables of a kind's page in docs/devices, drawn from its pattern and settings tables themselves. Never loaded on a device."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devices.common.patterns import Pattern

Meanings = Mapping[str, tuple[str, str]]
"""Lamp pattern -> (what the person in front of it understands, what an installer or officer reads)."""

CALLED: Meanings = {
    "offline": ("a short blink now and then", "in service, no connection; a press is kept and sent later"),
    "sending": ("blinks: your call is on its way", "connected; an open alarm has no receipt of the center yet"),
    "sending-no-link": ("blinks fast: looking for a connection", "no connection; an open alarm has no receipt yet"),
    "received": ("lit with short gaps: your call has arrived", "signed receipt: stored at the center"),
    "acknowledged": ("lit: somebody has your call", "signed receipt: an operator acknowledged"),
    "dispatched": ("lit with a double dip: help is coming", "signed receipt: a unit is dispatched"),
    "pressed": (
        "flickers for a second: this press was felt",
        "further press counted; the receipt shown before still stands",
    ),
    "closed": ("dims up and down for 5 s: the call is over", "signed receipt: closed, no other alarm open"),
}
"""How far a call has come: the same on every button."""
TRIED: Meanings = {
    "test-armed": ("double blink: test", "user test armed: the next single press is a test, the one after it an alarm"),
    "test-passed": ("swells fast for 3 s: test done", "user test passed, signed and sent"),
    "identify": ("triple blink", "this is the device that the command named"),
    "fault": ("two short blinks, long dark", "button stuck, battery low, or events cannot be kept; see the events"),
    "tamper": ("three short blinks, long dark", "enclosure open, or the tamper wire cut"),
}
"""Tests and faults: the same on every button."""

SPAN_MS = 6000
INK = "#1d2733"
QUIET = "#5b6875"
STYLE = "font-family='DejaVu Sans, Verdana, sans-serif'"


def asked_folder(page: str) -> Path:
    """The folder that the command line names, which holds ``page``; without one, its usage."""
    spec = sys.modules["__main__"].__spec__
    parser = argparse.ArgumentParser(
        prog=f"python -m {spec.name}" if spec else None, description=f"Draw the pictures and tables of {page} anew."
    )
    parser.add_argument("folder", type=Path, help=f"the one with {page}, such as docs/devices")
    folder: Path = parser.parse_args().folder
    if not (folder / page).is_file():
        parser.error(f"{folder} holds no {page}")
    return folder


def lamp_svg(device: str, reader: str, patterns: "Mapping[str, Pattern]", meanings: Meanings) -> str:
    """The lamp's language: for each pattern a blinking lamp, six seconds of its light, and what ``reader`` understands."""
    row, left, width = 46, 190, 420
    height = 44 + row * len(meanings) + 24
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1010 {height}' {STYLE} font-size='13'>",
        f"<title>Lamp patterns of the {device}</title>",
        f"<rect width='1010' height='{height}' fill='#ffffff'/>",
        f"<text x='{left}' y='26' fill='{QUIET}'>six seconds of light</text>",
        f"<text x='{left + width + 24}' y='26' fill='{QUIET}'>what {reader} understands</text>",
    ]
    for number, (name, (understood, _installer)) in enumerate(meanings.items()):
        top = 40 + row * number
        lines.append(f"<text x='52' y='{top + 24}' fill='{INK}' font-weight='bold'>{escape(name)}</text>")
        lines.append(_blinking(patterns[name], 28, top + 19))
        lines.append(f"<rect x='{left}' y='{top}' width='{width}' height='36' fill='#eef1f4'/>")
        lines.append(f"<path d='{_course(patterns[name], left, top + 36, width, 34)}' fill='#e8920c'/>")
        lines.append(f"<text x='{left + width + 24}' y='{top + 24}' fill='{INK}'>{escape(understood)}</text>")
    for second in range(SPAN_MS // 1000 + 1):
        x = left + width * second * 1000 // SPAN_MS
        lines.append(f"<text x='{x}' y='{height - 10}' fill='{QUIET}' text-anchor='middle'>{second} s</text>")
    return "\n".join([*lines, "</svg>", ""])


def lamp_table(reader: str, meanings: Meanings) -> str:
    """The lamp's language as a table in words."""
    lines = [
        f"| pattern | what {reader} sees and understands | what an installer or officer reads |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {understood} | {installer} |" for name, (understood, installer) in meanings.items()]
    return "\n".join(lines) + "\n"


def settings_table(settings: "Mapping[str, tuple[Any, ...]]") -> str:
    """All settings with defaults and ranges."""
    lines = ["| setting | default | range | meaning |", "|---|---|---|---|"]
    for name, (kind, default, minimum, maximum, meaning) in settings.items():
        shown, allowed = str(default), f"{minimum} … {maximum}"
        if kind is bool:
            shown, allowed = str(default).lower(), "true, false"
        elif kind is str:
            shown, allowed = (f'"{default}"' if default or not minimum else "must be given"), f"{allowed} characters"
        elif kind is list:
            shown = "see above" if default else "must be given" if minimum else "[]"
            allowed = f"{allowed} entries"
        lines.append(f"| `{name}` | {shown} | {allowed} | {meaning} |")
    return "\n".join(lines) + "\n"


def filled(page: str, tables: "Mapping[str, str]") -> str:
    """The page with its tables drawn anew between ``<!-- name -->`` and ``<!-- /name -->``. Raises ValueError if a mark is missing."""
    for name, table in tables.items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _old, end, after = rest.partition(f"<!-- /{name} -->\n")
        if not begin or not end:
            raise ValueError(
                f"the page lacks the marks <!-- {name} --> and <!-- /{name} -->; put them around its table"
            )
        page = before + begin + table + end + after
    return page


def _course(pattern: "Pattern", x: int, y: int, width: int, height: int) -> str:
    """An SVG path over SPAN_MS of a pattern, its foot at (x, y)."""
    path = [f"M{x} {y}"]
    at_ms = step = 0
    while at_ms < SPAN_MS:
        duration_ms, duty = pattern[step % len(pattern)]
        path.append(f"V{y - height * duty / 100:g}")
        at_ms = SPAN_MS if duration_ms == 0 else min(SPAN_MS, at_ms + duration_ms)
        path.append(f"H{x + width * at_ms / SPAN_MS:g}")
        step += 1
    return "".join(path) + f"V{y}z"


def _blinking(pattern: "Pattern", x: int, y: int) -> str:
    """A round lamp that plays the pattern."""
    lamp = f"<circle cx='{x}' cy='{y}' r='12' fill='#f4f0e6' stroke='{QUIET}'/><circle cx='{x}' cy='{y}' r='11' fill='#e8920c'"
    cycle_ms = sum(duration_ms for duration_ms, _duty in pattern)
    if cycle_ms == 0:
        return f"{lamp} opacity='{pattern[0][1] / 100:g}'/>"
    values, times, at_ms = [], [], 0
    for duration_ms, duty in pattern:
        values.append(f"{duty / 100:g}")
        times.append(f"{at_ms / cycle_ms:.4g}")
        at_ms += duration_ms
    return (
        f"{lamp}><animate attributeName='opacity' values='{';'.join(values)}' keyTimes='{';'.join(times)}' "
        f"dur='{cycle_ms}ms' calcMode='discrete' repeatCount='indefinite'/></circle>"
    )
