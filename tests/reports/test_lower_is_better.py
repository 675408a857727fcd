"""Figures of a metric whose smaller values are better: which line is the best one, and where the front lies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports.figures import curves, pareto
from reports.findings import Findings
from reports.settings import Settings
from tests.reports import samples

METHODS = ("supervised", "kd", "gcrd", "abkd")


@pytest.fixture(scope="module", params=["accuracy", "rmse"])
def findings(request) -> Findings:
    """ABKD is better than all others, G-CRD worse."""
    runs = samples.study({"esol": request.param}, METHODS)
    found = samples.of_runs(runs, Settings.parse(samples.settings(METHODS, spotlight=[])))
    more = {"curves": samples.curves(runs), "measurements": samples.measurements(runs)}
    return Findings.of(replace(found.results, **more), found.settings)


@pytest.mark.parametrize("figure", [curves, pareto])
def test_the_best_method_is_told_from_the_rest(findings, figure, tmp_path, monkeypatch):
    known, seen = figure.looks, set()
    monkeypatch.setattr(figure, "looks", lambda means, best, settings: seen.add(best) or known(means, best, settings))
    figure.draw(findings, tmp_path)
    assert seen == {"abkd"}


def test_the_front_is_that_of_the_best_scores(findings, tmp_path, monkeypatch):
    known, seen = pareto.front, []
    monkeypatch.setattr(pareto, "front", lambda points, sign: seen.extend(points) or known(points, sign))
    pareto.draw(findings, tmp_path)
    means: pd.Series = findings.results.runs.groupby(["student", "method"])["test"].mean()
    metric = findings.results.metric("esol")
    best = (metric.sign * metric.scale * means).groupby("student").max() * metric.sign
    assert {round(score, 6) for _, score in seen} == {round(score, 6) for score in best}
