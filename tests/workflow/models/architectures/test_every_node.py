"""What every network of node classification that is found must do."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import TINY, make_tiny_task
from tests.workflow.models.tiny_graph import FACTS, NODES, STILL, build, graph_of, has, moving, networks
from workflow.catalog import Facts
from workflow.models import sizes
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.training.feeds import choose
from workflow.training.loop import fit
from workflow.training.seeds import Streams

CPU = torch.device("cpu")

MODELS = networks("node")
# The layers of GCNII stand between an input and an output layer.
HIDDEN = {"gat": 2, "gcn": 2, "gcnii": 4, "mlp": 2, "sage": 2, "sage_gcn": 2, "sign": 2}


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("width", [3, 11])
@pytest.mark.parametrize("model", MODELS)
def test_wanted_rows_are_those_of_all(model, width, layers, graph):
    """With and without gradients, from the start, the middle and the end."""
    torch.manual_seed(2)
    network = build(model, layers=layers, width=width).double()
    for rows in (slice(0, 25), slice(11, 30), slice(30, NODES)):
        for evaluated in (network.train(), network.eval()):
            some, every = evaluated(graph.at(rows), STILL), evaluated(graph, STILL).at(rows)
            torch.testing.assert_close([some.logits, *some.hidden], [every.logits, *every.hidden])
            weight = torch.randn(some.logits.shape, dtype=some.logits.dtype)
            found = torch.autograd.grad((some.logits * weight).sum(), list(network.parameters()), allow_unused=True)
            right = torch.autograd.grad((every.logits * weight).sum(), list(network.parameters()), allow_unused=True)
            torch.testing.assert_close(found, right)
            with torch.no_grad():
                torch.testing.assert_close(evaluated(graph.at(rows), STILL).logits, every.logits)
    assert graph.rows is None


@pytest.mark.parametrize("model", MODELS)
def test_other_features_are_another_input(model, graph, edges):
    """As on a graph that never knew others; their gradient is that of finite differences, and the first graph stays."""
    torch.manual_seed(0)
    network = build(model, layers=2, width=5).double().eval()
    other, direction = (torch.randn_like(graph.x) for _ in range(2))
    with torch.no_grad():
        before = network(graph, STILL).logits.clone()
        right = network(graph_of(other.clone(), edges, graph.labels), STILL).logits
        torch.testing.assert_close(network(graph.with_features([other]), STILL).logits, right)
        torch.testing.assert_close(network(graph, STILL).logits, before, rtol=0, atol=0)
        step = 1e-6
        ahead, behind = (
            network(graph.with_features([other + s * direction]), STILL).logits.square().sum() for s in (step, -step)
        )
    leaf = other.clone().requires_grad_()
    (found,) = torch.autograd.grad(network(graph.with_features([leaf]), STILL).logits.square().sum(), leaf)
    assert (found * direction).sum().item() == pytest.approx(((ahead - behind) / (2 * step)).item(), rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_hidden_states_are_taken_before_dropout(model, graph):
    """With nearly everything dropped, the first hidden layer must still be what it is without dropout."""
    if not has(model, "dropout"):
        pytest.skip("drops nothing")
    graph.x = graph.x.float()
    torch.manual_seed(0)
    network = build(model, layers=2, width=8, dropout=0.95).train()
    network.input_dropout = 0.0  # of the networks that have one: it comes before the first layer
    dropped = network(graph, moving())
    kept = network(graph, STILL)
    torch.testing.assert_close(dropped.hidden[0], kept.hidden[0])
    assert not torch.allclose(dropped.logits, kept.logits)


@pytest.mark.parametrize("model", MODELS)
def test_shape_tells_the_signals(model, graph):
    graph.x = graph.x.float()
    network = build(model, layers=3, width=8)
    assert network(graph, STILL).shape == network.shape


@pytest.mark.parametrize(("model", "hidden"), HIDDEN.items())
def test_number_of_hidden_layers_of_the_shipped_networks(model, hidden):
    assert len(create({"model": model, "layers": 3, "width": 8}, FACTS).shape.hidden) == hidden


@pytest.mark.parametrize("ratio", [5, 20, 40, 80])
@pytest.mark.parametrize("model", MODELS)
def test_solved_width_is_the_nearest(model, ratio):
    facts = Facts("node", "multiclass", "accuracy", outputs=30, features=128, title="")
    spec = {"model": model, "layers": 2}
    teacher = sizes.measure({"model": "gcn", "layers": 3, "width": 1024}, facts).params
    width = sizes.solve_width(spec, facts, teacher, ratio)
    tried = sorted({*range(1, 3 * width, 1 + width // 8), *range(max(1, width - 3), width + 4)})
    distance = {w: abs(sizes.measure({**spec, "width": w}, facts).params - teacher / ratio) for w in tried}
    assert width == min(tried, key=distance.__getitem__)
    assert abs(teacher / sizes.measure({**spec, "width": width}, facts).params / ratio - 1) <= sizes.TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_every_network_trains(model):
    feed, streams = choose.create(make_tiny_task(), CPU, "all"), Streams(0, "teacher", CPU)
    with streams.globally("network"):
        network = build(model, TINY, layers=2, width=8)
    outcome = fit(network, feed, streams, TrainingSettings(epochs=3))
    assert outcome.status == "ok", outcome.reason
    with torch.no_grad():
        assert feed.knowledge(network).shape == network.shape
