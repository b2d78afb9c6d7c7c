"""Labels of devices as a sheet to print: name, place in words, and a QR code; A4 with 24 labels of 70 x 37 mm, as shops sell them.

The font is Noto Sans, which has the letters of Kazakh and Russian; it is embedded, as far as its letters are used.
"""

import dataclasses
import functools
import io
from collections.abc import Sequence
from pathlib import Path

import fontpkg_noto_sans
import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from provisioning.messages import text

COLUMNS, ROWS = 3, 8
WIDTH, HEIGHT = 70 * mm, 37 * mm
MARGIN = 4 * mm
QR = 27 * mm
QUIET = 4
"""Empty modules around a QR code, which its standard asks for."""
FONT = "Noto Sans"
_FILE = Path(fontpkg_noto_sans.__file__).parent / "files" / "NotoSans[wdth,wght].ttf"
PLACE = 8.5
LINES = 5
SMALLEST = 6.5


@dataclasses.dataclass(frozen=True)
class Label:
    """What one label says. ``code`` is what its QR code holds, ``claim`` a claim in letters, "" without one."""

    name: str
    kind: str
    place: tuple[str, ...]
    code: str
    claim: str = ""


def sheet(labels: Sequence[Label], language: str) -> bytes:
    """The labels as PDF, row by row, as many pages as it takes. The same labels give the same bytes."""
    register_font()
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=True)
    canvas.setTitle(text(language, "label.title"))
    canvas.setAuthor("Dabyl")
    for number, label in enumerate(labels):
        at = number % (COLUMNS * ROWS)
        if number and not at:
            canvas.showPage()
        row, column = divmod(at, COLUMNS)
        canvas.saveState()
        canvas.translate(column * WIDTH, A4[1] - (row + 1) * HEIGHT)
        _draw(canvas, label, language)
        canvas.restoreState()
    canvas.save()
    return target.getvalue()


def _draw(canvas: Canvas, label: Label, language: str) -> None:
    _qr(canvas, label.code)
    left = QR + MARGIN / 2
    room = WIDTH - left - MARGIN
    y = HEIGHT - MARGIN - 11
    canvas.setFillGray(0)
    _line(canvas, left, y, room, label.name, 13)
    for words in _wrapped(label.place, room):
        y -= 10
        _line(canvas, left, y, room, words, PLACE)
    canvas.setFillGray(0.35)
    _line(canvas, left, MARGIN + 9, room, f"{text(language, 'label.kind')}: {label.kind}", 7)
    told = f"{text(language, 'label.claim')} {label.claim}" if label.claim else text(language, "label.no-claim")
    _line(canvas, left, MARGIN, room, told, 7)


def _wrapped(place: Sequence[str], room: float) -> list[str]:
    """The place in lines, a part in two at most; what the last line does not hold is cut off there."""
    lines: list[str] = []
    for words in place:
        first, *rest = simpleSplit(words, FONT, PLACE, room) or [""]
        lines += [first, *([" ".join(rest)] if rest else [])]
    return lines[:LINES]


def _line(canvas: Canvas, x: float, y: float, room: float, words: str, size: float) -> None:
    """One line, smaller if it is long, and cut off if it is longer still."""
    while size > SMALLEST and pdfmetrics.stringWidth(words, FONT, size) > room:
        size -= 0.5
    if pdfmetrics.stringWidth(words, FONT, size) > room:
        while words and pdfmetrics.stringWidth(words + "…", FONT, size) > room:
            words = words[:-1]
        words += "…"
    canvas.setFont(FONT, size)
    canvas.drawString(x, y, words)


def _qr(canvas: Canvas, code: str) -> None:
    """The code in squares of one size; dark ones that touch are drawn as one, or printers leave hairlines between them."""
    rows = list(segno.make(code, error="m", micro=False).matrix_iter(border=QUIET))
    side = QR / len(rows)
    top = (HEIGHT + QR) / 2
    canvas.setFillGray(0)
    path = canvas.beginPath()
    for number, row in enumerate(rows):
        start = None
        for column, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                path.rect(MARGIN / 2 + start * side, top - (number + 1) * side, (column - start) * side, side)
                start = None
    canvas.drawPath(path, stroke=0, fill=1)


@functools.cache
def register_font() -> None:
    """Let PDFs use the font."""
    pdfmetrics.registerFont(TTFont(FONT, str(_FILE)))
