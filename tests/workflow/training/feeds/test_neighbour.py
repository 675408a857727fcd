"""Node tasks in mini-batches: what is drawn, what a step sees, and answers that rest on every edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import methods
from methods.contract import NotApplicableError, Shape, Signals
from methods.testing import make_batch, make_signals
from tests.conftest import TINY, make_tiny_task
from tests.workflow.training.conftest import CPU
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.specs import TrainingSettings
from workflow.training.feeds import choose, large
from workflow.training.feeds.neighbour import NeighbourBatches
from workflow.training.feeds.step import Needs
from workflow.training.loop import fit
from workflow.training.seeds import Streams
from workflow.variants import Variant

SETTINGS = TrainingSettings(sampler="neighbour", batch_size=10, fan_out=[3, 2], epochs=3)
NETWORKS = {
    "gcn": {"model": "gcn", "layers": 3, "width": 5},
    "gcn-wide": {"model": "gcn", "layers": 2, "width": 30},
    **{name: {"model": name, "layers": 3, "width": 5} for name in ("sage", "sage_gcn")},
    "gat": {"model": "gat", "layers": 2, "width": 3, "heads": 2, "symmetric_norm": True, "residual": True},
    "gat-labels": {"model": "gat", "layers": 2, "width": 3, "labels_as_input": True, "label_iterations": 1},
    "gcnii": {"model": "gcnii", "layers": 4, "width": 4},
    "mlp": {"model": "mlp", "layers": 3, "width": 5},
    "sign": {"model": "sign", "layers": 3, "width": 5, "hops": 2},
}


def feed_of(task, needs=None, distill_on="all", **changes) -> NeighbourBatches:
    found = choose.create(task, CPU, distill_on, SETTINGS.changed(TrainingSettings(**changes)), needs)
    assert isinstance(found, NeighbourBatches)
    return found


def network_of(name):
    torch.manual_seed(0)
    network = create(NETWORKS[name], TINY)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def needs_of(network, edges=False) -> Needs:
    return Needs(network.reach, network.powers, edges)


def whole_graph(task) -> Graph:
    arrays = [torch.as_tensor(np.array(task.arrays[name])) for name in ("features", "pointers", "sources")]
    labels = torch.full((len(task.labels),), -1)
    train = torch.as_tensor(task.split("train"))
    labels[train] = torch.as_tensor(task.labels)[train]
    return Graph(*arrays, labels=labels)


# --- draws


@pytest.mark.parametrize("name", ["gcn", "mean"])
def test_a_drawn_product_has_the_mean_of_the_whole_one(name):
    task = make_tiny_task()
    feed = feed_of(task)
    whole = getattr(whole_graph(task), name) @ torch.as_tensor(np.array(task.arrays["features"]))
    roots = np.array([4, 17, 33])
    total, draws = 0.0, 1000
    for seed in range(draws):
        graph = feed.seen.graph(feed.seen.neighbours.sample(roots, [2], np.random.default_rng(seed)), 0)
        total = total + getattr(graph, name) @ graph.x
    torch.testing.assert_close(total / draws, whole[torch.as_tensor(roots)], atol=0.15, rtol=0)


# --- answers


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("copied", [False, True], ids=["looked up", "copied"])
def test_answers_are_those_of_the_whole_graph(name, copied, monkeypatch):
    monkeypatch.setattr(large, "EDGES_AT_ONCE", 40)
    monkeypatch.setattr(large, "ROWS_AT_ONCE", 7)
    task, network = make_tiny_task(), network_of(name)
    monkeypatch.setattr(type(network), "sums", network.sums and not copied)
    feed = feed_of(task, needs_of(network))
    with torch.no_grad():
        expected = network(whole_graph(task), Dropout(None))
    found = feed.knowledge(network)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-5, rtol=1e-5)
    for mine, layer in zip(found.hidden, expected.hidden, strict=True):
        torch.testing.assert_close(mine.float(), layer, atol=2e-3, rtol=2e-3)
    for part in ("train", "valid", "test"):
        rows = feed.units(part)[0]
        torch.testing.assert_close(feed.predict(network, part), expected.logits[rows], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("edges", [False, True])
def test_a_step_that_draws_every_neighbour_is_that_of_the_whole_graph(name, edges):
    """Values and gradients; dropout off, as its masks have other shapes."""
    task, network = make_tiny_task(), network_of(name)
    layers = 12
    feed = feed_of(task, Needs(None, network.powers, edges), fan_out=[60] * layers)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    step = next(next(feed.steps(Streams(0, "student", CPU), knowledge)))
    step = step.wider if edges else step
    signals = network(step.inputs, Dropout(None))
    rows = step.batch.ids
    expected = network(whole_graph(task), Dropout(None))
    torch.testing.assert_close(signals.logits, expected.logits[rows], atol=1e-5, rtol=1e-5)
    for mine, layer in zip(signals.hidden, expected.hidden, strict=True):
        torch.testing.assert_close(mine, layer[rows], atol=1e-5, rtol=1e-5)
    parameters = [p for p in network.parameters() if p.requires_grad]
    weights = torch.randn(signals.logits.shape)
    ours = torch.autograd.grad((signals.logits * weights).sum(), parameters, allow_unused=True)
    theirs = torch.autograd.grad((expected.logits[rows] * weights).sum(), parameters, allow_unused=True)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(step.teacher.logits, knowledge.logits[rows])
    torch.testing.assert_close(step.teacher.hidden[0], knowledge.hidden[0][rows])


def test_products_get_pointers_and_sources_of_one_type():
    expected = whole_graph(make_tiny_task())
    graph = Graph(expected.x, expected.adjacency.pointers.long(), expected.adjacency.columns)
    assert graph.adjacency.pointers.dtype == graph.adjacency.columns.dtype == torch.int32
    assert torch.equal(graph.mean @ graph.x, expected.mean @ expected.x)


# --- steps


def nodes_of(feed, step) -> np.ndarray:
    return np.array([int((feed.seen.features == x).all(1).nonzero()) for x in step.inputs.x])


def test_an_epoch_meets_every_node_once_and_shows_training_labels_alone():
    task = make_tiny_task()
    feed = feed_of(task, Needs(2))
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    steps = list(next(feed.steps(Streams(0, "student", CPU), knowledge)))
    rows = [nodes_of(feed, step)[: len(step.batch.labels)] for step in steps]
    assert sorted(np.concatenate(rows)) == list(range(60))
    train = task.split("train")
    for step, nodes in zip(steps, rows, strict=True):
        assert step.labels.tolist() == task.labels[nodes[step.labeled]].tolist()
        assert step.batch.labels.tolist() == np.where(np.isin(nodes, train), task.labels[nodes], -1).tolist()


def test_methods_that_read_edges_get_the_neighbours_that_were_drawn_and_the_same_draws():
    task = make_tiny_task()
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    plain, edged = (feed_of(task, Needs(2, 0, edges)) for edges in (False, True))
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    pairs = zip(*(next(f.steps(Streams(0, "student", CPU), knowledge)) for f in (plain, edged)), strict=True)
    for a, b in pairs:
        assert torch.equal(a.inputs.x, b.inputs.x)
        assert a.labels.tolist() == b.labels.tolist()
        assert a.batch.labels.tolist() == b.batch.labels.tolist()
        assert a.wider is None
        for undeclared in (a, b):
            with pytest.raises(NotApplicableError, match="without declaring `uses_edges`"):
                undeclared.batch.neighbours  # noqa: B018
        wider = b.wider.batch
        nodes = nodes_of(edged, b)[: len(wider.labels)]
        assert nodes.tolist() == wider.ids.tolist()
        assert torch.equal(b.wider.teacher.logits, knowledge.logits[wider.ids])
        assert len(wider.labels) > len(a.batch.labels)
        assert wider.edge_index.shape[1] > 0
        assert wider.own == len(b.batch.labels)
        for j, i in wider.edge_index.T.tolist():
            assert i < wider.own
            assert nodes[j] in sources[pointers[nodes[i]] : pointers[nodes[i] + 1]]


COUNTED = {
    "lsp": {"lsp": lambda batch, own: own},
    "ff-g2m": {
        "low": lambda batch, nodes: batch.edge_index.shape[1] + nodes,
        "high": lambda b, _: b.edge_index.shape[1],
    },
}
"""What a term is a mean over: nodes, edges, or both (edges and loops)."""


@pytest.mark.parametrize("method", COUNTED)
def test_terms_on_all_neighbours_of_some_nodes_are_shares_of_those_on_the_whole_graph(method):
    task = make_tiny_task()
    student, known = (make_signals(60, Shape((4,), 3), seed) for seed in range(2))
    made = methods.create(method, teacher=known.shape, student=student.shape)
    sources, targets = np.array(task.arrays["sources"]), np.repeat(np.arange(60), np.diff(task.arrays["pointers"]))
    whole = make_batch(task.labels, np.stack([sources, targets]))
    expected = {name: term * COUNTED[method][name](whole, 60) for name, term in made(student, known, whole).items()}
    found = dict.fromkeys(expected, 0.0)
    for step in next(feed_of(task, Needs(2, 0, True), fan_out=[60, 60]).steps(Streams(0, "student", CPU), known)):
        batch = step.wider.batch
        for name, term in made(student.at(batch.ids), step.wider.teacher, batch).items():
            found[name] += term * COUNTED[method][name](batch, batch.own)
    assert expected.keys() == COUNTED[method].keys()
    for name, total in expected.items():
        torch.testing.assert_close(found[name], total)


@pytest.mark.parametrize("reach", [0, 2])
def test_where_training_nodes_are_distilled_on_no_other_carries_a_term(reach):
    task = make_tiny_task()
    feed = feed_of(task, Needs(reach, 0, True), "train")
    train = task.split("train")
    assert feed.taught.tolist() == sorted(train)
    network = network_of("sage" if reach else "mlp")
    known = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    met = set()
    for step in next(feed.steps(Streams(0, "student", CPU), known)):
        ids = step.wider.batch.ids
        assert ids[: len(step.labels)].tolist() == step.batch.ids.tolist()
        assert set(ids.tolist()) <= set(train.tolist())
        answer = network(step.wider.inputs, Dropout(None)).at(step.wider.rows)
        assert len(answer.logits) == len(ids) == len(step.wider.teacher.logits)
        if not reach:
            alone = network(Graph(feed.seen.features[ids], torch.zeros(len(ids) + 1), torch.empty(0)), Dropout(None))
            torch.testing.assert_close(answer.logits, alone.logits)
        met |= set(ids[len(step.labels) :].tolist())
    assert met, "some drawn neighbour is a training node"


@pytest.mark.parametrize("name", ["mlp", "sage"])
def test_a_network_that_sees_less_shifts_no_later_draw(name):
    """Batches of one seed are the same whatever the network; the student's needs only cut what is around them."""
    task = make_tiny_task()
    streams = [Streams(3, "student", CPU) for _ in range(2)]
    epochs = [feed_of(task, Needs(reach)).steps(s) for reach, s in zip((0, 2), streams, strict=True)]
    for _ in range(2):
        for a, b in zip(*map(next, epochs), strict=True):
            assert a.labels.tolist() == b.labels.tolist()
            assert torch.equal(a.inputs.x[: len(a.labels)], b.inputs.x[: len(a.labels)])


@pytest.mark.parametrize("name", ["gcn", "sign"])
def test_inductive_trainings_never_see_a_test_node(name):
    found = []
    for shift in (0.0, 5.0):
        task = make_tiny_task()
        features = np.array(task.arrays["features"])
        features[task.split("test")] += shift
        task = type(task)(**{**task.__dict__, "arrays": {**task.arrays, "features": features}})
        task = Variant(inductive=True).apply(task.finish())
        network = network_of(name)
        feed = feed_of(task, needs_of(network))
        outcome = fit(network, feed, Streams(0, "teacher", CPU), SETTINGS)
        found.append((network.state_dict(), feed.knowledge(network), outcome.curve))
        assert not set(feed.taught.tolist()) & set(task.split("test").tolist()), "nor is one distilled on"
    (weights, knowledge, curve), (other_weights, other, other_curve) = found
    assert curve == other_curve
    assert all(torch.equal(weights[key], other_weights[key]) for key in weights)
    test = torch.as_tensor(task.split("test"))
    assert knowledge.logits[test].isnan().all()
    assert torch.equal(knowledge.logits.nan_to_num(), other.logits.nan_to_num())
    assert feed.predict(network).isfinite().all()
