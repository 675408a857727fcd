"""Networks of molecules against PyG's layers and plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch_geometric import nn as pyg

from tests.workflow.models.tiny_graph import STILL
from tests.workflow.tiny_molecules import VOCABULARY, make_network
from workflow.models.molecules import Collection


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
