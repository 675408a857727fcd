"""What each method and each network costs: training seconds, parameters, operations, latency, memory."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import printing
from reports.findings import Findings
from reports.grid import Entry, Grid, Group
from reports.printing import ABSENT
from reports.results import Results
from reports.rows import FAMILY, Role, Status
from reports.settings import Settings
from reports.variants import prepared


def training(results: Results, settings: Settings) -> list[dict[str, str]]:
    """One row per method: median seconds over its scored trainings, and how often that is the floor's.

    The factor is the median over families of (median seconds of the method) / (median seconds of the floor), so that
    a method run only on the large student is compared on the large student.
    """
    students = results.runs[results.runs["usable"] & (results.runs["method"] != settings.ceiling)]
    medians = students.groupby([*FAMILY, "method"], dropna=False)["seconds"].median().unstack("method")
    memory = students.groupby("method")["peak_memory_mb"].median()
    rows = []
    for label in settings.method_order(medians.columns):
        factor = float((medians[label] / medians[settings.floor]).median()) if settings.floor in medians else np.nan
        seconds = float(students.loc[students["method"] == label, "seconds"].median())
        rows.append(
            {
                "Method": settings.method_title(label),
                "Median seconds of a run": _seconds(seconds),
                "Times the floor's": ABSENT if np.isnan(factor) else f"{factor:.2f}×",
                "Median peak memory, MB": _number(memory[label]),
            }
        )
    return rows


FOR_PAPER = ("Method", "Seconds", "/ floor", "MB")
LEGEND = (
    "Medians over all trainings with a score, evaluations included. Times the floor's: median over students of seconds "
    "of the method / seconds of the floor on the same student. Memory: the peak, in MB."
)


def grids(findings: Findings, headings: Sequence[str] = ()) -> list[Grid]:
    """What the training of each method costs.

    Args:
        headings: in place of those of `training`.
    """
    rows = training(findings.results, findings.settings)
    if not rows:
        return []
    body: list[list[Entry]] = [list(row.values()) for row in rows]
    cites = findings.settings.cites(findings.settings.methods)
    return [Grid("cost", "Cost of a training", [list(headings or rows[0])], [Group("", body)], cites=cites)]


def models(results: Results, settings: Settings) -> list[dict[str, str]]:
    """One row per measured network, teachers first, with the compression that its two parameter counts give."""
    frame = results.measurements
    if frame.empty:
        return []
    columns = ["ratio", "ratio_with_embeddings"]
    runs = results.runs.assign(dataset=results.runs["dataset"].map(prepared))
    ratios = runs.groupby(["dataset", "student", "teacher"])[columns].median().reset_index()
    place = {dataset: number for number, dataset in enumerate(settings.dataset_order(frame["dataset"]))}
    order = sorted(
        frame.to_dict("records"),
        key=lambda row: (place[row["dataset"]], row["role"] != Role.TEACHER, -float(row["params"]), str(row["model"])),
    )
    rows = []
    for row in order:
        own = ratios[(ratios["dataset"] == row["dataset"]) & (ratios["student"] == row["model"])]
        # One order of teachers for all that is told of them.
        own = own.sort_values(["ratio", "teacher"], ascending=[False, True])
        rows.append(
            {
                "Dataset": settings.dataset_title(row["dataset"]),
                "Network": f"{row['model']} ({row['role']})",
                "Parameters": _number(row["params"]),
                "Ratio": _ratios(own["ratio"]),
                "With embeddings": _number(row["params_with_embeddings"]),
                "Ratio with embeddings": _ratios(own["ratio_with_embeddings"]),
                "MACs": _number(row["macs"]),
                "Latency, ms (IQR)": _latency(row["latency_ms_median"], row["latency_ms_iqr"])
                if row["status"] == Status.OK
                else row["status"],
                "Speed-up": _speed_ups(frame, row, own),
                "Peak memory, MB": _number(row["peak_memory_mb"]),
            }
        )
    return rows


def measured(frame: pd.DataFrame, dataset: str, model: str, target: float | None) -> pd.Series | None:
    """The row of a network, of this ratio where one was measured for several; None if it was not measured."""
    rows = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
    exact = rows[rows["ratio_target"] == target]
    chosen = exact if len(exact) else rows
    return chosen.iloc[0] if len(chosen) else None


def _speed_ups(frame: pd.DataFrame, row: Mapping[Hashable, Any], pairs: pd.DataFrame) -> str:
    """Latency of each teacher over that of its student; a dash for a teacher, and where one was not measured."""
    if row["role"] == Role.TEACHER:
        return ABSENT
    teachers = [measured(frame, row["dataset"], teacher, 1.0) for teacher in pairs["teacher"]]
    times = [math.nan if each is None else float(each["latency_ms_median"]) for each in teachers]
    return _ratios(time / row["latency_ms_median"] for time in times)


def _ratios(values: Iterable[float]) -> str:
    """One per teacher, in their order; a dash where none is known."""
    texts = list(map(printing.ratio, values))
    return " / ".join(texts) if set(texts) - {ABSENT} else ABSENT


UNSURE = 0.25
"""Interquartile range of a latency over its median, above which something else ran beside the measurement."""


def unsure(frame: pd.DataFrame, dataset: str) -> str:
    """A sentence on networks whose latency was measured beside other work; nothing where all are sure."""
    rows = frame[frame["dataset"] == dataset] if len(frame) else frame
    if rows.empty or not (busy := rows[rows["latency_ms_iqr"] > UNSURE * rows["latency_ms_median"]]["model"].tolist()):
        return ""
    several, them = ("Latencies are", "them") if len(busy) > 1 else ("The latency is", "it")
    return (
        f"{several} unsure, and speed-ups with {them}: other work ran beside {printing.listed(busy)} "
        f"(the middle half of the answers took times that differ by more than {100 * UNSURE:.0f} % of the median)."
    )


def unsure_ones(results: Results, settings: Settings) -> dict[str, str]:
    """Title of a dataset -> its sentence, where a latency is unsure."""
    frame = results.measurements
    names = settings.dataset_order(frame["dataset"]) if len(frame) else []
    return {settings.dataset_title(name): note for name in names if (note := unsure(frame, name))}


def total_seconds(results: Results) -> float:
    """Seconds of all trainings, failed ones included: they were paid for too."""
    return float(results.runs["seconds"].fillna(0).sum())


def _number(value: float) -> str:
    """A count with a thin space at every third digit; one decimal below ten."""
    if pd.isna(value):
        return ABSENT
    return f"{value:.1f}" if abs(value) < 10 and value % 1 else printing.count(value)


def _latency(median: float, spread: float) -> str:
    if pd.isna(median):
        return ABSENT
    return printing.significant(median) + ("" if pd.isna(spread) else f" ({printing.significant(spread, 2)})")


def _seconds(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.0f}"
