"""Every loss against its slow reference, its gradient, its invariances, and its memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import methods
from abkd import _dissimilarity as dissimilarities
from methods import kernels, streaming
from methods.contract import Batch, Method, Shape, Signals
from methods.testing import make_batch, make_signals
from tests.unit import reference_losses
from tests.unit.reference_losses import CASES, Case, View

torch.set_num_threads(1)

TEACHER, STUDENT = Shape((6, 5), 4), Shape((4, 3), 4)
ROWS = 14
EDGES = torch.tensor([[0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 0, 2, 3], [1, 0, 1, 1, 5, 6, 6, 5, 8, 7, 8, 7, 2, 0, 0]])


def task(kind: str) -> Batch:
    generator = torch.Generator().manual_seed(5)
    if kind == "node":
        return make_batch(torch.randint(-1, 4, (ROWS,), generator=generator), EDGES)
    graph = torch.arange(ROWS) // 3
    inside = graph[EDGES[0]] == graph[EDGES[1]]
    values = torch.randn(int(graph.max()) + 1, 4, generator=generator, dtype=torch.float64)
    objective = {"binary": "binary", "regression": "regression", "graph": "multiclass"}[kind]
    labels = values.argmax(1) if kind == "graph" else torch.where(values > 1, torch.nan, values)
    return make_batch(labels, EDGES[:, inside], objective, graph)  # type: ignore[arg-type]


def signals(batch: Batch, shape: Shape, seed: int, requires_grad: bool = False) -> Signals:
    graphs = None if batch.graph is None else len(batch.labels)
    return make_signals(batch.rows, shape, seed, requires_grad, graphs=graphs, dtype=torch.float64)


def view(batch: Batch, s: Signals, t: Signals) -> View:
    return View(
        zs=s.logits.numpy(),
        zt=t.logits.numpy(),
        hs=[h.numpy() for h in s.hidden],
        ht=[h.numpy() for h in t.hidden],
        labels=batch.labels.numpy(),
        edges=batch.edge_index.numpy(),
        graph=None if batch.graph is None else batch.graph.numpy(),
        objective=batch.objective,
    )


def build(name: str, **hyperparameters: object) -> Method:
    torch.manual_seed(0)
    return methods.create(name, teacher=TEACHER, student=STUDENT, **hyperparameters).double()


def shaken(method: Method) -> Method:
    """Heads away from their start, where P is the identity and batch norm's scale is one."""
    generator = torch.Generator().manual_seed(9)
    for parameter in method.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return method


ALL = [
    pytest.param(name, case, kind, id=f"{name}-{k}-{kind}")
    for name, cases in CASES.items()
    for k, case in enumerate(cases)
    for kind in case.kinds
]


@pytest.mark.parametrize(("name", "case", "kind"), ALL)
def test_value_equals_the_reference(name: str, case: Case, kind: str) -> None:
    batch = task(kind)
    kinds = {"node": "node"}.get(kind, "graph")
    cls = methods.load(name)
    if kinds not in cls.kinds or batch.objective not in cls.objectives:
        pytest.skip("not defined for this task")
    method = shaken(build(name, **case.hyperparameters))
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    expected = case.reference(method, view(batch, s, t))
    found = method(s, t, batch)
    assert set(found) == set(expected)
    for term, value in expected.items():
        assert found[term].item() == pytest.approx(value, rel=1e-8, abs=1e-10), term


@pytest.mark.parametrize(("name", "case"), [(n, c) for n, cases in CASES.items() for c in cases if n != "supervised"])
def test_gradient_is_that_of_the_value(name: str, case: Case) -> None:
    """Finite differences in the student's signals and in every head."""
    batch = task("node")
    method = build(name, **case.hyperparameters)
    shaken(method)
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    heads = dict(method.named_parameters())

    def value(logits: Tensor, first: Tensor, last: Tensor, *weights: Tensor) -> Tensor:
        replaced = dict(zip(heads, weights, strict=True))
        terms = torch.func.functional_call(method, replaced, (Signals(logits, (first, last)), t, batch))
        return torch.stack(list(terms.values())).sum() * (1e-4 if name == "at" else 1.0)

    inputs = (s.logits, *s.hidden, *(p.detach().clone() for p in heads.values()))
    for x in inputs:
        x.requires_grad_()
    assert torch.autograd.gradcheck(value, inputs, fast_mode=True, atol=1e-5, rtol=1e-3)


# Blocks


@pytest.mark.parametrize("name", ["gsp", "gcrd"])
@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_block_sizes_agree(name: str, kernel: str) -> None:
    """Blocks of 1, 7 and n rows, and the default, give one value and one gradient."""
    if name == "gcrd" and kernel != "cosine":
        pytest.skip("one kernel")
    extra = {"kernel": kernel} if name == "gsp" else {"projection": 8}
    found = []
    for block in (1, 7, ROWS, None):
        batch = task("node")
        s, t = signals(batch, STUDENT, 1, True), signals(batch, TEACHER, 2)
        (value,) = build(name, block=block, **extra)(s, t, batch).values()
        value.backward()
        found.append((value.item(), s.last.grad))
    for value, gradient in found[1:]:
        assert value == pytest.approx(found[0][0], rel=1e-10)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-8, atol=1e-10)


class LargestTensor(TorchDispatchMode):
    """Records the number of elements of the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN
        result = func(*args, **(kwargs or {}))
        for x in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(x, Tensor) and x.layout is torch.strided:
                self.elements = max(self.elements, x.untyped_storage().nbytes() // x.element_size())
        return result


MEMORY = [
    ("gsp", {"kernel": "cosine"}),
    ("gsp", {"kernel": "rbf"}),
    ("gsp", {"kernel": "l2"}),
    ("gcrd", {"projection": 16}),
    ("lsp", {}),
    ("stride", {"dim": 4}),
    ("abkd", {}),
]


@pytest.mark.parametrize(("name", "hyperparameters"), MEMORY)
def test_no_matrix_of_all_pairs(name: str, hyperparameters: dict[str, object]) -> None:
    """Forward and backward at n = 2048 never hold n x n values, nor the columns of all edges."""
    n = 2048
    edges = torch.randint(n, (2, 20 * n), generator=torch.Generator().manual_seed(0))
    batch = make_batch(torch.zeros(n, dtype=torch.int64), edges)
    s, t = make_signals(n, STUDENT, 1, True), make_signals(n, TEACHER, 2)
    method = methods.create(name, teacher=TEACHER, student=STUDENT, **hyperparameters)
    with LargestTensor() as largest:
        total = sum(method(s, t, batch).values())
        assert isinstance(total, Tensor)
        total.backward()
    limit = 3 * edges.numel() if name == "lsp" else n * n // 2
    assert 0 < largest.elements < limit


def test_streamed_sum_without_gradient_keeps_nothing() -> None:
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    slices = streaming.blocks(9, 9, x.device, 2)
    assert [part.stop - part.start for part in slices] == [2, 2, 2, 2, 1]
    with torch.no_grad():
        value = streaming.streamed_sum(lambda rows, a, b: (a @ b.T).sum(), slices, [x], [x])
    assert not value.requires_grad
    torch.testing.assert_close(value, (x @ x.T).sum().detach())


# Sampling


@pytest.mark.parametrize("name", ["gsp", "gcrd", "stride"])
def test_sampling_draws_from_the_batch_alone(name: str) -> None:
    def value(seed: int) -> float:
        batch = task("node")
        batch.generator.manual_seed(seed)
        method = build(name, max_samples=5)
        return sum(method(signals(batch, STUDENT, 1), signals(batch, TEACHER, 2), batch).values()).item()  # type: ignore

    before = torch.get_rng_state()
    torch.manual_seed(0)
    assert value(1) == value(1)
    assert len({value(seed) for seed in range(4)}) > 1
    torch.set_rng_state(before)


def test_a_sample_is_what_the_reference_says_of_its_rows() -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    rows = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))[:6]
    found = build("gsp", max_samples=6, kernel="l2")(s, t, batch)["gsp"].item()
    expected = reference_losses.global_structure(t.last[rows].numpy(), s.last[rows].numpy(), "l2")
    assert found == pytest.approx(expected, rel=1e-9)


# Invariances


def scaled(s: Signals, factor: float) -> Signals:
    return Signals(s.logits, tuple(h * factor for h in s.hidden))


SCALE_FREE = [
    ("at", {}),
    ("lsp", {"kernel": "cosine"}),
    ("lsp", {"kernel": "poly"}),
    ("gsp", {"kernel": "cosine"}),
    ("gsp", {"kernel": "poly"}),
]


@pytest.mark.parametrize(("name", "hyperparameters"), SCALE_FREE)
@pytest.mark.parametrize("side", ["student", "teacher"])
def test_scale_of_hidden_states_does_not_matter(name: str, hyperparameters: dict[str, object], side: str) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    (plain,) = build(name, **hyperparameters)(s, t, task("node")).values()
    s2, t2 = (scaled(s, 7.0), t) if side == "student" else (s, scaled(t, 7.0))
    (other,) = build(name, **hyperparameters)(s2, t2, task("node")).values()
    assert other.item() == pytest.approx(plain.item(), rel=1e-8)


def test_fitnet_ignores_the_teachers_scale() -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    plain = build("fitnet")(s, t, task("node"))["fitnet"].item()
    assert build("fitnet")(s, scaled(t, 7.0), task("node"))["fitnet"].item() == pytest.approx(plain, rel=1e-9)


def test_kd_ignores_a_shift_of_the_logits_and_vanishes_at_the_teacher() -> None:
    batch = task("node")
    t = signals(batch, STUDENT, 2)
    method = build("kd")
    s = Signals(t.logits + 3.0, t.hidden)
    assert method(s, t, batch)["kd"].item() == pytest.approx(0, abs=1e-12)


SAME_WIDTH = Shape((4, 3), 4)


@pytest.mark.parametrize("name", ["at", "lsp", "gsp"])
def test_a_student_equal_to_its_teacher_costs_nothing(name: str) -> None:
    batch = task("node")
    t = signals(batch, SAME_WIDTH, 2)
    method = methods.create(name, teacher=SAME_WIDTH, student=SAME_WIDTH)
    (value,) = method(t, t, batch).values()
    assert value.item() == pytest.approx(0, abs=1e-9)


# Corner cases


def test_lsp_of_one_neighbour_and_of_none_is_zero() -> None:
    batch = make_batch([0] * 4, [[0, 1], [1, 2]])
    s, t = make_signals(4, STUDENT, 1, True), make_signals(4, TEACHER, 2)
    value = methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, batch)["lsp"]
    assert value.item() == pytest.approx(0, abs=1e-6)
    empty = make_batch([0] * 4)
    methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, empty)["lsp"].backward()


@pytest.mark.parametrize("name", ["lsp", "gsp"])
@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_identical_rows_have_finite_gradients(name: str, kernel: str) -> None:
    batch = task("node")
    t = make_signals(ROWS, TEACHER, 2)
    row = torch.full((ROWS, 3), 0.7, requires_grad=True)
    s = Signals(torch.zeros(ROWS, 4), (torch.ones(ROWS, 4), row))
    (value,) = methods.create(name, teacher=TEACHER, student=STUDENT, kernel=kernel)(s, t, batch).values()
    value.backward()
    assert row.grad is not None
    assert bool(row.grad.isfinite().all())


def test_distances_survive_a_common_offset() -> None:
    """Rows far from the origin and close to each other: centring saves the Gram identity in float32."""
    h = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = (h + 1000).float()
    exact = torch.cdist(far.double(), far.double())
    prepared = kernels.prepare(far, "l2")
    torch.testing.assert_close(kernels.pairwise(prepared, prepared, "l2").double(), exact, rtol=1e-3, atol=1e-3)


def test_one_row_has_no_negatives() -> None:
    s, t = make_signals(1, STUDENT, 1, True), make_signals(1, TEACHER, 2)
    batch = make_batch([0])
    assert methods.create("gcrd", teacher=TEACHER, student=STUDENT)(s, t, batch)["gcrd"].item() == 0


# ABKD


def correlated(n: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(n, 4, generator=generator, dtype=torch.float64)

    def layer(width: int) -> Tensor:
        mix = torch.randn(4, width, generator=generator, dtype=torch.float64)
        return (base @ mix + torch.randn(n, width, generator=generator, dtype=torch.float64)).relu() + 2

    return [layer(w) for w in (6, 5, 4)], [layer(w) for w in (3, 4)]


def test_moments_and_rows_agree_with_the_naive_distance() -> None:
    """Values and gradients (students and heads) of both ways, against the [L_t, L_s, n, d] tensor itself."""
    teacher, student = correlated(40, 0)
    widths_t, widths_s, dim = [6, 5, 4], [3, 4], 7
    generator = torch.Generator().manual_seed(1)
    v, y = (torch.randn(sum(w), dim, generator=generator, dtype=torch.float64) for w in (widths_t, widths_s))
    mixture = torch.rand(3, 2, generator=generator, dtype=torch.float64)
    member = torch.nn.functional.one_hot(torch.repeat_interleave(torch.arange(3), torch.tensor(widths_t)), 3).T

    def naive(s: list[Tensor], v: Tensor, y: Tensor) -> Tensor:
        def standard(layers: list[Tensor], m: Tensor, widths: list[int]) -> Tensor:
            parts = [h @ part for h, part in zip(layers, m.split(widths), strict=True)]
            return torch.stack([(x - x.mean(0)) / x.var(0, correction=0).sqrt() for x in parts])

        a, b = standard(teacher, v, widths_t), standard(s, y, widths_s)
        return (a[:, None] - b[None]).square().sum(-1).mean(-1) / dim

    def rows(s: list[Tensor], v: Tensor, y: Tensor) -> Tensor:
        x, z = dissimilarities.standardised(teacher, v, widths_t), dissimilarities.standardised(s, y, widths_s)
        return dissimilarities.by_rows(x, z)

    def moments(s: list[Tensor], v: Tensor, y: Tensor) -> Tensor:
        return dissimilarities.by_moments(dissimilarities.TeacherMoments(teacher), s, v, y, member)

    def run(way: Callable[[list[Tensor], Tensor, Tensor], Tensor]) -> tuple[Tensor, list[Tensor]]:
        leaves = [x.clone().requires_grad_() for x in (*student, v, y)]
        d = way(leaves[:2], leaves[2], leaves[3])
        (d * mixture).sum().backward()
        return d.detach(), [x.grad for x in leaves]  # type: ignore[misc]

    expected, gradients = run(naive)
    values = [run(rows), run(moments)]
    for d, found in values:
        torch.testing.assert_close(d, expected, rtol=1e-4, atol=1e-4)  # batch norm's eps
        for a, b in zip(found, gradients, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(values[0][0], values[1][0], rtol=1e-10, atol=1e-12)
    for a, b in zip(values[0][1], values[1][1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)


def test_the_narrow_way_is_chosen_for_narrow_students() -> None:
    assert dissimilarities.prefers_moments([64] * 64 + [3], [4] * 4 + [3], 64, 19717)
    assert not dissimilarities.prefers_moments([256, 256, 40], [256, 40], 64, 90941)


@pytest.mark.parametrize("moments", [True, False])
def test_both_ways_are_the_same_method(moments: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["abkd"][0]
    monkeypatch.setattr(dissimilarities, "prefers_moments", lambda *args: moments)
    for kind in ("node", "binary"):
        batch = task(kind)
        s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
        method = shaken(build("abkd"))
        expected = case.reference(method, view(batch, s, t))
        assert method(s, t, batch)["alignment"].item() == pytest.approx(expected["alignment"], rel=1e-9)


def canonical_correlation(a: Tensor, b: Tensor) -> float:
    q = [torch.linalg.qr(x - x.mean(0)).Q for x in (a, b)]
    return torch.linalg.matrix_norm(q[0].T @ q[1], 2).item()


@pytest.mark.parametrize("name", ["abkd", "abkd-uniform", "abkd-noproj", "abkd-last"])
def test_heads_alone_cannot_make_the_dissimilarity_vanish(name: str) -> None:
    """Against a fixed random student D stays above 2 - 2 rho, rho the largest canonical correlation of any pair."""
    n = 400
    s, t = make_signals(n, STUDENT, 1, dtype=torch.float64), make_signals(n, TEACHER, 2, dtype=torch.float64)
    batch = make_batch([0] * n)
    method = build(name, dim=8)
    optimizer = torch.optim.Adam(method.parameters(), lr=0.05)
    value = torch.tensor(0.0)
    for _ in range(300):
        optimizer.zero_grad()
        terms = method(s, t, batch)
        sum(terms.values()).backward()  # type: ignore[union-attr]
        optimizer.step()
        value = terms["alignment"].detach()
    views = (*t.hidden, t.logits), (*s.hidden, s.logits)
    bound = 2 - 2 * max(canonical_correlation(a, b) for a in views[0] for b in views[1])
    assert bound > 1
    assert value.item() >= bound - 1e-6


@pytest.mark.parametrize("factor", [0.0, 1e-6])
def test_shrinking_heads_or_students_does_not_help(factor: float) -> None:
    teacher, student = correlated(40, 0)
    generator = torch.Generator().manual_seed(1)
    v, y = (torch.randn(w, 5, generator=generator, dtype=torch.float64) for w in (15, 7))

    def d(s: list[Tensor], v: Tensor, y: Tensor) -> Tensor:
        x, z = dissimilarities.standardised(teacher, v, [6, 5, 4]), dissimilarities.standardised(s, y, [3, 4])
        return dissimilarities.by_rows(x, z)

    unrelated = torch.full((3, 2), 2.0, dtype=torch.float64)
    for shrunk in (d(student, v * factor, y * factor), d([h * factor for h in student], v, y)):
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
    method = build("abkd")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    assert method(s, t, batch)["orthonormality"].item() == pytest.approx(0, abs=1e-12)
    method.subspace.basis.data *= 2
    assert method(s, t, batch)["orthonormality"].item() == pytest.approx(0.1 * 64 * 9)


def test_memory_of_the_alignment_is_linear_in_the_layers() -> None:
    """64 teacher layers and 4 student layers: no tensor of L_t x L_s x n values (dim 8 makes rows the cheaper way)."""
    n, deep, shallow = 256, Shape((16,) * 64, 4), Shape((16,) * 4, 4)
    batch = make_batch(torch.zeros(n, dtype=torch.int64))
    s, t = make_signals(n, shallow, 1, True), make_signals(n, deep, 2)
    for dim in (8, 64):
        method = methods.create("abkd", teacher=deep, student=shallow, dim=dim)
        with LargestTensor() as largest:
            sum(method(s, t, batch).values()).backward()  # type: ignore[union-attr]
        assert largest.elements <= max(n, 64) * (64 * 16 + 4) * max(dim // 16, 1)
