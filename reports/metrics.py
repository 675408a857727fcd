"""How each metric reads: its name, its direction, and how its numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

MINUS = "−"  # the typographic minus: a hyphen breaks lines between sign and number


@dataclass(frozen=True)
class Metric:
    """Attributes:
    title: name with its unit, for axes and headings.
    higher_is_better: False for errors; every "difference" of a report is turned so that positive is better.
    scale: factor from the stored value to the printed one (100 for fractions printed as percent).
    decimals: decimals of a printed score.
    unit: word after a printed difference.
    """

    title: str
    higher_is_better: bool
    scale: float
    decimals: int
    unit: str

    @property
    def sign(self) -> int:
        """+1 or -1: the factor that makes larger mean better."""
        return 1 if self.higher_is_better else -1

    def score(self, value: float) -> str:
        return "—" if not math.isfinite(value) else f"{value * self.scale:.{self.decimals}f}"

    def spread(self, mean: float, std: float) -> str:
        """`82.31 ± 0.45`, or the mean alone where one seed leaves no standard deviation."""
        return self.score(mean) if not math.isfinite(std) else f"{self.score(mean)} ± {self.score(std)}"

    def signed(self, value: float) -> str:
        """A difference with its sign, `+0.12`; a value that rounds to zero carries none."""
        if not math.isfinite(value):
            return "—"
        text = f"{abs(value) * self.scale:.{self.decimals}f}"
        if float(text) == 0:
            return text
        return ("+" if value > 0 else MINUS) + text

    def interval(self, low: float, high: float) -> str:
        return "—" if not math.isfinite(low) else f"[{self.signed(low)}, {self.signed(high)}]"


METRICS = {
    "accuracy": Metric("Accuracy, %", True, 100.0, 2, "points"),
    "rocauc": Metric("ROC-AUC, %", True, 100.0, 2, "points"),
    "ap": Metric("Average precision, %", True, 100.0, 2, "points"),
    "rmse": Metric("RMSE, lower is better", False, 1.0, 3, "RMSE"),
}


def metric(name: str) -> Metric:
    """Raises ValueError for an unknown metric: its direction must be known before anything is called better."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; allowed: {sorted(METRICS)}")
    return METRICS[name]


def p_value(p: float) -> str:
    """`0.012`, `< 0.001`, or a dash where there is none."""
    if not math.isfinite(p):
        return "—"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def ratio(value: float) -> str:
    """`40×`, with three significant digits."""
    return "—" if not math.isfinite(value) else f"{float(f'{value:.3g}'):g}×"
