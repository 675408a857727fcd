"""The table of sizes: what each student saves of its teacher, in parameters, operations, latency and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports import costs
from reports.findings import Findings
from reports.grid import Entry, Grid, Group
from reports.results import slug
from reports.rows import Role
from reports.variants import prepared

LEGEND = (
    "Parameters without and with the learned embeddings of featureless nodes, and teacher / student of both. MACs: "
    "multiply-accumulates of all matrix products of one answer for the whole task, a sparse factor counted by its "
    "entries, and a sum over edges as the sparse product that it stands for, whichever library's layer it is. "
    "Latency: median (interquartile range) of such an answer. Speed-up: latency of the teacher / that of the "
    "student, of each teacher."
)


FOR_PAPER = ("Network", "Parameters", "Ratio", "MACs", "Latency, ms (IQR)", "Speed-up")
"""What paper has room for, where no node is without features."""
WITH_EMBEDDINGS = ("With embeddings", "Ratio with embeddings")


def grids(findings: Findings, paper: bool = False) -> list[Grid]:
    """One table per dataset that was measured; for paper with the columns that say something there."""
    results, settings = findings.results, findings.settings
    rows = costs.models(results, settings)
    unsure = costs.unsure_ones(results, settings)
    found = []
    for title in dict.fromkeys(row["Dataset"] for row in rows):
        of_dataset = [row for row in rows if row["Dataset"] == title]
        learned = any(row["Parameters"] != row["With embeddings"] for row in of_dataset)
        kept = (*FOR_PAPER[:3], *(WITH_EMBEDDINGS if learned else ()), *FOR_PAPER[3:])
        own = [
            {key: text for key, text in row.items() if key in kept or (key != "Dataset" and not paper)}
            for row in of_dataset
        ]
        cells: list[list[Entry]] = [list(row.values()) for row in own]
        notes = [unsure[title]] if title in unsure else []
        found.append(Grid(f"compression-{slug(title)}", title, [list(own[0])], [Group("", cells)], notes))
    return found


def frame(findings: Findings) -> pd.DataFrame:
    """One row per student and teacher: the columns of measurements.csv, with those of the teacher and their ratios."""
    measured = findings.results.measurements
    found: list[dict[str, Any]] = []
    for family in findings.results.families if len(measured) else ():
        dataset = prepared(family.dataset)
        own = costs.measured(measured, dataset, family.student, family.ratio_target)
        teacher = costs.measured(measured[measured["role"] == Role.TEACHER], dataset, family.teacher, 1.0)
        if own is None or teacher is None:
            continue
        row: dict[str, Any] = {"dataset": family.dataset, "teacher": family.teacher, "student": family.student}
        row["ratio_target"] = np.nan if family.ratio_target is None else family.ratio_target
        for name in COLUMNS:
            row |= {name: own[name], f"teacher_{name}": teacher[name], f"{name}_ratio": teacher[name] / own[name]}
        found.append(row)
    return pd.DataFrame(found)


COLUMNS = ("params", "params_with_embeddings", "macs", "latency_ms_median", "peak_memory_mb")
