"""What the tests of losses share: small tasks, signals on them, methods built alike, and every reference."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import methods
from methods.contract import Batch, Method, Shape, Signals
from methods.rehearsal import begun
from methods.testing import make_batch, make_signals
from methods.vocabulary import Objective
from tests.abkd import references as of_abkd
from tests.baselines import references, references_edges, references_extended, references_layers
from tests.methods.reference import View

BASELINES = (references, references_edges, references_layers, references_extended)
CASES = {**{name: cases for file in BASELINES for name, cases in file.CASES.items()}, **of_abkd.CASES}
"""Id -> every setting in which the method's loss is compared with its slow reference."""

TEACHER, STUDENT = Shape((6, 5), 4), Shape((4, 3), 4)
ROWS = 14
EDGES = torch.tensor([[0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 0, 2, 3], [1, 0, 1, 1, 5, 6, 6, 5, 8, 7, 8, 7, 2, 0, 0]])


OBJECTIVE = {
    "node": Objective.MULTICLASS,
    "graph": Objective.MULTICLASS,
    "binary": Objective.BINARY,
    "regression": Objective.REGRESSION,
}
"""Kind of a small task -> its objective."""


def task(kind: str) -> Batch:
    generator = torch.Generator().manual_seed(5)
    if kind == "node":
        return make_batch(torch.randint(-1, 4, (ROWS,), generator=generator), EDGES)
    graph = torch.arange(ROWS) // 3
    inside = graph[EDGES[0]] == graph[EDGES[1]]
    values = torch.randn(int(graph.max()) + 1, 4, generator=generator, dtype=torch.float64)
    labels = values.argmax(1) if kind == "graph" else torch.where(values > 1, torch.nan, values)
    return make_batch(labels, EDGES[:, inside], OBJECTIVE[kind], graph)


def signals(batch: Batch, shape: Shape, seed: int, requires_grad: bool = False) -> Signals:
    graphs = None if batch.graph is None else len(batch.labels)
    return make_signals(batch.rows, shape, seed, requires_grad, graphs=graphs, dtype=torch.float64)


def view(batch: Batch, s: Signals, t: Signals) -> View:
    return View(
        z_student=s.logits.numpy(),
        z_teacher=t.logits.numpy(),
        h_student=[h.numpy() for h in s.hidden],
        h_teacher=[h.numpy() for h in t.hidden],
        labels=batch.labels.numpy(),
        edges=batch.edge_index.numpy(),
        graph=None if batch.graph is None else batch.graph.numpy(),
        objective=batch.objective,
    )


def build(name: str, **hyperparameters: object) -> Method:
    torch.manual_seed(0)
    made = methods.create(name, teacher=TEACHER, student=STUDENT, **hyperparameters)
    return begun(made, ROWS).double()


def shaken(method: Method) -> Method:
    """Heads away from their start, where P is the identity and batch norm's scale is one."""
    generator = torch.Generator().manual_seed(9)
    for parameter in method.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return method


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
