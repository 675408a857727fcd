"""GCNII, SIGN and the GAT of the ogbn-arxiv teacher: against PyG or a dense restatement, and their published sizes."""

from __future__ import annotations

import pytest
import torch
from torch_geometric import nn as pyg

import methods
from methods.contract import UNLABELED
from methods.sparse import from_edges
from tests.conftest import TINY, make_tiny_task
from workflow.catalog import Facts
from workflow.config import training_defaults
from workflow.errors import UserError
from workflow.models import sizes
from workflow.models.architectures.sign import hop
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.first_layer import Entries, first
from workflow.training.feeds import choose
from workflow.training.loop import fit
from workflow.training.seeds import Streams

NODES = 30
CPU = torch.device("cpu")
STILL = Dropout(None)
FACTS = Facts("node", "multiclass", "accuracy", outputs=4, features=7, title="")
PUBMED = Facts("node", "multiclass", "accuracy", outputs=3, features=500, title="")
ARXIV = Facts("node", "multiclass", "accuracy", outputs=40, features=128, title="")
TRICKS = {"residual": True, "attend_target": False, "symmetric_norm": True, "labels_as_input": True}
TEACHER = {"model": "gat", "layers": 3, "width": 250, "heads": 3, **TRICKS}


def moving(seed: int = 0) -> Dropout:
    return Dropout(torch.Generator().manual_seed(seed))


@pytest.fixture
def edges() -> torch.Tensor:
    """Of a DIRECTED graph; node 3 has no in-neighbour."""
    edges = torch.randint(NODES, (2, 110), generator=torch.Generator().manual_seed(0))
    return torch.unique(edges[:, (edges[0] != edges[1]) & (edges[1] != 3)], dim=1)


@pytest.fixture
def graph(edges: torch.Tensor) -> Graph:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (NODES,), generator=generator)
    labels[NODES // 2 :] = UNLABELED
    x = torch.randn(NODES, 7, dtype=torch.float64, generator=generator)
    return Graph(x, *from_edges(*edges, NODES), from_edges(edges[1], edges[0], NODES), labels)


def with_loops(edges: torch.Tensor) -> torch.Tensor:
    """A + I [target, source], dense."""
    dense = torch.eye(NODES, dtype=torch.float64)
    dense[edges[1], edges[0]] = 1
    return dense


@pytest.mark.parametrize(
    ("spec", "facts", "published"),
    [
        ({"model": "gcnii", "layers": 64, "width": 64}, PUBMED, 294_403),
        ({"model": "gcnii", "layers": 4, "width": 4}, PUBMED, 2_083),
        ({"model": "sign", "layers": 4, "width": 512, "hops": 5}, ARXIV, 3_566_128),
        (TEACHER, ARXIV, 1_441_580),
    ],
    ids=["gcnii-64x64", "gcnii-4x4", "sign", "gat-3x250x3h"],
)
def test_published_parameter_counts(spec, facts, published):
    """Chen et al. 2020 by way of STRIDE's ratio of 141 on PubMed; Joshi et al. 2022, Table 4 (ogbn-arxiv)."""
    assert sizes.measure(spec, facts).params == published


def test_ratio_of_141_gives_the_published_student():
    teacher = sizes.measure({"model": "gcnii", "layers": 64, "width": 64}, PUBMED).params
    assert sizes.solve_width({"model": "gcnii", "layers": 4}, PUBMED, teacher, 141) == 4


# --- GCNII ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 4, 64])
def test_gcnii_is_that_of_pyg(layers, graph, edges):
    torch.manual_seed(2)
    model = create({"model": "gcnii", "layers": layers, "width": 6, "theta": 0.7, "alpha": 0.2}, FACTS).double()
    theirs = [pyg.GCN2Conv(6, 0.2, 0.7, layer).double() for layer in range(1, layers + 1)]
    for layer, linear in zip(theirs, model.convolutions, strict=True):
        layer.weight1 = torch.nn.Parameter(linear.weight.detach().t().clone())
    x = start = torch.nn.functional.linear(graph.x, model.input.weight, model.input.bias).relu()
    expected = [x]
    for layer in theirs:
        expected.append(x := layer(x, start, edges).relu())
    logits = model.output(x)
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.logits, logits)
    torch.testing.assert_close(list(ours.hidden), expected)

    weight = torch.randn(logits.shape, dtype=logits.dtype, generator=torch.Generator().manual_seed(3))
    ends = [*model.input.parameters(), *model.output.parameters()]
    mine = torch.autograd.grad((ours.logits * weight).sum(), [*ends, *model.convolutions.parameters()])
    other = torch.autograd.grad((logits * weight).sum(), [*ends, *(layer.weight1 for layer in theirs)])
    torch.testing.assert_close(list(mine), [*other[:4], *(g.t() for g in other[4:])])


def test_gradient_reaches_all_64_layers(graph):
    torch.manual_seed(0)
    graph.x = graph.x.float()
    model = create({"model": "gcnii", "layers": 64, "width": 16}, FACTS).train()
    model(graph, moving()).logits.square().sum().backward()
    strengths = torch.stack([layer.weight.grad.norm() for layer in model.convolutions])
    assert strengths.isfinite().all()
    # Each layer passes 1 - alpha of it on, 63 of them about a thousandth; rounding would leave 1e-7.
    assert strengths.min() > 1e-5 * strengths.max()


# --- features under dropout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.9], ids=["sparse", "dense"])
def test_dropout_on_constant_features(share, graph):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(NODES, 40, generator=generator, dtype=torch.float64)
    x *= torch.rand(x.shape, generator=generator, dtype=torch.float64) < share
    linear = ConstantLinear(40, 5).double()
    assert torch.equal(first(linear, x, STILL, 0.5, graph), torch.nn.functional.linear(x, linear.weight, linear.bias))
    entries = Entries.of(x)
    assert (entries is not None) == (share == 0.1)
    # The same draw, seen from outside.
    masked = moving()(x, 0.5)
    if entries is not None:
        masked = torch.zeros_like(x)
        masked[x != 0] = moving()(x[x != 0], 0.5)
    expected = torch.nn.functional.linear(masked, linear.weight, linear.bias)
    ours = first(linear, x, moving(), 0.5, graph)
    torch.testing.assert_close(ours, expected)
    weight = torch.randn(ours.shape, dtype=ours.dtype, generator=generator)
    mine = torch.autograd.grad((ours * weight).sum(), list(linear.parameters()))
    torch.testing.assert_close(mine, torch.autograd.grad((expected * weight).sum(), list(linear.parameters())))


# --- SIGN -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "before"), [(2, 1), (4, 2), (5, 3)])
def test_sign_is_its_equation(layers, before, graph, edges):
    torch.manual_seed(5)
    spec = {"model": "sign", "layers": layers, "width": 6, "hops": 2, "hop_layers": before}
    model = create(spec, FACTS).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "slope" in name:
                parameter.uniform_(-1, 1)
    prelu, linear = torch.nn.functional.prelu, torch.nn.functional.linear
    dense = with_loops(edges)
    step = dense / dense.sum(1, keepdim=True)
    joined = []
    for k in range(3):
        x = torch.linalg.matrix_power(step, k) @ graph.x
        torch.testing.assert_close(hop(graph, k), x)
        for layer in range(before):
            x = linear(x, model.hops[layer][k].weight, model.hops[layer][k].bias)
            if layer < before - 1:
                x = prelu(x, model.hop_slopes[k : k + 1])
        joined.append(x)
    x = prelu(torch.cat(joined, dim=1), model.join_slope)
    for f in model.after[:-1]:
        x = prelu(f(x), model.after_slope)
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.last, x)
    torch.testing.assert_close(ours.logits, model.after[-1](x))
    weight = torch.randn(ours.logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    mine = torch.autograd.grad((ours.logits * weight).sum(), list(model.parameters()))
    other = torch.autograd.grad((model.after[-1](x) * weight).sum(), list(model.parameters()))
    torch.testing.assert_close(mine, other)


def test_sign_propagates_once(graph):
    model = create({"model": "sign", "layers": 2, "width": 4}, FACTS).double()
    model(graph, STILL)
    kept = hop(graph, 5)
    model(graph, moving())
    assert hop(graph, 5) is kept
    graph.forget()
    assert hop(graph, 5) is not kept


# --- the ogbn-arxiv GAT ---------------------------------------------------------------------------------------------


def dense_layer(model, layer, x, adjacency, norm=None):
    """One attention layer on a dense adjacency [target, source]; a node without edges gets zeros."""
    norm = adjacency if norm is None else norm
    source = norm.sum(0).rsqrt()
    values = model.convolutions[layer](x).view(NODES, model.heads[layer], -1)
    by_source = torch.einsum("nhc,hc->nh", values * source[:, None, None], model.sources[layer])
    scores = by_source[None].expand(NODES, -1, -1)
    if model.targets is not None:
        scores = scores + torch.einsum("nhc,hc->nh", values, model.targets[layer])[:, None]
    scores = torch.nn.functional.leaky_relu(scores, 0.2).exp() * adjacency[:, :, None]
    weights = scores / scores.sum(1, keepdim=True).clamp(min=1e-300)
    mixed = torch.einsum("ijh,jhc->ihc", weights, values * source[:, None, None]) * norm.sum(1).sqrt()[:, None, None]
    bias = model.biases[layer]
    return mixed.flatten(1) + model.residuals[layer](x) + (bias if len(bias) else 0)


@pytest.mark.parametrize("attend_target", [True, False])
def test_symmetric_norm_against_dense(attend_target, graph, edges):
    torch.manual_seed(7)
    spec = {"model": "gat", "layers": 3, "width": 3, "heads": 2, "norm": "none", "residual": True}
    model = create({**spec, "symmetric_norm": True, "attend_target": attend_target}, FACTS).double()
    adjacency = with_loops(edges)
    x = dense_layer(model, 1, dense_layer(model, 0, graph.x, adjacency).relu(), adjacency).relu()
    expected = dense_layer(model, 2, x, adjacency)
    ours = model(graph, STILL).logits
    torch.testing.assert_close(ours, expected)
    weight = torch.randn(expected.shape, dtype=expected.dtype, generator=torch.Generator().manual_seed(8))
    mine = torch.autograd.grad((ours * weight).sum(), list(model.parameters()))
    torch.testing.assert_close(mine, torch.autograd.grad((expected * weight).sum(), list(model.parameters())))


def test_dropped_edges_leave_the_softmax(graph, edges, monkeypatch):
    """Node 5 loses all its edges, its self-loop too, and must still have finite outputs and gradients."""
    torch.manual_seed(9)
    spec = {"model": "gat", "layers": 1, "residual": True, "symmetric_norm": True, "edge_dropout": 0.5}
    model = create(spec, FACTS).double()
    whole = with_loops(edges)
    kept = whole * (torch.rand(whole.shape, generator=torch.Generator().manual_seed(10)) < 0.5)
    kept[5] = 0
    (pointers, sources), _ = graph.looped
    rows = torch.repeat_interleave(torch.arange(NODES), (pointers[1:] - pointers[:-1]).long())
    mask = kept[rows, sources.long()][:, None]
    monkeypatch.setattr("workflow.models.architectures.gat.keep_mask", lambda x, p, generator: 2 * mask)
    ours = model(graph, moving()).logits
    expected = dense_layer(model, 0, graph.x, kept, norm=whole)
    torch.testing.assert_close(ours, expected)
    mine = torch.autograd.grad(ours.square().sum(), list(model.parameters()))
    torch.testing.assert_close(mine, torch.autograd.grad(expected.square().sum(), list(model.parameters())))


def test_edge_dropout_is_of_training_alone(graph):
    torch.manual_seed(11)
    model = create({"model": "gat", "layers": 2, "width": 4, "edge_dropout": 0.3}, FACTS).double()
    assert torch.equal(model(graph, STILL).logits, model(graph, STILL).logits)
    assert not torch.equal(model(graph, moving(1)).logits, model(graph, moving(2)).logits)
    assert torch.equal(model(graph, moving(1)).logits, model(graph, moving(1)).logits)


def tricky(**options):
    torch.manual_seed(12)
    return create({"model": "gat", "layers": 2, "width": 4, "heads": 2, "dropout": 0.0, **TRICKS, **options}, FACTS)


def test_all_training_labels_are_input_in_evaluation(graph):
    model = tricky().double()
    classes = torch.zeros(NODES, 4, dtype=torch.float64)
    classes[torch.arange(NODES // 2), graph.labels[: NODES // 2]] = 1
    expected = model.through(torch.cat([graph.x, classes], dim=1), graph, STILL)
    torch.testing.assert_close(model(graph, STILL).logits, expected.logits)


def test_a_shown_label_teaches_nothing_through_its_own_logits(graph):
    model = tricky().double().train()
    train = torch.arange(NODES // 2)
    signals = model(graph, moving())
    labels = graph.labels[train]
    each = torch.nn.functional.cross_entropy(signals.logits[train], labels, reduction="none")
    parameters = list(model.parameters())

    def gradient(loss, retain=True):
        return torch.autograd.grad(loss, parameters, retain_graph=retain, allow_unused=True)

    silent = [all(g is None or not g.any() for g in gradient(each[i])) for i in train]
    assert 3 <= sum(silent) <= NODES // 2 - 3
    others = each[~torch.tensor(silent)]
    whole = gradient(each.mean())
    torch.testing.assert_close(whole, gradient(others.mean() * (len(others) / len(train))))

    # And exactly those whose gradient is cut had their labels in the input.
    shown = torch.zeros(NODES, 4, dtype=torch.float64)
    for i in train:
        shown[i, labels[i]] = float(silent[i])
    again = model.through(torch.cat([graph.x, shown], dim=1), graph, STILL)
    torch.testing.assert_close(signals.logits, again.logits)


def test_labels_outside_the_training_split_are_not_read():
    """With other labels on the validation and test nodes, no input changes."""
    task, other = make_tiny_task(), make_tiny_task()
    rest = other.arrays["labels"].copy()
    hidden = [task.arrays[f"split/{part}"] for part in ("valid", "test")]
    for rows in hidden:
        rest[rows] = (rest[rows] + 1) % 3
    other.arrays["labels"] = rest
    graphs = [choose.create(t, CPU, "train").graph for t in (task, other)]
    assert torch.equal(graphs[0].labels, graphs[1].labels)
    assert (graphs[0].labels >= 0).sum() == len(task.arrays["split/train"])


def test_label_iterations_fill_in_predictions(graph):
    once, twice = tricky(norm="none").double(), tricky(norm="none", label_iterations=1).double()
    labels = torch.zeros(NODES, 4, dtype=torch.float64)
    labels[torch.arange(NODES // 2), graph.labels[: NODES // 2]] = 1
    labels[NODES // 2 :] = once(graph, STILL).logits[NODES // 2 :].softmax(1)
    expected = twice.through(torch.cat([graph.x, labels], dim=1), graph, STILL)
    torch.testing.assert_close(twice(graph, STILL).logits, expected.logits)


# --- all of them ----------------------------------------------------------------------------------------------------

STUDENTS = {
    "gcnii": {"model": "gcnii", "layers": 3, "width": 32, "dropout": 0.3, "input_dropout": 0.3},
    "sign": {"model": "sign", "layers": 4, "width": 16, "hops": 2},
    "gat": {"model": "gat", "layers": 2, "width": 4, "heads": 2, "edge_dropout": 0.3, "input_dropout": 0.1, **TRICKS},
}


@pytest.mark.parametrize("spec", STUDENTS.values(), ids=STUDENTS)
def test_teaches_learns_and_repeats(spec):
    """Each as the teacher of a GCN and as its student, twice with the same numbers."""

    def once():
        feed = choose.create(make_tiny_task(240), CPU, "train")
        training = training_defaults() | {"epochs": 60}
        answers = []
        for teaching, learning in ((spec, {"model": "gcn", "width": 16}), ({"model": "gcn", "width": 16}, spec)):
            streams = Streams(0, "teacher", CPU)
            with streams.globally("network"):
                teacher = create(teaching, TINY)
            assert fit(teacher, feed, streams, training).status == "ok"
            teacher.eval()
            with torch.no_grad():
                knowledge = feed.knowledge(teacher)
            streams = Streams(0, "student", CPU)
            with streams.globally("network"):
                student = create(learning, TINY)
            with streams.globally("heads"):
                method = methods.create("abkd", teacher=knowledge.shape, student=student.shape)
            outcome = fit(student, feed, streams, training, method, knowledge)
            assert outcome.status == "ok", outcome.reason
            answers.append((outcome.scores, outcome.curve))
            assert outcome.scores["valid"] > 0.5  # guessing reaches a third
        return answers

    assert once() == once()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"model": "gcnii", "alpha": 1.0}, "alpha must be at least 0 and below 1"),
        ({"model": "gcnii", "layers": 0}, "at least 1"),
        ({"model": "gcnii", "norm": "layer"}, "norm must be one of"),
        ({"model": "gcnii", "input_dropout": 1}, "input_dropout must be at least 0 and below 1"),
        ({"model": "sign", "layers": 1}, "layers must be at least 2"),
        ({"model": "sign", "layers": 3, "hop_layers": 3}, "hop_layers at least 1 and below layers"),
        ({"model": "gat", "edge_dropout": 1.0}, "edge_dropout must be at least 0 and below 1"),
        ({"model": "gat", "label_iterations": 1}, "needs labels_as_input"),
    ],
)
def test_wrong_options_give_one_line(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        create(spec, FACTS)
    assert "\n" not in str(caught.value)


def test_labels_as_input_needs_classes_and_labels(graph):
    binary = Facts("node", "binary", "rocauc", outputs=4, features=7, title="")
    with pytest.raises(UserError, match="multi-class"):
        create({"model": "gat", "labels_as_input": True}, binary)
    graph.labels = None
    with pytest.raises(ValueError, match="carries its training labels"):
        tricky().double()(graph, STILL)
