"""What methods along edges do beyond one step: draws, schedules, gradients of what is held fixed, and no edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import methods
from baselines.parts.neighbours import neighbourhood
from methods.contract import Batch, NotApplicableError, Shape, Signals
from methods.testing import make_batch, make_signals
from tests.baselines.references_edges import edges_of, entropies, fitted_exponent, hardness, soft
from tests.methods.cases import STUDENT, TEACHER, LargestTensor, build, signals, task, view

torch.set_num_threads(1)

ALONG_EDGES = ["ff-g2m", "ff-g2m-low", "ff-g2m-high", "propagate-distill", "krd", "hgmd", "hgmd-weight", "gkd", "g2mlp"]


def both() -> tuple[Batch, Signals, Signals]:
    batch = task("node")
    return batch, signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)


@pytest.mark.parametrize("name", [*ALONG_EDGES, "tined-energy"])
def test_a_batch_that_never_has_edges_says_so(name: str) -> None:
    batch = make_batch([0, 1, 2, 3])
    made = methods.create(name, teacher=TEACHER, student=STUDENT)
    s, t = make_signals(4, STUDENT, 1, True), make_signals(4, TEACHER, 2)
    assert all(term.isfinite() for term in made(s, t, batch).values()), "a later batch may have some"
    batch = make_batch([0, 1, 2, 3])
    batch.constant = True
    with pytest.raises(NotApplicableError, match="no edge joins two distilled nodes"):
        made(s, t, batch)


def test_neighbourhoods_are_kept_apart_with_and_without_loops() -> None:
    batch = make_batch([0] * 3, [[0, 0, 2], [1, 2, 2]])
    for loops, wanted in ((False, [(1, 0), (2, 0), (2, 2)]), (True, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2), (2, 2)])):
        found = neighbourhood(batch, loops=loops)
        assert list(zip(found.rows.tolist(), found.columns.tolist(), strict=True)) == wanted
        assert neighbourhood(batch, loops=loops) is found


@pytest.mark.parametrize("form", ["hgmd", "hgmd-weight"])
def test_hgmd_has_the_gradient_of_fixed_weights(form: str) -> None:
    """By z_S[i]: the sum over its edges of the weight times (p_S[i] - target) / tau."""
    batch, s, t = both()
    s.logits.requires_grad_()
    tau = 1.0 if form == "hgmd-weight" else 2.0
    method = build(form, **({} if form == "hgmd-weight" else {"temperature": tau}))
    method(s, t, batch)["hgmd"].backward()
    v = view(batch, s.detached(), t)
    pairs = edges_of(v, True)
    cosines, weights = hardness(v, pairs, 3.0)
    student, teacher = soft(v.z_student, tau), soft(v.z_teacher, tau)
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(len(pairs), generator=generator).tolist()
    left, right = torch._standard_gamma(torch.full((2, len(pairs)), 0.4), generator=generator).tolist()
    kept = [k for k, (i, j) in enumerate(pairs) if draws[k] < weights[k] or i == j]
    assert len(kept) < len(pairs)
    wanted = np.zeros_like(v.z_student)
    for k in kept:
        i, j = pairs[k]
        if form == "hgmd-weight":
            near = [e for e in kept if pairs[e][0] == i]
            mean = sum(cosines[e] * weights[e] for e in near) / len(near)
            weight, target = cosines[k] * weights[k] / mean, teacher[j]
        else:
            m = weights[k] * left[k] / (left[k] + right[k])
            weight, target = 1.0, (1 - m) * teacher[i] + m * teacher[j]
        wanted[i] += weight * (student[i] - target) / tau
    assert s.logits.grad is not None
    np.testing.assert_allclose(s.logits.grad.numpy(), 0.9 * wanted / len(kept), atol=1e-8)


@pytest.mark.parametrize(("epoch", "factor"), [(1, 3.0), (51, 0.3), (101, 0.03)])
def test_hgmd_softens_over_the_epochs(epoch: int, factor: float) -> None:
    """Alpha / 100^(t / (T - 1)): a tenth in the middle, a hundredth at the end."""
    batch, s, t = both()
    batch.epoch, batch.epochs = epoch, 101
    found = build("hgmd-weight")(s, t, batch)["hgmd"].item()
    batch, s, t = both()
    assert found == pytest.approx(build("hgmd-weight", hardness=factor)(s, t, batch)["hgmd"].item(), rel=1e-12)


def test_krd_keeps_all_edges_in_the_warm_up_and_moves_its_exponent_after_it() -> None:
    batch, s, t = both()
    batch.epochs = 100
    method = build("krd", momentum=0.75)
    whole = method(s, t, batch)["krd"].item()
    batch.epoch = 50
    assert method(s, t, batch)["krd"].item() == whole
    assert method.exponent.item() == 1
    v = view(batch, s, t)
    agrees = [a.argmax() == b.argmax() for a, b in zip(v.z_student, v.z_teacher, strict=True)]
    best, exponent = fitted_exponent(entropies(v.z_teacher), agrees), 1.0
    assert best != 1
    batch.epoch = 51
    for _ in range(3):
        exponent = 0.75 * exponent + 0.25 * best
        method(s, t, batch)
        assert method.exponent.item() == pytest.approx(exponent, rel=1e-12)
    assert "exponent" in method.state_dict(), "an interrupted training goes on from it"


def test_krd_keeps_its_exponent_where_all_bins_agree() -> None:
    batch, s, t = both()
    same = Signals(t.logits.clone(), s.hidden)
    batch.epoch = batch.epochs = 60
    method = build("krd")
    method(same, t, batch)
    assert method.exponent.item() == 1


@pytest.mark.parametrize("name", ["krd", "hgmd"])
def test_draws_come_from_the_batch_and_change(name: str) -> None:
    batch, s, t = both()
    batch.epoch, batch.epochs = 60, 1000
    method = build(name, **({"momentum": 1.0} if name == "krd" else {}))
    first, second = (method(s, t, batch)[name].item() for _ in range(2))
    assert first != second
    batch.generator.manual_seed(0)
    assert method(s, t, batch)[name].item() == first


def test_propagation_without_smoothing_is_glnn() -> None:
    batch, s, t = both()
    found = build("propagate-distill", gamma=0.0)(s, t, batch)["propagated"].item()
    assert found == pytest.approx(build("glnn")(s, t, batch)["kd"].item(), rel=1e-12)


def test_labelled_rows_keep_their_targets_in_the_fixed_form() -> None:
    """With no unlabelled row nothing is left to propagate."""
    batch, s, t = both()
    labelled = make_batch([0] * batch.rows, batch.edge_index)
    found = build("propagate-distill-fixed")(s, t, labelled)["propagated"].item()
    assert found == pytest.approx(build("glnn")(s, t, labelled)["kd"].item(), rel=1e-12)


@pytest.mark.parametrize("name", [*ALONG_EDGES, "tined-energy", "nosmog-gram"])
def test_nothing_of_the_size_of_edges_times_columns(name: str) -> None:
    n, degree, classes = 600, 40, 32
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(n, (2, n * degree), generator=generator)
    batch = make_batch([0] * n, edges)
    shape = Shape((classes, classes), classes)
    s, t = make_signals(n, shape, 1, True), make_signals(n, shape, 2)
    method = methods.create(name, teacher=shape, student=shape)
    with LargestTensor() as seen:
        sum(method(s, t, batch).values()).backward()
    assert seen.elements < edges.shape[1] * classes
