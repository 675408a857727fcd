"""What networks cost, in the order that joins the numbers of a teacher."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from reports import costs
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
