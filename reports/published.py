"""Figures that papers print beside those reproduced here. They stand in a table of their own and in no other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from reports import metrics, statistics
from reports.comparisons import outcomes
from reports.results import Results
from reports.settings import Settings

FACTS = Path(__file__).parent / "published.yaml"
NOT_SCORES = {"dataset", "teacher", "student", "teacher_params", "student_params", "params_exclude", "teacher_score"}
TOLERANCE = 2.0
"""Pooled standard deviations within which a reproduced figure counts as agreeing."""


@dataclass(frozen=True)
class Row:
    """One published figure and its counterpart. All numbers in percent; NaN where unknown.

    Attributes:
        within: whether the means differ by at most TOLERANCE times sqrt((s1^2 + s2^2) / 2), the pooled standard
            deviation with equal weights; None where either side states no standard deviation.
        incomplete: words about runs that failed, or "".
    """

    source: str
    dataset: str
    teacher: str
    student: str
    method: str
    published_mean: float
    published_std: float
    published_params: int | None
    reproduced_mean: float
    reproduced_std: float
    reproduced_params: int | None
    seeds: int
    difference: float
    within: bool | None
    incomplete: str


@cache
def facts(path: Path = FACTS) -> list[dict[str, Any]]:
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def pooled_std(first: float, second: float) -> float:
    return float(np.sqrt((first**2 + second**2) / 2))


def rows(results: Results, settings: Settings, path: Path = FACTS) -> list[Row]:
    """Published cells whose dataset, teacher, student and method labels occur in the results, in the file's order."""
    found = []
    for block in facts(path):
        for cell in block.get("cells", []):
            for family in results.families:
                same = (family.dataset, family.teacher, family.student)
                if same != (cell["dataset"], cell["teacher"], cell.get("student")):
                    continue
                if (
                    str(results.runs.loc[results.runs["dataset"] == family.dataset, "metric"].iloc[0])
                    != block["metric"]
                ):
                    continue
                scale = results.metric(family.dataset).scale
                own = outcomes(results, family, settings)
                published = {label: value for label, value in cell.items() if label not in NOT_SCORES}
                if "teacher_score" in cell:
                    published[settings.ceiling] = cell["teacher_score"]
                for label in settings.method_order(published):
                    if label not in own or not own[label].scores or own[label].complaint:
                        continue
                    kind = "teacher_params" if label == settings.ceiling else "student_params"
                    params = int(family.rows(results.runs)[kind].iloc[0])
                    mean, std = statistics.mean_and_std(scale * own[label].values())
                    found.append(
                        _row(block["source"], cell, label, published[label], (mean, std), params, own[label], kind)
                    )
    return found


def _row(
    source: str,
    cell: dict[str, Any],
    label: str,
    value: list[float],
    reproduced: tuple[float, float],
    params: int,
    own: Any,
    kind: str,
) -> Row:
    mean, std = float(value[0]), float(value[1]) if len(value) > 1 else np.nan
    pooled = pooled_std(std, reproduced[1])
    difference = reproduced[0] - mean
    return Row(
        source,
        cell["dataset"],
        cell["teacher"],
        cell["student"],
        label,
        mean,
        std,
        cell.get(kind),
        *reproduced,
        params,
        len(own.scores),
        difference,
        None if np.isnan(pooled) else abs(difference) <= TOLERANCE * pooled,
        own.words,
    )


def claims(results: Results, path: Path = FACTS) -> list[str]:
    """Published claims without per-cell figures about a dataset that occurs here, as sentences with their source."""
    present = {family.dataset for family in results.families}
    return [
        f"{claim['dataset']}, {claim['method']} at {metrics.ratio(claim['ratio'])}: {claim['text']} "
        f"({block['source']})."
        for block in facts(path)
        for claim in block.get("claims", [])
        if claim["dataset"] in present
    ]
