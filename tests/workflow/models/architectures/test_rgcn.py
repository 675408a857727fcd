"""R-GCN against dense products and PyG."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch_geometric.nn import HeteroConv, SAGEConv

from tests.workflow.models.tiny_graph import STILL, moving
from tests.workflow.tiny_hetero import COUNTS, DEEP, FULL, RELATIONS, SPEC, doubled, feed_of, make_task, network
from workflow import catalog
from workflow.datasets.parts.csr import csr
from workflow.models import sizes
from workflow.models.hetero import HeteroGraph, ends, pattern
from workflow.task import Task
from workflow.training.feeds.heterogeneous import HeteroFeed


@pytest.fixture
def task() -> Task:
    return make_task()


@pytest.mark.parametrize(("layers", "width", "published"), [(3, 512, 5_575_540), (2, 32, 169_428)])
def test_published_parameter_counts(layers, width, published):
    """Joshi et al. 2022, Table 4 (ogbn-mag), and its learned embeddings."""
    size = sizes.measure({"model": "rgcn", "layers": layers, "width": width}, catalog.facts("ogbn-mag"))
    assert size.params == published
    assert size.params_with_embeddings - size.params == 154_029_312


def dense(model, graph: HeteroGraph) -> list[torch.Tensor]:
    """Outputs of every layer on papers: all types in all layers, dense matrices, W mean(x) as written."""
    x = {**graph.features, **model.embeddings}
    outputs = []
    for roots, maps in zip(model.roots, model.maps, strict=True):
        y = {kind: roots[kind](x[kind]) for kind in COUNTS}
        for name in RELATIONS:
            source, target = ends(name)
            y[target] = y[target] + graph.means[name].forward.to_dense() @ maps[name](x[source])
        outputs.append(y["paper"] if len(outputs) == len(model.roots) - 1 else y["paper"].relu())
        x = {kind: value.relu() for kind, value in y.items()}
    return outputs


def with_pyg(model, graph: HeteroGraph, feed: HeteroFeed) -> torch.Tensor:
    """Logits of papers through PyG's HeteroConv of SAGEConv without a root, which holds the same weights."""
    x = {**graph.features, **model.embeddings}
    edges = {}
    for name in RELATIONS:
        coo = feed.patterns[name].tocoo()
        edges[tuple(name.split("/"))] = torch.from_numpy(np.stack([coo.coords[1], coo.coords[0]]).astype(np.int64))
    for layer, (roots, maps) in enumerate(zip(model.roots, model.maps, strict=True)):
        convolutions = {}
        for name in RELATIONS:
            linear = maps[name]
            sage = SAGEConv(
                (linear.in_features, linear.in_features), linear.out_features, root_weight=False, bias=False
            )
            sage.lin_l.weight = linear.weight
            convolutions[tuple(name.split("/"))] = sage
        sums = HeteroConv(convolutions, aggr="sum").double()(x, edges)
        x = {kind: roots[kind](x[kind]) + sums[kind] for kind in COUNTS}
        if layer < len(model.roots) - 1:
            x = {kind: value.relu() for kind, value in x.items()}
    return x["paper"]


@pytest.mark.parametrize("width", [3, 40], ids=["narrowing", "widening"])
@pytest.mark.parametrize("reference", ["dense", "pyg"])
def test_same_outputs_and_gradients(task, width, reference):
    model = network(DEEP | {"width": width}).double()
    graph = doubled(task)
    ours = model(graph, STILL)
    theirs = dense(model, graph)[-1] if reference == "dense" else with_pyg(model, graph, feed_of(task, FULL))
    torch.testing.assert_close(ours.logits, theirs)
    weight = torch.randn(theirs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    mine, other = (
        torch.autograd.grad(
            (logits * weight).sum(), list(model.parameters()), allow_unused=True, materialize_grads=True
        )
        for logits in (ours.logits, theirs)
    )
    torch.testing.assert_close(mine, other)
    if reference == "dense":
        for hidden, expected in zip(ours.hidden, dense(model, graph), strict=False):
            torch.testing.assert_close(hidden, expected)


@pytest.mark.parametrize("block", [7, 60, 1000])
def test_inference_by_blocks_is_the_forward_pass(task, block):
    model = network(DEEP).double()
    whole = model(doubled(task), STILL)
    parts = model.infer(doubled(task, backward=False), block)
    torch.testing.assert_close(parts.logits, whole.logits.detach())
    torch.testing.assert_close(parts.hidden, tuple(h.detach() for h in whole.hidden))
    assert parts.shape == model.shape


def test_gradient_without_transposes_is_refused(task):
    with pytest.raises(ValueError, match="without its transpose"):
        network().double()(doubled(task, backward=False), STILL).logits.sum().backward()


def test_relation_without_edges(task):
    """A type that sends nothing, and a pattern that is empty."""
    pointers, sources = csr(np.zeros(0, np.int64), np.zeros(0, np.int64), COUNTS["author"], COUNTS["paper"])
    empty = pattern(pointers, sources, COUNTS["author"])
    assert isinstance(empty, csr_array)
    feed = feed_of(task, FULL)
    patterns = {**feed.patterns, "author/rev_by/paper": empty}
    graph = HeteroGraph({"paper": feed.features["paper"].double()}, COUNTS, patterns, "paper")
    model = network().double()
    torch.testing.assert_close(model(graph, STILL).logits, dense(model, graph)[-1])


def test_all_hidden_states_are_taken_before_dropout(task):
    """With one hidden layer, so that nothing dropped comes before it."""
    model = network(SPEC | {"dropout": 0.95}).double()
    torch.testing.assert_close(model(doubled(task), moving()).hidden, model(doubled(task), STILL).hidden)
