"""Costs of networks: multiply-accumulates, latency, and one that cannot be measured."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch_geometric import nn as pyg

from reports.rows import Role
from tests.conftest import TINY
from tests.workflow.training.conftest import CPU
from workflow.models.model import create
from workflow.specs import MeasuredNetwork
from workflow.training import measuring
from workflow.training.feeds import choose
from workflow.training.measuring import MacCounter, answer
from workflow.variants import Variant


@pytest.mark.parametrize("model", ["gcn", "sage", "mlp", "gcnii", "sign"])
def test_latency_counts_the_first_layer_every_time(model, tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"model": model, "layers": 2, "width": 4}, TINY).eval()
    found = []
    for _ in range(3):
        with torch.no_grad(), MacCounter() as counter:
            answer(feed, network)
        found.append(counter.macs)
    assert len(set(found)) == 1


def test_milliseconds_are_told(tiny_task, monkeypatch):
    monkeypatch.setattr(measuring, "latency", lambda call: SimpleNamespace(median=0.002, iqr=0.0005))
    costs = measuring._cost({"model": "gcn", "width": 4}, TINY, tiny_task, CPU)
    assert (costs["latency_ms_median"], costs["latency_ms_iqr"]) == pytest.approx((2.0, 0.5))


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (lambda: pyg.GCNConv(5, 4), 3 * 5 * 4 + 7 * 4),
        (lambda: pyg.SAGEConv(5, 4), 4 * 5 + 2 * 3 * 5 * 4),
        (lambda: pyg.SAGEConv(5, 4, aggr="sum"), 4 * 5 + 2 * 3 * 5 * 4),
        (lambda: pyg.GATConv(5, 4, heads=2), 3 * 5 * 8 + 7 * 8 + 7 * 2),
        (lambda: pyg.GINConv(nn.Linear(5, 4)), 4 * 5 + 3 * 5 * 4),
    ],
    ids=["gcn", "sage-mean", "sage-sum", "gat", "gin"],
)
def test_layers_of_pyg_are_counted_by_the_same_rule(layer, macs):
    """By hand: 3 nodes, 4 edges, 3 self-loops where there are any; for attention also the sums of its softmax."""
    edges = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]])
    with torch.no_grad(), MacCounter() as counter:
        layer()(torch.ones(3, 5), edges)
    assert counter.macs == macs


@pytest.mark.parametrize(("reduce", "macs"), [("sum", 4 * 5), ("mean", 4 * 5), ("max", 0)])
def test_a_sum_of_rows_beside_each_other_costs_what_one_by_an_index_does(reduce, macs):
    rows, lengths = torch.ones(4, 5), torch.tensor([1, 3])
    with torch.no_grad(), MacCounter() as beside:
        torch.segment_reduce(rows, reduce, lengths=lengths)
    with torch.no_grad(), MacCounter() as indexed:
        torch.zeros(2, 5).index_add_(0, torch.tensor([0, 1, 1, 1]), rows)
    assert beside.macs == macs
    assert indexed.macs == 4 * 5
    with torch.no_grad(), MacCounter() as scalars:
        torch.segment_reduce(torch.ones(4), "sum", lengths=lengths)
    assert scalars.macs == 0, "sums of scalars, such as degrees, are none"


@pytest.mark.parametrize(
    ("model", "macs"),
    [
        ({"model": "gcn"}, lambda n, e, f, c: (e + n) * f + n * f * c),
        ({"model": "sage"}, lambda n, e, f, c: e * f + 2 * n * f * c),
        ({"model": "gat", "heads": 1}, lambda n, e, f, c: n * f * c + (e + n) * c + (e + n)),
    ],
    ids=["gcn", "sage", "gat"],
)
def test_layers_of_this_project_are_counted_by_hand(model, macs, tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"layers": 1, "width": 4, **model}, TINY).eval()
    with torch.no_grad(), MacCounter() as counter:
        answer(feed, network)
    edges = len(tiny_task.arrays["sources"])
    assert counter.macs == macs(len(tiny_task.labels), edges, TINY.features, TINY.outputs)


def test_a_network_that_cannot_be_measured_is_a_row_and_the_next_goes_on(taught, monkeypatch):
    real = measuring.latency

    def greedy(call):
        if not measured:
            measured.append(1)
            raise torch.OutOfMemoryError("too\nmuch")
        return real(call)

    measured = []
    monkeypatch.setattr(measuring, "latency", greedy)
    monkeypatch.setattr(measuring.catalog, "facts", lambda name: TINY)
    networks = [
        MeasuredNetwork(
            name=f"gcn-2x{width}", role=Role.STUDENT, ratio_target=None, model={"model": "gcn", "width": width}
        )
        for width in (4, 5)
    ]
    first, second = measuring.measure(networks, taught.folder / "task", torch.device("cpu"))
    assert (first.status, first.reason) == ("oom", "OutOfMemoryError: too much")
    assert first.params > 0
    assert first.macs is first.latency_ms_median is first.peak_memory_mb is None
    assert second.status == "ok"
    assert second.latency_ms_median > 0


def test_a_network_is_measured_without_what_others_have_built(taught, monkeypatch):
    """A GCN's matrices would count as memory of the MLP that comes after it."""
    found = []

    def watched(feed, model):
        found.append(dict(feed.graph._structure))
        return answer(feed, model)

    monkeypatch.setattr(measuring, "latency", lambda call: SimpleNamespace(median=1, iqr=0))
    monkeypatch.setattr(measuring, "answer", watched)
    monkeypatch.setattr(measuring.catalog, "facts", lambda name: TINY)
    networks = [
        MeasuredNetwork(name=model, role=Role.STUDENT, ratio_target=None, model={"model": model, "width": 4})
        for model in ("gcn", "mlp")
    ]
    measuring.measure(networks, taught.folder / "task", CPU)
    assert len(found) == 2 and not found[1]


def test_an_inductive_task_costs_what_the_plain_one_does(tiny_task, tmp_path, monkeypatch):
    """Its scores take two passes, over the seen graph and the whole; an answer for all nodes takes one."""
    monkeypatch.setattr(measuring.catalog, "facts", lambda name: TINY)
    network = MeasuredNetwork(name="gcn", role=Role.STUDENT, ratio_target=None, model={"model": "gcn", "width": 4})
    macs = []
    for number, task in enumerate((tiny_task, Variant(inductive=True).apply(tiny_task).finish())):
        task.save(tmp_path / str(number))
        (row,) = measuring.measure([network], tmp_path / str(number), torch.device("cpu"))
        macs.append(row.macs)
    assert macs[0] == macs[1]


def test_latency_is_the_median_of_warm_answers():
    calls = []

    def call():
        calls.append(1)
        time.sleep(0.05 if len(calls) == 1 else 0.002)

    taken = measuring.latency(call)
    assert 0.002 < taken.median < 0.02 and taken.iqr >= 0
    assert len(taken.times) == measuring.REPEATS


@pytest.mark.parametrize(("longest", "repeats"), [(0.05, 1), (0.5, 5)])
def test_a_slow_network_is_timed_for_about_as_long_as_is_allowed(monkeypatch, longest, repeats):
    monkeypatch.setattr(measuring, "LONGEST_SECONDS", longest)
    calls = []
    taken = measuring.latency(lambda: (calls.append(1), time.sleep(0.1)))
    assert taken.median >= 0.1
    assert len(taken.times) <= repeats
    assert len(calls) == len(taken.times) + min(repeats, measuring.WARM_CALLS)


@pytest.mark.parametrize("batch", [(), (5,)])
def test_products_cost_a_multiply_add_per_entry_and_column(batch):
    left, right = torch.ones(*batch, 2, 3), torch.ones(*batch, 3, 7)
    added = torch.baddbmm if batch else torch.addmm
    with torch.no_grad(), MacCounter() as counter:
        left @ right
        added(torch.ones(*batch, 2, 7), left, right)
    assert counter.macs == 2 * math.prod(batch) * 2 * 3 * 7
