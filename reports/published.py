"""Figures that papers print beside those reproduced here. They stand in a table of their own and in no other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from reports import printing, statistics
from reports.findings import Findings
from reports.grid import Grid, Group, grouped
from reports.printing import ABSENT
from reports.results import Family, Results

FACTS = Path(__file__).parent / "published.yaml"
BESIDE = "beside"
"""Of a cell: more places where it stands, each of a protocol of its own."""
NOT_SCORES = {
    "dataset",
    "teacher",
    "student",
    "teacher_params",
    "student_params",
    "params_exclude",
    "teacher_score",
    "protocol",
    "departs",
    BESIDE,
}
TOLERANCE = 2.0
"""Pooled standard deviations within which a reproduced figure counts as agreeing."""

HEADINGS = [
    "Dataset",
    "Pair",
    "Method",
    "Published",
    "Reproduced",
    "Seeds",
    "Difference",
    "Agrees",
    "Parameters, published / here",
    "Source",
]
FOR_PAPER = ["Method", "Published", "Reproduced", "n", "Diff.", "Agrees", "Source"]
LEGEND = (
    "Percent. Agrees: the means differ by at most two pooled standard deviations. Published figures enter no other "
    "table. Figures of another protocol (split, seeds) stand here for orientation and are not subtracted."
)


@dataclass(frozen=True)
class Published:
    """One published figure and its counterpart. All numbers in percent; NaN where unknown.

    Attributes:
        protocol: how the published figure came about, where that differs from here; "" where it is the same. Figures of
            another protocol stand side by side and are never subtracted.
        departs: what is not as in the source under the same protocol; "" where nothing is known.
    """

    source: str
    protocol: str
    departs: str
    dataset: str
    teacher: str
    student: str
    method: str
    published_mean: float
    published_std: float
    published_params: int | None
    reproduced_mean: float
    reproduced_std: float
    reproduced_params: int
    seeds: int

    @property
    def difference(self) -> float:
        """Reproduced - published; NaN under another protocol."""
        return np.nan if self.protocol else self.reproduced_mean - self.published_mean

    @property
    def within(self) -> bool | None:
        """Whether the means differ by at most TOLERANCE pooled standard deviations.

        None where a side states no deviation, or under another protocol.
        """
        pooled = pooled_std(self.published_std, self.reproduced_std)
        return None if np.isnan(pooled) or self.protocol else abs(self.difference) <= TOLERANCE * pooled


@cache
def facts(path: Path = FACTS) -> list[dict[str, Any]]:
    """The blocks of published.yaml, one per source."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def pooled_std(first: float, second: float) -> float:
    """sqrt((s1^2 + s2^2) / 2), both samples with equal weight; NaN where either is."""
    return float(np.sqrt((first**2 + second**2) / 2))


def rows(findings: Findings, path: Path = FACTS) -> list[Published]:
    """Published cells whose dataset, teacher, student and method labels occur in the results, in the file's order."""
    found = []
    for block in facts(path):
        for cell in block.get("cells", []):
            for place in places(block, cell):
                for family in findings.results.families:
                    if _stands_beside(family, place) and findings.metric(family).name == block["metric"]:
                        found += _of_family(findings, family, block, place)
    return found


def places(block: dict[str, Any], cell: dict[str, Any]) -> list[dict[str, Any]]:
    """A cell at every place where it stands, with the protocol there."""
    own = {"protocol": block.get("protocol", ""), **cell}
    return [own, *({**own, "protocol": "", **place} for place in cell.get(BESIDE, []))]


def _stands_beside(family: Family, cell: dict[str, Any]) -> bool:
    """Whether a cell is of this teacher and student; a student may have several names here."""
    students = cell.get("student", [])
    named = family.student in (students if isinstance(students, list) else [students])
    return named and (family.dataset, family.teacher) == (cell["dataset"], cell["teacher"])


def _of_family(findings: Findings, family: Family, block: dict[str, Any], cell: dict[str, Any]) -> list[Published]:
    """Methods with a failed training have no counterpart; one that ran with tuned values alone is its own.

    Published figures, too, are of values that were chosen for their data.
    """
    settings, scale = findings.settings, findings.metric(family).scale
    scores = {label: value for label, value in cell.items() if label not in NOT_SCORES}
    if "teacher_score" in cell:
        scores[settings.ceiling] = cell["teacher_score"]
    tuned = {choice.method: choice.tuned for choice in settings.tuning if choice.dataset == family.dataset}
    attempts = findings.attempts[family]
    for label in set(scores) - set(attempts):
        scores[tuned.get(label, label)] = scores.pop(label)
    found = []
    for label in settings.method_order(scores):
        own = attempts.get(label)
        if own is None or not own.complete:
            continue
        mean, *std = scores[label]
        reproduced = statistics.mean_and_std(scale * own.values())
        params = "teacher_params" if label == settings.ceiling else "student_params"
        found.append(
            Published(
                source=block["source"],
                protocol=cell["protocol"],
                departs=cell.get("departs", ""),
                dataset=family.dataset,
                teacher=family.teacher,
                student=family.student,
                method=label,
                published_mean=float(mean),
                published_std=float(std[0]) if std else np.nan,
                published_params=cell.get(params),
                reproduced_mean=reproduced[0],
                reproduced_std=reproduced[1],
                reproduced_params=int(family.rows(findings.results.runs)[params].iloc[0]),
                seeds=len(own.scores),
            )
        )
    return found


def sources(findings: Findings) -> list[str]:
    """What the last column of the table numbers: the sources with what is known of how they differ from here."""
    return list(dict.fromkeys(map(_source, rows(findings))))


def _source(row: Published) -> str:
    protocol = f". Another protocol: {row.protocol}" if row.protocol else ""
    return row.source + protocol + (f". Here {row.departs}" if row.departs else "")


def printed(findings: Findings) -> list[list[str]]:
    """The table under HEADINGS as text."""
    numbered, settings = sources(findings), findings.settings
    return [
        [
            settings.dataset_title(row.dataset),
            f"{row.teacher} → {row.student}",
            settings.method_title(row.method),
            _spread(row.published_mean, row.published_std),
            _spread(row.reproduced_mean, row.reproduced_std),
            str(row.seeds),
            ABSENT if row.protocol else printing.signed(row.difference, 2),
            _agreement(row),
            f"{_params(row.published_params)} / {_params(row.reproduced_params)}",
            f"[{1 + numbered.index(_source(row))}]",
        ]
        for row in rows(findings)
    ]


def grids(findings: Findings, paper: bool = False) -> list[Grid]:
    """One table with its sources below it, or none where nothing is published of what was run.

    Args:
        paper: students become headings, and the columns that paper has no room for go.
    """
    body = printed(findings)
    notes = [f"[{number}] {source}" for number, source in enumerate(sources(findings), 1)]
    if not body:
        return []
    title, settings = "Published and reproduced", findings.settings
    if not paper:
        return [Grid("published", title, [HEADINGS], [Group("", [list(row) for row in body])], notes)]
    groups = grouped((f"{dataset}: {pair}", [*row[:5], _short(row[5]), row[7]]) for dataset, pair, *row in body)
    cites = settings.cites(settings.methods)
    return [Grid("published", title, [FOR_PAPER], groups, notes, cites, spans="two")]


def _short(agrees: str) -> str:
    return agrees if agrees in ("yes", "no") else ABSENT


def _agreement(row: Published) -> str:
    if row.protocol:
        return "not comparable: another protocol"
    return {True: "yes", False: "no", None: "no standard deviation"}[row.within]


def _spread(mean: float, std: float) -> str:
    return f"{mean:.2f}" + ("" if np.isnan(std) else f" ± {std:.2f}")


def _params(params: int | None) -> str:
    return ABSENT if params is None else printing.count(params)


def claims(results: Results, path: Path = FACTS) -> list[str]:
    """Published claims without per-cell figures about a dataset that occurs here, as sentences with their source."""
    present = {family.dataset for family in results.families}
    return [
        f"{claim['dataset']}, {claim['method']} at {printing.ratio(claim['ratio'])}: {claim['text']} "
        f"({block['source']})."
        for block in facts(path)
        for claim in block.get("claims", [])
        if claim["dataset"] in present
    ]
