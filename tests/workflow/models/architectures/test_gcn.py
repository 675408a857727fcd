"""Dropout on the features of a GCN, which its paper applies as well."""

from __future__ import annotations

import pytest
import torch

from tests.workflow.models.tiny_graph import FACTS, NODES, STILL, moving
from workflow.errors import UserError
from workflow.models.model import create


def network(**options):
    torch.manual_seed(2)
    return create({"model": "gcn", "width": 5, "norm": "none", "dropout": 0.0, **options}, FACTS).double()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("share", [0.1, 1], ids=["sparse", "dense"])
def test_features_are_dropped_before_the_first_product(layers, share, graph):
    """With the mask that the same stream draws, and the same gradients."""
    kept = torch.rand(graph.x.shape, generator=torch.Generator().manual_seed(4)) < share
    graph.x = graph.x * kept
    masked = moving()(graph.x, 0.5) if share == 1 else graph.x.clone()
    if share != 1:
        masked[graph.x != 0] = moving()(graph.x[graph.x != 0], 0.5)
    model, plain = network(layers=layers, input_dropout=0.5), network(layers=layers)
    ours = model(graph, moving())
    torch.testing.assert_close(model(graph, STILL).logits, plain(graph, STILL).logits)
    graph.x = masked
    graph.forget()
    expected = plain(graph, STILL)
    torch.testing.assert_close([ours.logits, *ours.hidden], [expected.logits, *expected.hidden])
    weight = torch.randn(NODES, FACTS.outputs, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = torch.autograd.grad((ours.logits * weight).sum(), list(model.parameters()))
    torch.testing.assert_close(found, torch.autograd.grad((expected.logits * weight).sum(), list(plain.parameters())))


def test_wanted_rows_under_dropout_are_those_of_all(graph):
    for layers in (1, 2):
        model = network(layers=layers, input_dropout=0.5)
        rows = slice(11, 30)
        torch.testing.assert_close(model(graph.at(rows), moving()).logits, model(graph, moving()).logits[rows])


def test_a_probability_of_one_is_refused():
    with pytest.raises(UserError, match="input_dropout must be at least 0 and below 1, not 1"):
        network(input_dropout=1)
