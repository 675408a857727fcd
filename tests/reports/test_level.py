"""A level other than 5 % is that of everything a report tests or brackets."""

from __future__ import annotations

import numpy as np
import pytest

from reports import aggregate, ranking, sensitivity, statistics
from reports.figures.parts import series
from reports.results import prepare
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

LEVEL = 0.2
SPREAD = OTHER - OTHER.mean()
OWN = BASE + SPREAD + 1.6 * SPREAD.std(ddof=1) / np.sqrt(10)
"""Above BASE with p = 0.14."""


def family_of(*parts, **changes):
    found = samples.findings(samples.cell(BASE), samples.cell(OWN, method="abkd"), *parts, alpha=LEVEL, **changes)
    (family,) = found.results.families
    return found, family


def test_verdicts_intervals_and_bold_are_of_the_level():
    found, family = family_of()
    known = statistics.paired_t(OWN, BASE, LEVEL)
    assert 0.05 < known.p < LEVEL
    _, row = found.comparisons[family]
    assert (row.ci_low, row.ci_high) == pytest.approx((known.low, known.high))
    assert row.verdict == "better"
    assert [label for label, cell in found.columns[family].cells.items() if cell.bold] == ["abkd"]
    detectable = sensitivity.power.minimum_detectable(float(np.std(OWN - BASE, ddof=1)), 10, LEVEL)
    assert sensitivity.rows(found)[family][0].detectable == pytest.approx(detectable)


def test_points_and_gains_of_figures_are_of_the_level():
    found, family = family_of()
    known = statistics.paired_t(OWN, BASE, LEVEL)
    (point,) = series.points(found, {family: 1.0})["abkd"]
    assert point[2:] == pytest.approx([100 * end for end in statistics.mean_interval(OWN, LEVEL)])
    (gain,) = series.gains(found, {family: 1.0}, "kd")["abkd"]
    assert gain[2:] == pytest.approx((100 * known.low, 100 * known.high))


def test_gaps_and_the_table_of_all_students_are_of_the_level():
    floor, ceiling = BASE - 0.05, BASE + 0.1
    found, family = family_of(samples.teacher_rows(ceiling), samples.cell(floor, method="supervised"))
    row = next(row for row in found.comparisons[family] if row.method == "abkd")
    assert (row.gap_low, row.gap_high) == pytest.approx(statistics.gap_closed(OWN, floor, ceiling, LEVEL)[1:])
    (tasks,) = aggregate.joined(found)
    wanted = aggregate.standings(tasks, "kd", LEVEL)
    assert aggregate.frame(found)["mean_low"].tolist() == [own.mean[1] for own in wanted]


def test_the_critical_difference_is_of_the_level():
    datasets = ("cora", "citeseer", "pubmed", "ace-sim", "ace-het", "coauthor-cs")
    shifts = {"kd": 0.0, "abkd": 0.05, "at": -0.05}
    cells = [
        samples.cell(BASE + shift, method=method, dataset=dataset)
        for dataset in datasets
        for method, shift in shifts.items()
    ]
    found = ranking.rank(prepare(samples.frame(*cells)), Settings.parse(samples.settings(alpha=LEVEL)))
    assert found.critical_difference == pytest.approx(ranking.critical_difference(3, 6, LEVEL))
