"""What a benchmark hands back: figures with their targets, how they are written, and the few statistics they need. Pure."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

Detail = int | float | str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Args:
        name: dotted, the first part is the benchmark's name.
        value: what was measured.
        unit: of the value; empty for a ratio.
        at_most: the target, if it is an upper bound.
        at_least: the target, if it is a lower bound. With neither, the figure is told for information.
        details: what the value was computed from, and counts that say how much was measured.
    """

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    details: Mapping[str, Detail] = dataclasses.field(default_factory=dict)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}" if self.at_most else "0"
        return f">= {self.at_least:g}" if self.at_least is not None else ""

    @property
    def verdict(self) -> str:
        """``met``, ``MISSED``, or nothing where there is no target."""
        if self.at_most is None and self.at_least is None:
            return ""
        above = self.at_most is None or self.value <= self.at_most
        below = self.at_least is None or self.value >= self.at_least
        return "met" if above and below else "MISSED"

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "value": rounded(self.value),
            "unit": self.unit,
            "target": self.target,
            "verdict": self.verdict or "information",
            "details": {
                name: rounded(value) if isinstance(value, float) else value for name, value in self.details.items()
            },
        }


def rounded(value: float) -> float:
    """``value`` to four significant digits; whole numbers stay whole."""
    if value == round(value) or not math.isfinite(value):
        return value
    return round(value, max(0, 3 - math.floor(math.log10(abs(value)))))


def percentile(values: Iterable[float], part: float) -> float:
    """The least value that at least ``part`` (0 to 1) of the values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no percentile")
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """The middle value; the mean of the middle two of an even number. Raises ValueError for no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no median")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(name: str, values: Sequence[float]) -> dict[str, Detail]:
    """Median, 90th and 99th percentile and count of ``values``, under names that begin with ``name``."""
    return {
        f"{name}_p50": median(values),
        f"{name}_p90": percentile(values, 0.9),
        f"{name}_p99": percentile(values, 0.99),
        f"{name}_n": len(values),
    }


def table(figures: Sequence[Figure]) -> str:
    """The figures for people: value, target, verdict, and below each the details."""
    rows = [("figure", "value", "target", "verdict")]
    rows += [(one.name, f"{rounded(one.value):g} {one.unit}".rstrip(), one.target, one.verdict) for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for index, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        if index:
            told = figures[index - 1].plain()["details"]
            assert isinstance(told, dict)
            lines += [f"    {', '.join(f'{name} {value}' for name, value in told.items())}"] if told else []
    return "\n".join(lines)
