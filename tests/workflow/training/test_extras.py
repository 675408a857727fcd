"""What methods ask of a teacher beside its signals, and the ids that they are told."""

from __future__ import annotations

import importlib.metadata

import pytest
import torch

from methods.contract import NotApplicableError, Signals
from methods.vocabulary import Extra
from tests.conftest import TINY, make_tiny_task
from tests.workflow import tiny_hetero, tiny_molecules
from tests.workflow.training.conftest import CPU, TEACHER, cell
from tests.workflow.training.feeds.tiny_graphs import recognisable
from workflow import identity
from workflow.models.model import create
from workflow.training import extras
from workflow.training.extras import Taught, load_or_make
from workflow.training.feeds import choose
from workflow.training.records import Records
from workflow.training.seeds import Streams
from workflow.variants import Variant


def taught_by(feed, model, seed=0) -> Taught:
    return Taught(feed.task, lambda: feed, seed, None, feed.knowledge(model.eval()).detached(), lambda _: model)


def entropy(logits):
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1)


@pytest.mark.parametrize("kind", ["transductive", "inductive", "heterogeneous"])
@torch.no_grad()
def test_noise_changes_the_entropy_of_a_prediction(kind):
    """The same noise by hand, on the features of a task of its own; unknown where the teacher has no answer."""
    if kind == "heterogeneous":
        task, model, name = tiny_hetero.make_task(), tiny_hetero.network(), "features/paper"
    else:
        task, name = make_tiny_task(), "features"
        task = Variant(inductive=True).apply(task).finish() if kind == "inductive" else task
        model = create({"model": "gcn", "width": 6}, TINY)
    feed = choose.create(task, CPU, "all", tiny_hetero.FULL)
    found = extras.MAKERS[Extra.NOISE_ENTROPY](taught_by(feed, model, seed=3))
    noise = torch.randn(60, 5, generator=Streams(3, "teacher", CPU).generator("noise"))
    if kind != "heterogeneous":
        rows = len(feed.taught)
        noise = torch.randn(
            rows, 5, generator=torch.Generator().manual_seed(Streams(3, "teacher", CPU).number("noise"))
        )
        placed = torch.zeros(60, 5)
        placed[feed.order[:rows]] = noise
        noise = placed
    changed = {**task.arrays, name: task.arrays[name] + noise.numpy()}
    other = choose.create(type(task)(**{**task.__dict__, "arrays": changed}), CPU, "all", tiny_hetero.FULL)
    before, after = (entropy(one.knowledge(model).logits) for one in (feed, other))
    torch.testing.assert_close(found, (after - before).abs(), equal_nan=True, rtol=1e-4, atol=1e-6)
    assert found.nan_to_num().max() > 1e-3
    assert bool(found.isnan().any()) == (kind == "inductive")


def test_atoms_take_no_noise():
    feed = choose.create(tiny_molecules.make_task(), CPU, "all", tiny_hetero.FULL)
    taught = taught_by(feed, tiny_molecules.make_network("mol_gin"))
    with pytest.raises(NotApplicableError, match="atoms are categories"):
        extras.MAKERS[Extra.NOISE_ENTROPY](taught)


@pytest.mark.parametrize("model", ["gcnii", "mlp", "sign", "gcn", "mol_gin", "pna"])
@torch.no_grad()
def test_a_classifier_makes_the_logits_of_the_last_hidden_layer(model):
    molecular = model in tiny_molecules.MODELS
    task = tiny_molecules.make_task() if molecular else make_tiny_task()
    network = create({"model": model, "layers": 3, "width": 6}, tiny_molecules.FACTS if molecular else TINY)
    taught = taught_by(choose.create(task, CPU, "all", tiny_hetero.FULL), network)
    if model == "gcn":
        with pytest.raises(NotApplicableError, match="no linear map of its last hidden layer"):
            extras.MAKERS[Extra.CLASSIFIER](taught)
        return
    found, h = extras.MAKERS[Extra.CLASSIFIER](taught), taught.signals.hidden[-1].float()
    if molecular:
        h = torch.stack([part.mean(0) for part in h.split(list(torch.tensor(task.arrays["node_pointers"]).diff()))])
    torch.testing.assert_close(h @ found[:, :-1].T + found[:, -1], taught.signals.logits, rtol=1e-3, atol=1e-3)


def test_clusters_are_communities_within_each_graph():
    """Two triangles joined by one edge are two communities; numbers begin anew in every graph."""
    task = tiny_molecules.make_task()
    triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    edges = torch.tensor([pair for a, b in triangles for pair in ((a, b), (b, a))]).T
    both = torch.cat([edges, edges + 6], 1).numpy()
    arrays = {"edge_index": both, "node_pointers": torch.tensor([0, 6, 12, 13]), "edge_pointers": [0, 14, 28, 28]}
    feed = choose.create(task, CPU, "all", tiny_hetero.FULL)
    feed.task = type(task)(**{**task.__dict__, "arrays": arrays, "fingerprint": ""})
    found = extras.MAKERS[Extra.CLUSTERS](
        Taught(feed.task, lambda: feed, 0, None, recognisable(task), lambda _: None)
    ).tolist()
    assert found[12] == 0
    for graph in (found[:6], found[6:12]):
        assert sorted(graph) == [0, 0, 0, 1, 1, 1]
        assert len(set(graph[:3])) == len(set(graph[3:])) == 1


def test_clusters_are_made_once_for_all_seeds_of_a_process(monkeypatch):
    calls = []
    monkeypatch.setattr(extras, "_communities", lambda task: calls.append(task) or torch.zeros(3))
    monkeypatch.setattr(extras, "_FOUND", {})
    task = tiny_molecules.make_task()
    others = [type(task)(**{**task.__dict__, "fingerprint": mark}) for mark in ("other", "", "")]
    for each in (task, task, *others):
        extras.MAKERS[Extra.CLUSTERS](Taught(each, lambda: None, 0, None, None, lambda _: None))
    assert calls == [task, *others], "what has no fingerprint is nobody's"


def test_clusters_of_another_networkx_are_made_anew(tmp_path, monkeypatch):
    made, version = [], importlib.metadata.version
    for extra in (Extra.CLUSTERS, Extra.CLASSIFIER):
        monkeypatch.setitem(extras.MAKERS, extra, lambda _, extra=extra: made.append(extra) or torch.zeros(3))
    taught = Taught(make_tiny_task(), lambda: None, 0, None, None, lambda _: None)
    for told in ("3.6", "3.6", "9.9"):
        monkeypatch.setattr(importlib.metadata, "version", lambda n, t=told: t if n == "networkx" else version(n))
        identity._version.cache_clear()
        for extra in extras.MAKERS:
            if extra != Extra.NOISE_ENTROPY:
                load_or_make(tmp_path / extra, extra, taught)
    identity._version.cache_clear()
    assert sorted(made) == [Extra.CLASSIFIER, Extra.CLUSTERS, Extra.CLUSTERS]


def test_an_extra_is_made_once_and_again_where_its_file_is_another_ones(tmp_path, monkeypatch):
    task, path = make_tiny_task(), tmp_path / "x.safetensors"
    made = []

    def maker(taught):
        made.append(taught.seed)
        return torch.full((3,), float(len(made)))

    monkeypatch.setitem(extras.MAKERS, Extra.CLASSIFIER, maker)
    feed = choose.create(task, CPU, "all")

    def asked(record=None):
        taught = Taught(feed.task, lambda: feed, 0, record, Signals(torch.zeros(60, 3), ()), lambda _: None)
        return load_or_make(path, Extra.CLASSIFIER, taught).tolist()

    class Other:
        knowledge = "another teacher's"

    assert asked() == asked() == [1, 1, 1]
    assert asked(Other()) == [2, 2, 2]
    path.write_bytes(b"damaged")
    assert asked(Other()) == asked(Other()) == [3, 3, 3]


def test_students_get_extras_or_say_why_not(taught):
    (row,) = taught.distill(cell("krd-noise"), seeds=(0,), name="noise")
    assert row["status"] == "ok", row["reason"]
    assert Records(taught.folder / "teacher").extra(0, Extra.NOISE_ENTROPY).exists()
    (row,) = taught.distill(cell("srrl"), seeds=(0,), name="srrl")
    assert (row["status"], row["reason"]) == (
        "skipped",
        "the teacher's logits are no linear map of its last hidden layer",
    )
    assert TEACHER.model["model"] == "gcn"


@pytest.mark.parametrize("on", ["train", "all"])
@pytest.mark.parametrize("kind", ["node", "full", "saint", "graph"])
def test_ids_of_a_step_are_those_of_the_task(kind, on):
    """Knowledge that tells its own row, and labels, are found again under the ids; over an epoch, under all of them."""
    task = {"node": make_tiny_task, "graph": tiny_molecules.make_task}.get(kind, tiny_hetero.make_task)()
    settings = tiny_hetero.SAINT if kind == "saint" else tiny_hetero.FULL
    feed = choose.create(task, CPU, on, settings)
    units = torch.arange(60.0)[:, None]
    known = recognisable(task) if kind == "graph" else Signals(units, (units,))
    seen = set()
    for step in next(iter(feed.steps(Streams(0, "student", CPU), known))):
        assert step.batch.ids.tolist() == step.teacher.logits[:, 0].tolist()
        assert step.batch.row_ids.tolist() == step.teacher.hidden[0][:, 0].tolist()
        seen |= set(step.batch.ids.tolist())
    taught = feed.taught.tolist()
    assert taught == sorted(taught)
    assert seen == set(taught) or (kind == "saint" and seen < set(taught))
    assert len(taught) == (len(task.split("train")) if on == "train" else len(task.labels))
