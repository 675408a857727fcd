"""Heterogeneous node classification: R-GCN against dense products and PyG, random walks, sampled steps, whole jobs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.sparse import csr_array
from torch_geometric.nn import HeteroConv, SAGEConv

import methods
from methods.contract import UNLABELED, Signals
from workflow import catalog
from workflow.catalog import Facts
from workflow.config import training_defaults
from workflow.datasets.parts.csr import both_ways, csr, relation, symmetric_csr
from workflow.models import sizes
from workflow.models.hetero import HeteroGraph, ends, pattern
from workflow.models.model import Dropout, create
from workflow.task import Task
from workflow.training import optimizers
from workflow.training.block import Block
from workflow.training.feeds import choose
from workflow.training.feeds.heterogeneous import HeteroFeed
from workflow.training.feeds.saint import RandomWalks, induced
from workflow.training.loop import evaluate
from workflow.training.measuring import measure
from workflow.training.seeds import Streams

CPU = torch.device("cpu")
STILL = Dropout(None)
COUNTS = {"paper": 60, "author": 25, "topic": 9}
RELATIONS = [
    "author/rev_by/paper",
    "paper/about/topic",
    "paper/by/author",
    "paper/cites/paper",
    "topic/rev_about/paper",
]
INFO = {"target": "paper", "counts": COUNTS, "features": {"paper": 5}, "relations": RELATIONS}
FACTS = Facts("heterogeneous", "multiclass", "accuracy", 3, 5, "Tiny", INFO, embedded=True)
FULL = training_defaults() | {"epochs": 6, "walk_length": 2}
SAINT = FULL | {"sampler": "saint", "roots": 12, "steps_per_epoch": 3}
SPEC = {"model": "rgcn", "layers": 2, "width": 8, "embedding": 6}
DEEP = {"model": "rgcn", "layers": 3, "width": 12, "embedding": 6}


def make_task() -> Task:
    """Three classes that features, citations and topics tell, not perfectly."""
    random = np.random.default_rng(0)
    papers, authors, topics = COUNTS.values()
    labels = random.integers(0, 3, papers)
    about = np.stack([np.repeat(np.arange(papers), 2), random.integers(0, 3, 2 * papers) * 3 + np.repeat(labels, 2)])
    by = np.stack([random.integers(0, papers, 70), random.integers(0, authors - 1, 70)])  # the last author has no paper
    source, target = random.integers(0, papers, (2, 4 * papers))
    kept = (labels[source] == labels[target]) | (random.random(4 * papers) < 0.3)
    parts = np.split(random.permutation(papers), [30, 45])
    arrays = {
        "labels": labels,
        "features/paper": (random.normal(size=(papers, 5)) + np.eye(3, 5)[labels]).astype(np.float32),
        **relation("paper/cites/paper", symmetric_csr(source[kept], target[kept], papers)),
        **both_ways("paper", "about", "topic", about, (papers, topics)),
        **both_ways("paper", "by", "author", by, (papers, authors)),
        **{f"split/{p}": np.sort(ids) for p, ids in zip(("train", "valid", "test"), parts, strict=True)},
    }
    return Task("tiny-het", "heterogeneous", "multiclass", "accuracy", 3, arrays, INFO).finish()


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Task:
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, "tiny-het": ("tiny_het", FACTS)})
    return make_task()


@pytest.fixture
def knowledge() -> Signals:
    generator = torch.Generator().manual_seed(5)
    return Signals(torch.randn(60, 3, generator=generator), (torch.randn(60, 12, generator=generator),))


def feed_of(task: Task, training: dict, distill_on: str = "all") -> HeteroFeed:
    feed = choose.create(task, CPU, distill_on, training)
    assert isinstance(feed, HeteroFeed)
    return feed


def network(spec: dict = SPEC, seed: int = 0):
    with Streams(seed, "student", CPU).globally("network"):
        return create(spec, FACTS)


def doubled(task: Task, **changes) -> HeteroGraph:
    """The whole graph in float64."""
    feed = feed_of(task, FULL)
    return HeteroGraph({"paper": feed.features["paper"].double()}, COUNTS, feed.patterns, "paper", **changes)


# --- the network ----------------------------------------------------------------------------------------------------


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


def test_wanted_rows_are_those_of_all(task):
    model = network(DEEP).double()
    rows = torch.tensor([3, 4, 17, 59])
    some, every = model(doubled(task, rows=rows), STILL), model(doubled(task), STILL).at(rows)
    torch.testing.assert_close(some.logits, every.logits)
    torch.testing.assert_close(some.hidden, every.hidden)


def test_hidden_states_are_taken_before_dropout(task):
    model = network(SPEC | {"dropout": 0.95}).double()
    dropped = model(doubled(task), Dropout(torch.Generator().manual_seed(0)))
    kept = model(doubled(task), STILL)
    torch.testing.assert_close(dropped.hidden, kept.hidden)
    assert not torch.allclose(dropped.logits, kept.logits)


def test_gradient_without_transposes_is_refused(task):
    with pytest.raises(ValueError, match="without its transpose"):
        network().double()(doubled(task, backward=False), STILL).logits.sum().backward()


# --- the sampler ----------------------------------------------------------------------------------------------------


def walks_of(task: Task, roots: int = 40, length: int = 5) -> RandomWalks:
    return RandomWalks(feed_of(task, FULL).patterns, COUNTS, roots, length)


def test_walks_follow_edges_of_every_relation_and_stay_where_there_is_none(task):
    walks = walks_of(task)
    allowed = {
        (walks.first[ends(name)[1]] + int(i), walks.first[ends(name)[0]] + int(j)): name
        for name, matrix in feed_of(task, FULL).patterns.items()
        for i, j in zip(*matrix.nonzero(), strict=True)
    }
    lonely = set(range(sum(COUNTS.values()))) - {i for i, _ in allowed}
    random, used = np.random.default_rng(0), set()
    for _ in range(20):
        stops = walks.walk(random)
        for i, j in zip(stops[:-1].ravel().tolist(), stops[1:].ravel().tolist(), strict=True):
            if i in lonely:
                assert i == j
            else:
                used.add(allowed[i, j])
    assert used == set(RELATIONS)


def test_walks_choose_uniformly_over_all_edges_of_a_node(task):
    walks = walks_of(task)
    node = walks.first["paper"] + 3
    found = walks._move(np.full(60_000, node), np.random.default_rng(0).random(60_000))
    _, counts = np.unique(found, return_counts=True)
    degree = walks.degrees["paper"][3]
    assert len(counts) == degree
    np.testing.assert_allclose(counts / 60_000, 1 / degree, rtol=0.1)


def test_sampled_nodes_are_those_of_the_walks(task):
    walks = walks_of(task)
    nodes = walks.sample(np.random.default_rng(1))
    visited = {int(node) for node in walks.walk(np.random.default_rng(1)).ravel()}
    assert {walks.first[kind] + int(i) for kind, ids in nodes.items() for i in ids} == visited


def test_induced_graph_is_the_naive_one(task):
    patterns = feed_of(task, FULL).patterns
    nodes = walks_of(task, roots=10, length=2).sample(np.random.default_rng(2))
    for name, found in induced(patterns, nodes).items():
        source, target = (nodes[kind] for kind in ends(name))
        np.testing.assert_array_equal(found.toarray(), patterns[name].toarray()[np.ix_(target, source)])
        assert found.has_sorted_indices


# --- sampled steps --------------------------------------------------------------------------------------------------


def sampled(task, knowledge, distill_on="all", seed=0, count=3):
    feed = feed_of(task, SAINT, distill_on)
    epochs = feed.steps(Streams(seed, "student", CPU), knowledge)
    return [step for _ in range(count) for step in next(epochs)]


def test_same_graphs_at_a_seed_whatever_a_method_draws(task, knowledge):
    steps = sampled(task, knowledge)
    again = feed_of(task, SAINT).steps(Streams(0, "student", CPU), knowledge)
    for step in steps[:3]:
        torch.rand(3)
        torch.rand(3, generator=step.batch.generator)
    for one, other in zip(steps, [s for _ in range(3) for s in next(again)], strict=True):
        assert one.inputs.ids.keys() == other.inputs.ids.keys() == {"author", "topic"}
        assert all(torch.equal(ids, other.inputs.ids[kind]) for kind, ids in one.inputs.ids.items())
    different = sampled(task, knowledge, seed=1)
    assert any(
        not torch.equal(a.inputs.ids["author"], b.inputs.ids["author"]) for a, b in zip(steps, different, strict=True)
    )


def papers_of(step, task) -> np.ndarray:
    """Ids of the papers that a step's outputs stand for, found by their features."""
    x = step.inputs.features["paper"]
    x = x if step.inputs.rows is None else x[step.inputs.rows]
    where = (x.numpy()[:, None] == task.arrays["features/paper"][None]).all(2)
    assert (where.sum(1) == 1).all()
    return where.argmax(1)


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("training", [FULL, SAINT], ids=["full", "saint"])
def test_steps_hide_labels_and_match_the_teacher(task, knowledge, distill_on, training):
    feed = feed_of(task, training, distill_on)
    step = next(iter(next(feed.steps(Streams(0, "student", CPU), knowledge))))
    papers = papers_of(step, task)
    trained = np.isin(papers, task.split("train"))
    if distill_on == "train":
        assert trained.all()
    elif training is FULL:
        assert len(papers) == 60
    expected = np.where(trained, task.labels[papers], UNLABELED)
    np.testing.assert_array_equal(step.batch.labels.numpy(), expected)
    np.testing.assert_array_equal(step.labels.numpy(), task.labels[papers[trained]])
    labeled = np.arange(len(papers)) if step.labeled is None else step.labeled.numpy()
    np.testing.assert_array_equal(labeled, np.flatnonzero(trained))
    assert torch.equal(step.teacher.logits, knowledge.logits[torch.from_numpy(papers)])
    adjacency = feed.patterns["paper/cites/paper"].toarray()[np.ix_(papers, papers)]
    target, source = adjacency.nonzero()
    assert set(map(tuple, step.batch.edge_index.T.tolist())) == set(zip(source.tolist(), target.tolist(), strict=True))


def test_sampled_step_is_the_network_on_the_induced_graph(task, knowledge):
    """Features, embeddings and edges belong together after the renumbering."""
    (step, *_) = sampled(task, knowledge, distill_on="train")
    model = network(DEEP)
    papers = step.inputs.features["paper"]
    x = {"paper": papers, **{kind: model.embeddings[kind][ids] for kind, ids in step.inputs.ids.items()}}
    whole = HeteroGraph(x, step.inputs.nodes, {}, "paper")
    whole.means = step.inputs.means
    model_inputs = {kind: x[kind].detach() for kind in x}
    for layer in range(3):
        y = {kind: model.roots[layer][kind](model_inputs[kind]) for kind in COUNTS}
        for name in RELATIONS:
            source, target = ends(name)
            y[target] = y[target] + whole.means[name].forward.to_dense() @ model.maps[layer][name](model_inputs[source])
        model_inputs = {kind: value.relu() for kind, value in y.items()}
    torch.testing.assert_close(model(step.inputs, STILL).logits, y["paper"][step.inputs.rows], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_untouched_embeddings_stay_as_they_are(task, knowledge, name):
    model = network()
    optimizer = optimizers.create(list(model.parameters()), SAINT | {"optimizer": name, "weight_decay": 0.1})
    for step in sampled(task, knowledge, count=2):
        before = {kind: table.detach().clone() for kind, table in model.embeddings.items()}
        optimizer.zero_grad()
        model(step.inputs, STILL).logits.square().sum().backward()
        optimizer.step()
        for kind, table in model.embeddings.items():
            assert table.grad.is_sparse
            moved = (table != before[kind]).any(1).nonzero().flatten()
            # A sampled node that nothing reads has a zero gradient, and moves by its decay alone.
            assert len(moved)
            assert set(moved.tolist()) <= set(step.inputs.ids[kind].tolist())


def test_sparse_adam_is_that_of_torch():
    start = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    ids = [torch.tensor([1, 4, 7]), torch.tensor([7, 2]), torch.tensor([1, 9]), torch.tensor([0, 7])]

    def train(make):
        table = torch.nn.Parameter(start.clone())
        optimizer = make([table])
        for rows in ids:
            optimizer.zero_grad()
            torch.nn.functional.embedding(rows, table, sparse=True).pow(3).sum().backward()
            optimizer.step()
        return table.detach()

    settings = {"optimizer": "adam", "learning_rate": 0.05, "weight_decay": 0}
    ours = train(lambda p: optimizers.create(p, settings))
    torch.testing.assert_close(ours, train(lambda p: torch.optim.SparseAdam(p, lr=0.05)))
    dense_sgd = train(lambda p: optimizers.create(p, settings | {"optimizer": "sgd"}))
    torch.testing.assert_close(dense_sgd[[3, 5, 6, 8]], start[[3, 5, 6, 8]])


# --- whole jobs -----------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, folder: Path, task: Task, training: dict) -> None:
        self.folder, self.training = folder, training
        task.save(folder / "task")

    def teach(self):
        size = sizes.measure(DEEP, FACTS)
        spec = {"dataset": "tiny-het", "teacher": "rgcn-3x12", "model": DEEP, "training": self.training}
        spec |= {"params": size.params, "params_with_embeddings": size.params_with_embeddings}
        Block(spec, self.folder / "task", self.folder / "teacher", "cpu", 1).teach([0])
        return json.loads((self.folder / "teacher" / "rows.json").read_text())

    def distill(self, method, distill_on="train", name=None):
        large, small = sizes.measure(DEEP, FACTS), sizes.measure(SPEC, FACTS)
        spec = {
            "dataset": "tiny-het",
            "teacher": "rgcn-3x12",
            "teacher_params": large.params,
            "teacher_params_with_embeddings": large.params_with_embeddings,
            "student": "rgcn-2x8",
            "student_params": small.params,
            "student_params_with_embeddings": small.params_with_embeddings,
            "ratio_target": None,
            "model": SPEC,
            "training": self.training,
            "method": method,
            "method_id": method,
            "hyperparameters": {},
            "distill_on": distill_on,
        }
        folder = self.folder / (name or method)
        Block(spec, self.folder / "task", folder, "cpu", 1).distill([0], [self.folder / "teacher"])
        return json.loads((folder / "rows.json").read_text())


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("training", [FULL, SAINT | {"walk_length": 0}], ids=["full", "saint"])
def test_every_method_distills_and_the_saved_weights_are_the_row(task, tmp_path, training, distill_on):
    bench = Bench(tmp_path, task, training)
    (teacher,) = bench.teach()
    assert teacher["status"] == "ok", teacher["reason"]
    feed = feed_of(task, FULL)
    found = load_file(tmp_path / "teacher" / "knowledge" / "seed~0.safetensors")
    model = create(DEEP, FACTS)
    model.load_state_dict(load_file(tmp_path / "teacher" / "weights" / "seed~0.safetensors"))
    assert torch.equal(found["logits"], feed.predict(model))
    for part, rows in feed.split.items():
        torch.testing.assert_close(feed.predict(model, part), found["logits"][rows])
    with safe_open(tmp_path / "teacher" / "knowledge" / "seed~0.safetensors", "pt") as file:
        assert file.metadata()["fingerprint"] == task.fingerprint
    for method in methods.available():
        (row,) = bench.distill(method, distill_on)
        assert row["status"] == "ok" or (row["status"] == "skipped" and row["reason"]), (method, row)
        if row["status"] == "ok":
            model = create(SPEC, FACTS)
            model.load_state_dict(load_file(tmp_path / method / "weights" / "seed~0.safetensors"))
            assert evaluate(model, feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_same_seed_same_row_and_both_ratios(task, tmp_path):
    bench = Bench(tmp_path, task, SAINT)
    bench.teach()
    first, second = bench.distill("kd", name="a")[0], bench.distill("kd", name="b")[0]
    assert [first[key] for key in ("train", "valid", "test", "best_epoch")] == [
        second[key] for key in ("train", "valid", "test", "best_epoch")
    ]
    weights = [load_file(tmp_path / name / "weights" / "seed~0.safetensors") for name in "ab"]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    tables = 6 * (COUNTS["author"] + COUNTS["topic"])
    large, small = first["teacher_params"], first["student_params"]
    assert first["ratio"] == large / small
    assert first["ratio_with_embeddings"] == (large + tables) / (small + tables)


def test_walks_are_as_long_as_the_network_is_deep(task, tmp_path):
    task.save(tmp_path / "task")
    spec = {"dataset": "tiny-het", "teacher": "t", "model": DEEP, "training": SAINT | {"walk_length": 0}}
    assert Block(spec, tmp_path / "task", tmp_path / "out", "cpu", 1).feed.training["walk_length"] == 3
    spec["training"] = SAINT | {"walk_length": 5}
    assert Block(spec, tmp_path / "task", tmp_path / "out", "cpu", 1).feed.training["walk_length"] == 5


def test_measurements_count_embeddings_apart(task, tmp_path, monkeypatch):
    monkeypatch.setattr("workflow.training.measuring.REPEATS", 2)
    task.save(tmp_path / "task")
    entry = {"name": "rgcn-2x8", "role": "student", "ratio_target": 4.0, "model": SPEC}
    (row,) = measure([entry], tmp_path / "task", "cpu", 1)
    assert row["params_with_embeddings"] - row["params"] == 6 * (COUNTS["author"] + COUNTS["topic"])
    assert row["macs"] > 0
    assert row["latency_ms_median"] > 0


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
