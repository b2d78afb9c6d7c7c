"""Label sheets: bounded, repeatable, with the letters that are on them embedded."""

import re

import pytest
from reportlab.pdfbase import pdfmetrics

from provisioning import labels
from provisioning.labels import FONT, Label, sheet


def label(number: int) -> Label:
    return Label(f"sos-{number}", "sos-button", ("Әуезов мектебі", "Спортзал №1"), f"urn:dabyl:device:sos-{number}")


def test_the_font_has_every_letter_of_kazakh_and_russian() -> None:
    labels.register_font()
    glyphs = pdfmetrics.getFont(FONT).face.charToGlyph  # type: ignore[attr-defined]  # TTFont
    alphabet = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһі"
    assert all(ord(letter) in glyphs for letter in alphabet + alphabet.upper() + "№…—")


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (24, 1), (25, 2)])
def test_a_page_has_24_labels(count: int, pages: int) -> None:
    pdf = sheet([label(number) for number in range(count)], "kk")
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b(?!s)", pdf)) == pages
    assert b"FontFile2" in pdf
    assert b"NotoSans" in pdf


def test_the_same_labels_give_the_same_bytes() -> None:
    assert sheet([label(1)], "ru") == sheet([label(1)], "ru")
    assert sheet([label(1)], "ru") != sheet([label(2)], "ru")


def test_whatever_is_on_a_label_stays_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[tuple[float, float]] = []
    texts: list[str] = []

    class Canvas(labels.Canvas):  # type: ignore[misc,name-defined]
        def drawString(self, x: float, y: float, text: str) -> None:  # noqa: N802
            ends.append((x + pdfmetrics.stringWidth(text, FONT, self._fontsize), y))
            texts.append(text)
            super().drawString(x, y, text)

    monkeypatch.setattr(labels, "Canvas", Canvas)
    sheet(
        [Label("x" * 63, "k" * 64, ("Ж" * 80, "Ә " * 40, "Щ" * 70, "q" * 80), "c" * 300, "ABCD-EFGH-JKMN-PQRS")], "en"
    )
    assert len(ends) == 8
    assert max(x for x, _ in ends) <= labels.WIDTH
    assert min(y for _, y in ends) >= labels.MARGIN
    assert max(y for _, y in ends) <= labels.HEIGHT - labels.MARGIN
    assert len({round(y) for _, y in ends}) == len(ends)
    assert "x" * 63 not in texts
    name = "panic-teachers-room-building-1"
    sheet([Label(name, "panic-button", (), name)], "en")
    assert name in texts  # in smaller letters, but whole
