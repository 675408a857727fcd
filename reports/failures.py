"""The table of trainings without a score: which, how many, and why."""

from __future__ import annotations

from reports import printing, troubles
from reports.findings import Findings
from reports.grid import Entry, Grid, Group

LEGEND = "A method with any of these on a student has no numbers there: the seeds that survive are no fair sample."
HEADINGS = ["Method", "Dataset", "Pair", "Ratio", "What", "Seeds", "Why"]


def grids(findings: Findings) -> list[Grid]:
    """One table, or none where every training gave a score."""
    settings = findings.settings
    rows: list[list[Entry]] = [
        [
            settings.method_title(each.method),
            settings.dataset_title(each.family.dataset),
            f"{each.family.teacher} → {each.family.student}",
            each.size,
            f"{each.status} {len(each.seeds)}/{each.planned}",
            printing.seeds(each.seeds),
            each.why,
        ]
        for each in troubles.of(findings.results, settings)
    ]
    return [Grid("failures", "Trainings without a score", [HEADINGS], [Group("", rows)], numeric=False)] if rows else []
