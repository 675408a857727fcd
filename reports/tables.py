"""Files under `tables/`: the main table and the table of comparisons, as Markdown, LaTeX and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from reports import latex, metrics
from reports.cells import ABSENT, Block, Cell
from reports.files import write_text
from reports.results import Results
from reports.settings import Settings

ARROWS = {"up": " ↑", "down": " ↓", "": ""}


def headings(settings: Settings) -> list[str]:
    """Of the table of comparisons."""
    return [
        "Method",
        "n",
        "Mean ± std",
        "Difference",
        f"{100 * (1 - settings.alpha):g} % interval",
        "p (Holm)",
        "p (Wilcoxon)",
        "P(improvement)",
        "Gap closed",
        "Verdict",
    ]


def legend(settings: Settings) -> str:
    """How to read the main table, in one place for every format."""
    other = settings.method_title(settings.arrows)
    return (
        "Mean and sample standard deviation over seeds. Bold: the best student and every one not significantly worse "
        f"(paired t, Holm within the column). Arrows: significantly better or worse than {other} (paired t, Holm, "
        f"level {settings.alpha:g})."
    )


def needs_seeds(settings: Settings) -> str:
    return f"needs {settings.minimum_seeds} seeds"


def plain(cell: Cell | None) -> str:
    """A cell without its weight, for CSV and screen readers."""
    return ABSENT if cell is None else cell.text + ARROWS[cell.arrow]


def _markdown(cell: Cell | None) -> str:
    if cell is None:
        return ABSENT
    text = markdown_escape(cell.text)
    return (f"**{text}**" if cell.bold else text) + ARROWS[cell.arrow]


def markdown_escape(text: str) -> str:
    """Text for a Markdown table: no character opens a column, an emphasis or a tag."""
    for character in "\\|*_`<>":
        text = text.replace(character, f"\\{character}")
    return text


def markdown_main(blocks: list[Block], settings: Settings) -> str:
    parts = []
    for block in blocks:
        heading = f"### {markdown_escape(block.title)}: {markdown_escape(block.metric)}"
        rows = [
            [
                markdown_escape(settings.method_title(label)),
                *(_markdown(each.cells.get(label)) for each in block.columns),
            ]
            for label in block.methods
        ]
        headers = ["Method", *(markdown_escape(f"{each.heading}, {each.size}") for each in block.columns)]
        parts += [heading, tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), *block.notes]
        if block.untested:
            parts.append(f"No test ({needs_seeds(settings)}): {'; '.join(block.untested)}.")
    return "\n\n".join([*parts, legend(settings)]) + "\n"


def wide_main(blocks: list[Block], settings: Settings) -> pd.DataFrame:
    """[methods, families] plain cells; the columns name dataset, pair and ratio."""
    labels = settings.method_order({label for block in blocks for label in block.methods})
    wide: dict[str, list[str]] = {"method": labels, "title": [settings.method_title(label) for label in labels]}
    for block in blocks:
        for each in block.columns:
            name = f"{block.dataset} | {each.heading} | {each.size}"
            wide[name] = [plain(each.cells.get(label)) for label in labels]
    return pd.DataFrame(wide)


def comparison_rows(rows: pd.DataFrame, metric: metrics.Metric, settings: Settings) -> list[dict[str, Any]]:
    """Rows of one family as printed text, beside the label and the verdict's kind (its first word)."""
    printed = []
    for row in rows.to_dict("records"):
        few = row["verdict"] == "too few seeds"
        is_reference = row["method"] == settings.reference
        p_holm = needs_seeds(settings) if few else metrics.p_value(row["p_holm"])
        printed.append(
            {
                "label": row["method"],
                "kind": str(row["verdict"]).split(":")[0].replace(" ", "-"),
                "cells": [
                    settings.method_title(row["method"]),
                    str(row["n"]),
                    metric.spread(row["mean"], row["std"]),
                    "" if is_reference else metric.signed(row["difference"]),
                    "" if is_reference else metric.interval(row["ci_low"], row["ci_high"]),
                    "" if is_reference else p_holm,
                    "" if is_reference else metrics.p_value(row["wilcoxon_p"]),
                    "" if is_reference else _plain_number(row["probability_of_improvement"], 2),
                    _percent(row["gap_closed"]),
                    str(row["verdict"]),
                ],
            }
        )
    return printed


def _percent(share: float) -> str:
    """A share as whole percent, through an integer so that a small loss is not printed as -0."""
    return ABSENT if np.isnan(share) else f"{round(100 * share):d} %".replace("-", metrics.MINUS)


def _p(text: str) -> str:
    """A printed p for a narrow column, where the verdict already says that the seeds are too few."""
    return ABSENT if text.startswith("needs") else text


def _plain_number(value: float, decimals: int) -> str:
    return ABSENT if np.isnan(value) else f"{value:.{decimals}f}"


def comparison_title(results: Results, family: Any, settings: Settings) -> str:
    size = results.ratio(family) if np.isnan(family.ratio_target) else family.ratio_target
    return f"{settings.dataset_title(family.dataset)}: {family.teacher} → {family.student}, {metrics.ratio(size)}"


def _comparisons(results: Results, comparisons: pd.DataFrame, settings: Settings) -> tuple[str, str]:
    """Markdown and LaTeX of the table of comparisons, one table a family."""
    markdown, tex = [], [latex.PREAMBLE]
    reference = settings.method_title(settings.reference)
    for family in results.families:
        metric = results.metric(family.dataset)
        rows = [row["cells"] for row in comparison_rows(family.rows(comparisons), metric, settings)]
        title = comparison_title(results, family, settings)
        escaped = [[markdown_escape(value) for value in row] for row in rows]
        markdown.append(f"### {markdown_escape(title)}: {markdown_escape(metric.title)}, against {reference}")
        markdown.append(tabulate(escaped, headings(settings), tablefmt="pipe", disable_numparse=True))
        # A page of paper holds eight of the ten: Wilcoxon and P(improvement) stay in Markdown, CSV and on the page.
        short = (
            "Method",
            "n",
            "Mean ± std",
            "Diff.",
            f"{100 * (1 - settings.alpha):g} % interval",
            "p (Holm)",
            "Gap",
            "Verdict",
        )
        frame = pd.DataFrame(
            [[latex.escape(text) for text in (*row[:5], _p(row[5]), row[8], row[9].split(":")[0])] for row in rows],
            columns=[latex.escape(text) for text in short],
        )
        caption = f"{title}: {metric.title}, against {reference}; positive differences are better."
        tex.append(latex.table(frame, caption, f"comparisons-{family.slug}", [], False, "scriptsize", 2.5))
    return "\n\n".join(markdown) + "\n", "\n".join(tex)


def write(folder: Path, results: Results, blocks: list[Block], comparisons: pd.DataFrame, settings: Settings) -> None:
    """Writes `main.{md,tex,csv}` and `comparisons.{md,tex}` into the folder."""
    write_text(folder / "main.md", markdown_main(blocks, settings))
    write_text(folder / "main.tex", latex.main_table(blocks, settings, legend(settings)))
    write_text(folder / "main.csv", wide_main(blocks, settings).to_csv(index=False, lineterminator="\n"))
    markdown, tex = _comparisons(results, comparisons, settings)
    write_text(folder / "comparisons.md", markdown)
    write_text(folder / "comparisons.tex", tex)
