"""Printed figures stand beside their own counterparts, and beside nothing else."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from reports import published
from reports.page import render
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


def of_another_protocol() -> pd.DataFrame:
    place = {"dataset": "cora", "teacher": "sage-2x128", "student": "mlp-cora-2x128"}
    others = samples.frame(
        samples.cell([0.6, 0.62], method="supervised", **place),
        samples.cell([0.8, 0.82], method="glnn", **place),
    )
    return pd.concat([published_runs(), others], ignore_index=True)


def test_a_figure_of_another_protocol_has_no_difference():
    rows = published.rows(samples.of_runs(of_another_protocol(), SETTINGS))
    others = [row for row in rows if row.dataset == "cora"]
    assert {(row.method, row.published_mean) for row in others} == {
        ("supervised", 59.22),
        ("glnn", 80.54),
        ("supervised", 59.18),
        ("glnn", 80.26),
    }
    for row in others:
        assert "ten random splits" in row.protocol
        assert np.isnan(row.difference) and row.within is None and not np.isnan(row.published_std)
    assert all(row.protocol == "" for row in rows if row.dataset != "cora")


def test_the_same_figure_under_its_own_protocol_is_compared():
    place = {"dataset": "cora-cpf@20+30,drawn", "teacher": "sage-gcn-2x128", "student": "mlp-cora-2x128"}
    cells = [samples.cell([0.8, 0.82], method="glnn", **place), samples.cell([0.6, 0.62], method="krd-noise", **place)]
    rows = published.rows(samples.of_runs(samples.frame(*cells), SETTINGS))
    assert [(row.method, row.published_mean, row.protocol, row.within) for row in rows] == [
        ("glnn", 80.54, "", True),
        ("glnn", 80.26, "", True),
        ("krd-noise", 82.27, "", False),
    ]
    assert rows[0].difference == pytest.approx(0.46)
    (first, _) = published.sources(samples.of_runs(samples.frame(*cells), SETTINGS))
    assert "Another protocol" not in first and ". Here a student takes its steps on all nodes" in first


def test_a_student_may_have_several_names_and_a_method_its_tuned_one():
    """What ran with tuned values alone stands beside what is published; with both, the defaults do."""
    labels = {"method": "ff-g2m", "tuned": "ff-g2m-tuned"}
    choice = {"dataset": "cora", "teacher": "sage-2x128", "student": "mlp-2", **labels, "values": "", "chosen": 0}
    stated = samples.settings([*samples.TITLES, *labels.values()])
    stated["tuning"] = [{**choice, "valid": {}, "ranks": [1.0]}]
    place = {"dataset": "cora", "teacher": "sage-2x128", "student": "mlp-2x128"}
    cells = [samples.cell([0.8, 0.82], method="ff-g2m-tuned", **place)]
    for expected in ("ff-g2m-tuned", "ff-g2m"):
        (row,) = published.rows(samples.of_runs(samples.frame(*cells), Settings.parse(stated)))
        assert (row.student, row.method, row.published_mean) == ("mlp-2x128", expected, 82.38)
        cells.append(samples.cell([0.7, 0.72], method="ff-g2m", **place))


def test_the_page_says_so():
    page = render(samples.of_runs(of_another_protocol(), SETTINGS), [])
    section = page[page.index('<section id="published">') :]
    section = section[: section.index("</section>")]
    other = [row for row in re.findall(r"<tr>.*?</tr>", section, re.DOTALL) if "mlp-cora-2x128" in row]
    assert len(other) == 4
    for row in other:
        assert "not comparable: another protocol" in row and not re.search(r"[+−]\d", row)
    assert "Another protocol: ten random splits" in section
    assert "are not subtracted" in section
    alone = render(samples.of_runs(published_runs(), SETTINGS), [])
    assert "not comparable" not in alone and "are not subtracted" not in alone
    assert re.search(r"\+0\.05", alone)


def test_the_table_numbers_its_sources():
    (grid,) = published.grids(samples.of_runs(of_another_protocol(), SETTINGS))
    assert {row[-1] for row in grid.rows} == {f"[{number}]" for number in range(1, len(grid.notes) + 1)}
    assert len(grid.notes) > 1 and all(note.startswith(f"[{k}] ") for k, note in enumerate(grid.notes, 1))
    assert 0 < sum("Another protocol: ten random splits" in note for note in grid.notes) < len(grid.notes)
    assert all(len(row) == len(published.HEADINGS) for row in grid.rows)
    (paper,) = published.grids(samples.of_runs(of_another_protocol(), SETTINGS), paper=True)
    assert [row[0] for row in paper.rows] == [row[2] for row in grid.rows]
    assert {row[5] for row in paper.rows} == {"yes", "no", "—"} and len(paper.groups) == 2
    assert all(len(row) == len(published.FOR_PAPER) for row in paper.rows)
    assert published.grids(samples.findings(samples.cell(samples.BASE))) == []


def test_survivors_of_failed_seeds_are_not_compared_with_what_is_published():
    runs = published_runs()
    runs.loc[(runs["method"] == "kd") & (runs["seed"] == 1), "status"] = "oom"
    assert [row.method for row in published.rows(samples.of_runs(runs, SETTINGS))] == ["teacher", "gcrd"]


def test_two_pooled_deviations_by_hand():
    assert published.pooled_std(0.3, 0.4) == pytest.approx(np.sqrt(0.125))


def test_what_stands_beside_nothing_names_its_protocol():
    for block in published.facts():
        alone = [cell["dataset"] for cell in block.get("cells", []) if "student" not in cell]
        assert not alone or block.get("protocol"), block["source"]


@pytest.mark.parametrize(
    ("method", "dataset"),
    [
        ("glnn", "ogbn-products"),
        ("krd-noise", "cora"),
        ("ff-g2m", "cora"),
        ("gcrd", "ogbn-arxiv"),
        ("mustad", "cora"),
        ("graphakd", "ogbn-products"),
        ("graphakd", "ogbg-molhiv"),
        ("kd", "amazon-computers"),
    ],
)
def test_the_fields_own_figures_are_there(method: str, dataset: str):
    cells = [cell for block in published.facts() for cell in block.get("cells", []) if cell["dataset"] == dataset]
    assert any(0 < cell[method][0] < 100 for cell in cells if method in cell)


def test_published_claims_follow_the_dataset():
    assert published.claims(samples.of_runs(published_runs(), SETTINGS).results) == []
    assert all({"source"} <= set(block) for block in published.facts())


@pytest.mark.parametrize("variant", ["@20", "@inductive", "@all", "@20,inductive,all"])
def test_a_variant_is_not_compared_with_what_is_published_of_the_plain_dataset(variant):
    runs = published_runs()
    assert published.rows(samples.of_runs(runs, SETTINGS))
    assert published.rows(samples.of_runs(runs.assign(dataset=runs["dataset"] + variant), SETTINGS)) == []
