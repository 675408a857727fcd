"""Critical-difference diagram, drawn only where the datasets can carry it."""

from __future__ import annotations

from pathlib import Path

import scikit_posthocs
from matplotlib.figure import Figure

from reports.figures.style import WIDTH, Drawing, canvas, finish
from reports.metrics import p_value
from reports.ranking import Ranking
from reports.settings import Settings

KIND = "ranks"


def draw(ranking: Ranking, folder: Path, settings: Settings) -> list[Drawing]:
    if not ranking.enough:
        return []
    name, title = "ranks", f"Mean ranks over {ranking.datasets} datasets"
    titles = {label: settings.method_title(label) for label in ranking.ranks.index}
    with canvas(name):
        figure = Figure(figsize=(WIDTH, 0.13 * len(titles) + 1.2))
        axes = figure.add_axes((0.05, 0.05, 0.9, 0.75))
        axes.set_title(title)
        scikit_posthocs.critical_difference_diagram(
            ranking.ranks.rename(titles),
            ranking.nemenyi.rename(index=titles, columns=titles),
            ax=axes,
            alpha=settings.alpha,
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            color_palette=dict.fromkeys(titles.values(), "#222222"),
            text_h_margin=0.02,
            marker_props={"s": 14},
            elbow_props={"linewidth": 0.8},
        )
        caption = (
            "Mean rank of each method (1 is best) over datasets, ranked on seed means. A bar joins methods that "
            f"Nemenyi's test does not separate; its critical difference is {ranking.critical_difference:.2f} ranks. "
            f"Friedman's test: p {_equals(ranking.friedman_p)}."
        )
        order = ", ".join(titles[label] for label in ranking.ranks.sort_values(kind="stable").index)
        return [
            finish(figure, folder, KIND, name, title, caption, f"Critical-difference diagram; best first: {order}.")
        ]


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
