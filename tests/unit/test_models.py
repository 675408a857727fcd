"""Networks against PyG's layers, their published sizes, and the width solver."""

from __future__ import annotations

import pytest
import torch
from torch_geometric import nn as pyg

from workflow.errors import UserError
from workflow.models import listing, sizes
from workflow.models.attention import Neighbourhood, aggregate, softmax
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.models.sparse import from_edges
from workflow.tasks.catalog import Facts

NODES = 40
FACTS = Facts("node", "multiclass", "accuracy", outputs=5, features=7, title="")
ARXIV = Facts("node", "multiclass", "accuracy", outputs=40, features=128, title="")
STILL = Dropout(None)


@pytest.fixture
def edges() -> torch.Tensor:
    torch.manual_seed(0)
    edges = torch.randint(NODES, (2, 150))
    edges = torch.unique(edges[:, edges[0] != edges[1]], dim=1)
    return edges[:, edges[1] != 3]  # node 3 has no neighbour


@pytest.fixture
def graph(edges: torch.Tensor) -> Graph:
    """A DIRECTED graph, so that a missing transpose shows."""
    x = torch.randn(NODES, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    transpose = from_edges(edges[1], edges[0], NODES)
    return Graph(x, *from_edges(edges[0], edges[1], NODES), transpose=transpose)


def stacked(model, kind):
    """The same layers in PyG, holding the same parameters."""
    layers = []
    for i, linear in enumerate(model.convolutions):
        a, b = linear.in_features, linear.out_features
        if kind == "gcn":
            layer = pyg.GCNConv(a, b)
            layer.lin.weight, layer.bias = linear.weight, linear.bias
        elif kind == "sage":
            layer = pyg.SAGEConv(a, b)
            layer.lin_l.weight, layer.lin_l.bias, layer.lin_r.weight = linear.weight, linear.bias, model.roots[i].weight
        else:
            heads = model.heads[i]
            layer = pyg.GATConv(a, b // heads, heads)
            layer.lin.weight, layer.bias = linear.weight, model.biases[i]
            layer.att_src = torch.nn.Parameter(model.sources[i][None].detach())
            layer.att_dst = torch.nn.Parameter(model.targets[i][None].detach())
        layers.append(layer)
    return torch.nn.ModuleList(layers).double()


@pytest.mark.parametrize("widths", [3, 11], ids=["narrowing", "widening"])
@pytest.mark.parametrize("kind", ["gcn", "sage", "gat"])
def test_same_outputs_and_gradients_as_pyg(kind, widths, graph, edges):
    torch.manual_seed(2)
    model = create({"model": kind, "layers": 3, "width": widths, "norm": "none"}, FACTS).double()
    theirs = stacked(model, kind)
    x = graph.x
    for i, layer in enumerate(theirs):
        x = layer(x, edges) if i == 2 else layer(x, edges).relu()
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.logits, x)
    weight = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
    mine = torch.autograd.grad((ours.logits * weight).sum(), list(model.convolutions.parameters()))
    other = torch.autograd.grad((x * weight).sum(), list(model.convolutions.parameters()))
    torch.testing.assert_close(mine, other)


def test_attention_gradients(graph):
    edges = Neighbourhood.of(graph)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(len(edges.sources), 2, dtype=torch.float64, generator=generator, requires_grad=True)
    x = torch.randn(NODES, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, v: aggregate(softmax(s, edges), v, edges), (scores, x))


def test_attention_weights_sum_to_one_even_for_huge_scores(graph):
    edges = Neighbourhood.of(graph)
    scores = torch.linspace(-2000, 2000, 2 * len(edges.sources), dtype=torch.float64).view(-1, 2)
    weights = softmax(scores, edges)
    sums = torch.zeros(NODES, 2, dtype=torch.float64).index_add(0, edges.rows, weights)
    torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize(
    ("spec", "published"),
    [({"model": "gcn", "layers": 2, "width": 256}, 43_816), ({"model": "sage", "layers": 2, "width": 256}, 86_824)],
)
def test_published_parameter_counts(spec, published):
    """Joshi et al. 2022, Table 4 (ogbn-arxiv)."""
    assert sizes.measure(spec, ARXIV).params == published


@pytest.mark.parametrize("model", listing.available())
def test_hidden_states_are_taken_before_dropout(model, graph):
    """With nearly everything dropped, the first hidden layer must still be what it is without dropout."""
    graph.x = graph.x.float()
    torch.manual_seed(0)
    network = create({"model": model, "layers": 2, "width": 8, "dropout": 0.95}, FACTS).train()
    dropped = network(graph, Dropout(torch.Generator().manual_seed(0)))
    kept = network(graph, STILL)
    torch.testing.assert_close(dropped.hidden[0], kept.hidden[0])
    assert not torch.allclose(dropped.logits, kept.logits)


@pytest.mark.parametrize("model", listing.available())
def test_shape_tells_the_signals(model, graph):
    graph.x = graph.x.float()
    network = create({"model": model, "layers": 3, "width": 8}, FACTS)
    assert network(graph, STILL).shape == network.shape
    assert len(network.shape.hidden) == 2


def test_measuring_a_size_allocates_nothing():
    spec = {"model": "mlp", "layers": 3, "width": 100_000}
    assert sizes.measure(spec, ARXIV).params == 128 * 10**5 + 10**10 + 40 * 10**5 + 2 * 10**5 + 40 + 4 * 10**5


@pytest.mark.parametrize("ratio", [5, 20, 40, 80])
@pytest.mark.parametrize("model", listing.available())
def test_solved_width_is_the_nearest(model, ratio):
    facts = Facts("node", "multiclass", "accuracy", outputs=30, features=128, title="")
    spec = {"model": model, "layers": 2}
    teacher = sizes.measure({"model": "gcn", "layers": 3, "width": 1024}, facts).params
    width = sizes.solve_width(spec, facts, teacher, ratio)
    distance = [abs(sizes.measure({**spec, "width": w}, facts).params - teacher / ratio) for w in range(1, 3 * width)]
    assert width == 1 + distance.index(min(distance))
    assert abs(teacher / sizes.measure({**spec, "width": width}, facts).params / ratio - 1) <= sizes.TOLERANCE


def test_unreachable_ratio_names_its_neighbours():
    with pytest.raises(UserError, match=r"ratio 100000 cannot be reached .* \(width 1\)"):
        sizes.solve_width({"model": "gcn", "layers": 2}, ARXIV, 10**6, 100_000)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"model": "gnc"}, "unknown model 'gnc'; allowed: "),
        ({"model": "gcn", "widht": 3}, "widht: unknown option of model 'gcn'; allowed: layers, width"),
        ({"model": "gcn", "norm": "layer"}, "norm must be one of"),
        ({"model": "gcn", "width": 0}, "at least 1"),
    ],
)
def test_wrong_specs_give_one_line(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        create(spec, FACTS)
    assert "\n" not in str(caught.value)


def test_constant_linear_follows_its_weights():
    """Every optimizer must be noticed, or the cached product would be an old one."""
    from workflow.config import training_defaults
    from workflow.models.constant import ConstantLinear
    from workflow.training import optimizers

    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    for name in ("adam", "adamw", "rmsprop", "sgd"):
        linear = ConstantLinear(4, 3)
        optimizer = optimizers.create(list(linear.parameters()), training_defaults() | {"optimizer": name})
        for _ in range(3):
            with torch.no_grad():
                assert torch.equal(linear.constant(x), linear(x))
            out = linear.constant(x)
            assert torch.equal(out, linear(x)), name
            optimizer.zero_grad()
            out.square().sum().backward()
            cached = [p.grad.clone() for p in linear.parameters()]
            optimizer.zero_grad()
            linear(x).square().sum().backward()
            torch.testing.assert_close(cached, [p.grad for p in linear.parameters()])
            optimizer.step()
        linear.load_state_dict({"weight": torch.zeros(3, 4), "bias": torch.ones(3)})
        assert torch.equal(linear.constant(x), torch.ones(9, 3))
