"""Printed figures stand beside their own counterparts, and beside nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports import published
from reports.settings import Settings
from tests.reports import samples

SETTINGS = Settings.parse(samples.settings())


def published_runs() -> pd.DataFrame:
    place = {"dataset": "ogbn-arxiv", "teacher": "gat-3x250x3h", "student": "gcn-2x256"}
    return samples.frame(
        samples.cell([0.7150, 0.7170], method="kd", **place),
        samples.cell([0.6500, 0.6520], method="gcrd", **place),
        samples.cell([0.7000, 0.7020], method="abkd", **place),
        samples.teacher_rows([0.7391], dataset="ogbn-arxiv", teacher="gat-3x250x3h", student="gat-3x250x3h"),
        samples.cell([0.7], method="kd", dataset="ogbn-arxiv", teacher="gat-3x250x3h", student="gcn-2x64"),
    )


def test_published_figures_stand_beside_their_own_cell_only():
    rows = published.rows(samples.of_runs(published_runs(), SETTINGS))
    assert [(row.student, row.method) for row in rows] == [("gcn-2x256", label) for label in ("teacher", "kd", "gcrd")]
    teacher, kd, gcrd = rows
    assert (kd.published_mean, kd.published_std, kd.published_params) == (71.55, 0.25, 43816)
    assert kd.reproduced_mean == pytest.approx(71.6)
    assert kd.difference == pytest.approx(0.05)
    assert kd.within is True
    assert gcrd.within is False
    assert teacher.within is None, "one seed has no standard deviation to pool"


def test_survivors_of_failed_seeds_are_not_compared_with_what_is_published():
    runs = published_runs()
    runs.loc[(runs["method"] == "kd") & (runs["seed"] == 1), "status"] = "oom"
    assert [row.method for row in published.rows(samples.of_runs(runs, SETTINGS))] == ["teacher", "gcrd"]


def test_two_pooled_deviations_by_hand():
    assert published.pooled_std(0.3, 0.4) == pytest.approx(np.sqrt(0.125))


def test_published_claims_follow_the_dataset():
    assert published.claims(samples.of_runs(published_runs(), SETTINGS).results) == []
    assert all({"source"} <= set(block) for block in published.facts())
