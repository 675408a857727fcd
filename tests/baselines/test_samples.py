"""What a method gives where a step draws some of the rows, and what its labels weigh."""

from __future__ import annotations

import pytest
import torch

import methods
from abkd.parts import structure as structures
from methods.contract import Shape
from methods.testing import make_batch
from tests.methods.cases import ROWS, STUDENT, TEACHER, build, signals, task

FEW = 6
SAMPLED = {name: {} for name in ("gcrd", "pkt", "rkd", "semckd", "crd", "cc")} | {"gsp": {"kernel": "l2"}}


def drawn() -> torch.Tensor:
    """The rows that a batch's generator draws first."""
    return torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))[:FEW]


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_is_the_method_on_its_rows_alone(name):
    """Student and teacher of the same rows, and means over as many."""
    batch = task("node")
    s, t, rows = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2), drawn()
    found = build(name, max_samples=FEW, **SAMPLED[name])(s, t, batch)
    alone = build(name, **SAMPLED[name])(s.at(rows), t.at(rows), make_batch(batch.labels[rows]))
    assert {term: value.item() for term, value in found.items()} == pytest.approx(
        {term: value.item() for term, value in alone.items()}, rel=1e-9
    )


def test_a_memory_is_asked_for_the_rows_that_were_drawn():
    """The negatives come next from the generator, so that the other one must have drawn its rows, too."""
    batch, rows = task("node"), drawn()
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    alone = make_batch(batch.labels[rows])
    alone.find_ids = alone.find_row_ids = lambda: rows
    torch.randperm(ROWS, generator=alone.generator)
    found = build("crd-bank", max_samples=FEW)(s, t, batch)["crd"].item()
    assert found == pytest.approx(build("crd-bank")(s.at(rows), t.at(rows), alone)["crd"].item(), rel=1e-9)


def test_a_graph_against_itself_costs_nothing_on_a_sample():
    same, batch = Shape((4, 3), 4), task("node")
    t = signals(batch, same, 2)
    made = methods.create("gkd", teacher=same, student=same, max_samples=FEW).double()
    assert sum(value.item() for value in made(t, t, batch).values()) == pytest.approx(0.0, abs=1e-9)


def test_stride_draws_the_same_rows_of_both_sides(monkeypatch):
    """With a teacher that is the student, and the student's projections those of the teacher."""
    same, batch, seen = Shape((4, 3), 4), task("node"), []
    contrastive = structures.contrastive
    monkeypatch.setattr(structures, "contrastive", lambda *told: (seen.append(told[1:3]), contrastive(*told))[1])
    made = methods.create("stride-structure", teacher=same, student=same, max_samples=FEW).double()
    made.subspace.student.weight.data = made.subspace.teacher.weight.data.clone()
    t = signals(batch, same, 2)
    made(t, t, batch)
    ((student, teacher),) = seen
    assert student.shape[1] == FEW
    torch.testing.assert_close(student, teacher)


LABELS = {
    **{name: ({"alpha": 0.3}, 0.7) for name in ("kd", "hard-targets", "krd", "hgmd", "nosmog", "g2mlp", "ff-g2m")},
    **{name: ({"alpha": 0.3}, 0.7) for name in ("propagate-distill", "virtual-teacher")},
    "label-smoothing": ({"epsilon": 0.3}, 0.7),
    "kd-standardised": ({"label_weight": 0.3}, 0.3),
    "tempered": ({}, 0.0),
    "mustad": ({}, 1.0),
}


@pytest.mark.parametrize("name", LABELS)
def test_what_the_labels_weigh(name):
    values, weight = LABELS[name]
    assert methods.create(name, teacher=TEACHER, student=STUDENT, **values).ce_weight == pytest.approx(weight)
