"""Spans become seconds, and seconds a picture in which one bad one cannot hide."""

import io

import pytest
from PIL import Image

from center.evidence import picture, report
from center.evidence.timeline import ALTERED, MISSING, PROVEN, UNTAKEN, Span, Verdict, seconds, untaken

S = 1_000_000


def letters(*spans: Span) -> str:
    return "".join(second.verdict[0] for second in seconds(spans))


def test_the_worst_counts_in_any_order() -> None:
    good, gone, bad = Span(0, 3 * S, PROVEN), Span(S, S + 5000, MISSING), Span(2 * S, 2 * S + 5000, ALTERED)
    assert letters(good, gone, bad) == letters(bad, gone, good) == "pma"
    assert letters(Span(0, S, ALTERED), Span(0, S, MISSING)) == "a"


def test_what_nothing_tells_of_is_missing() -> None:
    assert letters(Span(0, S, PROVEN), Span(2 * S, 3 * S, PROVEN)) == "pmp"
    assert letters(Span(0, S, PROVEN), Span(S + 300_000, 2 * S, PROVEN)) == "pm"
    assert letters(Span(0, 2 * S, PROVEN), Span(S, 3 * S, PROVEN)) == "ppp"


def test_rounding_does_not_taint_a_second() -> None:
    assert letters(Span(0, 2 * S, PROVEN), Span(2 * S - 10, 4 * S, MISSING)) == "ppmm"
    assert letters(Span(0, S - 900, PROVEN), Span(S, 2 * S, PROVEN)) == "pp"


def test_the_shortest_span_counts() -> None:
    assert letters(Span(0, 2 * S, PROVEN), Span(S, S + 1, MISSING)) == "pm"


def test_sums_know_how_long_the_last_second_is() -> None:
    verdict = Verdict("x", seconds=seconds([Span(0, 2_500_000, PROVEN), Span(2_500_000, 3_250_000, ALTERED)]))
    assert [verdict.total_s(one) for one in (PROVEN, ALTERED, MISSING)] == [2, 1.25, 0]


@pytest.mark.parametrize(("ended", "proven"), [(True, True), (None, True), (False, False)])
def test_an_open_end_is_not_all_proven(ended: bool | None, proven: bool) -> None:
    assert Verdict("x", ended=ended, seconds=seconds([Span(0, S, PROVEN)])).proven is proven


def test_nothing_is_not_all_proven() -> None:
    assert not Verdict("x", ended=True).proven
    assert not report.all_proven([])


def test_holes_of_a_camera() -> None:
    told = list(untaken([(0, 33_333), (33_333, 100_000), (133_333, 800_000), (933_333, 40_000)], 33_333))
    assert [(span.begin_us, span.end_us, span.verdict, span.why) for span in told] == [
        (66_666, 133_333, PROVEN, UNTAKEN),
        (166_666, 933_333, MISSING, UNTAKEN),
    ]


def test_one_bad_second_in_hours_is_seen() -> None:
    spans = [Span(0, 7200 * S, PROVEN), Span(500 * S, 501 * S, ALTERED, "changed")]
    verdict = Verdict("x" * 32, "badge-001", ended=True, seconds=seconds(spans))
    orange = tuple(bytes.fromhex(picture.COLOURS[ALTERED][1:]))
    with Image.open(io.BytesIO(picture.png([verdict]))) as image:
        shown = image.convert("RGB").crop((0, 140, image.width, 190))
    assert sum(1 for x in range(shown.width) for y in range(shown.height) if shown.getpixel((x, y)) == orange) > 50
    page = picture.html([verdict]).decode()
    assert "0:08:20 to 0:08:21" in page
    assert "changed" in page


def test_what_a_page_says_is_text() -> None:
    page = picture.html(
        [Verdict("<script>", "<b>", notes=["<i>&"], seconds=seconds([Span(0, S, ALTERED, "<u>")]))]
    ).decode()
    assert not any(one in page for one in ("<script>", "<b>", "<u>", "<i>&"))


def test_many_recordings_fit_into_a_picture() -> None:
    many = [Verdict(f"{n:032x}", seconds=seconds([Span(0, S, PROVEN)])) for n in range(picture.MAX_RECORDINGS + 5)]
    with Image.open(io.BytesIO(picture.png(many))) as image:
        assert image.height < 20_000
