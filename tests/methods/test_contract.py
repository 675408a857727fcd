"""Every method on disk fulfils the contract."""

from __future__ import annotations

import pytest
import torch

import methods
from methods.contract import NotApplicableError, Shape
from methods.rehearsal import begun
from methods.testing import check_contract, make_batch, make_signals
from methods.vocabulary import Objective

torch.set_num_threads(1)

TEACHER, STUDENT = Shape((6, 7), 5), Shape((4, 3), 5)


@pytest.mark.parametrize("method", methods.available())
def test_contract(method: str) -> None:
    check_contract(method)


VARIANTS = [
    ("kd", {"reduction": "elementwise"}),
    ("fitnet", {"heads": "both"}),
    ("gsp", {"heads": "both"}),
    ("at", {"reduction": "sum"}),
    *(("lsp", {"kernel": k}) for k in ("poly", "l2", "rbf")),
    *(("gsp", {"kernel": k}) for k in ("poly", "l2", "rbf")),
    *((m, {"max_samples": 8}) for m in ("gsp", "gcrd", "rkd", "semckd")),  # of 24 rows
    ("abkd", {"dim": 2}),
    ("stride", {"structure": "gsp"}),
]


@pytest.mark.parametrize(("method", "hyperparameters"), VARIANTS)
def test_contract_of_variants(method: str, hyperparameters: dict[str, object]) -> None:
    check_contract(method, **hyperparameters)


@pytest.mark.parametrize("method", ["abkd", "abkd-many-to-one", "abkd-last", "stride"])
@pytest.mark.parametrize("layers", [((6,), (3,)), ((6, 6, 6, 6), (3,)), ((5,), (4, 4, 4))])
def test_layers_of_any_number(method: str, layers: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    teacher, student = Shape(layers[0], 5), Shape(layers[1], 5)
    made = methods.create(method, teacher=teacher, student=student)
    batch = make_batch(labels=[0] * 9, edge_index=[[0, 1], [1, 2]])
    terms = made(make_signals(9, student, 1, True), make_signals(9, teacher, 2), batch)
    assert all(term.isfinite() for term in terms.values())
    assert made.trace()["attention"].shape == (len(teacher.layers), len(student.layers))


@pytest.mark.parametrize("method", [m for m in methods.available() if not methods.load(m).uses_hidden])
def test_methods_on_logits_work_without_hidden_layers(method: str) -> None:
    bare = Shape((), 5)
    made = begun(methods.create(method, teacher=bare, student=bare), 9)
    terms = made(make_signals(9, bare, 1), make_signals(9, bare, 2), make_batch(labels=[0] * 9))
    assert all(term.isfinite() for term in terms.values())


@pytest.mark.parametrize("method", sorted(set(methods.available()) - {"supervised", "longer"}))
@pytest.mark.parametrize("rows", [1, 8])
def test_rows_that_do_not_fit_are_refused(method: str, rows: int) -> None:
    made = methods.create(method, teacher=TEACHER, student=STUDENT)
    batch = make_batch(labels=[0] * 9, edge_index=[[0, 1], [1, 2]])
    with pytest.raises(ValueError, match=method):
        made(make_signals(rows, STUDENT, 1), make_signals(9, TEACHER, 2), batch)


def test_lsp_structure_is_refused_on_graphs() -> None:
    made = methods.create("stride", teacher=TEACHER, student=STUDENT, structure="lsp")
    batch = make_batch([[0.0] * 5] * 2, [[0], [1]], Objective.BINARY, graph=[0, 0, 1])
    with pytest.raises(NotApplicableError, match="allowed: gcrd, gsp"):
        made(make_signals(3, STUDENT, graphs=2), make_signals(3, TEACHER, graphs=2), batch)
