"""What each method hands on beside its score: means and standard deviations over seeds, without any test."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from reports import attempts, printing, statistics
from reports.findings import FamilyTable, Findings
from reports.rows import FIDELITY

PRINTED = {
    "agreement": ("Agreement, %", 100.0, 1),
    "kl_to_teacher": ("KL to teacher", 1.0, 3),
    "nll": ("NLL", 1.0, 3),
    "ece": ("ECE, %", 100.0, 1),
    "cka": ("CKA", 1.0, 3),
    "worst_class": ("Worst class, %", 100.0, 1),
}
"""Column -> heading, factor from the stored value to the printed one, decimals."""
LEGEND = (
    "Mean and sample standard deviation over seeds, on the test part, by the reported weights. Agreement, KL "
    "(teacher || student, nats) and CKA (last hidden layers) compare with the teacher of the same seed; the floor has "
    "learned nothing from it, so that its agreement is what two trainings on the same labels have in common. NLL in "
    "nats; ECE: expected calibration error, 15 bins; worst class: the lowest accuracy of a class. Nothing is bold, "
    "for nothing is tested. A dash: a task without such a number, or not every seed has it."
)


@cache
def frame(findings: Findings) -> pd.DataFrame:
    """One row per family and method: seeds, and mean and std of score and columns as stored.

    A method any of whose trainings has no score has no numbers: the seeds that survived are no fair sample. A column
    that some seed of a method lacks is blank there for the same reason.
    """
    rows = []
    for family in findings.results.families:
        for label, runs in attempts.rows_of(findings.results, family, findings.settings).items():
            own = findings.attempts[family][label]
            row = {**family._asdict(), "method": label, "n": len(own.scores)}
            for column in ("test", *FIDELITY):
                values = runs[column].to_numpy(float)
                whole = own.complete and not np.isnan(values).any()
                mean, std = statistics.mean_and_std(values) if whole else (np.nan, np.nan)
                row |= {f"{column}_mean": mean, f"{column}_std": std}
            rows.append(row)
    return pd.DataFrame(rows)


def tables(findings: Findings) -> list[FamilyTable]:
    """One table per family, in display order."""
    found = frame(findings)
    made = []
    for family in findings.results.families:
        metric = findings.metric(family)
        rows = []
        for row in family.rows(found).to_dict("records"):
            score = metric.spread(row["test_mean"], row["test_std"])
            words = findings.attempts[family][row["method"]].words
            numbers = [
                printing.spread(scale * row[f"{column}_mean"], scale * row[f"{column}_std"], decimals)
                for column, (_, scale, decimals) in PRINTED.items()
            ]
            rows.append([findings.settings.method_title(row["method"]), words or score, *numbers])
        headings = ["Method", metric.title, *(heading for heading, _, _ in PRINTED.values())]
        made.append(FamilyTable(family, findings.title(family), headings, rows))
    return made
