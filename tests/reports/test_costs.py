"""What networks cost, in the order that joins the numbers of a teacher."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports import compression, costs
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE


def test_a_teachers_ratio_and_speed_up_stand_at_one_place():
    """The larger teacher is the faster one: each list sorted on its own said the opposite."""
    large, small = ({"teacher": name, "ratio": ratio} for name, ratio in (("large", 100.0), ("small", 10.0)))
    found = samples.findings(samples.cell(BASE, **large), samples.cell(BASE, **small))
    latencies = {"large": ("teacher", 2.0), "small": ("teacher", 10.0), "gcn-2x16": ("student", 1.0)}
    measured = samples.measurements(found.results.runs).iloc[[0] * 3].reset_index(drop=True)
    measured["model"], measured["ratio_target"] = list(latencies), [1.0, 1.0, 40.0]
    measured["role"], measured["latency_ms_median"] = zip(*latencies.values(), strict=True)
    rows = costs.models(replace(found.results, measurements=measured), found.settings)
    (student,) = (row for row in rows if "student" in row["Network"])
    assert (student["Ratio"], student["Speed-up"]) == ("100× / 10×", "2× / 10×")
    unmeasured = costs.models(replace(found.results, measurements=pd.DataFrame(measured[1:])), found.settings)
    assert [row["Speed-up"] for row in unmeasured if "student" in row["Network"]] == ["— / 10×"]


def test_a_ratio_of_seconds_is_paired_by_student_and_a_failure_counts_in_the_total_alone():
    """A slow student that only the floor has trained would halve the ratio, and long failures multiply it."""
    rows = [
        *samples.cell(BASE, method="supervised", seconds=1.0),
        *samples.cell(BASE, seconds=2.0),
        *samples.cell(BASE, method="supervised", seconds=100.0, student="gcn-2x8", ratio_target=80.0),
    ]
    failed = [samples.row(seed=10 + k, status="failed", reason="x", test=None, seconds=900.0) for k in range(40)]
    found = samples.findings(rows, failed)
    kd = next(row for row in costs.training(found.results, found.settings) if row["Method"] == "KD")
    assert (kd["Times the floor's"], kd["Median seconds of a run"]) == ("2.00×", "2.00")
    assert costs.total_seconds(found.results) == 10 * (1 + 2 + 100) + 40 * 900


def test_sizes_are_of_the_teacher_over_the_student():
    runs = samples.frame(samples.teacher_rows(BASE), samples.cell(BASE))
    found = samples.of_runs(runs, Settings.parse(samples.settings()))
    found = replace(found, results=replace(found.results, measurements=samples.measurements(runs)))
    assert compression.frame(found)["params_ratio"].tolist() == pytest.approx([110_000 / 2_800])
