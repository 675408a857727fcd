"""Collections of molecules and the networks that read them, against plain loops and PyG's layers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch_geometric import nn as pyg

from tests.unit.tiny_molecules import GRAPHS, MODELS, VOCABULARY, make_network, make_task
from workflow.models.model import Dropout
from workflow.models.molecules import Categories, Collection
from workflow.task import Task

STILL = Dropout(None)


@pytest.fixture
def task() -> Task:
    return make_task()


@pytest.fixture
def collection(task: Task) -> Collection:
    return Collection(task.arrays, task.split("train"))


# --- collation ------------------------------------------------------------------------------------------------------


def test_batches_are_those_of_a_plain_loop(task, collection):
    ids = [7, 5, 39, 0, 12]
    batch = collection.batch(torch.tensor(ids))
    arrays = task.arrays
    features, graph, edges, nodes = [], [], [], 0
    for number, i in enumerate(ids):
        first, last = arrays["node_pointers"][i : i + 2]
        features.append(arrays["features"][first:last])
        graph += [number] * (last - first)
        for e in range(*arrays["edge_pointers"][i : i + 2]):
            source, target = arrays["edge_index"][:, e] - first + nodes
            edges.append((target, source, *arrays["edge_features"][e]))
        nodes += last - first
    edges = torch.tensor(np.array(sorted(edges)))
    assert torch.equal(batch.atoms.rows[batch.atoms.code], torch.from_numpy(np.concatenate(features)))
    assert batch.graph.tolist() == graph
    assert batch.graphs == len(ids)
    assert torch.equal(batch.edge_index, edges[:, [1, 0]].T)
    assert torch.equal(batch.bonds.rows[batch.bonds.code], edges[:, 2:])
    assert torch.equal(batch.degree, torch.bincount(batch.targets, minlength=nodes))


def test_a_span_is_the_batch_of_its_graphs(collection):
    span, batch = collection.span(3, 20), collection.batch(torch.arange(3, 20))
    for name in ("pointers", "sources", "targets", "graph"):
        assert torch.equal(getattr(span, name), getattr(batch, name)), name
    assert torch.equal(span.atoms.code, batch.atoms.code)
    assert torch.equal(span.bonds.code, batch.bonds.code)


def test_distinct_rows_of_many_columns():
    """More combinations than 64 bits can number."""
    columns = np.random.default_rng(0).integers(0, 1000, (50, 9))
    columns[7] = columns[3]
    found = Categories.of(columns)
    assert len(found.rows) == 49
    assert np.array_equal(found.rows[found.code.long()], columns)


# --- networks -------------------------------------------------------------------------------------------------------


def pyg_layer(model: str, ours: torch.nn.Module, collection: Collection, train: torch.Tensor) -> torch.nn.Module:
    """PyG's layer, holding the same parameters."""
    if model == "gine":
        layer = pyg.GINEConv(ours.perceptron, train_eps=True)
        layer.eps = ours.epsilon
    elif model == "mol_gin":
        layer = pyg.GINConv(ours.perceptron)
    else:
        histogram = torch.bincount(collection.degree[collection.rows(train)])
        names = ["mean", "min", "max", "std"], ["identity", "amplification", "attenuation"]
        layer = pyg.PNAConv(8, 8, *names, deg=histogram, edge_dim=8)
        layer.edge_encoder, layer.lin = ours.edge, ours.last
        layer.pre_nns, layer.post_nns = torch.nn.ModuleList([ours.before]), torch.nn.ModuleList([ours.behind])
    return layer.double()


@pytest.mark.parametrize(
    ("model", "virtual_node"),
    [("gine", False), ("gine", True), ("mol_gin", False), ("pna", False), ("pna", True)],
)
def test_same_outputs_and_gradients_as_pyg(model, virtual_node, task, collection):
    """The whole network, put together from PyG's layers and poolings in the order of OGB's reference."""
    network = make_network(model, **({} if model == "mol_gin" else {"virtual_node": virtual_node})).double()
    ids = torch.tensor([1, 5, 8, 30])
    batch = collection.batch(ids)
    x = network.encoder(batch.atoms)
    state = network.virtual.start.repeat(4, 1) if virtual_node else None
    train = torch.from_numpy(task.split("train"))
    for i, ours in enumerate(network.convolutions):
        layer = pyg_layer(model, ours, collection, train)
        x = x if state is None else x + state[batch.graph]
        edges = () if model == "mol_gin" else (ours.bonds(batch.bonds),)
        out = network.norms[i](layer(x, batch.edge_index, *edges))
        if i < 2:
            out = out.relu()
            if state is not None:
                state = network.virtual.updates[i](state + pyg.global_add_pool(x, batch.graph))
        x = out
    expected = network.head(pyg.global_mean_pool(x, batch.graph))
    found = network(batch, STILL).logits
    torch.testing.assert_close(found, expected)
    weight = torch.randn(found.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    parameters = list(network.parameters())
    mine = torch.autograd.grad((found * weight).sum(), parameters)
    theirs = torch.autograd.grad((expected * weight).sum(), parameters)
    torch.testing.assert_close(mine, theirs)


def test_gcn_is_that_of_pyg_where_no_relu_cuts(collection):
    ours = make_network("mol_gcn").double().convolutions[0]
    batch = collection.batch(torch.tensor([1, 5, 8]))
    x = torch.rand(batch.nodes, 8, dtype=torch.float64)
    with torch.no_grad():
        ours.bonds.table.zero_()
        ours.loop.zero_()
        ours.linear.weight.abs_()
        ours.linear.bias.zero_()
    theirs = pyg.GCNConv(8, 8, bias=False).double()
    theirs.lin.weight = ours.linear.weight
    torch.testing.assert_close(ours(x, batch), theirs(x, batch.edge_index))


def test_gcn_with_edge_features_is_that_of_a_plain_loop(collection):
    ours = make_network("mol_gcn").double().convolutions[0]
    batch = collection.batch(torch.tensor([1, 5, 8]))
    x = torch.randn(batch.nodes, 8, dtype=torch.float64)
    mapped, bonds, degree = ours.linear(x), ours.bonds(batch.bonds), batch.degree + 1
    expected = [(mapped[i] + ours.loop[0]).relu() / degree[i] for i in range(batch.nodes)]
    for e, (j, i) in enumerate(batch.edge_index.T.tolist()):
        expected[i] = expected[i] + (mapped[j] + bonds[e]).relu() / math.sqrt(degree[i] * degree[j])
    torch.testing.assert_close(ours(x, batch), torch.stack(expected))


@pytest.mark.parametrize("encoding", ["embedding", "linear"])
def test_encoders(encoding, task, collection):
    encoder = make_network("mol_gin", encoding=encoding).encoder
    x = torch.from_numpy(task.arrays["features"][:30])
    if encoding == "linear":
        expected = encoder.linear(x / torch.tensor(VOCABULARY))
    else:
        tables = encoder.table.split(VOCABULARY)
        expected = sum(table[x[:, column]] for column, table in enumerate(tables))
    torch.testing.assert_close(encoder(collection.atoms.at(slice(0, 30))), expected)


@pytest.mark.parametrize("model", MODELS)
def test_shape_tells_the_signals(model, collection):
    network = make_network(model)
    batch = collection.batch(torch.arange(10))
    signals = network(batch, STILL)
    assert signals.shape == network.shape
    assert len(signals.logits) == 10
    assert [len(layer) for layer in signals.hidden] == [batch.nodes] * 3


@pytest.mark.parametrize("model", MODELS)
def test_hidden_states_are_taken_before_dropout(model, collection):
    network = make_network(model, dropout=0.95).train()
    batch = collection.batch(torch.arange(10))
    dropped, kept = network(batch, Dropout(torch.Generator().manual_seed(0))), network(batch, STILL)
    torch.testing.assert_close(dropped.hidden[0], kept.hidden[0])
    assert not torch.allclose(dropped.logits, kept.logits)


@pytest.mark.parametrize("model", MODELS)
def test_gradient_reaches_every_parameter(model, collection):
    network = make_network(model)
    logits = network(collection.batch(torch.arange(GRAPHS)), STILL).logits
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("model", MODELS)
def test_order_of_nodes_changes_no_logits(model, task):
    """Nodes shuffled inside their graphs, edges shuffled too."""
    random = np.random.default_rng(3)
    arrays = dict(task.arrays)
    begins = arrays["node_pointers"]
    order = np.concatenate([a + random.permutation(b - a) for a, b in itertools.pairwise(begins)])
    place = np.argsort(order)
    of_edges = arrays["edge_pointers"]
    edges = np.concatenate([a + random.permutation(b - a) for a, b in itertools.pairwise(of_edges)])
    shuffled = arrays | {
        "features": arrays["features"][order],
        "edge_index": place[arrays["edge_index"]][:, edges],
        "edge_features": arrays["edge_features"][edges],
    }
    network = make_network(model).double().eval()
    logits = [
        network(Collection(version, task.split("train")).batch(torch.arange(GRAPHS)), STILL).logits
        for version in (arrays, shuffled)
    ]
    torch.testing.assert_close(*logits)
