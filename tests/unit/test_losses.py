"""Every loss against its slow reference, its gradient, its invariances, and its memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import methods
from methods import edges as edges_module
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


OBJECTIVE = {"node": "multiclass", "graph": "multiclass", "binary": "binary", "regression": "regression"}
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


@pytest.mark.parametrize("name", [n for n in CASES if methods.load(n).uses_hidden])
def test_rows_of_zeros_and_equal_rows(name: str) -> None:
    """Dead units make rows of zeros, in the student, the teacher or both; the equations still hold."""
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    for h in (*s.hidden, *t.hidden):
        h[5] = 0
    s.last[:3], t.last[2:5] = 0, 0
    for case in CASES[name]:
        method = shaken(build(name, **case.hyperparameters))
        found, expected = method(s, t, task("node")), case.reference(method, view(batch, s, t))
        for term, value in expected.items():
            assert found[term].item() == pytest.approx(value, rel=1e-7, abs=1e-9), term


@pytest.mark.parametrize(("name", "case"), [(n, c) for n, cases in CASES.items() for c in cases])
def test_single_precision_is_enough(name: str, case: Case) -> None:
    """Closed forms subtract large sums; float32 keeps three digits on hidden states far from the origin."""
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    s, t = (Signals(x.logits, tuple(10 * h.relu() + 3 for h in x.hidden)) for x in (s, t))
    method = build(name, **case.hyperparameters)
    expected = method(s, t, task("node"))
    single = [Signals(x.logits.float(), tuple(h.float() for h in x.hidden)) for x in (s, t)]
    for term, value in method.float()(*single, task("node")).items():
        assert value.item() == pytest.approx(expected[term].item(), rel=2e-3, abs=1e-5), term


# Blocks


BLOCKED = [("gcrd", {"projection": 8}), ("pkt", {}), *(("gsp", {"kernel": kernel}) for kernel in kernels.KERNELS)]


@pytest.mark.parametrize(("name", "extra"), BLOCKED)
def test_block_sizes_agree(name: str, extra: dict[str, object]) -> None:
    """Blocks of 1, 7 and n rows, and the default, give one value and one gradient."""
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

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
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
    ("pkt", {}),
    ("sp", {}),
    ("nst", {}),
    ("cka", {}),
    ("rkd", {}),
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


@pytest.mark.parametrize("name", ["gsp", "gcrd", "stride", "pkt", "rkd"])
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
    ("rkd", {}),
    ("sp", {}),
    ("pkt", {}),
    ("nst", {}),
    ("cka", {}),
]


@pytest.mark.parametrize(("name", "hyperparameters"), SCALE_FREE)
@pytest.mark.parametrize("side", ["student", "teacher"])
def test_scale_of_hidden_states_does_not_matter(name: str, hyperparameters: dict[str, object], side: str) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    plain = build(name, **hyperparameters)(s, t, task("node"))
    s2, t2 = (scaled(s, 7.0), t) if side == "student" else (s, scaled(t, 7.0))
    for term, value in build(name, **hyperparameters)(s2, t2, task("node")).items():
        assert value.item() == pytest.approx(plain[term].item(), rel=1e-8)


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


@pytest.mark.parametrize(
    "name", ["at", "lsp", "gsp", "sp", "pkt", "nst", "cka", "rkd", "dkd", "dist", "kd-standardised"]
)
def test_a_student_equal_to_its_teacher_costs_nothing(name: str) -> None:
    batch = task("node")
    t = signals(batch, SAME_WIDTH, 2)
    method = methods.create(name, teacher=SAME_WIDTH, student=SAME_WIDTH)
    for value in method(t, t, batch).values():
        assert value.item() == pytest.approx(0, abs=1e-9)


# Corner cases


def test_lsp_of_one_neighbour_and_of_none_is_zero() -> None:
    batch = make_batch([0] * 4, [[0, 1], [1, 2]])
    s, t = make_signals(4, STUDENT, 1, True), make_signals(4, TEACHER, 2)
    value = methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, batch)["lsp"]
    assert value.item() == pytest.approx(0, abs=1e-6)
    empty = make_batch([0] * 4)
    methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, empty)["lsp"].backward()


@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_blocks_of_columns_change_no_edge_value(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a large graph, and with a mean far from zero."""
    edges = edges_module.Edges.of(task("node"))
    generator = torch.Generator().manual_seed(0)
    rows = (torch.randn(ROWS, 40, generator=generator, dtype=torch.float64) / 6 + 3).requires_grad_()
    weight = torch.randn(len(edges), generator=generator, dtype=torch.float64)
    found = []
    for values in (2**24, 1):
        monkeypatch.setattr(edges_module, "COLUMN_VALUES", values)
        value = edges_module.edgewise(rows, edges, kernel)
        found.append((value, *torch.autograd.grad((value * weight).sum(), rows)))
    torch.testing.assert_close(found[1], found[0])
    assert torch.autograd.gradcheck(lambda h: edges_module.edgewise(h, edges, kernel), rows)


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
