"""A variant whose cells distil other nodes keeps the teacher, the measurements and the heading of its dataset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports import costs
from reports.findings import Findings
from reports.page import SHARED, render
from reports.settings import Settings
from reports.variants import all_labels, but_for_labels, dataset_of, graph_of, labels_of, labels_shared, prepared
from tests.reports import samples
from tests.reports.samples import BASE

TITLES = {"cora": "Cora", "cora@all": "Cora, distilled on all", "cora@20": "Cora, 20 labels per class"}


@pytest.mark.parametrize(
    ("name", "dataset", "data"),
    [
        ("cora", "cora", "cora"),
        ("cora@all", "cora", "cora"),
        ("cora@train", "cora", "cora"),
        ("cora@20", "cora", "cora@20"),
        ("cora@20,inductive", "cora", "cora@20,inductive"),
        ("cora@20,inductive,all", "cora", "cora@20,inductive"),
        ("cora-cpf", "cora-cpf", "cora-cpf"),
        ("cora-cpf@20+30,drawn,all", "cora-cpf", "cora-cpf@20+30,drawn"),
    ],
)
def test_what_a_variant_is_joined_on(name, dataset, data):
    assert (dataset_of(name), prepared(name)) == (dataset, data)
    assert graph_of(name) == "cora"
    assert graph_of("ace-sim-mini@20") == graph_of("ace-sim") == "ace-sim"


@pytest.mark.parametrize(
    ("name", "number", "others", "whole"),
    [
        ("cora", None, "cora", "cora"),
        ("cora@inductive,all", None, "cora@inductive,all", "cora@inductive,all"),
        ("cora@20", 20, "cora@", "cora"),
        ("cora@5,drawn", 5, "cora@,drawn", "cora"),
        ("cora@20,drawn,inductive-0.2,all", 20, "cora@,drawn,inductive-0.2,all", "cora@inductive-0.2,all"),
        ("cora-cpf@20+30,drawn", 20, "cora-cpf@+30,drawn", None),
    ],
)
def test_what_variants_have_in_common_but_for_their_labels(name, number, others, whole):
    assert (labels_of(name), but_for_labels(name), all_labels(name)) == (number, others, whole)


@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("cora", False),
        ("cora@inductive", False),
        ("cora@all", False),
        ("cora@20", True),
        ("cora@20+30,inductive,all", True),
        ("cora@20,drawn", False),
        ("cora@20+30,drawn,inductive", False),
    ],
)
def test_the_page_says_where_seeds_share_their_labels(name, shared):
    cells = samples.cell(BASE, method="kd", dataset=name), samples.cell(BASE, method="supervised", dataset=name)
    assert labels_shared(name) == shared
    assert (SHARED in render(samples.findings(*cells), [])) == shared


@pytest.fixture
def found() -> Findings:
    """The teachers of `cora` and `cora@20`, and cells of both and of `cora@all`."""
    rows = [samples.teacher_rows(BASE + 0.1, dataset="cora"), samples.teacher_rows(BASE + 0.05, dataset="cora@20")]
    for place, dataset in enumerate(TITLES):
        rows += [
            samples.cell(BASE + 0.01 * place, method="supervised", dataset=dataset),
            samples.cell(BASE + 0.02 * place + 0.03, method="kd", dataset=dataset),
        ]
    return samples.of_runs(samples.frame(*rows), Settings.parse(samples.settings(datasets=TITLES)))


def test_every_variant_keeps_its_own_ceiling(found):
    ceilings = {family.dataset: own["teacher"].values().mean() for family, own in found.attempts.items()}
    base = float(np.mean(BASE))
    assert ceilings == pytest.approx({"cora": base + 0.1, "cora@all": base + 0.1, "cora@20": base + 0.05})
    gaps = {
        family.dataset: row.gap_closed
        for family, rows in found.comparisons.items()
        for row in rows
        if row.method == "kd"
    }
    assert gaps == pytest.approx({"cora": 0.3, "cora@all": 0.04 / 0.09, "cora@20": 0.05 / 0.03})


def test_headings_tell_variants_in_the_declared_order(found):
    assert [panel.title for panel in found.panels] == list(TITLES.values())
    assert [panel.methods[0] for panel in found.panels] == ["teacher"] * 3


def test_cells_of_other_nodes_are_measured_with_their_data(found):
    runs = found.results.runs
    measured = samples.measurements(runs[runs["dataset"] != "cora@all"])
    results = replace(found.results, measurements=measured)
    family = next(family for family in results.families if family.dataset == "cora@all")
    row = costs.measured(results.measurements, prepared(family.dataset), family.student, family.ratio_target)
    plain = measured[(measured["dataset"] == "cora") & (measured["model"] == family.student)]
    assert row["latency_ms_median"] == plain["latency_ms_median"].iloc[0]
    only = replace(results, runs=runs[runs["dataset"] != "cora"])
    rows = [
        row for row in costs.models(only, found.settings) if row["Dataset"] == "Cora" and "student" in row["Network"]
    ]
    assert [row["Ratio"] for row in rows] == ["39.4×"], "a run with `cora@all` alone has no rows of `cora`"
