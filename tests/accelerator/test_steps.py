"""Every method and every network trains as on a GPU: nothing mixes devices, and steps wait for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest
import torch

import methods
from methods.contract import Method, NotApplicableError, Signals
from methods.rehearsal import begun
from tests.accelerator import CUDA, Pretend, Seen
from tests.benchmarks import data, trainings
from tests.benchmarks.speed import relational
from tests.benchmarks.speed.epochs import plain_epochs_of
from tests.workflow.training.trainings import KINDS
from workflow.models.listing import available
from workflow.models.model import Model, create, load
from workflow.models.molecules import Collection
from workflow.models.parts import molecular
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training import loop
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs
from workflow.training.losses import Losses
from workflow.training.seeds import Streams

FULL_GRAPH = ("node", "full")
MINI_BATCH = ("graph", "saint", "neighbour")
MOST_WAITS = 4
"""Of a mini-batch step: those of local structure, whose pairs of neighbours are counted anew in every batch."""
WAITING = {"_unique2", "bincount", "nonzero", "_linalg_eigh"}
"""What a mini-batch step may wait for, and by whom: pairs of neighbours, an eigendecomposition, labels of some rows."""
WAITING_TOO = {"g2mlp": {"_local_scalar_dense"}}
"""By method: for the number of paths of two edges, among which it finds the triangles."""
SORTING = {"rgcn": 1}
"""By network, how often an epoch of it sorts: on the way back from the rows that its last layer answers for."""
EVERY_STEP = {"saint": TrainingSettings(steps_per_epoch=1), "graph": TrainingSettings(batch_size=10)}


@cache
def task_of(kind: str) -> Task:
    return KINDS[kind].task()


@cache
def knowledge_of(kind: str) -> Signals:
    return KINDS[kind].knowledge(task_of(kind))


class Trainer:
    """A training whose epochs are taken one by one; a method of None trains a teacher."""

    def __init__(self, kind: str, method: str | None, network: dict | None = None) -> None:
        known, task = KINDS[kind], task_of(kind)
        settings = known.settings.changed(EVERY_STEP.get(kind, TrainingSettings()))
        streams = Streams(0, "student", CUDA)
        with streams.globally("network"):
            model = create(network or known.network, known.facts).to(CUDA)
        edges = methods.uses_edges(method) if method else False
        self.feed = choose.create(task, CUDA, "all", settings, Needs(model.reach, model.powers, edges))
        made, knowledge = self._method(kind, method, streams, model)
        if made and knowledge:
            begun(made, self.feed.taught, len(knowledge.hidden[0])).to(CUDA)
        parameters = [*model.parameters(), *(made.parameters() if made else ())]
        self.run = loop._Run(model, made, loop.optimizers.create(parameters, settings), streams)
        self.epochs = enumerate(self.feed.steps(streams, knowledge), start=1)
        self.dropout = loop.Dropout(streams.generator("dropout"))

    @staticmethod
    def _method(kind: str, name: str | None, streams: Streams, model: Model) -> tuple[Method | None, Signals | None]:
        if name is None:
            return None, None
        knowledge = knowledge_of(kind)
        if reason := methods.skip(name, task_of(kind), knowledge.shape, model.shape):
            pytest.skip(reason)
        with streams.globally("heads"):
            return methods.create(name, teacher=knowledge.shape, student=model.shape).to(CUDA), knowledge

    def epoch(self) -> int:
        """Trains one; how many steps it had."""
        before = len(self.run.losses._steps)
        number, steps = next(self.epochs)
        loop._epoch(self.run, number, steps, self.dropout, self.feed.task.objective)
        return len(self.run.losses._steps) - before


def second_epoch(gpu: Pretend, trainer: Trainer) -> tuple[Seen, int]:
    """What an epoch shows after the first, in which constants are computed; and its steps."""
    trainer.epoch()
    with gpu.watched() as seen:
        steps = trainer.epoch()
    assert seen.kernels > 10
    return seen, steps


def networks(kinds: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, name) for kind in kinds for name in available() if KINDS[kind].facts.kind in load(name).kinds]


def test_dropout_is_one_mask_both_ways(gpu):
    x = torch.ones(300, 7).to(CUDA).requires_grad_()
    with gpu.watched() as seen:
        dropped = loop.Dropout(torch.Generator(CUDA))(x, 0.3)
        dropped.sum().backward()
    assert (dict(seen.waits), dict(seen.copies)) == ({}, {})
    assert torch.equal(dropped.unique().cpu(), torch.tensor([0, 1 / 0.7]))
    assert torch.equal(x.grad, dropped.detach())


@pytest.mark.parametrize("method", [None, *methods.available()])
@pytest.mark.parametrize("kind", FULL_GRAPH)
def test_a_full_graph_step_neither_waits_nor_copies(kind, method, gpu):
    seen, steps = second_epoch(gpu, Trainer(kind, method))
    assert (steps, dict(seen.waits), dict(seen.copies)) == (1, {}, {})


@pytest.mark.parametrize("method", [None, *methods.available()])
@pytest.mark.parametrize("kind", MINI_BATCH)
def test_a_mini_batch_step_waits_for_little(kind, method, gpu):
    try:
        seen, steps = second_epoch(gpu, Trainer(kind, method))
    except NotApplicableError as reason:
        pytest.skip(str(reason))
    assert {why for why, _ in seen.waits} <= WAITING | WAITING_TOO.get(method, set()), seen.waits
    assert seen.waits.total() <= MOST_WAITS * steps, seen.waits
    assert {way for way, _ in seen.copies} == {"host to device"}  # of the batch, through pinned memory


@pytest.mark.parametrize(("kind", "name"), networks((*FULL_GRAPH, *MINI_BATCH)))
def test_a_network_adds_up_without_sorting(kind, name, gpu):
    """As a GPU would at every `index_add`, and at every gather's way back: all bonds of a kind, one after the other."""
    seen, _ = second_epoch(gpu, Trainer(kind, None, {"model": name, "layers": 3, "width": 8, "dropout": 0.3}))
    assert seen.sorts.total() <= SORTING.get(name, 0), seen.sorts


@pytest.mark.parametrize(("kind", "name"), networks(FULL_GRAPH))
def test_every_network_of_a_full_graph_neither_waits_nor_copies(kind, name, gpu):
    seen, _ = second_epoch(gpu, Trainer(kind, "kd", {"model": name, "layers": 3, "width": 8, "dropout": 0.3}))
    assert (dict(seen.waits), dict(seen.copies)) == ({}, {})


@pytest.mark.parametrize(("kind", "name"), networks(MINI_BATCH))
def test_every_network_of_mini_batches_waits_for_nothing(kind, name, gpu):
    seen, _ = second_epoch(gpu, Trainer(kind, "kd", {"model": name, "layers": 3, "width": 8, "dropout": 0.3}))
    assert not seen.waits


def test_a_sampled_step_of_an_rgcn_asks_less_of_the_host_than_pyg(gpu):
    """What a card is bound by in small steps: launches, copies and waits."""
    sides = relational.Sides(data.mag_sized(1 / 500), 2, 16, 40, device=CUDA)
    seen = {}
    for name, step in {"ours": sides.ours, "theirs": lambda: sides.theirs(*sides.draw())}.items():
        step()
        with gpu.watched() as seen[name]:
            step()
    assert seen["ours"].kernels < 0.5 * seen["theirs"].kernels
    assert seen["ours"].waits.total() == 1  # for the loss
    assert seen["ours"].copies.total() <= 9


@pytest.mark.parametrize("name", ["gcn", "sage", "gat"])
def test_an_epoch_asks_less_of_the_host_than_pyg(name, gpu):
    task, spec = data.arxiv_sized(400), {"model": name, "layers": 2, "width": 16}
    heads = {"heads": 4} if name == "gat" else {}
    sides = {
        "ours": trainings.epochs(task, spec | heads, kept=False, device=CUDA),
        "theirs": plain_epochs_of(task, name, 2, 16, heads.get("heads", 1), CUDA),
    }
    seen = {}
    for side, epochs in sides.items():
        next(epochs), next(epochs)
        with gpu.watched() as seen[side]:
            next(epochs)
    assert seen["ours"].kernels < seen["theirs"].kernels
    assert seen["ours"].waits.total() <= 2  # for the losses and the scores


@pytest.mark.parametrize("kind", KINDS)
def test_knowledge_of_graphs_stays_on_the_host(kind, gpu):
    """Only what a step needs is on the GPU."""
    trainer = Trainer(kind, "fitnet")
    _, steps = next(trainer.epochs)
    step = next(iter(steps))
    assert {x.device for x in (step.teacher.logits, step.teacher.last, step.labels)} == {CUDA}
    assert {x.device.type for x in knowledge_of(kind).hidden} == {"cpu"}
    assert {type(x) for x in step.teacher.hidden[:]} == {torch.Tensor}


def test_sums_over_edges_and_nodes_are_those_of_the_host(gpu):
    """A GPU takes another way to them."""
    task = task_of("graph")
    batch = Collection(task.arrays, task.split("train")).batch(torch.tensor([3, 5, 0, 7]))  # 5 is a single atom
    assert (batch.degree == 0).any()
    for sums, rows in ((molecular.sum_edges, len(batch.sources)), (molecular.sum_nodes, batch.nodes)):
        values = torch.randn(rows, 6, generator=torch.Generator().manual_seed(2), requires_grad=True)
        found, expected = sums(values.to(CUDA), batch.to(CUDA)), sums(values, batch)
        weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3))
        gradients = [torch.autograd.grad((x * weights.to(x.device)).sum(), values)[0] for x in (found, expected)]
        torch.testing.assert_close(found.cpu(), expected)
        torch.testing.assert_close(*gradients)


def test_losses_that_no_evaluation_has_waited_for_are_whole(gpu):
    losses = Losses()
    losses.add(1, torch.full((), 3.0, device=CUDA), torch.full((), 1.0, device=CUDA), {"one": torch.tensor(2.0)})
    with gpu.watched() as seen:
        assert losses.state()["values"] == [3, 1, 2]
    assert list(seen.waits.values()) == [1]
    losses.add(2, torch.full((), 5.0, device=CUDA), torch.full((), 5.0, device=CUDA), {})
    losses.send()
    losses.add(3, torch.full((), 7.0, device=CUDA), torch.full((), 7.0, device=CUDA), {})
    assert losses.read().loss == 5
    assert losses.state() == {"steps": [], "values": []}
