"""What every network of graph-level tasks that is found must do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.workflow.models.tiny_graph import STILL, has, moving
from tests.workflow.tiny_molecules import GRAPHS, MODELS, make_network
from workflow.models.molecules import Collection


@pytest.mark.parametrize("model", MODELS)
def test_shape_tells_the_signals(model, collection):
    network = make_network(model)
    batch = collection.batch(torch.arange(10))
    signals = network(batch, STILL)
    assert signals.shape == network.shape
    assert len(signals.logits) == 10
    assert {len(layer) for layer in signals.hidden} == {batch.nodes}


@pytest.mark.parametrize("model", MODELS)
def test_hidden_states_are_taken_before_dropout(model, collection):
    if not has(model, "dropout"):
        pytest.skip("drops nothing")
    network = make_network(model, dropout=0.95).train()
    batch = collection.batch(torch.arange(10))
    dropped, kept = network(batch, moving()), network(batch, STILL)
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
