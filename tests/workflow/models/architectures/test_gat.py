"""The GAT of the ogbn-arxiv teacher against a dense restatement, and labels as input."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import make_tiny_task
from tests.workflow.models.tiny_graph import FACTS, NODES, STILL, moving, with_loops
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.models.model import create
from workflow.training.feeds import choose

CPU = torch.device("cpu")
TRICKS = {"residual": True, "attend_target": False, "symmetric_norm": True, "labels_as_input": True}


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
    mask = kept[graph.looped.rows.long(), graph.looped.columns.long()][:, None]
    monkeypatch.setattr("workflow.models.architectures.gat.keep", lambda x, p, generator: (mask > 0, 2.0))
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


def test_guesses_have_no_gradient(graph, monkeypatch):
    model, seen = tricky(norm="none", label_iterations=2).double(), []
    once = model._pass
    monkeypatch.setattr(model, "_pass", lambda *told: (seen.append(torch.is_grad_enabled()), once(*told))[1])
    model(graph, STILL)
    assert seen == [False, False, True]


def test_label_iterations_fill_in_predictions(graph):
    once, twice = tricky(norm="none").double(), tricky(norm="none", label_iterations=1).double()
    labels = torch.zeros(NODES, 4, dtype=torch.float64)
    labels[torch.arange(NODES // 2), graph.labels[: NODES // 2]] = 1
    labels[NODES // 2 :] = once(graph, STILL).logits[NODES // 2 :].softmax(1)
    expected = twice.through(torch.cat([graph.x, labels], dim=1), graph, STILL)
    torch.testing.assert_close(twice(graph, STILL).logits, expected.logits)


def test_labels_as_input_needs_classes_and_labels(graph):
    binary = Facts("node", "binary", "rocauc", outputs=4, features=7, title="")
    with pytest.raises(UserError, match="multi-class"):
        create({"model": "gat", "labels_as_input": True}, binary)
    graph.labels = None
    with pytest.raises(ValueError, match="carries its training labels"):
        tricky().double()(graph, STILL)


def test_attention_vectors_start_as_published():
    """Glorot over all heads at once: of 3 heads x 250 columns the standard deviation is .063, not .126."""
    torch.manual_seed(0)
    model = create({"model": "gat", "layers": 3, "width": 250, "heads": 3}, FACTS)
    for vectors, heads in zip((*model.sources, *model.targets), model.heads * 2, strict=True):
        width = vectors.shape[1]
        expected = 2**0.5 * (2 / (heads * width + width)) ** 0.5
        assert float(vectors.detach().std()) == pytest.approx(expected, rel=0.6 if width < 100 else 0.12)
