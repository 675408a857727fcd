"""The figure of scores against labels per class: which students it sets beside each other, and what it draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.figures import labels
from reports.findings import Findings
from tests.reports import samples
from tests.reports.samples import BASE

DATASETS = ("cora@20,drawn", "cora", "cora@5,drawn", "cora@20", "pubmed@5", "cora@inductive", "cora-cpf@20+30,drawn")


def study(*datasets: str, better: float = 0.02) -> Findings:
    rows = []
    for place, dataset in enumerate(datasets):
        rows += [
            samples.teacher_rows(BASE + 0.1, dataset=dataset),
            samples.cell(BASE, method="supervised", dataset=dataset),
            samples.cell(BASE + better * place, method="kd", dataset=dataset),
            samples.cell(BASE - 0.01, method="at", dataset=dataset),
        ]
    return samples.findings(*rows)


def test_numbers_of_labels_stand_in_growing_order_and_all_of_them_last():
    """Labels drawn per seed and shared ones are two lines, which end at the same students with all labels."""
    found = [[family.dataset for family in families] for families in labels.groups(study(*DATASETS).results)]
    assert sorted(found) == [["cora@20", "cora"], ["cora@5,drawn", "cora@20,drawn", "cora"]]


def test_one_number_of_labels_makes_no_figure(tmp_path):
    assert labels.draw(study("cora@20", "pubmed@5", "cora@inductive"), tmp_path) == []


def test_a_student_of_another_size_is_another_line():
    rows = [samples.cell(BASE, dataset="cora@5"), samples.cell(BASE, dataset="cora", student="gcn-2x4")]
    assert labels.groups(samples.findings(*rows).results) == []


def test_at_most_so_many_labels_are_a_line_of_their_own(tmp_path):
    found = study("cora@5max", "cora@20max", "cora@20", "cora")
    assert [family.dataset for family in labels.groups(found.results)[-1]] == ["cora@5max", "cora@20max", "cora"]
    assert ">≤5<" in labels.draw(found, tmp_path)[-1].svg


@pytest.fixture
def drawn(tmp_path: Path) -> labels.Drawing:
    (drawing,) = labels.draw(study("cora@5", "cora@20", "cora"), tmp_path)
    return drawing


def test_the_figure_names_its_places_and_its_teacher(drawn):
    for text in (">5<", ">20<", ">all<", ">teacher<", ">Labels per class<", ">KD<"):
        assert text in drawn.svg, text
    assert drawn.title == "cora: gcn-3x256 → gcn-2x16"
    assert "over Supervised" in drawn.caption
    assert drawn.alt.endswith("At 5 per class the highest is AT.")


def test_a_method_that_failed_somewhere_keeps_its_other_points(tmp_path):
    runs = [
        samples.cell(BASE, method="supervised", dataset="cora@5"),
        samples.cell(BASE, method="supervised", dataset="cora"),
        samples.missing(10, method="abkd", dataset="cora@5"),
        samples.cell(BASE, method="abkd", dataset="cora"),
    ]
    (drawing,) = labels.draw(samples.findings(*runs), tmp_path)
    assert ">ABKD<" in drawing.svg
    assert ">teacher<" not in drawing.svg
