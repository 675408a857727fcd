"""ABKD and STRIDE beyond their values: no collapse, two equal ways to the dissimilarity, attention, memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import methods
from abkd.parts import dissimilarity as compare
from abkd.parts.heads import PairRegressors
from methods.contract import Shape
from methods.testing import make_batch, make_signals
from tests.methods.cases import STUDENT, TEACHER, LargestTensor, build, shaken, signals, task

torch.set_num_threads(1)

STUDENT_OF_THREE = Shape((4,), 3)


def correlated(n: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Layers of a student (widths 3, 4) and of a teacher (6, 5, 4) that have something in common."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(n, 4, generator=generator, dtype=torch.float64)

    def layer(width: int) -> Tensor:
        mix = torch.randn(4, width, generator=generator, dtype=torch.float64)
        return (base @ mix + torch.randn(n, width, generator=generator, dtype=torch.float64)).relu() + 2

    teacher = [layer(width) for width in (6, 5, 4)]
    return [layer(width) for width in (3, 4)], teacher


def test_one_product_agrees_with_the_naive_distance() -> None:
    """Values and gradients (students and heads), against the [L_t, L_s, n, d] tensor itself."""
    student, teacher = correlated(40, 0)
    widths_t, widths_s, dim = [6, 5, 4], [3, 4], 7
    generator = torch.Generator().manual_seed(1)
    of_teacher, of_student = (
        torch.randn(sum(w), dim, generator=generator, dtype=torch.float64) for w in (widths_t, widths_s)
    )
    mixture = torch.rand(3, 2, generator=generator, dtype=torch.float64)

    def standard(layers: list[Tensor], m: Tensor, widths: list[int]) -> Tensor:
        parts = [h @ part for h, part in zip(layers, m.split(widths), strict=True)]
        return torch.stack([(x - x.mean(0)) / x.var(0, correction=0).sqrt() for x in parts])

    large = standard(teacher, of_teacher, widths_t)

    def naive(s: list[Tensor], s_matrices: Tensor) -> Tensor:
        return (large[:, None] - standard(s, s_matrices, widths_s)[None]).square().sum(-1).mean(-1) / dim

    def rows(s: list[Tensor], s_matrices: Tensor) -> Tensor:
        return compare.by_rows(compare.standardised(s, s_matrices), compare.standardised(teacher, of_teacher))

    def run(way: Callable[[list[Tensor], Tensor], Tensor]) -> tuple[Tensor, list[Tensor]]:
        leaves = [x.clone().requires_grad_() for x in (*student, of_student)]
        d = way(leaves[:2], leaves[2])
        (d * mixture).sum().backward()
        return d.detach(), [x.grad for x in leaves]  # type: ignore[misc]

    expected, gradients = run(naive)
    d, found = run(rows)
    torch.testing.assert_close(d, expected, rtol=1e-4, atol=1e-4)  # batch norm's eps
    for a, b in zip(found, gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_no_trained_parameter_touches_the_teachers_values() -> None:
    """What is compared of the teacher is the same after any training; only its attention (queries) may learn."""
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    for name in ("abkd", "abkd-uniform", "abkd-last", "abkd-many-to-one", "abkd-one-to-many", "abkd-pooled", "stride"):
        method = build(name)
        before = method.subspace.teacher.weight.clone()
        shaken(method)
        assert method.subspace.teacher.weight.equal(before), name
        heads = {key for key, _ in method.named_parameters()}
        assert heads <= {"attention.query.weight", "attention.key.weight", "subspace.student.weight"}, name
    regression = build("abkd-regression")
    assert {key for key, _ in regression.named_parameters()} == {"attention.query.weight", "attention.key.weight"}
    trained = build("abkd-trained-values")
    assert {"subspace.teacher.weight", "subspace.basis"} <= {key for key, _ in trained.named_parameters()}
    assert trained(s, t, batch).keys() == {"alignment", "orthonormality"}


def test_regression_knows_a_linear_map_and_nothing_of_noise() -> None:
    n = 500
    generator = torch.Generator().manual_seed(3)
    t = torch.randn(n, 6, generator=generator, dtype=torch.float64) + 5
    mapped = t @ torch.randn(6, 6, generator=generator, dtype=torch.float64) - 7
    noise = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    values = compare.components([t], 6)
    d = compare.by_regression([mapped, noise, torch.zeros_like(noise)], values, 6)[0]
    assert d[0].item() < 0.05
    assert 1.9 < d[1].item() < 2
    assert d[2].item() == pytest.approx(2)


def test_regression_equals_scipy_without_the_ridge(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.stats import linregress

    monkeypatch.setattr(compare, "RIDGE", 0.0)
    monkeypatch.setattr(compare, "EPSILON", 0.0)
    generator = torch.Generator().manual_seed(3)
    t, s = torch.randn(2, 50, 1, generator=generator, dtype=torch.float64)
    d = compare.by_regression([s + t], compare.components([t], 1), 1)
    r = linregress((s + t)[:, 0].numpy(), t[:, 0].numpy()).rvalue
    assert d.item() == pytest.approx(2 - 2 * r**2)


def test_components_of_a_narrow_and_of_a_constant_layer() -> None:
    generator = torch.Generator().manual_seed(3)
    values = compare.components([torch.randn(30, 2, generator=generator), torch.ones(30, 3)], 4).split(4, 1)
    assert values[0].square().mean(0).sum().item() == pytest.approx(1, rel=1e-5)
    assert not values[0][:, 2:].any()
    assert not values[1].any()


def canonical_correlation(a: Tensor, b: Tensor) -> float:
    q = [torch.linalg.qr(x - x.mean(0)).Q for x in (a, b)]
    return torch.linalg.matrix_norm(q[0].T @ q[1], 2).item()


@pytest.mark.parametrize("name", ["abkd", "abkd-uniform", "abkd-regression", "abkd-trained-values", "abkd-last"])
def test_heads_alone_cannot_make_the_dissimilarity_vanish(name: str) -> None:
    """Against a fixed random student D stays above 2 - 2 rho, rho the largest canonical correlation of any pair."""
    n = 400
    s, t = make_signals(n, STUDENT, 1, dtype=torch.float64), make_signals(n, TEACHER, 2, dtype=torch.float64)
    batch = make_batch([0] * n)
    method = build(name, dim=8, beta=1.0)
    optimizer = torch.optim.Adam(method.parameters(), lr=0.05)
    value = torch.tensor(0.0)
    for _ in range(300):
        optimizer.zero_grad()
        terms = method(s, t, batch)
        sum(terms.values()).backward()  # type: ignore[union-attr]
        optimizer.step()
        value = terms["alignment"].detach()
    views = (*s.hidden, s.logits), (*t.hidden, t.logits)
    bound = 2 - 2 * max(canonical_correlation(a, b) for a in views[0] for b in views[1])
    assert bound > 1
    assert value.item() >= bound - 1e-6


@pytest.mark.parametrize("factor", [0.0, 1e-6])
def test_shrinking_heads_or_students_does_not_help(factor: float) -> None:
    student, teacher = correlated(40, 0)
    generator = torch.Generator().manual_seed(1)
    of_teacher, of_student = (torch.randn(w, 5, generator=generator, dtype=torch.float64) for w in (15, 7))

    def d(s: list[Tensor], s_matrices: Tensor, t_matrices: Tensor) -> Tensor:
        return compare.by_rows(compare.standardised(s, s_matrices), compare.standardised(teacher, t_matrices))

    unrelated = torch.full((3, 2), 2.0, dtype=torch.float64)
    small = [h * factor for h in student]
    for shrunk in (d(student, of_student * factor, of_teacher * factor), d(small, of_student, of_teacher)):
        torch.testing.assert_close(shrunk, unrelated, rtol=0, atol=1e-3)


def test_attention_is_traced_over_all_pairs() -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    sums = {"abkd": (1, 3.0), "abkd-axis-student": (0, 3.0), "abkd-axis-pairs": (None, 1.0), "abkd-uniform": (1, 3.0)}
    for name, (axis, mass) in sums.items():
        method = build(name)
        assert method.trace() == {}
        method(s, t, batch)
        a = method.trace()["attention"]
        assert a.shape == (3, 3)
        assert not a.requires_grad
        assert a.sum().item() == pytest.approx(mass)
        if axis is not None:
            np.testing.assert_allclose(a.sum(axis).numpy(), 1)
    for name, where in {"abkd-last": (2, 2), "abkd-many-to-one": (0, 2), "abkd-one-to-many": (2, 0)}.items():
        method = build(name)
        method(s, t, batch)
        a = method.trace()["attention"]
        assert a[where] > 0
        assert a.sum().item() == pytest.approx(1)


def test_p_starts_as_the_identity_and_departing_costs() -> None:
    batch = task("node")
    method = build("abkd-trained-values")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    assert method(s, t, batch)["orthonormality"].item() == pytest.approx(0, abs=1e-12)
    method.subspace.basis.data *= 2
    assert method(s, t, batch)["orthonormality"].item() == pytest.approx(0.1 * 64 * 9)


def test_memory_of_the_alignment_is_linear_in_the_layers() -> None:
    """64 teacher layers and 4 student layers: no tensor of L_t x L_s x n values."""
    n, deep, shallow = 256, Shape((16,) * 64, 4), Shape((16,) * 4, 4)
    batch = make_batch(torch.zeros(n, dtype=torch.int64))
    s, t = make_signals(n, shallow, 1, True), make_signals(n, deep, 2)
    for name in ("abkd", "abkd-regression"):
        method = methods.create(name, teacher=deep, student=shallow, dim=8)
        with LargestTensor() as largest:
            sum(method(s, t, batch).values()).backward()  # type: ignore[union-attr]
        assert largest.elements <= n * 8 * 65


def test_all_pairs_are_contrasted_where_they_are_few() -> None:
    """A network of few layers draws nothing: two steps of one batch give the same bits."""
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    few, drawing = build("stride"), build("stride", max_pairs=3)
    assert few(s, t, batch)["structure"].equal(few(s, t, batch)["structure"])
    assert not drawing(s, t, batch)["structure"].equal(drawing(s, t, batch)["structure"])


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", {1: 1, 10: 1, 50: 1}),
        ("warm-up", {1: 0.1, 5: 0.5, 10: 1, 50: 1}),
        ("decay", {1: 1, 26: 0.5, 50: 0.02}),
    ],
)
def test_the_weight_follows_its_schedule(schedule: str, factors: dict[int, float]) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    expected = build("abkd")(s, t, batch)["alignment"].item()
    for epoch, factor in factors.items():
        batch.epoch, batch.epochs = epoch, 50
        found = build("abkd", schedule=schedule)(s, t, batch)["alignment"].item()
        assert found == pytest.approx(factor * expected), epoch


def test_the_best_regressors_reach_the_regression() -> None:
    """Trained to the end, the regressors explain what least squares do of ALL of the teacher's directions."""
    student, teacher = correlated(60, 0)
    dim = 6
    regressors = PairRegressors([3, 4], [6, 5, 4]).double()
    rows, variances = compare.centred(teacher)
    optimizer = torch.optim.LBFGS(regressors.parameters(), max_iter=500, tolerance_change=1e-12)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = compare.by_regressors(student, rows, variances, regressors).sum()
        value.backward()
        return value

    optimizer.step(loss)
    found = compare.by_regressors(student, rows, variances, regressors).detach()
    expected = compare.by_regression(student, compare.components(teacher, dim), dim)
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0.005)  # the ridge


def test_a_choice_that_would_be_ignored_is_refused() -> None:
    with pytest.raises(ValueError, match="values='principal'; allowed: random"):
        build("abkd", dissimilarity="pooled", values="principal")


@pytest.mark.parametrize(("widest", "dim"), [(128, 32), (64, 16), (24, 8), (5, 8)])
def test_a_quarter_of_the_teachers_widest_layer_is_compared(widest: int, dim: int) -> None:
    made = methods.create("abkd", teacher=Shape((widest, 4), 3), student=STUDENT_OF_THREE)
    assert made.subspace.student.weight.shape[1] == dim
