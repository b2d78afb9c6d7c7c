"""The acceptance record as people sign it: a table on A4, in their language, with the SHA-256 of the signed file at its foot."""

import io
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from provisioning.acceptance import digest
from provisioning.labels import FONT, register_font
from provisioning.messages import text

COLUMNS = ("device", "place", "result", "latency", "signal", "lamp", "photo")
WIDTHS = tuple(width * mm for width in (28, 46, 34, 22, 18, 14, 20))
COLOURS = {"passed": "#1a7f37", "failed": "#b42318", "not-tested": "#6b7280"}


def _signers(names: list[Paragraph]) -> Table:
    """A line to sign on above each name."""
    line = ("LINEABOVE", (0, 0), (0, 0), 0.5, HexColor("#111827"))
    return Table(
        [[names[0], "", names[1]]],
        (60 * mm, 10 * mm, 60 * mm),
        style=[line, (*line[:1], (2, 0), (2, 0), *line[3:])],
        hAlign="LEFT",
    )


def pdf(record: Mapping[str, Any], language: str) -> bytes:
    """The record as PDF. The same record gives the same bytes."""
    register_font()
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=8.5, leading=11)
    title = ParagraphStyle("title", fontName=FONT, fontSize=16, leading=22)
    head = ParagraphStyle("head", fontName=FONT, fontSize=8.5, leading=11, textColor=HexColor("#374151"))

    def words(key: str, **facts: object) -> str:
        return escape(text(language, f"acceptance.{key}", **facts))

    counts = record["counts"]
    rows = [[Paragraph(words(column), head) for column in COLUMNS]]
    for entry in record["devices"]:
        result = f'<font color="{COLOURS[entry["result"]]}">{words(entry["result"])}</font>'
        reason = entry["reason"]
        if reason:
            result += "<br/>" + (
                words("no-press") if reason == "no press" else words("no-lamp") if reason == "lamp" else escape(reason)
            )
        press = entry["press"] or {}
        latency, signal = press.get("latency_ms"), press.get("signal_dbm")
        place = ", ".join(
            str(entry["place"][word]) for word in ("site", "building", "floor", "room") if word in entry["place"]
        )
        cells = (
            escape(entry["name"]),
            escape(place),
            result,
            "—" if latency is None else f"{latency} ms",
            "—" if signal is None else f"{signal} dBm",
            "—" if entry["lamp"] is None else words("yes" if entry["lamp"] else "no"),
            escape(entry["photo"] or "—"),
        )
        rows.append([Paragraph(cell, plain) for cell in cells])
    table = Table(rows, WIDTHS, repeatRows=1)
    table.setStyle(
        TableStyle([
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, HexColor("#111827")),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, HexColor("#d1d5db")),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ])
    )  # fmt: skip
    story = [
        Paragraph(words("title"), title),
        Paragraph(words("by", by=record["by"], made=record["made"]), plain),
        Paragraph(words("counts", **{name.replace("-", "_"): count for name, count in counts.items()}), plain),
        Spacer(1, 5 * mm),
        table,
        Spacer(1, 8 * mm),
        Paragraph(words("signature"), plain),
        Spacer(1, 14 * mm),
        _signers([Paragraph(words(who), plain) for who in ("installer", "customer")]),
    ]
    target = io.BytesIO()
    layout = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=14 * mm,
        rightMargin=14 * mm,
        topMargin=16 * mm,
        bottomMargin=20 * mm,
        invariant=1,
    )
    foot = f"acceptance.json SHA-256 {digest(record)}"

    def footer(canvas: Canvas, _layout: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.drawString(14 * mm, 10 * mm, foot)
        canvas.drawRightString(A4[0] - 14 * mm, 10 * mm, str(canvas.getPageNumber()))

    layout.build(story, onFirstPage=footer, onLaterPages=footer)
    return target.getvalue()
