"""Figures, their verdicts and statistics."""

import pytest

from benchmarks.figures import Figure, median, percentile, rounded, table


def test_an_upper_bound_is_met_up_to_itself_and_missed_above() -> None:
    assert Figure("x", 1.25, at_most=1.25).verdict == "met"
    assert Figure("x", 1.26, at_most=1.25).verdict == "MISSED"


def test_a_lower_bound_is_met_from_itself_on_and_missed_below() -> None:
    assert Figure("x", 0.7, at_least=0.7).verdict == "met"
    assert Figure("x", 0.69, at_least=0.7).verdict == "MISSED"


def test_a_figure_without_a_target_has_no_verdict() -> None:
    assert Figure("x", 5).verdict == ""
    assert Figure("x", 5).plain()["verdict"] == "information"


def test_a_bound_of_zero_is_a_bound() -> None:
    assert Figure("x", 1, at_most=0).verdict == "MISSED"
    assert Figure("x", 0, at_most=0).target == "0"


def test_percentiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert [percentile(values, part) for part in (0.0, 0.5, 0.9, 1.0)] == [1.0, 3.0, 5.0, 5.0]


def test_medians_of_odd_and_even_numbers_of_values() -> None:
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)


@pytest.mark.parametrize("statistic", [median, lambda values: percentile(values, 0.5)])
def test_no_values_have_no_middle(statistic: object) -> None:
    assert callable(statistic)
    with pytest.raises(ValueError, match="no values"):
        statistic([])


def test_numbers_keep_four_significant_digits() -> None:
    assert [rounded(value) for value in (1234567.0, 12.34567, 0.00123456, 0.0)] == [1234567.0, 12.35, 0.001235, 0.0]


def test_the_table_shows_the_verdict_and_the_details() -> None:
    told = table([Figure("a.b", 1.5, "ms", at_most=1, details={"n": 3})])
    assert "a.b" in told
    assert "MISSED" in told
    assert "n 3" in told
