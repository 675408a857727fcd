"""Networks against PyG's layers, their published sizes, and the width solver."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric import nn as pyg

from methods.sparse import from_edges
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.models import listing, sizes
from workflow.models.edge_attention import Neighbourhood, aggregate, softmax
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create, load

NODES = 40
FACTS = Facts("node", "multiclass", "accuracy", outputs=5, features=7, title="")
ARXIV = Facts("node", "multiclass", "accuracy", outputs=40, features=128, title="")
STILL = Dropout(None)
NODE_MODELS = [model for model in listing.available() if "node" in load(model).kinds]
GRAPH_MODELS = [model for model in listing.available() if "graph" in load(model).kinds]


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
            layer = pyg.SAGEConv(a // 2, b)
            neighbours, own = linear.weight.detach().split(a // 2, dim=1)
            layer.lin_l.weight, layer.lin_r.weight = torch.nn.Parameter(neighbours), torch.nn.Parameter(own)
            layer.lin_l.bias = linear.bias
        else:
            heads = model.heads[i]
            layer = pyg.GATConv(a, b // heads, heads)
            layer.lin.weight, layer.bias = linear.weight, model.biases[i]
            layer.att_src = torch.nn.Parameter(model.sources[i][None].detach())
            layer.att_dst = torch.nn.Parameter(model.targets[i][None].detach())
        layers.append(layer)
    return torch.nn.ModuleList(layers).double()


def gradients(network, i, kind=None):
    """Gradient of layer i's weight matrix, of ours or (with a kind) of PyG's."""
    if kind is None:
        return network.convolutions[i].weight.grad
    layer = network[i]
    if kind == "sage":
        return torch.cat([layer.lin_l.weight.grad, layer.lin_r.weight.grad], dim=1)
    return layer.lin.weight.grad


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
    (ours.logits * weight).sum().backward()
    mine = [gradients(model, i) for i in range(3)]
    model.zero_grad()
    (x * weight).sum().backward()
    torch.testing.assert_close(mine, [gradients(theirs, i, kind) for i in range(3)])


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("width", [3, 11])
@pytest.mark.parametrize("model", NODE_MODELS)
def test_wanted_rows_are_those_of_all(model, width, layers, graph):
    """With and without gradients, from the start, the middle and the end."""
    torch.manual_seed(2)
    deep = layers + (model == "sign")  # which has at least two
    network = create({"model": model, "layers": deep, "width": width}, FACTS).double()
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


def molecules(chirality: int = 5) -> Facts:
    """ogbg-molhiv; OGB's columns of atoms had four classes of chirality when the counts below were printed."""
    info = {"vocabulary": [119, chirality, 12, 12, 10, 6, 6, 2, 2], "edge_vocabulary": [5, 6, 2]}
    return Facts("graph", "binary", "rocauc", outputs=1, features=9, title="", info=info)


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        ({"model": "gine", "layers": 5, "width": 300}, 3_336_306),
        ({"model": "gine", "layers": 5, "width": 300, "virtual_node": False}, 1_885_206),
        ({"model": "mol_gcn", "layers": 2, "width": 100}, 40_801),
        ({"model": "mol_gin", "layers": 2, "width": 50}, 10_951),
    ],
)
def test_published_parameter_counts_of_molecular_networks(spec, published):
    """Joshi et al. 2022, Table 2 (ogbg-molhiv); the second is that of OGB's leaderboard."""
    assert sizes.measure(spec, molecules(chirality=4)).params == published


def test_difference_to_the_published_parameter_count_of_pna():
    """2,433,901 are printed, without code: 3,000 more, which is four vectors of 150 in each of the five layers.

    Sought without success: towers, divided input, one to three maps before and behind the aggregation, other
    aggregators, scalers, encoders of bonds and readouts, each with and without a virtual node.
    """
    count = sizes.measure({"model": "pna", "layers": 5, "width": 150}, molecules(chirality=4)).params
    assert 2_433_901 - count == 5 * 4 * 150


@pytest.mark.parametrize("ratio", [5, 20, 40])
@pytest.mark.parametrize("model", GRAPH_MODELS)
def test_solved_width_counts_the_encoders(model, ratio):
    spec, facts = {"model": model, "layers": 2}, molecules()
    teacher = sizes.measure({"model": "gine", "layers": 5, "width": 128}, facts).params
    width = sizes.solve_width(spec, facts, teacher, ratio)
    distance = [abs(sizes.measure({**spec, "width": w}, facts).params - teacher / ratio) for w in range(1, 2 * width)]
    assert width == 1 + distance.index(min(distance))


@pytest.mark.parametrize("model", NODE_MODELS)
def test_hidden_states_are_taken_before_dropout(model, graph):
    """With nearly everything dropped, the first hidden layer must still be what it is without dropout."""
    graph.x = graph.x.float()
    torch.manual_seed(0)
    network = create({"model": model, "layers": 2, "width": 8, "dropout": 0.95}, FACTS).train()
    network.input_dropout = 0.0  # of the networks that have one: it comes before the first layer
    dropped = network(graph, Dropout(torch.Generator().manual_seed(0)))
    kept = network(graph, STILL)
    torch.testing.assert_close(dropped.hidden[0], kept.hidden[0])
    assert not torch.allclose(dropped.logits, kept.logits)


@pytest.mark.parametrize("model", NODE_MODELS)
def test_shape_tells_the_signals(model, graph):
    graph.x = graph.x.float()
    network = create({"model": model, "layers": 3, "width": 8}, FACTS)
    assert network(graph, STILL).shape == network.shape
    # The layers of GCNII stand between an input and an output layer.
    assert len(network.shape.hidden) == (4 if model == "gcnii" else 2)


def test_measuring_a_size_allocates_nothing():
    spec = {"model": "mlp", "layers": 3, "width": 100_000}
    assert sizes.measure(spec, ARXIV).params == 128 * 10**5 + 10**10 + 40 * 10**5 + 2 * 10**5 + 40 + 4 * 10**5


@pytest.mark.parametrize("ratio", [5, 20, 40, 80])
@pytest.mark.parametrize("model", NODE_MODELS)
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
        ({"model": "gine"}, "serves graph tasks, not node tasks"),
    ],
)
def test_wrong_specs_give_one_line(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        create(spec, FACTS)
    assert "\n" not in str(caught.value)


def test_constant_linear_follows_its_weights():
    """Every optimizer must be noticed, or the cached product would be an old one."""
    from workflow.config import training_defaults
    from workflow.models.parts.constant import ConstantLinear
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


def test_constant_linear_notices_another_input_at_the_same_address():
    """A tensor that was freed leaves its address, and a fresh version number, to the next one."""
    from workflow.models.parts.constant import ConstantLinear

    memory = np.ones((9, 4), np.float32)
    linear = ConstantLinear(4, 3).requires_grad_(False)
    assert torch.equal(linear.constant(torch.from_numpy(memory)), linear(torch.ones(9, 4)))
    memory[:] = 2
    assert torch.equal(linear.constant(torch.from_numpy(memory)), linear(torch.full((9, 4), 2.0)))


def test_constant_linear_computes_once_for_the_same_input(monkeypatch):
    from workflow.models.parts import constant

    calls = []
    product = torch.nn.functional.linear
    monkeypatch.setattr(constant.nn.functional, "linear", lambda *a: calls.append(1) or product(*a))
    linear, x = constant.ConstantLinear(4, 3), torch.ones(9, 4)
    linear.constant(x)
    linear.constant(x)
    assert len(calls) == 1
    linear.weight.data = linear.weight.data.clone()
    linear.constant(x)
    assert len(calls) == 2
