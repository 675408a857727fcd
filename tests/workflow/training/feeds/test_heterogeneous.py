"""Full and sampled steps on heterogeneous graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.contract import UNLABELED, Signals
from tests.workflow.models.tiny_graph import STILL
from tests.workflow.tiny_hetero import (
    COUNTS,
    CPU,
    DEEP,
    FULL,
    RELATIONS,
    SAINT,
    feed_of,
    make_task,
    network,
    saint_with,
)
from workflow.models.hetero import HeteroGraph, ends
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training import optimizers
from workflow.training.seeds import Streams


@pytest.fixture
def task() -> Task:
    return make_task()


@pytest.fixture
def knowledge(hetero_knowledge: Signals) -> Signals:
    return hetero_knowledge


def sampled(task, knowledge, distill_on="all", seed=0, count=3):
    feed = feed_of(task, SAINT, distill_on)
    epochs = feed.steps(Streams(seed, "student", CPU), knowledge)
    return [step for _ in range(count) for step in next(epochs)]


def test_same_graphs_at_a_seed_whatever_a_method_draws(task, knowledge):
    steps = sampled(task, knowledge)
    again = feed_of(task, SAINT).steps(Streams(0, "student", CPU), knowledge)
    for step in steps[:3]:
        torch.rand(3)
        torch.rand(3, generator=step.batch.generator)
    for one, other in zip(steps, [s for _ in range(3) for s in next(again)], strict=True):
        assert one.inputs.ids.keys() == other.inputs.ids.keys() == {"author", "topic"}
        assert all(torch.equal(ids, other.inputs.ids[kind]) for kind, ids in one.inputs.ids.items())
    different = sampled(task, knowledge, seed=1)
    assert any(
        not torch.equal(a.inputs.ids["author"], b.inputs.ids["author"]) for a, b in zip(steps, different, strict=True)
    )


def papers_of(step, task) -> np.ndarray:
    """Ids of the papers that a step's outputs stand for, found by their features."""
    x = step.inputs.features["paper"]
    x = x if step.inputs.rows is None else x[step.inputs.rows]
    where = (x.numpy()[:, None] == task.arrays["features/paper"][None]).all(2)
    assert (where.sum(1) == 1).all()
    return where.argmax(1)


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("training", [FULL, SAINT], ids=["full", "saint"])
def test_steps_hide_labels_and_match_the_teacher(task, knowledge, distill_on, training):
    feed = feed_of(task, training, distill_on)
    step = next(iter(next(feed.steps(Streams(0, "student", CPU), knowledge))))
    papers = papers_of(step, task)
    trained = np.isin(papers, task.split("train"))
    if distill_on == "train":
        assert trained.all()
    elif training is FULL:
        assert len(papers) == 60
    expected = np.where(trained, task.labels[papers], UNLABELED)
    np.testing.assert_array_equal(step.batch.labels.numpy(), expected)
    np.testing.assert_array_equal(step.labels.numpy(), task.labels[papers[trained]])
    labeled = np.arange(len(papers)) if step.labeled is None else step.labeled.numpy()
    np.testing.assert_array_equal(labeled, np.flatnonzero(trained))
    assert torch.equal(step.teacher.logits, knowledge.logits[torch.from_numpy(papers)])
    adjacency = feed.patterns["paper/cites/paper"].toarray()[np.ix_(papers, papers)]
    target, source = adjacency.nonzero()
    assert set(map(tuple, step.batch.edge_index.T.tolist())) == set(zip(source.tolist(), target.tolist(), strict=True))


def test_sampled_step_is_the_network_on_the_induced_graph(task, knowledge):
    """Features, embeddings and edges belong together after the renumbering."""
    (step, *_) = sampled(task, knowledge, distill_on="train")
    model = network(DEEP)
    papers = step.inputs.features["paper"]
    x = {"paper": papers, **{kind: model.embeddings[kind][ids] for kind, ids in step.inputs.ids.items()}}
    whole = HeteroGraph(x, step.inputs.nodes, {}, "paper")
    whole.means = step.inputs.means
    model_inputs = {kind: x[kind].detach() for kind in x}
    for layer in range(3):
        y = {kind: model.roots[layer][kind](model_inputs[kind]) for kind in COUNTS}
        for name in RELATIONS:
            source, target = ends(name)
            y[target] = y[target] + whole.means[name].forward.to_dense() @ model.maps[layer][name](model_inputs[source])
        model_inputs = {kind: value.relu() for kind, value in y.items()}
    torch.testing.assert_close(model(step.inputs, STILL).logits, y["paper"][step.inputs.rows], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_untouched_embeddings_stay_as_they_are(task, knowledge, name):
    model = network()
    optimizer = optimizers.create(list(model.parameters()), saint_with(optimizer=name, weight_decay=0.1))
    for step in sampled(task, knowledge, count=2):
        before = {kind: table.detach().clone() for kind, table in model.embeddings.items()}
        optimizer.zero_grad()
        model(step.inputs, STILL).logits.square().sum().backward()
        optimizer.step()
        for kind, table in model.embeddings.items():
            assert table.grad.is_sparse
            moved = (table != before[kind]).any(1).nonzero().flatten()
            # A sampled node that nothing reads has a zero gradient, and moves by its decay alone.
            assert len(moved)
            assert set(moved.tolist()) <= set(step.inputs.ids[kind].tolist())


def test_sparse_adam_is_that_of_torch():
    start = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    ids = [torch.tensor([1, 4, 7]), torch.tensor([7, 2]), torch.tensor([1, 9]), torch.tensor([0, 7])]

    def train(make):
        table = torch.nn.Parameter(start.clone())
        optimizer = make([table])
        for rows in ids:
            optimizer.zero_grad()
            torch.nn.functional.embedding(rows, table, sparse=True).pow(3).sum().backward()
            optimizer.step()
        return table.detach()

    adam, sgd = (TrainingSettings(optimizer=name, learning_rate=0.05) for name in ("adam", "sgd"))
    ours = train(lambda p: optimizers.create(p, adam))
    torch.testing.assert_close(ours, train(lambda p: torch.optim.SparseAdam(p, lr=0.05)))
    dense_sgd = train(lambda p: optimizers.create(p, sgd))
    torch.testing.assert_close(dense_sgd[[3, 5, 6, 8]], start[[3, 5, 6, 8]])


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("training", [FULL, SAINT], ids=["full", "saint"])
def test_an_edge_of_two_relations_is_one_edge_of_the_batch(task, knowledge, distill_on, training):
    """A relational loss would count it twice."""
    arrays = dict(task.arrays)
    pointers, sources = (arrays[f"relation/paper/cites/paper/{part}"] for part in ("pointers", "sources"))
    kept = np.arange(len(sources)) % 2 == 0
    counts = np.add.reduceat(np.append(kept, False).astype(int), pointers[:-1]) * (np.diff(pointers) > 0)
    arrays["relation/paper/extends/paper/pointers"] = np.concatenate([[0], counts.cumsum()]).astype(pointers.dtype)
    arrays["relation/paper/extends/paper/sources"] = sources[kept]
    info = {**task.info, "relations": sorted([*RELATIONS, "paper/extends/paper"])}
    both = Task(**{**task.__dict__, "arrays": arrays, "info": info}).finish()
    feed = feed_of(both, training, distill_on)
    step = next(iter(next(feed.steps(Streams(0, "student", CPU), knowledge))))
    papers = papers_of(step, both)
    adjacency = sum(feed.patterns[f"paper/{name}/paper"].toarray() for name in ("cites", "extends"))
    assert adjacency.max() > 1, "some stand in both"
    target, source = adjacency[np.ix_(papers, papers)].nonzero()
    found = list(map(tuple, step.batch.edge_index.T.tolist()))
    assert sorted(found) == sorted(zip(source.tolist(), target.tolist(), strict=True))
