"""Critical-difference diagram, drawn only where the datasets can carry it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.parts.style import Drawing, canvas, finish, lines, width
from reports.findings import Findings
from reports.printing import p_statement

KIND = "ranks"
TITLE = "Ranks across datasets"
ORDER = 3


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure of the whole run per test that its datasets carry, or none."""
    ranking, settings = findings.ranking, findings.settings
    drawings = []
    if ranking.enough:
        p = p_statement(ranking.friedman_p, settings.alpha)
        caption = (
            "A bar joins methods that Nemenyi's test does not separate; its critical difference is "
            f"{ranking.critical_difference:.2f} ranks. Friedman's test: p {p}."
        )
        drawings.append(_figure(findings, KIND, ranking.nemenyi, caption, folder))
    if not ranking.wilcoxon.empty:
        caption = (
            "A bar joins methods that Wilcoxon's signed-rank test on the datasets' means does not separate, Holm over "
            f"all pairs, level {settings.alpha:g}."
        )
        drawings.append(_figure(findings, f"{KIND}-wilcoxon", ranking.wilcoxon, caption, folder))
    return drawings


def _figure(findings: Findings, name: str, p_values: pd.DataFrame, caption: str, folder: Path) -> Drawing:
    import scikit_posthocs  # half a second, which few runs need

    ranking, settings = findings.ranking, findings.settings
    title = f"Mean ranks over {ranking.datasets} datasets"
    titles = {label: settings.method_title(label) for label in ranking.ranks.index}
    with canvas(name):
        figure = Figure(figsize=(width(), lines(0.8 * len(titles)) + 1.2))
        axes = figure.add_axes((0.05, 0.05, 0.9, 0.75))
        axes.set_title(title)
        drawn = scikit_posthocs.critical_difference_diagram(
            ranking.ranks.rename(titles),
            p_values.rename(index=titles, columns=titles),
            ax=axes,
            alpha=settings.alpha,
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            color_palette=dict.fromkeys(titles.values(), "#222222"),
            text_h_margin=0.02,
            marker_props={"s": 14},
            elbow_props={"linewidth": 0.8},
        )
        for (bar,) in drawn["crossbars"]:
            # It joins the members of a set, whose order is another one in every process.
            bar.set_xdata(sorted(bar.get_xdata()))
        caption = f"Mean rank of each method (1 is best) over datasets, ranked on seed means. {caption}"
        order = ", ".join(titles[label] for label in ranking.ranks.sort_values(kind="stable").index)
        alt = f"Critical-difference diagram; best first: {order}."
        return finish(figure, folder, name, title, caption, alt)
