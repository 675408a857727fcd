"""The test-kit of the contract: batches and signals by hand, and the checks that every method must pass.

from methods.testing import check_contract, make_batch
check_contract("gcrd")                                     # AssertionError says what is broken
batch = make_batch(labels=[0, 1, 1], edge_index=[[0, 1], [1, 2]])
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods import registry, rehearsal, spaces
from methods.contract import UNLABELED, Batch, Method, Shape, Signals
from methods.registry import REFERENCES
from methods.vocabulary import Kind, Objective

TOLERANCE = 1e-8
"""Relative, in float64."""


def make_batch(
    labels: Any,
    edge_index: Any = None,
    objective: Objective = Objective.MULTICLASS,
    graph: Any = None,
    seed: int = 0,
) -> Batch:
    """A Batch from lists, arrays or tensors.

    Args:
        labels: [n] classes, or [g, tasks] values (NaN where unmeasured) for the other objectives.
        edge_index: [2, E], row 0 the source j and row 1 the target i of every edge j -> i; None for no edges.
        objective: how logits are read.
        graph: [n] graph of every node, in graph-level tasks.
        seed: of the batch's generator.
    """
    dtype = torch.int64 if objective == Objective.MULTICLASS else torch.get_default_dtype()
    edges = torch.empty(2, 0, dtype=torch.int64) if edge_index is None else _tensor(edge_index, torch.int64)
    batch = Batch(
        labels=_tensor(labels, dtype),
        edge_index=edges,
        generator=torch.Generator().manual_seed(seed),
        objective=objective,
        graph=None if graph is None else _tensor(graph, torch.int64),
    )
    batch.find_ids, batch.find_row_ids = (lambda: torch.arange(len(batch.labels))), (lambda: torch.arange(batch.rows))
    return batch


def _tensor(values: Any, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(np.asarray(values) if not isinstance(values, Tensor) else values).to(dtype)


def make_signals(
    n: int,
    shape: Shape,
    seed: int = 0,
    requires_grad: bool = False,
    *,
    graphs: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Signals:
    """Random signals: standard normal logits [n or graphs, out] and hidden layers [n, d_l]."""
    generator = torch.Generator().manual_seed(seed)

    def draw(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator, dtype=dtype).requires_grad_(requires_grad)

    hidden = tuple(draw(n, columns) for columns in shape.hidden)
    return Signals(draw(n if graphs is None else graphs, shape.out), hidden)


@dataclass(frozen=True)
class _Case:
    """A task small enough to look at: what a method is called with."""

    kind: Kind
    objective: Objective
    labels: Tensor
    edge_index: Tensor
    graph: Tensor | None
    row_ids: Tensor | None = None

    @property
    def num_edges(self) -> int:
        return self.edge_index.shape[1]

    @property
    def rows(self) -> int:
        return len(self.labels) if self.graph is None else len(self.graph)

    def batch(self, seed: int = 0) -> Batch:
        batch = make_batch(self.labels, self.edge_index, self.objective, self.graph, seed)
        if (ids := self.row_ids) is not None:
            batch.find_row_ids = lambda: ids
            batch.find_ids = batch.find_row_ids if self.graph is None else batch.find_ids
        return batch

    def signals(self, shape: Shape, seed: int) -> Signals:
        graphs = None if self.graph is None else len(self.labels)
        return make_signals(self.rows, shape, seed, True, graphs=graphs, dtype=torch.float64)

    def permuted(self, order: Tensor) -> _Case:
        """Row k of the result is row order[k]; graphs keep their numbers."""
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        if self.graph is None:
            return _Case(self.kind, self.objective, self.labels[order], place[self.edge_index], None, order)
        return _Case(self.kind, self.objective, self.labels, place[self.edge_index], self.graph[order], order)

    def doubled(self) -> _Case:
        labels = torch.cat([self.labels, self.labels])
        edges = torch.cat([self.edge_index, self.edge_index + self.rows], 1)
        graph = None if self.graph is None else torch.cat([self.graph, self.graph + len(self.labels)])
        return _Case(self.kind, self.objective, labels, edges, graph)


def _cases(classes: int, rows: int = 24) -> Iterator[_Case]:
    generator = torch.Generator().manual_seed(7)
    source, target = torch.randint(rows, (2, 4 * rows), generator=generator)
    labels = torch.randint(classes, (rows,), generator=generator)
    labels[::5] = UNLABELED
    for kind in (Kind.NODE, Kind.HETEROGENEOUS):
        yield _Case(kind, Objective.MULTICLASS, labels, torch.stack([source, target]), None)
    graph = torch.arange(rows) // 4
    inside = graph[source] == graph[target]
    values = torch.randn(rows // 4, classes, generator=generator, dtype=torch.float64)
    measured = torch.where(values > 1, torch.nan, values)
    ring = torch.stack([torch.arange(rows), graph * 4 + (torch.arange(rows) + 1) % 4])
    edges = torch.cat([torch.stack([source, target])[:, inside], ring], 1)
    yield _Case(
        Kind.GRAPH, Objective.BINARY, torch.where(measured.isnan(), measured, (measured > 0).double()), edges, graph
    )
    yield _Case(Kind.GRAPH, Objective.REGRESSION, measured, edges, graph)
    yield _Case(Kind.GRAPH, Objective.MULTICLASS, labels[: rows // 4], edges, graph)


def check_contract(method_id: str, **hyperparameters: Any) -> None:
    """Runs every check of the contract on one method, on node- and graph-level tasks.

    Terms are finite scalars that never reach the teacher; every head moves; the order of nodes does not matter (unless
    `depends_on_order`), nor their number (unless `depends_on_rows`), nor edges (unless `uses_edges`), nor the epoch
    (unless `uses_epoch`), nor ids of rows (unless `uses_ids`); what the class declares it does; the same generator seed
    gives the same value and no other random state is touched; past steps live on in parameters and buffers alone; one
    Batch serves many steps; dead students get finite gradients; wrong shapes are refused; the class is described and
    cited, and its `skip` answers; its search space names hyperparameters, holds their defaults, and can all be built.

    Raises:
        AssertionError: naming the method and what it breaks.
    """
    teacher, student = Shape((6, 7), 5), Shape((4, 3), 5)
    cls = registry.load(method_id)
    _check_description(method_id, cls)
    spaces.check(
        method_id,
        registry.searched(cls),
        registry.settable(cls),
        lambda value: registry.create(method_id, teacher=teacher, student=student, **value),
    )
    for case in _cases(student.out):
        reason = cls.skip(case, teacher, student)
        assert reason is None or (isinstance(reason, str) and reason), f"{method_id}: skip must give a reason or None"
        if reason is None:
            _check_case(
                f"{method_id} on {case.kind}/{case.objective}", method_id, case, teacher, student, hyperparameters
            )
    if cls.uses_hidden:
        bare = Shape((), 5)
        assert cls.skip(next(_cases(5)), bare, bare), f"{method_id}: uses_hidden, but skip accepts networks without"


def _check_description(method_id: str, cls: type[Method]) -> None:
    for name in ("title", "citation"):
        assert getattr(cls, name, ""), f"{method_id}: no {name}"
    assert 1980 < getattr(cls, "year", 0) < 2100, f"{method_id}: no year"
    known = REFERENCES.read_text() + cls.bibtex
    keys = re.findall(r"@\w+\{([^,\s]+),", known)
    assert cls.citation in keys, f"{method_id}: '{cls.citation}' is neither in {REFERENCES.name} nor in `bibtex`"
    assert cls.__doc__, f"{method_id}: no docstring"


def _check_case(
    where: str, method_id: str, case: _Case, teacher: Shape, student: Shape, hyperparameters: dict[str, Any]
) -> None:
    def build(of: _Case = case) -> Method:
        torch.manual_seed(0)
        method = registry.create(method_id, teacher=teacher, student=student, **hyperparameters)
        return rehearsal.begun(method, len(of.labels), of.rows).double()

    def value(case: _Case, s: Signals, t: Signals, epoch: int = 1) -> dict[str, float]:
        batch = case.batch()
        batch.epoch = batch.epochs = epoch
        return {name: term.item() for name, term in build(case)(s, t, batch).items()}

    s, t = case.signals(student, 1), case.signals(teacher, 2)
    method, batch, before = build(), case.batch(), _global_randomness()
    terms = method(s, t, batch)
    assert _global_randomness() == before, f"{where}: a global random state moved; draw from batch.generator"
    assert isinstance(terms, dict), f"{where}: terms must be a dict"
    for name, term in terms.items():
        assert term.dim() == 0 and bool(term.isfinite()), f"{where}: term '{name}' is not a finite scalar"
    if not terms:
        assert not list(method.parameters()), f"{where}: heads without a term"
        return

    _check_gradients(where, method, batch, s, t, terms)
    _check_state(where, method, build(), case, s, t)
    first = value(case, s, t)
    assert first == value(case, s, t), f"{where}: the same seed gives another value"

    if not method.depends_on_order:
        order = torch.randperm(case.rows, generator=torch.Generator().manual_seed(3))
        there = value(case.permuted(order), _rows(s, order, case), _rows(t, order, case))
        _assert_close(f"{where}: depends on the order of nodes (declare depends_on_order)", first, there)
    if not method.uses_edges:
        bare = _Case(case.kind, case.objective, case.labels, case.edge_index[:, :0], case.graph)
        _assert_close(f"{where}: reads edges (declare uses_edges)", first, value(bare, s, t))
    if not method.depends_on_rows:
        twice = torch.arange(2 * case.rows) % case.rows
        there = value(case.doubled(), _rows(s, twice, case, 2), _rows(t, twice, case, 2))
        _assert_close(f"{where}: depends on the number of nodes (declare depends_on_rows)", first, there)
    if not method.uses_epoch:
        _assert_close(f"{where}: changes with the epoch (declare uses_epoch)", first, value(case, s, t, epoch=50))
    if not method.uses_ids:
        renumbered = replace(case, row_ids=torch.arange(case.rows).roll(1))
        _assert_close(f"{where}: reads ids of rows (declare uses_ids)", first, value(renumbered, s, t))
    rehearsal.check_declared(where, build, case.batch, s, t)

    dead = Signals(s.logits, tuple(torch.zeros_like(h, requires_grad=True) for h in s.hidden))
    total: Any = sum(build()(dead, t, case.batch()).values())
    if total.requires_grad:
        total.backward()
    for tensor in (total, dead.logits.grad, *(h.grad for h in dead.hidden)):
        assert tensor is None or bool(tensor.isfinite().all()), f"{where}: a student of zeros breaks it"

    _check_refusal(where, method_id, build(), case, Signals(s.logits[:1], tuple(h[:1] for h in s.hidden)), t)


def _check_refusal(where: str, method_id: str, method: Method, case: _Case, wrong: Signals, t: Signals) -> None:
    try:
        method(wrong, t, case.batch())
    except ValueError as error:
        assert method_id in str(error), f"{where}: the refusal of wrong shapes does not name the method"
    else:
        raise AssertionError(f"{where}: one student row against many of the teacher was not refused")


def _check_gradients(
    where: str, method: Method, batch: Batch, s: Signals, t: Signals, terms: dict[str, Tensor]
) -> None:
    """Teacher untouched, heads move, and a second step on the same Batch works (nothing memoised holds a graph)."""
    old = {name: parameter.detach().clone() for name, parameter in method.named_parameters()}
    optimizer = torch.optim.SGD(method.parameters(), lr=1e-3) if old else None
    for step in range(2):
        total: Any = sum((terms if step == 0 else method(s, t, batch)).values())
        total.backward()
        if optimizer:
            optimizer.step()
    assert all(x.grad is None for x in (t.logits, *t.hidden)), f"{where}: the teacher receives a gradient"
    reached = [x.grad for x in (s.logits, *s.hidden) if x.grad is not None]
    assert reached, f"{where}: the student receives no gradient"
    assert all(bool(g.isfinite().all()) for g in reached), f"{where}: a gradient of the student is not finite"
    for name, parameter in method.named_parameters():
        assert not torch.equal(old[name], parameter), f"{where}: the head '{name}' does not move"
    for x in (s.logits, *s.hidden):
        x.grad = None


def _check_state(where: str, method: Method, heir: Method, case: _Case, s: Signals, t: Signals) -> None:
    """A new method with the old one's state goes on as the old one does, as after an interrupted training."""
    heir.load_state_dict(method.state_dict())
    old, new = ({name: term.item() for name, term in one(s, t, case.batch()).items()} for one in (method, heir))
    assert old == new, f"{where}: past steps change a term by more than parameters and buffers (register_buffer)"


def _global_randomness() -> tuple[bytes, str, object]:
    return torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state(legacy=False)), random.getstate()


def _rows(signals: Signals, rows: Tensor, case: _Case, copies: int = 1) -> Signals:
    """Signals of the given node rows; logits of graph-level tasks keep their order, repeated `copies` times."""
    hidden = tuple(h.detach()[rows] for h in signals.hidden)
    logits = signals.logits.detach()
    return Signals(logits[rows] if case.graph is None else logits.repeat(copies, 1), hidden)


def _assert_close(message: str, expected: dict[str, float], found: dict[str, float]) -> None:
    for name, value in expected.items():
        assert abs(found[name] - value) <= TOLERANCE * max(abs(value), 1.0), (
            f"{message}: {name} {value} -> {found[name]}"
        )
