"""Where a network drops, and how much: every call of its dropout, in order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.conftest import TINY, make_tiny_task
from tests.workflow import tiny_hetero, tiny_molecules
from tests.workflow.training.conftest import CPU
from workflow.models.model import Dropout, create
from workflow.models.molecules import Collection
from workflow.models.parts.molecular import CategoryEncoder
from workflow.training.feeds import choose
from workflow.training.seeds import Streams


class Told(Dropout):
    """Notes the probabilities that it is asked for."""

    def __init__(self) -> None:
        super().__init__(torch.Generator().manual_seed(0))
        self.calls: list[float] = []

    def __call__(self, x: Tensor, p: float) -> Tensor:
        self.calls.append(p)
        return super().__call__(x, p)


RATES = {"dropout": 0.5, "input_dropout": 0.25}
WANTED = {
    "gcnii": ({"layers": 4, "width": 4, **RATES}, [0.25] + [0.5] * 5),
    "sign": ({"layers": 5, "width": 4, "hops": 2, "hop_layers": 2, **RATES}, [0.25] * 3 + [0.5] * 4),
    "gat": ({"layers": 2, "width": 3, "attention_dropout": 0.125, **RATES}, [0.25, 0.125, 0.5, 0.125]),
}


@pytest.mark.parametrize("model", WANTED)
def test_what_networks_of_nodes_drop(model: str) -> None:
    options, wanted = WANTED[model]
    feed, told = choose.create(make_tiny_task(), CPU, "all"), Told()
    create({"model": model, **options}, TINY).train()(feed.graph, told)
    assert told.calls == wanted


def test_a_molecules_network_drops_behind_every_layer_and_in_its_virtual_node() -> None:
    """Two layers with an update of the virtual node between them: that, the first layer and the last one."""
    task, told = tiny_molecules.make_task(), Told()
    network = create({"model": "gine", "layers": 2, "width": 8, "dropout": 0.5}, tiny_molecules.FACTS).train()
    network(Collection(task.arrays, task.split("train")).batch(torch.arange(4)), told)
    assert told.calls == [0.5] * 3


def test_a_heterogeneous_network_drops_every_type_that_the_next_layer_reads() -> None:
    feed, told = choose.create(tiny_hetero.make_task(), CPU, "all", tiny_hetero.FULL), Told()
    network = create({**tiny_hetero.SPEC, "dropout": 0.5}, tiny_hetero.FACTS).train()
    (step, *_) = next(feed.steps(Streams(0, "student", CPU), None))
    network(step.inputs, told)
    assert told.calls == [0.5] * sum(map(len, network.computed[:-1]))
    assert any(len(kinds) > 1 for kinds in network.computed[:-1]), "the target alone would show nothing"


def test_gcnii_heeds_its_norm() -> None:
    feed = choose.create(make_tiny_task(), CPU, "all")
    network = create({"model": "gcnii", "layers": 2, "width": 4, "norm": "batch"}, TINY).train()
    before = [norm.running_mean.clone() for norm in network.norms]
    network(feed.graph, Dropout(None))
    assert before
    assert not any(torch.equal(old, norm.running_mean) for old, norm in zip(before, network.norms, strict=True))


def test_columns_of_categories_are_drawn_one_by_one() -> None:
    """Xavier's bound is that of a column's own categories, so that a column of few has larger values."""
    vocabulary = [3, 400]
    torch.manual_seed(0)
    table = CategoryEncoder(vocabulary, 64).table
    for column in table.detach().split(vocabulary):
        bound = (6 / (len(column) + 64)) ** 0.5
        assert 0.9 * bound < column.abs().max() <= bound
