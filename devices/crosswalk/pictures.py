"""The pictures and tables of docs/devices/crosswalk.md, drawn from the code: the state machine by exploring it, patterns and tuning as
they are.

Run ``python -m devices.crosswalk.pictures docs/devices`` after changing any of them; a test compares the result with what is committed.
Never
loaded on a device.
"""

from pathlib import Path
from xml.sax.saxutils import escape

from devices.common.pictures import INK, QUIET, STYLE, asked_folder, filled, settings_table
from devices.crosswalk import SETTINGS
from devices.crosswalk.exploration import explore
from devices.crosswalk.fusion import TUNING, WEIGHTS, Fusion
from devices.crosswalk.patterns import BASES, OUTPUTS, PROOF, Beacon, cycle_ms
from devices.crosswalk.wiring import EXAMPLE, FAR_EXAMPLE, example_toml, far_svg, near_svg
from devices.crosswalk.worlds import PEOPLE

LAMP = "#e8920c"
COLOURS = {"tracker": "#1f66b0", "pir": "#b3261e"}

# state -> (what it means, where it stands)
STATES = {
    "dark": ("nobody is there", 190, 70),
    "gathering": ("a sensor claims somebody", 710, 70),
    "held": ("lit, somebody is there", 710, 310),
    "ending": ("lit, the time to cross runs", 190, 310),
}
DRAWN = ("nobody there", "button", "PIR: somebody")
# Each change of state that the exploration finds: why it happens, where the words stand, and their anchor.
WAYS = {
    ("dark", "gathering"): ("a sensor claims somebody", 450, 48, "middle"),
    ("gathering", "dark"): ("nobody is claimed any more", 450, 102, "middle"),
    ("gathering", "held"): ("the claim lasts", 734, 195, "start"),
    ("held", "ending"): ("nobody is claimed any more", 450, 343, "middle"),
    ("ending", "held"): ("the claim lasts", 450, 288, "middle"),
    ("ending", "dark"): ("time is over", 166, 195, "end"),
    ("dark", "ending"): ("button", 214, 262, "start"),
    ("gathering", "ending"): ("button", 505, 205, "start"),
    ("ending", "gathering"): ("time is over, not yet certain", 478, 160, "end"),
}

# output -> pattern -> what a passer-by understands
MEANINGS = {
    "supply": {"off": "the lamps have no supply", "pulse": "they have it for 0.7 s more"},
    "flood": {"off": "dark", "on": "the crossing is lit at night while the beacon is"},
    "locator": {"off": "silent", "on": "a short tone each second: here is the button"},
    "speech": {"off": "silent", "flashing": "“Yellow lights are flashing”, twice"},
    "button": {
        "off": "no call of yours is open",
        "called": "your press has lit the beacon",
        "identify": "this is the device that a command named",
    },
}
BEACONS = {
    "ia-21": "rapid flash of FHWA Interim Approval 21, 75 a minute",
    "alternate": "left and right in turn, 60 a minute",
    "together": "both together, 60 a minute",
}


def changes() -> set[tuple[str, str]]:
    """The changes of state that the machine makes, found by exploring it with a button, and a PIR that a tracker contradicts."""
    explored = explore({}, {name: PEOPLE[name] for name in DRAWN})
    return {(before, after) for before, _move, after in explored.edges}


def states_svg() -> str:
    """The state machine as it was explored."""
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 900 380' {STYLE} font-size='12'>",
        "<title>States of the crosswalk</title>",
        "<rect width='900' height='380' fill='#ffffff'/>",
        "<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8' markerHeight='8' orient='auto'>",
        f"<path d='M0 0 L10 5 L0 10 z' fill='{QUIET}'/></marker></defs>",
    ]
    for before, after in sorted(changes()):
        lines += _arrow(before, after)
    for name, (meaning, x, y) in STATES.items():
        fill = LAMP if "lit" in meaning else "#eef1f4"
        lines += [
            f"<rect x='{x - 100}' y='{y - 30}' width='200' height='60' rx='12' fill='{fill}' stroke='{INK}'/>",
            f"<text x='{x}' y='{y - 4}' fill='{INK}' text-anchor='middle' font-weight='bold' font-size='14'>{name}</text>",
            f"<text x='{x}' y='{y + 16}' fill='{INK}' text-anchor='middle'>{escape(meaning)}</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def _arrow(before: str, after: str) -> list[str]:
    _, from_x, from_y = STATES[before]
    _, to_x, to_y = STATES[after]
    across, down = (to_x > from_x) - (to_x < from_x), (to_y > from_y) - (to_y < from_y)
    # Arrows that go opposite ways pass each other on their left.
    aside_x, aside_y = 14 * down, -14 * across
    half = 100
    if across and down:
        half, aside_y = 80, 0
    start = (from_x + half * across + aside_x, from_y + 30 * down + aside_y)
    end = (to_x - half * across + aside_x, to_y - 30 * down + aside_y)
    why, x, y, anchor = WAYS[before, after]
    return [
        f"<path d='M{start[0]} {start[1]} L{end[0]} {end[1]}' stroke='{QUIET}' stroke-width='2' marker-end='url(#tip)'/>",
        f"<text x='{x}' y='{y}' fill='{INK}' text-anchor='{anchor}'>{escape(why)}</text>",
    ]


def beacon_svg() -> str:
    """Two seconds of each beacon pattern, left lamp over right lamp."""
    row, left, width, span_ms = 74, 130, 600, 2000
    height = 40 + row * len(BASES) + 24
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 {height}' {STYLE} font-size='13'>",
        "<title>Flash patterns of the beacon</title>",
        f"<rect width='760' height='{height}' fill='#ffffff'/>",
    ]
    for number, (name, pattern) in enumerate(BASES.items()):
        top = 40 + row * number
        lines.append(f"<text x='16' y='{top + 30}' fill='{INK}' font-weight='bold'>{name}</text>")
        lines.append(f"<text x='{left}' y='{top - 6}' fill='{QUIET}'>{escape(BEACONS[name])}</text>")
        for lamp in (0, 1):
            y = top + 24 * lamp
            lines.append(f"<text x='{left - 14}' y='{y + 15}' fill='{QUIET}'>{'LR'[lamp]}</text>")
            lines.append(f"<rect x='{left}' y='{y}' width='{width}' height='20' fill='#eef1f4'/>")
            for at_ms, lasts_ms in _flashes(pattern, lamp, span_ms):
                x, wide = left + width * at_ms / span_ms, width * lasts_ms / span_ms
                lines.append(f"<rect x='{x:g}' y='{y}' width='{wide:g}' height='20' fill='{LAMP}'/>")
    for tenth in range(0, 21, 4):
        x = left + width * tenth // 20
        lines.append(f"<text x='{x}' y='{height - 10}' fill='{QUIET}' text-anchor='middle'>{tenth / 10:g} s</text>")
    return "\n".join([*lines, "</svg>", ""])


def _flashes(pattern: Beacon, lamp: int, span_ms: int) -> list[tuple[int, int]]:
    flashes = []
    for began_ms in range(0, span_ms, cycle_ms(pattern)):
        at_ms = began_ms
        for step in pattern:
            if step[1 + lamp] and at_ms < span_ms:
                flashes.append((at_ms, min(step[0], span_ms - at_ms)))
            at_ms += step[0]
    return flashes


# A story for the picture of the fusion: (from_ms, until_ms) in which each sensor claims somebody.
STORY = {"tracker": ((6500, 11_000), (16_000, 20_000)), "pir": ((1000, 2200), (6600, 9800))}
STORY_TEXT = (
    (1000, "wind warms the PIR"),
    (6500, "somebody waits and crosses"),
    (16_000, "one whom the PIR does not see"),
)
STORY_MS = 23_000


def fusion_svg() -> str:
    """What the sensors claim in a short story, and what the fusion makes of it."""
    left, width, foot, height_of_call = 90, 800, 260, 80
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 920 300' {STYLE} font-size='13'>",
        "<title>Fusion of tracking radar and PIR</title>",
        "<rect width='920' height='300' fill='#ffffff'/>",
    ]
    for at_ms, words in STORY_TEXT:
        lines.append(f"<text x='{left + width * at_ms / STORY_MS:g}' y='22' fill='{QUIET}'>{escape(words)}</text>")
    for number, (name, claims) in enumerate(STORY.items()):
        y = 36 + 28 * number
        lines.append(f"<text x='16' y='{y + 16}' fill='{INK}' font-weight='bold'>{name}</text>")
        lines.append(f"<rect x='{left}' y='{y}' width='{width}' height='20' fill='#eef1f4'/>")
        for from_ms, until_ms in claims:
            x, wide = left + width * from_ms / STORY_MS, width * (until_ms - from_ms) / STORY_MS
            lines.append(f"<rect x='{x:g}' y='{y}' width='{wide:g}' height='20' fill='{COLOURS[name]}'/>")
    points, detected = _story()
    for from_ms, until_ms in detected:
        x, wide = left + width * from_ms / STORY_MS, width * (until_ms - from_ms) / STORY_MS
        lines.append(f"<rect x='{x:g}' y='110' width='{wide:g}' height='{foot - 110}' fill='{LAMP}' opacity='0.35'/>")
    path = " ".join(
        f"{left + width * at / STORY_MS:g} {foot - height_of_call * percent / 100:g}" for at, percent in points
    )
    for percent, word in ((100, "call"), (TUNING.keep * 100 // TUNING.call, "keep")):
        y = foot - height_of_call * percent // 100
        lines.append(f"<path d='M{left} {y} H{left + width}' stroke='{QUIET}' stroke-dasharray='4 4'/>")
        lines.append(f"<text x='{left - 10}' y='{y + 4}' fill='{QUIET}' text-anchor='end'>{word}</text>")
    lines.append(f"<polyline points='{path}' fill='none' stroke='{INK}' stroke-width='2'/>")
    for second in range(0, STORY_MS // 1000 + 1, 2):
        x = left + width * second * 1000 // STORY_MS
        lines.append(f"<text x='{x}' y='288' fill='{QUIET}' text-anchor='middle'>{second} s</text>")
    return "\n".join([*lines, "</svg>", ""])


def _story() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    fusion = Fusion(STORY)
    points: list[tuple[int, int]] = []
    detected: list[tuple[int, int]] = []
    since_ms: int | None = None
    for now_ms in range(0, STORY_MS + 1, 100):
        for name, claims in STORY.items():
            fusion.say(name, any(from_ms <= now_ms < until_ms for from_ms, until_ms in claims), now_ms)
        points.append((now_ms, fusion.confidence))
        if fusion.detected and since_ms is None:
            since_ms = now_ms
        elif not fusion.detected and since_ms is not None:
            detected.append((since_ms, now_ms))
            since_ms = None
    return points, detected


def weights_table() -> str:
    """What each sensor's word is worth."""
    lines = [
        "| sensor | somebody | nobody | alone, the others silent | alone, the others say nobody |",
        "|---|---|---|---|---|",
    ]
    for name, weight in WEIGHTS.items():
        against = weight.yes - sum(other.no for rival, other in WEIGHTS.items() if rival != name)
        alone = [f"{TUNING.call / rate:.1f} s" if rate > 0 else "never" for rate in (weight.yes, against)]
        lines.append(f"| `{name}` | +{weight.yes} | -{weight.no} | {alone[0]} | {alone[1]} |")
    return "\n".join(lines) + "\n"


def outputs_table() -> str:
    """What outputs do."""
    lines = ["| output | pattern | what it means |", "|---|---|---|"]
    lines += [f"| `beacon`, `farside` | `{name}` | {meaning} |" for name, meaning in BEACONS.items()]
    lines.append(f"| `beacon` | `{PROOF}` | dark: the drivers are on for a moment, the supply's relay must be open |")
    lines += [
        f"| `{output}` | `{name}` | {MEANINGS[output][name]} |" for output, table in OUTPUTS.items() for name in table
    ]
    return "\n".join(lines) + "\n"


def tables() -> dict[str, str]:
    """The page's tables by their marks."""
    return {
        "example": example_toml("# kind crosswalk", EXAMPLE),
        "weights": weights_table(),
        "outputs": outputs_table(),
        "settings": settings_table(SETTINGS),
        "far example": example_toml("# /etc/dabyl/far-unit.toml", FAR_EXAMPLE),
    }


def pictures() -> dict[str, str]:
    """The pictures by their names."""
    return {
        "states": states_svg(),
        "beacon": beacon_svg(),
        "fusion": fusion_svg(),
        "wiring": near_svg(),
        "far-wiring": far_svg(),
    }


def main(folder: Path) -> None:
    """Write all pictures and tables into a folder that holds crosswalk.md."""
    for name, picture in pictures().items():
        (folder / f"crosswalk-{name}.svg").write_text(picture, encoding="utf-8")
    page = folder / "crosswalk.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")


if __name__ == "__main__":
    main(asked_folder("crosswalk.md"))
