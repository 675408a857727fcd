"""The shared loop: optimizers, selection, pairing, determinism, failures, resume."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from methods.contract import NotApplicableError, Signals
from tests.conftest import TINY
from workflow.config import training_defaults
from workflow.errors import UserError
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.training import device as devices
from workflow.training import loop, measuring, optimizers
from workflow.training.block import Block
from workflow.training.feeds import choose
from workflow.training.loop import evaluate, fit
from workflow.training.measuring import MacCounter, answer
from workflow.training.seeds import Streams

CPU = torch.device("cpu")
SETTINGS = training_defaults() | {"epochs": 8}
TEACHER = {
    "dataset": "tiny",
    "teacher": "gcn-3x12",
    "model": {"model": "gcn", "layers": 3, "width": 12},
    "training": SETTINGS,
    "params": 300,
    "params_with_embeddings": 300,
}


def cell(method: str, **changes) -> dict:
    hyperparameters = changes.pop("hyperparameters", {})
    return {
        "dataset": "tiny",
        "teacher": "gcn-3x12",
        "teacher_params": 300,
        "teacher_params_with_embeddings": 300,
        "student": "gcn-2x4",
        "student_params": 60,
        "student_params_with_embeddings": 60,
        "ratio_target": 5.0,
        "model": {"model": "gcn", "layers": 2, "width": 4, "dropout": 0.3},
        "training": SETTINGS,
        "method": method,
        "method_id": method,
        "hyperparameters": hyperparameters,
        "distill_on": "train",
        **changes,
    }


class Bench:
    """Runs blocks on the tiny task inside a temporary folder."""

    def __init__(self, folder: Path, task) -> None:
        self.folder = folder
        task.save(folder / "task")
        self.teachers = [folder / "teacher"]

    def teach(self, seeds=(0, 1), spec=TEACHER):
        Block(spec, self.folder / "task", self.teachers[0], "cpu", 1).teach(list(seeds))
        return self.rows(self.teachers[0])

    def distill(self, spec, seeds=(0, 1), name="cell"):
        Block(spec, self.folder / "task", self.folder / name, "cpu", 1).distill(list(seeds), self.teachers)
        return self.rows(self.folder / name)

    @staticmethod
    def rows(folder):
        return json.loads((folder / "rows.json").read_text())


@pytest.fixture
def bench(tmp_path, tiny_task):
    return Bench(tmp_path, tiny_task)


@pytest.fixture
def taught(bench):
    bench.teach()
    return bench


NUMBERS = ("train", "valid", "test", "best_epoch", "epochs", "status")


def numbers(rows):
    return [{key: row[key] for key in NUMBERS} for row in rows]


# --- the parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_is_that_of_torch(name):
    def train(make):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
        optimizer = make(list(model.parameters()))
        for _ in range(20):
            optimizer.zero_grad()
            model(torch.ones(3, 4)).square().mean().backward()
            optimizer.step()
        return [p.detach() for p in model.parameters()]

    theirs = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    settings = {"optimizer": name, "learning_rate": 0.05, "weight_decay": 0.1}
    ours = train(lambda p: optimizers.create(p, settings))
    torch.testing.assert_close(ours, train(lambda p: theirs(p, lr=0.05, weight_decay=0.1)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("p", [0.1, 0.25, 0.3, 0.5, 0.95])
def test_dropout_draws_from_its_own_stream(p):
    x = torch.ones(1001, 31)
    state = torch.random.get_rng_state()
    first = Dropout(torch.Generator().manual_seed(1))(x, p)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(first, Dropout(torch.Generator().manual_seed(1))(x, p))
    assert not torch.equal(first, Dropout(torch.Generator().manual_seed(2))(x, p))
    five_sigma = 5 * (p * (1 - p) / x.numel()) ** 0.5
    assert float((first == 0).float().mean()) == pytest.approx(p, abs=five_sigma)
    assert float(first.max()) == pytest.approx(1 / (1 - p), rel=1e-3)
    # No entry follows from its neighbour, nor from the one 8 further on (the next 64-bit number).
    zero = (first == 0).flatten().float() - p
    for distance in (1, 4, 8, 31):
        assert abs(float((zero[distance:] * zero[:-distance]).mean())) < 5 * p * (1 - p) / x.numel() ** 0.5


def test_streams_differ_by_seed_role_and_name():
    numbers_ = {
        Streams(seed, role, CPU).number(stream)
        for seed in range(10)
        for role in ("teacher", "student")
        for stream in ("network", "heads", "dropout", "sampling", "batches")
    }
    assert len(numbers_) == 100


# --- the protocol ---------------------------------------------------------------------------------------------------


def test_same_first_weights_and_dropout_for_every_method(taught, tiny_task):
    """A method with heads, or one that samples, must not shift the student's draws."""
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12), torch.randn(60, 12)))
    seen = {}
    for method in ("supervised", *methods.available()):
        block = Block(cell(method), taught.folder / "task", taught.folder / "x", "cpu", 1)
        streams = Streams(7, "student", CPU)
        network = block._network(streams)
        built = block._method(streams, knowledge.shape, network.shape)
        steps = next(block.feed.steps(streams, knowledge))
        dropout = Dropout(streams.generator("dropout"))
        logits = network(steps[0].inputs, dropout).logits
        rows = network(steps[0].inputs, dropout)
        built(rows, steps[0].teacher, steps[0].batch)
        seen[method] = (logits, network(steps[0].inputs, dropout).logits)
    for method, both in seen.items():
        for ours, plain in zip(both, seen["supervised"], strict=True):
            assert torch.equal(ours, plain), method


@pytest.mark.parametrize("method", methods.available())
def test_every_method_trains_and_every_head_moves(method, tiny_task):
    """Through the real loop: a head that never reaches the optimizer would stand still."""
    feed = choose.create(tiny_task, CPU, "train")
    streams = Streams(0, "student", CPU)
    spec = cell(method)
    facts_model = Block.__new__(Block)
    facts_model.spec, facts_model.device = spec, CPU
    from workflow import catalog

    facts_model.facts = catalog.facts("tiny")
    model = facts_model._network(streams)
    torch.manual_seed(0)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12).relu(), torch.randn(60, 12).relu()))
    built = facts_model._method(streams, knowledge.shape, model.shape)
    before = {name: p.detach().clone() for name, p in built.named_parameters() if p.requires_grad}
    outcome = fit(model, feed, streams, SETTINGS | {"epochs": 2}, built, knowledge)
    assert outcome.status == "ok", outcome.reason
    for name, parameter in built.named_parameters():
        if parameter.requires_grad:
            assert not torch.equal(parameter, before[name]), f"{name} did not move"


def test_same_seed_same_numbers_bit_for_bit(taught):
    first = taught.distill(cell("gcrd"), name="a")
    second = taught.distill(cell("gcrd"), name="b")
    assert numbers(first) == numbers(second)
    one, two = (load_file(taught.folder / name / "weights" / "seed~1.safetensors") for name in "ab")
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_seed_does_not_depend_on_its_block(taught):
    together = taught.distill(cell("kd"), seeds=(0, 1), name="together")
    alone = taught.distill(cell("kd"), seeds=(1,), name="alone")
    assert numbers(together)[1:] == numbers(alone)


def test_seeds_differ(taught):
    rows = taught.distill(cell("supervised"))
    a, b = (load_file(taught.folder / "cell" / "weights" / f"seed~{s}.safetensors") for s in (0, 1))
    assert [row["seed"] for row in rows] == [0, 1]
    assert not torch.equal(a["convolutions.0.weight"], b["convolutions.0.weight"])


def test_each_student_learns_from_the_teacher_of_its_seed(taught):
    """Exchanging the teachers must change kd's students, and must not change the supervised ones."""
    folder = taught.teachers[0] / "knowledge"
    before = {m: taught.distill(cell(m), seeds=(0,), name=m) for m in ("kd", "supervised")}
    kept = (folder / "seed~1.safetensors").read_bytes()
    (folder / "seed~0.safetensors").write_bytes(kept)
    after = {m: taught.distill(cell(m), seeds=(0,), name=f"{m}-after") for m in ("kd", "supervised")}
    weights = {m: load_file(taught.folder / m / "weights" / "seed~0.safetensors") for m in before}
    changed = {m: load_file(taught.folder / f"{m}-after" / "weights" / "seed~0.safetensors") for m in before}
    key = "convolutions.0.weight"
    assert not torch.equal(weights["kd"][key], changed["kd"][key])
    assert torch.equal(weights["supervised"][key], changed["supervised"][key])
    assert numbers(before["supervised"]) == numbers(after["supervised"])


def test_reported_scores_are_those_of_the_best_validation_epoch(taught, tiny_task):
    (row,) = taught.distill(cell("kd", training=SETTINGS | {"epochs": 15}), seeds=(0,))
    (history,) = json.loads((taught.folder / "cell" / "history.json").read_text())
    valid = [score for _, _, score in history["curve"]]
    assert row["best_epoch"] == 1 + valid.index(max(valid))
    assert row["valid"] == max(valid)


def test_saved_weights_reproduce_the_reported_scores(taught, tiny_task):
    (row,) = taught.distill(cell("kd", training=SETTINGS | {"epochs": 15}), seeds=(0,))
    block = Block(cell("kd"), taught.folder / "task", taught.folder / "again", "cpu", 1)
    model = create(block.spec["model"], block.facts)
    model.load_state_dict(load_file(taught.folder / "cell" / "weights" / "seed~0.safetensors"))
    assert evaluate(model, block.feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_weights_can_be_left_out(taught):
    """On ogbn-mag a student's embeddings would fill the disk."""
    block = Block(cell("kd"), taught.folder / "task", taught.folder / "light", "cpu", 1)
    block.distill([0], taught.teachers, keep_weights=False)
    assert taught.rows(taught.folder / "light")[0]["status"] == "ok"
    assert not (taught.folder / "light" / "weights").exists()


def test_saved_knowledge_is_that_of_the_saved_weights(taught, tiny_task):
    block = Block(TEACHER, taught.folder / "task", taught.folder / "again", "cpu", 1)
    model = create(TEACHER["model"], block.facts)
    model.load_state_dict(load_file(taught.teachers[0] / "weights" / "seed~0.safetensors"))
    model.eval()
    saved = load_file(taught.teachers[0] / "knowledge" / "seed~0.safetensors")
    with torch.no_grad():
        signals = block.feed.knowledge(model)
    assert torch.equal(saved["logits"], signals.logits)
    assert torch.equal(saved["hidden.1"], signals.hidden[1])


def test_test_labels_change_no_training(taught, tiny_task):
    """Selection on validation only: other test labels give the same weights and epochs."""
    labels = tiny_task.labels.copy()
    labels[tiny_task.split("test")] = (labels[tiny_task.split("test")] + 1) % 3
    other = type(tiny_task)(**{**tiny_task.__dict__, "arrays": {**tiny_task.arrays, "labels": labels}})
    models = []
    for task in (tiny_task, other):
        feed = choose.create(task, CPU, "all")
        streams = Streams(0, "student", CPU)
        with streams.globally("network"):
            model = create({"model": "gcn", "width": 4}, TINY)
        outcome = fit(model, feed, streams, SETTINGS)
        models.append((outcome.best_epoch, outcome.scores["valid"], model.state_dict()["convolutions.0.weight"]))
    assert models[0][:2] == models[1][:2]
    assert torch.equal(models[0][2], models[1][2])


def test_methods_never_see_labels_outside_the_training_split(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    streams = Streams(0, "student", CPU)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12),))
    batch = next(feed.steps(streams, knowledge))[0].batch
    train = np.isin(feed.order.numpy(), tiny_task.split("train"))
    assert (batch.labels[~train] == -1).all()
    assert (batch.labels[train] == torch.as_tensor(tiny_task.labels[feed.order.numpy()[train]])).all()


def test_knowledge_comes_in_the_order_of_the_task(tiny_task):
    """Inside, a feed keeps its nodes in another order."""
    arrays = {name: torch.as_tensor(np.array(tiny_task.arrays[name])) for name in ("features", "pointers", "sources")}
    graph = Graph(arrays["features"], arrays["pointers"], arrays["sources"])
    network = create({"model": "gcn", "layers": 3, "width": 4}, TINY).eval()
    with torch.no_grad():
        found = choose.create(tiny_task, CPU, "all").knowledge(network)
        expected = network(graph, Dropout(None))
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.hidden, expected.hidden)


def test_a_part_is_predicted_as_the_whole_is(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"model": "gcn", "layers": 3, "width": 4}, TINY).eval()
    with torch.no_grad():
        whole = feed.knowledge(network).logits
        for part in ("train", "valid", "test"):
            found = feed.predict(network, part)
            torch.testing.assert_close(found, whole[torch.as_tensor(tiny_task.split(part)).long()])


def test_scores_are_those_of_the_task_order(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"model": "gcn", "layers": 2, "width": 4}, TINY).eval()
    with torch.no_grad():
        hits = feed.knowledge(network).logits.argmax(1).numpy() == tiny_task.labels
    expected = {part: hits[tiny_task.split(part)].mean() for part in ("train", "valid", "test")}
    assert evaluate(network, feed) == pytest.approx(expected)


@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_batch_edges_are_those_among_the_rows(tiny_task, distill_on):
    feed = choose.create(tiny_task, CPU, distill_on)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12),))
    step = next(feed.steps(Streams(0, "student", CPU), knowledge))[0]
    rows = feed.order.numpy() if distill_on == "all" else np.sort(tiny_task.split("train"))
    number = {int(node): row for row, node in enumerate(rows)}
    pointers, sources = tiny_task.arrays["pointers"], tiny_task.arrays["sources"]
    expected = {
        (number[int(j)], number[int(i)])
        for i in rows
        for j in sources[pointers[i] : pointers[i + 1]]
        if int(j) in number
    }
    assert set(map(tuple, step.batch.edge_index.T.tolist())) == expected
    torch.testing.assert_close(step.teacher.logits, knowledge.logits[torch.as_tensor(rows)])


def test_learning_rate_warms_up_then_follows_the_cosine():
    rates = []
    optimizer = SimpleNamespace(set_rate=rates.append)
    for epoch in range(1, 9):
        loop._set_rate(optimizer, SETTINGS | {"epochs": 8, "warm_up": 4, "schedule": "constant"}, epoch)
    assert rates == pytest.approx([SETTINGS["learning_rate"] * f for f in (0.25, 0.5, 0.75, 1, 1, 1, 1, 1)])
    rates.clear()
    for epoch in (1, 5):
        loop._set_rate(optimizer, SETTINGS | {"epochs": 8, "warm_up": 0, "schedule": "cosine"}, epoch)
    assert rates == pytest.approx([SETTINGS["learning_rate"], SETTINGS["learning_rate"] / 2])


def test_logarithmic_cross_entropy():
    logits, labels = torch.randn(20, 4, dtype=torch.float64), torch.randint(0, 4, (20,))
    offset = 1 - math.log(2)
    each = [-float(row.log_softmax(0)[label]) for row, label in zip(logits, labels, strict=True)]
    expected = sum(math.log(offset + ce) - math.log(offset) for ce in each) / 20
    assert float(loop.supervised_loss(logits, labels, "multiclass", "log-cross-entropy")) == pytest.approx(expected)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loop.supervised_loss(x, labels, "multiclass", "log-cross-entropy"), logits
    )


def test_the_loss_of_a_config_is_the_one_that_trains(tiny_task):
    losses = {}
    for kind in ("cross-entropy", "log-cross-entropy"):
        streams = Streams(0, "student", CPU)
        with streams.globally("network"):
            model = create({"model": "gcn", "width": 4}, TINY)
        outcome = fit(model, choose.create(tiny_task, CPU, "all"), streams, SETTINGS | {"epochs": 1, "loss": kind})
        losses[kind] = outcome.curve[0][1]
    assert losses["cross-entropy"] != losses["log-cross-entropy"]


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["supervised", "abkd", "stride"])
def test_diverged_training_is_a_row(method, taught):
    """Also where the method leaves a trace, which then is not finite either."""
    spec = cell(method, training=SETTINGS | {"optimizer": "sgd", "learning_rate": 1e30})
    (row,) = taught.distill(spec, seeds=(0,))
    assert row["status"] == "diverged"
    assert "epoch" in row["reason"]
    assert row["test"] is None


def test_a_teacher_that_fails_anew_leaves_nothing_of_the_old_one(taught):
    (first, _) = taught.teach(spec=TEACHER | {"training": SETTINGS | {"optimizer": "sgd", "learning_rate": 1e30}})
    assert first["status"] == "diverged"
    rows = taught.distill(cell("kd"))
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert "diverged" in rows[0]["reason"]


def test_local_structure_without_two_neighbours_is_skipped(taught, tiny_task):
    """Among the distilled nodes no node has two neighbours: the loss would be that of plain supervised training."""
    alone = np.zeros_like(tiny_task.arrays["pointers"])
    arrays = {**tiny_task.arrays, "pointers": alone, "sources": tiny_task.arrays["sources"][:0]}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    taught.teach()
    (row,) = taught.distill(cell("lsp"), seeds=(0,))
    assert (row["status"], row["test"]) == ("skipped", None)
    feed = choose.create(tiny_task, CPU, "train")
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    batch = next(feed.steps(Streams(0, "student", CPU), knowledge))[0].batch
    batch.edge_index = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(NotApplicableError, match="two neighbours"):
        rows = knowledge.at(slice(0, batch.rows))
        methods.create("lsp", teacher=knowledge.shape, student=knowledge.shape)(rows, rows, batch)


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


def test_peak_memory_starts_anew():
    devices.reset_peak_memory(CPU)
    before = devices.peak_memory_mb(CPU)
    torch.ones(2**25)  # 128 MiB
    grown = devices.peak_memory_mb(CPU) - before
    devices.reset_peak_memory(CPU)
    if sys.platform == "linux":
        assert 100 < grown < 200
        assert devices.peak_memory_mb(CPU) < before + 60


def test_failing_method_is_a_row_and_the_next_seed_goes_on(taught, monkeypatch):
    real = Block._method

    def broken(self, streams, teacher, student):
        if streams.seed == 0:
            raise RuntimeError("no such\nthing")
        return real(self, streams, teacher, student)

    monkeypatch.setattr(Block, "_method", broken)
    first, second = taught.distill(cell("kd"))
    assert (first["status"], first["reason"]) == ("failed", "RuntimeError: no such thing")
    assert second["status"] == "ok"


def test_out_of_memory_is_a_row(taught, monkeypatch):
    def greedy(*_):
        raise torch.OutOfMemoryError("too much")

    monkeypatch.setattr(Block, "_method", greedy)
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "oom"


def test_skipped_method_is_a_row(taught):
    spec = cell("fitnet", model={"model": "mlp", "layers": 1})
    (row,) = taught.distill(spec, seeds=(0,))
    assert row["status"] == "skipped"
    assert "hidden layer" in row["reason"]


def test_students_of_a_diverged_teacher_are_rows(bench):
    rows = bench.teach(seeds=(0,), spec=TEACHER | {"training": SETTINGS | {"optimizer": "sgd", "learning_rate": 1e30}})
    assert rows[0]["status"] == "diverged"
    (row,) = bench.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "failed"
    assert "diverged" in row["reason"]


def test_knowledge_of_other_data_is_refused(taught, tiny_task):
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] + 1}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    with pytest.raises(UserError, match="belongs to data"):
        taught.distill(cell("kd"))


def interrupt(taught, monkeypatch):
    """Stops a cell of kd between its seeds 0 and 1."""
    real = Block._distill_one

    def interrupted(self, seed, teachers):
        if seed == 1:
            raise KeyboardInterrupt
        return real(self, seed, teachers)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Block, "_distill_one", interrupted)
        taught.distill(cell("kd"), seeds=(0, 1))


def count_trainings(monkeypatch):
    """A list that gets the seeds which are trained from now on."""
    trained = []
    real = Block._distill_one
    monkeypatch.setattr(Block, "_distill_one", lambda self, seed, t: (trained.append(seed), real(self, seed, t))[1])
    return trained


def test_interrupted_block_goes_on_where_it_stopped(taught, monkeypatch):
    whole = taught.distill(cell("kd"), seeds=(0, 1), name="whole")
    interrupt(taught, monkeypatch)
    assert not (taught.folder / "cell" / "rows.json").exists()
    trained = count_trainings(monkeypatch)
    rows = taught.distill(cell("kd"), seeds=(0, 1))
    assert trained == [1]
    assert numbers(rows) == numbers(whole)


def test_another_spec_takes_nothing_over(taught, monkeypatch):
    finished = taught.folder / "cell" / "finished"
    interrupt(taught, monkeypatch)
    assert list(finished.iterdir())
    trained = count_trainings(monkeypatch)
    taught.distill(cell("kd", hyperparameters={"alpha": 0.5}), seeds=(0, 1))
    assert trained == [0, 1]


def test_another_teacher_takes_nothing_over(taught, monkeypatch):
    """Retrained by other code under the same spec, say: no cell holds students of two teachers."""
    interrupt(taught, monkeypatch)
    taught.teach(spec=TEACHER | {"training": SETTINGS | {"learning_rate": 0.02}})
    trained = count_trainings(monkeypatch)
    taught.distill(cell("kd"), seeds=(0, 1))
    assert trained == [0, 1]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (0, 2)])
def test_what_a_method_traces_may_have_any_shape(shape, taught, monkeypatch):
    monkeypatch.setattr(methods.load("kd"), "trace", lambda self: {"value": torch.ones(shape)})
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    (history,) = json.loads((taught.folder / "cell" / "history.json").read_text())
    assert row["status"] == "ok"
    rows = torch.tensor(history["trace"][0][1]["value"])
    assert rows.numel() == torch.ones(shape).numel()
    assert rows.dim() == 2 or not rows.numel()


def test_a_network_that_cannot_be_measured_is_a_row_and_the_next_goes_on(taught, monkeypatch):
    real = measuring.latencies

    def greedy(call, device):
        if not measured:
            measured.append(1)
            raise torch.OutOfMemoryError("too\nmuch")
        return real(call, device)

    measured = []
    monkeypatch.setattr(measuring, "latencies", greedy)
    monkeypatch.setattr(measuring.catalog, "facts", lambda name: TINY)
    networks = [
        {"name": f"gcn-2x{width}", "role": "student", "ratio_target": None, "model": {"model": "gcn", "width": width}}
        for width in (4, 5)
    ]
    first, second = measuring.measure(networks, taught.folder / "task", "cpu", 1)
    assert (first["status"], first["reason"]) == ("oom", "OutOfMemoryError: too much")
    assert first["params"] > 0
    assert first["macs"] is first["latency_ms_median"] is first["peak_memory_mb"] is None
    assert second["status"] == "ok"
    assert second["latency_ms_median"] > 0


def test_attention_is_traced_over_training(taught):
    taught.distill(cell("abkd", training=SETTINGS | {"epochs": 25}), seeds=(0,))
    (history,) = json.loads((taught.folder / "cell" / "history.json").read_text())
    assert [epoch for epoch, _ in history["trace"]] == [1, *range(2, 25, 2), 25]
    maps = [torch.tensor(values["attention"]) for _, values in history["trace"]]
    assert all(map_.shape == (3, 2) for map_ in maps)
    torch.testing.assert_close(maps[0].sum(1), torch.ones(3))
    assert not torch.allclose(maps[0], maps[-1])


def test_patience_stops_early(taught):
    (row,) = taught.distill(cell("kd", training=SETTINGS | {"epochs": 500, "patience": 3}), seeds=(0,))
    assert row["epochs"] == row["best_epoch"] + 3 < 500


def test_only_evaluated_epochs_are_chosen(taught):
    (row,) = taught.distill(cell("kd", training=SETTINGS | {"epochs": 20, "evaluate_every": 6}), seeds=(0,))
    (history,) = json.loads((taught.folder / "cell" / "history.json").read_text())
    assert [epoch for epoch, *_ in history["curve"]] == [6, 12, 18, 20]
    assert row["best_epoch"] in (6, 12, 18, 20)


def test_cuda_where_there_is_none_is_one_line(taught):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="device: cuda is wanted"):
        Block(cell("kd"), taught.folder / "task", taught.folder / "x", "cuda", 1)
