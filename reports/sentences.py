"""The summary in plain words, for the top of the page and for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports import metrics
from reports.cells import Column
from reports.results import Family, Results
from reports.settings import Settings


@dataclass(frozen=True)
class Statement:
    """What the page says of one family: where it holds, and its sentences."""

    where: str
    sentences: list[str]


def where(results: Results, family: Family) -> str:
    """`At 40× (gcn-3x256 → gcn-2x16)`."""
    size = results.ratio(family) if np.isnan(family.ratio_target) else family.ratio_target
    return f"At {metrics.ratio(size)} ({family.teacher} → {family.student})"


def family_statement(
    results: Results, family: Family, comparisons: pd.DataFrame, column: Column, settings: Settings
) -> Statement:
    """Who beats the reference, who loses to it, what the spotlit methods do, who leads, and what went wrong."""
    rows = family.rows(comparisons)
    reference = settings.method_title(settings.reference)
    metric = results.metric(family.dataset)
    # The floor is a control, not a contestant: it has a sentence of its own and does not count among the methods.
    tested = rows[rows["verdict"].isin(["better", "worse", "no difference"]) & (rows["method"] != settings.floor)]
    sentences = []
    better, worse = (_titles(tested[tested["verdict"] == verdict], settings) for verdict in ("better", "worse"))
    if tested.empty:
        sentences.append(_untested(rows, settings))
    else:
        sentences.append(
            f"{len(better) or 'None'} of {len(tested)} tested methods {'beats' if len(better) == 1 else 'beat'} "
            f"{reference} significantly{': ' + listed(better) if better else ''}."
        )
    for label in (*settings.spotlight, settings.floor):
        sentences += [_spotlight(row, metric, settings) for row in rows[rows["method"] == label].to_dict("records")]
    if leader := best(rows, metric, settings):
        shared = sum(cell.bold for cell in column.cells.values()) - 1
        tail = f"; {shared} more not significantly worse" if shared > 0 else ""
        sentences.append(f"Best mean: {leader}{tail}.")
    if worse:
        sentences.append(f"Significantly worse than {reference}: {listed(worse)}.")
    troubled = rows[rows["verdict"].str.startswith("failed")]
    if len(troubled):
        named = [
            f"{settings.method_title(row['method'])} ({row['verdict'][8:]})" for row in troubled.to_dict("records")
        ]
        sentences.append(f"Incomplete: {listed(named)}.")
    return Statement(where(results, family), sentences)


def best(rows: pd.DataFrame, metric: metrics.Metric, settings: Settings) -> str:
    """`ABKD 82.31 ± 0.45`, of the methods all of whose runs gave a score; nothing if there is none."""
    whole = rows[np.isfinite(rows["mean"]) & ~rows["verdict"].str.startswith(("failed", "skipped"))]
    if whole.empty:
        return ""
    row = whole.loc[(metric.sign * whole["mean"]).idxmax()]
    return f"{settings.method_title(row['method'])} {metric.spread(row['mean'], row['std'])}"


def _untested(rows: pd.DataFrame, settings: Settings) -> str:
    """Why no method but the floor was tested."""
    title = settings.method_title(settings.reference)
    reference = rows[rows["method"] == settings.reference]
    if reference.empty:
        return f"No test: the reference {title} was not run here."
    if (verdict := str(reference["verdict"].iloc[0])) != "reference":
        return f"No test: the reference {title} {verdict}."
    methods = rows[~rows["method"].isin([settings.reference, settings.floor])]
    if methods.empty:
        return f"No test: no method beside {title} was run here."
    if methods["verdict"].str.startswith(("failed", "skipped")).all():
        return "No test: every method failed or was skipped."
    seeds = int(methods["n"].max())
    return f"No test: a p-value needs {settings.minimum_seeds} seeds that both methods have, and there are {seeds}."


def _spotlight(row: Mapping[Any, Any], metric: metrics.Metric, settings: Settings) -> str:
    title = settings.method_title(row["method"])
    reference = settings.method_title(settings.reference)
    verdict = str(row["verdict"])
    measured = f"difference {metric.signed(row['difference'])} {metric.unit}"
    if np.isfinite(row["ci_low"]):
        level = f"{100 * (1 - settings.alpha):g}"
        measured += f", {level} % interval {metric.interval(row['ci_low'], row['ci_high'])}"
    if np.isfinite(row["p_holm"]):
        p = metrics.p_value(row["p_holm"])
        measured += f", Holm p {p if p.startswith('<') else '= ' + p}"
    words = {
        "better": f"{title} beats {reference} ({measured}).",
        "worse": f"{title} is worse than {reference} ({measured}).",
        "no difference": f"{title} does not differ significantly from {reference} ({measured}).",
        "too few seeds": f"{title} is not tested ({measured}, n = {row['n']}).",
        "reference": f"{title} is the reference.",
    }
    return words.get(verdict, f"{title}: {verdict}.")


def _titles(rows: pd.DataFrame, settings: Settings) -> list[str]:
    ordered = rows.sort_values("difference", ascending=False, key=lambda values: values.abs(), kind="stable")
    return [settings.method_title(label) for label in ordered["method"]]


def listed(words: list[str]) -> str:
    """`a, b and c`; with semicolons where a name holds a comma itself."""
    separator = "; " if any("," in word for word in words) else ", "
    return words[0] if len(words) == 1 else f"{separator.join(words[:-1])} and {words[-1]}"


def counts(results: Results) -> str:
    """`540 runs: 537 ok, 3 diverged`."""
    found = Counter(results.runs["status"])
    return f"{len(results.runs)} runs: " + ", ".join(
        f"{found[status]} {status}" for status in sorted(found, key=lambda s: (s != "ok", s))
    )


def duration(seconds: float) -> str:
    """Seconds as `42 s`, `12.3 min` or `4.2 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
