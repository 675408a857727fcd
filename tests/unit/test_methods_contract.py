"""Every method on disk fulfils the contract, and the registry finds, creates and composes them."""

from __future__ import annotations

import pytest
import torch

import methods
from methods.contract import Method, NotApplicableError, Shape, Signals
from methods.testing import check_contract, make_batch, make_signals
from tests.unit.reference_losses import CASES

torch.set_num_threads(1)

TEACHER, STUDENT = Shape((6, 7), 5), Shape((4, 3), 5)


@pytest.mark.parametrize("method", methods.available())
def test_contract(method: str) -> None:
    check_contract(method)


VARIANTS = [
    ("kd", {"reduction": "elementwise"}),
    ("fitnet", {"heads": "both"}),
    ("at", {"reduction": "sum"}),
    *(("lsp", {"kernel": k}) for k in ("poly", "l2", "rbf")),
    *(("gsp", {"kernel": k}) for k in ("poly", "l2", "rbf")),
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
    made = methods.create(method, teacher=bare, student=bare)
    terms = made(make_signals(9, bare, 1), make_signals(9, bare, 2), make_batch(labels=[0] * 9))
    assert all(term.isfinite() for term in terms.values())


def test_methods_of_the_design_exist() -> None:
    wanted = "supervised kd fitnet at lsp gsp gcrd abkd stride abkd-uniform abkd-last abkd-noproj abkd-pooled "
    wanted += "abkd-many-to-one abkd-one-to-many stride-structure stride-embedding"
    assert set(wanted.split()) <= set(methods.available())


@pytest.mark.parametrize("method", methods.available())
def test_unknown_hyperparameters_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match="unknown hyperparameter"):
        methods.create(method, teacher=TEACHER, student=STUDENT, no_such_thing=1)


REFUSED = [
    ("kd", {"reduction": "sum"}, "batchmean, elementwise"),
    ("kd", {"temperature": 0}, "> 0"),
    ("kd", {"alpha": 1.5}, "0 to 1"),
    ("fitnet", {"heads": "teacher"}, "student, both"),
    ("at", {"beta": -1}, ">= 0"),
    ("lsp", {"kernel": "linear"}, "cosine, poly, l2, rbf"),
    ("gsp", {"kernel": "linear"}, "cosine, poly, l2, rbf"),
    ("gsp", {"max_samples": 0}, ">= 1"),
    ("gcrd", {"tau2": 0}, "> 0"),
    ("abkd", {"axis": "rows"}, "teacher, student, pairs"),
    ("abkd", {"dissimilarity": "mean"}, "node, pooled"),
    ("stride", {"structure": "kd"}, "gcrd, lsp, gsp"),
]


@pytest.mark.parametrize(("method", "hyperparameters", "allowed"), REFUSED)
def test_refusals_name_the_allowed_values(method: str, hyperparameters: dict[str, object], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed) as error:
        methods.create(method, teacher=TEACHER, student=STUDENT, **hyperparameters)
    assert method in str(error.value)


@pytest.mark.parametrize("method", sorted(set(methods.available()) - {"supervised"}))
@pytest.mark.parametrize("rows", [1, 8])
def test_rows_that_do_not_fit_are_refused(method: str, rows: int) -> None:
    made = methods.create(method, teacher=TEACHER, student=STUDENT)
    batch = make_batch(labels=[0] * 9, edge_index=[[0, 1], [1, 2]])
    with pytest.raises(ValueError, match=method):
        made(make_signals(rows, STUDENT, 1), make_signals(9, TEACHER, 2), batch)


def test_lsp_structure_is_refused_on_graphs() -> None:
    made = methods.create("stride", teacher=TEACHER, student=STUDENT, structure="lsp")
    batch = make_batch([[0.0] * 5] * 2, [[0], [1]], "binary", graph=[0, 0, 1])
    with pytest.raises(NotApplicableError, match="allowed: gcrd, gsp"):
        made(make_signals(3, STUDENT, graphs=2), make_signals(3, TEACHER, graphs=2), batch)


# Composition


def test_composition_sums_its_parts() -> None:
    parts = {"kd": {"alpha": 0.8}, "gcrd": {"beta": 0.05, "projection": 16}}
    s, t = make_signals(12, STUDENT, 1), make_signals(12, TEACHER, 2)

    def batch() -> methods.contract.Batch:
        return make_batch(labels=[0] * 12)

    torch.manual_seed(0)
    both = methods.create("kd+gcrd", teacher=TEACHER, student=STUDENT, **parts)
    torch.manual_seed(0)
    alone = {n: methods.create(n, teacher=TEACHER, student=STUDENT, **p) for n, p in parts.items()}
    terms = both(s, t, batch())
    assert sorted(terms) == ["gcrd.gcrd", "kd.kd"]
    for name, method in alone.items():
        assert terms[f"{name}.{name}"].item() == method(s, t, batch())[name].item()
    assert both.ce_weight == pytest.approx(0.2)
    assert len(list(both.parameters())) == len(list(alone["gcrd"].parameters()))


def test_composition_of_one_kind_keeps_its_memory_apart() -> None:
    made = methods.create("abkd+stride+lsp", teacher=TEACHER, student=STUDENT)
    batch = make_batch(labels=[0] * 12, edge_index=[[0, 1, 2], [1, 2, 1]])
    terms = made(make_signals(12, STUDENT, 1), make_signals(12, TEACHER, 2), batch)
    assert {"abkd.alignment", "stride.structure", "lsp.lsp"} <= set(terms)
    assert set(made.trace()) == {"abkd.attention", "stride.attention"}


def test_composition_refuses_bare_hyperparameters() -> None:
    with pytest.raises(ValueError, match="kd, gcrd"):
        methods.create("kd+gcrd", teacher=TEACHER, student=STUDENT, alpha=0.5)
    with pytest.raises(ValueError, match="twice"):
        methods.create("kd+kd", teacher=TEACHER, student=STUDENT)


# The checks themselves catch what they are for: each class below breaks one rule.


class Broken(Method):
    """A method that breaks one rule at a time, for the tests of the test-kit."""

    title, year, citation, uses_hidden = "Broken", 2020, "hinton2015distilling", True
    fault = ""

    def __init__(self, teacher: Shape, student: Shape) -> None:
        super().__init__(teacher, student)
        self.head = torch.nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: methods.contract.Batch) -> dict[str, torch.Tensor]:
        h, target = student.last, teacher.last if self.fault == "teacher" else teacher.last.detach()
        if self.fault != "shapes" and h.shape[0] != target.shape[0]:
            raise ValueError(f"kd: {h.shape} {target.shape}")
        r = h @ h.new_ones(h.shape[1], target.shape[1]) if self.fault == "head" else self.head(h)
        error = (r - target).square()
        if self.fault == "random":
            error = error * torch.rand(1, dtype=error.dtype)
        if self.fault == "order":
            error = error[:3]
        if self.fault == "scale":
            return {"x": error.sum()}
        if self.fault == "vector":
            return {"x": error.mean(1)}
        if self.fault == "memo":
            kept = batch.memo((id(self), "head"), lambda: self.head(h).mean())
            return {"x": error.mean() + kept}
        if self.fault == "root":
            return {"x": error.mean() + h.norm(dim=1).mean().sqrt()}
        return {"x": error.mean()}


FAULTS = {
    "teacher": "teacher receives a gradient",
    "head": "does not move",
    "random": "global random state",
    "order": "order of nodes",
    "scale": "number of nodes",
    "vector": "finite scalar",
    "shapes": "not refused",
    "root": "student of zeros",
}


@pytest.mark.parametrize("fault", ["", "memo", *FAULTS])
def test_the_checks_catch_a_broken_method(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = type("Broken", (Broken,), {"fault": fault, "__doc__": "x"})
    monkeypatch.setattr("methods.registry.load", lambda name: broken)
    if fault == "":
        check_contract("kd")
    elif fault == "memo":
        with pytest.raises(RuntimeError, match="second time"):
            check_contract("kd")
    else:
        with pytest.raises(AssertionError, match=FAULTS[fault]):
            check_contract("kd")


def test_every_method_has_an_independent_reference() -> None:
    assert set(CASES) == set(methods.available()), "add the new method to tests/unit/reference_losses.py"
    assert all(CASES.values())
