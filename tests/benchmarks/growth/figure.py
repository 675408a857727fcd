"""The figure of `growth`: seconds per epoch and peak memory against nodes, one line per method."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.figures.parts.style import BLACK, BLUE, GREEN, ORANGE, RC, VERMILLION, width
from tests.benchmarks.tables import Row
from workflow.files import replacing

LOOKS = {
    "supervised": (BLACK, "o", "-"),
    "kd": (ORANGE, "s", "--"),
    "abkd": (BLUE, "D", "-"),
    "gcrd": (VERMILLION, "^", "-."),
    "lsp": (GREEN, "v", ":"),
}
PANELS = (
    ("epoch_s", "Seconds per epoch", "seconds", 1.0, 10),
    ("peak_mib", "Peak memory of the process", "GiB", 2**10, 2),
)
"""Column, title, label of the axis, unit in the column's, base of the axis."""


def draw(rows: list[Row], folder: Path) -> None:
    """Writes growth.png and growth.pdf."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width(), 3.0), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (column, title, label, unit, base) in zip(figure.subplots(1, 2), PANELS, strict=True):
            for method, (colour, marker, line) in LOOKS.items():
                points = [(row["nodes"], row[column] / unit) for row in rows if row["method"] == method]
                axes.loglog(
                    *zip(*points, strict=True), color=colour, marker=marker, linestyle=line, markersize=4, label=method
                )
            axes.set_title(title)
            axes.set_xlabel("Nodes")
            axes.set_ylabel(label)
            axes.set_yscale("log", base=base)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
                axis.set_minor_formatter(NullFormatter())
            axes.grid(True, which="major", color="#dddddd", linewidth=0.5)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(LOOKS))
        for ending in ("png", "pdf"):
            with replacing(folder / f"growth.{ending}") as temporary:
                figure.savefig(temporary, format=ending, dpi=200)
