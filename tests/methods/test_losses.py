"""Every loss against its slow reference, its gradient, its zeros and its single precision."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

import methods
from methods.contract import Signals
from tests.methods.cases import CASES, OBJECTIVE, STUDENT, TEACHER, build, shaken, signals, task, view
from tests.methods.reference import Case
from tests.shipped import shipped

torch.set_num_threads(1)

ALL = [
    pytest.param(name, case, kind, id=f"{name}-{k}-{kind}")
    for name, cases in CASES.items()
    for k, case in enumerate(cases)
    for kind in case.kinds
    if OBJECTIVE[kind] in methods.load(name).objectives
]


@pytest.mark.parametrize(("name", "case", "kind"), ALL)
def test_value_equals_the_reference(name: str, case: Case, kind: str) -> None:
    batch = task(kind)
    method = shaken(build(name, **case.hyperparameters))
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    expected = case.reference(method, view(batch, s, t))
    found = method(s, t, batch)
    assert set(found) == set(expected)
    for term, value in expected.items():
        assert found[term].item() == pytest.approx(value, rel=1e-8, abs=1e-10), term


@pytest.mark.parametrize(
    ("name", "case"),
    [(n, c) for n, cases in CASES.items() for c in cases if c.gradient and n not in ("supervised", "longer")],
)
def test_gradient_is_that_of_the_value(name: str, case: Case) -> None:
    """Finite differences in the student's signals and in every head."""
    batch = task(case.kinds[0])
    method = build(name, **case.hyperparameters)
    shaken(method)
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    heads = dict(method.named_parameters())

    def value(logits: Tensor, first: Tensor, last: Tensor, *weights: Tensor) -> Tensor:
        replaced = dict(zip(heads, weights, strict=True))
        batch.generator.manual_seed(0)  # what a method draws is the same at every point
        terms = torch.func.functional_call(method, replaced, (Signals(logits, (first, last)), t, batch))
        return torch.stack(list(terms.values())).sum() * (1e-4 if name == "at" else 1.0)

    inputs = (s.logits, *s.hidden, *(p.detach().clone() for p in heads.values()))
    for x in inputs:
        x.requires_grad_()
    assert torch.autograd.gradcheck(value, inputs, fast_mode=True, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", [n for n in CASES if methods.load(n).uses_hidden])
def test_rows_of_zeros_and_equal_rows(name: str) -> None:
    """Dead units make rows of zeros, in the student, the teacher or both; the equations still hold."""
    kind = CASES[name][0].kinds[0]
    batch = task(kind)
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    for h in (*s.hidden, *t.hidden):
        h[5] = 0
    s.last[:3], t.last[2:5] = 0, 0
    for case in CASES[name]:
        method = shaken(build(name, **case.hyperparameters))
        expected = case.reference(method, view(batch, s, t))  # first: a step may move a buffer
        found = method(s, t, task(kind))
        for term, value in expected.items():
            assert found[term].item() == pytest.approx(value, rel=1e-7, abs=1e-9), term


@pytest.mark.parametrize(("name", "case"), [(n, c) for n, cases in CASES.items() for c in cases])
def test_single_precision_is_enough(name: str, case: Case) -> None:
    """Closed forms subtract large sums; float32 keeps three digits on hidden states far from the origin."""
    batch = task(case.kinds[0])
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    s, t = (Signals(x.logits, tuple(10 * h.relu() + 3 for h in x.hidden)) for x in (s, t))
    method = build(name, **case.hyperparameters)
    expected = copy.deepcopy(method)(s, t, task(case.kinds[0]))  # a step may move a buffer
    single = [Signals(x.logits.float(), tuple(h.float() for h in x.hidden)) for x in (s, t)]
    for term, value in method.float()(*single, task(case.kinds[0])).items():
        assert value.item() == pytest.approx(expected[term].item(), rel=2e-3, abs=1e-5), term


def test_every_shipped_method_has_an_independent_reference() -> None:
    assert set(CASES) == set(shipped()), "add the new method to tests/baselines/references*.py, or state its `bibtex`"
    assert all(CASES.values())
