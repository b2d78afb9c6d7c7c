"""The timeline of verdicts for people: as a picture (PNG) and as a page (HTML) that needs nothing else.

Colours that people with colour blindness tell apart, and patterns with them: what is altered is hatched, what is missing is empty; a proven
second of which there is something to say has a dark foot.
"""

import html as markup
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from agent.keys.certificate import utc_text
from center.evidence.report import all_proven, clock, stretches
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Second, Verdict

COLOURS = {PROVEN: "#0072b2", ALTERED: "#d55e00", MISSING: "#ffffff"}
MAX_RECORDINGS = 60
"""In one picture; a page has room for all."""
_MOST_TOLD = 100
_WIDTH, _MARGIN, _BAR, _ROW = 1200, 40, 46, 150
_LEAST = {PROVEN: 1, ALTERED: 4, MISSING: 4}
"""Pixels of a second: one bad second in hours must be seen."""
_INK, _FAINT, _PAPER = "#1a1a1a", "#666666", "#ffffff"
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


def png(verdicts: Sequence[Verdict]) -> bytes:
    """A picture, one bar a recording."""
    shown = verdicts[:MAX_RECORDINGS]
    image = Image.new("RGB", (_WIDTH, 2 * _MARGIN + 60 + _ROW * max(1, len(shown))), _PAPER)
    draw = ImageDraw.Draw(image)
    title, small = _font(26), _font(16)
    draw.text((_MARGIN, _MARGIN - 12), _headline(verdicts), fill=_INK, font=title)
    at = _WIDTH - _MARGIN - 3 * 130
    for one in (PROVEN, ALTERED, MISSING):
        _cell(draw, (at, _MARGIN - 4, at + 24, _MARGIN + 14), one)
        draw.rectangle((at, _MARGIN - 4, at + 24, _MARGIN + 14), outline=_INK)
        draw.text((at + 32, _MARGIN - 5), one, fill=_INK, font=small)
        at += 130
    for number, verdict in enumerate(shown):
        _row(draw, verdict, _MARGIN + 50 + number * _ROW, small)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def html(verdicts: Sequence[Verdict]) -> bytes:
    """A page with the same bars, and every stretch that is not proven in words."""
    body = "".join(_section(verdict) for verdict in verdicts)
    legend = "".join(f'<span class="{one}"></span>{one} ' for one in (PROVEN, ALTERED, MISSING))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evidence timeline</title>'
        f"<style>{_STYLE}</style></head><body><h1>{markup.escape(_headline(verdicts))}</h1>"
        f'<p class="legend">{legend}</p>{body}</body></html>\n'
    )
    return page.encode()


_STYLE = (
    "body{font:16px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .3rem;overflow-wrap:anywhere}"
    ".bar{display:flex;height:3.5rem;border:1px solid #1a1a1a}.bar i{flex-basis:0;min-width:1px}.bar .altered,.bar .missing{min-width:4px}"
    ".scale{display:flex;justify-content:space-between;margin:.2rem 0}"
    "td{padding:.15rem 1.2rem .15rem 0;vertical-align:top}td:first-child{font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".legend span{display:inline-block;width:1.4em;height:1em;border:1px solid #1a1a1a;margin:0 .4em 0 1.2em;vertical-align:-.1em}"
    f".proven{{background:{COLOURS[PROVEN]}}}.missing{{background:{COLOURS[MISSING]}}}"
    f".altered{{background:repeating-linear-gradient(45deg,{COLOURS[ALTERED]} 0 4px,#fff 4px 6px)}}"
    ".remark{box-shadow:inset 0 -.7rem #1a1a1a}.note,.scale{color:#555}"
)


def _headline(verdicts: Sequence[Verdict]) -> str:
    if all_proven(verdicts):
        return "All proven"
    sums = ((one, sum(verdict.total_s(one) for verdict in verdicts)) for one in (ALTERED, MISSING))
    wrong = ", ".join(f"{total:g} s {one}" for one, total in sums if total)
    return f"Not all proven: {wrong or 'the end is not signed'}"


def _told(verdict: Verdict) -> str:
    begun = f", begun {utc_text(verdict.begin_ms)}" if verdict.begin_ms else ""
    sums = ", ".join(f"{verdict.total_s(one):g} s {one}" for one in (PROVEN, ALTERED, MISSING))
    return f"{verdict.device or 'nobody known'}{begun}: {sums}"


def _row(draw: ImageDraw.ImageDraw, verdict: Verdict, top: int, font: ImageFont.FreeTypeFont) -> None:
    draw.text((_MARGIN, top), verdict.name[:60], fill=_INK, font=font)
    draw.text((_MARGIN, top + 22), _told(verdict)[:130], fill=_FAINT, font=font)
    bar = top + 52
    width = _WIDTH - 2 * _MARGIN
    count = len(verdict.seconds)
    worst: dict[int, Second] = {}
    order = (PROVEN, MISSING, ALTERED)
    for second in verdict.seconds:
        begin = _MARGIN + second.number * width // count
        end = max(begin + _LEAST[second.verdict], _MARGIN + (second.number + 1) * width // count)
        for column in range(begin, min(end, _MARGIN + width)):
            known = worst.get(column)
            if known is None or order.index(second.verdict) > order.index(known.verdict):
                worst[column] = second
    runs: list[tuple[int, int, str]] = []
    for column in sorted(worst):
        if runs and runs[-1][1] == column and runs[-1][2] == worst[column].verdict:
            runs[-1] = (runs[-1][0], column + 1, runs[-1][2])
        else:
            runs.append((column, column + 1, worst[column].verdict))
    for begin, end, what in runs:
        _cell(draw, (begin, bar, end - 1, bar + _BAR), what)
    for column, second in worst.items():
        if second.verdict == PROVEN and second.why:
            draw.line((column, bar + _BAR - 9, column, bar + _BAR), fill=_INK)
    draw.rectangle((_MARGIN, bar, _WIDTH - _MARGIN, bar + _BAR), outline=_INK)
    for second_at, text in _scale(count):
        x = _MARGIN + second_at * width // max(count, 1)
        draw.line((x, bar + _BAR, x, bar + _BAR + 6), fill=_INK)
        draw.text((x + 3, bar + _BAR + 4), text, fill=_FAINT, font=font)


def _cell(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], verdict: str) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, fill=COLOURS[verdict])
    if verdict == ALTERED:
        for x in range(left, right + 1):
            for y in range(top + (-x - top) % 8, bottom + 1, 8):
                draw.point((x, y), fill=_PAPER)
                draw.point((x, min(y + 1, bottom)), fill=_PAPER)


def _section(verdict: Verdict) -> str:
    cells: list[str] = []
    rows: list[str] = []
    for first, last in stretches(verdict.seconds):
        why = markup.escape("; ".join(first.why))
        span = f"{clock(first.number)} to {clock(last.number + 1)}"
        told = f"{span} {first.verdict}{': ' + why if why else ''}"
        long = last.number + 1 - first.number
        remark = " remark" if first.verdict == PROVEN and first.why else ""
        cells.append(f'<i class="{first.verdict}{remark}" style="flex-grow:{long}" title="{told}"></i>')
        if (first.verdict != PROVEN or first.why) and len(rows) < _MOST_TOLD:
            rows.append(f"<tr><td>{span}</td><td>{first.verdict}</td><td>{why}</td></tr>")
    notes = "".join(f'<p class="note">{markup.escape(note)}</p>' for note in verdict.notes)
    return (
        f"<h2>{markup.escape(verdict.name)}</h2><p>{markup.escape(_told(verdict))}</p>"
        f'<div class="bar" role="img" aria-label="timeline">{"".join(cells)}</div>'
        f'<p class="scale"><span>0:00:00</span><span>{clock(len(verdict.seconds))}</span></p>'
        f"<table>{''.join(rows)}</table>{notes}"
    )


def _scale(count: int) -> list[tuple[int, str]]:
    """Where the scale has marks: at most twelve."""
    step = next((step for step in _STEPS if count <= 12 * step), 86400 * (count // 1_036_800 + 1))
    return [(second, clock(second)) for second in range(0, count, step)]


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
