"""The training loop: losses, selection on validation, learning rates, traces."""

from __future__ import annotations

import math

import pytest
import torch

import methods
from methods.contract import Signals
from methods.rehearsal import begun
from tests.conftest import TINY
from tests.workflow.training import trainings
from tests.workflow.training.conftest import CPU, SETTINGS, STUDENT, cell, settings
from tests.workflow.training.trainings import Training
from workflow.models.model import create
from workflow.training import loop, optimizers
from workflow.training.feeds import choose
from workflow.training.loop import fit
from workflow.training.records import Records
from workflow.training.seeds import Streams

MLP = {"model": "mlp", "layers": 2, "width": 6, "dropout": 0.0, "norm": "none"}


@pytest.mark.parametrize("method", methods.available())
def test_every_method_trains_and_every_head_moves(method, tiny_task):
    """Through the real loop: a head that never reaches the optimizer would stand still."""
    feed = choose.create(tiny_task, CPU, "train")
    streams = Streams(0, "student", CPU)
    with streams.globally("network"):
        model = create(STUDENT, TINY)
    torch.manual_seed(0)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12).relu(), torch.randn(60, 12).relu()))
    if reason := methods.skip(method, tiny_task, knowledge.shape, model.shape):
        pytest.skip(reason)
    with streams.globally("heads"):
        built = methods.create(method, teacher=knowledge.shape, student=model.shape)
        begun(built, feed.taught)
    before = {name: p.detach().clone() for name, p in built.named_parameters() if p.requires_grad}
    outcome = fit(model, feed, streams, settings(epochs=2), built, knowledge)
    assert outcome.status == "ok", outcome.reason
    for name, parameter in built.named_parameters():
        if parameter.requires_grad:
            assert not torch.equal(parameter, before[name]), f"{name} did not move"


@pytest.mark.parametrize("pair", [("nosmog", "nosmog-gram"), ("glnn-two-steps", "glnn")])
def test_a_second_answer_leaves_the_students_masks_alone(pair):
    """Its dropout has a stream of its own, so that the student meets the masks that it meets without one."""
    with_view, without = (Training("node", method).run()["streams"]["torch"] for method in pair)
    assert set(with_view) - set(without) == {"view"}
    assert torch.equal(with_view["dropout"][1], without["dropout"][1])


@pytest.mark.parametrize("lamb", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["node", "neighbour"])
def test_labels_and_terms_apart_are_two_steps_of_adam(kind, lamb):
    """GLNN's schedule, against two steps of torch's own optimizer on an MLP written out."""
    training = Training(kind, "glnn-two-steps", MLP, settings(epochs=5, evaluate_every=5, weight_decay=0.1))
    found = training.run(hyperparameters={"lamb": lamb})
    weights, labels, terms = two_steps(training, lamb)
    assert found["outcome"].best_epoch == 5
    for ours, theirs in zip(found["model"].values(), weights, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-6)
    ((_, told),) = found["outcome"].terms
    assert told == pytest.approx({"labels": labels, "kd": terms}, rel=1e-4)
    assert found["outcome"].curve[0][1] == pytest.approx(labels + terms, rel=1e-4)
    for other in ("kd", "glnn-two-steps+fitnet"):  # one step on the sum; and a method whose head waits for its terms
        options = {"kd": {"alpha": 1 - lamb, "temperature": 1.0}}.get(other, {"glnn-two-steps": {"lamb": lamb}})
        run = Training(kind, other, MLP, training.changes).run(hyperparameters=options)
        assert run["outcome"].status == "ok"
        assert not torch.allclose(run["model"]["convolutions.0.weight"], weights[0], atol=1e-4)


def two_steps(training, lamb):
    """Weights after the epochs, and the mean of each loss over all steps."""
    feed, streams = training.feed(), Streams(0, "student", CPU)
    with streams.globally("network"):
        weights = [p.detach().clone().requires_grad_() for p in create(MLP, TINY).parameters()]
    knowledge, features = trainings.of_nodes(feed.task), torch.from_numpy(feed.task.arrays["features"])
    labels = torch.from_numpy(feed.task.labels)
    adam = torch.optim.Adam(weights, lr=training.settings.learning_rate, weight_decay=0.1)
    seen = {"labels": [], "terms": []}
    for _, steps in zip(range(5), feed.steps(streams, knowledge), strict=False):
        for step in steps:
            ids = step.batch.ids
            for name, values in seen.items():
                first, start, last, end = weights
                z = (features[ids] @ first.T + start).relu() @ last.T + end
                if name == "labels":
                    loss = -lamb * z.log_softmax(1)[step.labeled].gather(1, labels[ids][step.labeled, None]).mean()
                else:
                    p = knowledge.logits[ids].softmax(1)
                    loss = (1 - lamb) * (p * (p.log() - z.log_softmax(1))).sum(1).mean()
                values.append(loss.item())
                adam.zero_grad()
                loss.backward()
                adam.step()
    return weights, *(sum(values) / len(values) for values in seen.values())


def test_reported_scores_are_those_of_the_best_validation_epoch(taught, tiny_task):
    """Whose weights are scored and kept: those of the last epoch are worse."""
    (row,) = taught.distill(cell("kd", training=settings(epochs=15, learning_rate=0.2)), seeds=(0,))
    history = Records(taught.folder / "cell").read(0).history
    valid = [score for _, _, score in history.curve]
    assert valid[-1] < max(valid)
    assert row["best_epoch"] == 1 + valid.index(max(valid))
    assert row["valid"] == max(valid)


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
        outcome = fit(model, feed, streams, settings(epochs=15, learning_rate=0.2))
        models.append((outcome.best_epoch, outcome.scores["valid"], model.state_dict()["convolutions.0.weight"]))
    assert models[0][0] > 1, "the first epoch is chosen whatever is looked at"
    assert models[0][:2] == models[1][:2]
    assert torch.equal(models[0][2], models[1][2])


def test_learning_rate_warms_up_then_follows_the_cosine():
    warming = settings(epochs=8, warm_up=4, schedule="constant")
    rates = [loop._rate(warming, epoch) for epoch in range(1, 9)]
    assert rates == pytest.approx([SETTINGS.learning_rate * f for f in (0.25, 0.5, 0.75, 1, 1, 1, 1, 1)])
    cosine = settings(epochs=8, warm_up=0, schedule="cosine")
    rates = [loop._rate(cosine, epoch) for epoch in (1, 5)]
    assert rates == pytest.approx([SETTINGS.learning_rate, SETTINGS.learning_rate / 2])


def test_the_schedule_reaches_the_optimizer(tiny_task, monkeypatch):
    """A warm-up of three epochs beneath a cosine over six."""
    rates, step = [], optimizers.Optimizer.step
    monkeypatch.setattr(optimizers.Optimizer, "step", lambda self: (rates.append(self.rate), step(self))[1])
    feed, streams = choose.create(tiny_task, CPU, "all"), Streams(0, "student", CPU)
    with streams.globally("network"):
        model = create(STUDENT, TINY)
    fit(model, feed, streams, settings(epochs=6, learning_rate=0.01, warm_up=3, schedule="cosine"))
    cosine = [(1 + math.cos(math.pi * epoch / 6)) / 2 for epoch in range(6)]
    assert rates == pytest.approx([0.01 * min(1, (n + 1) / 3) * factor for n, factor in enumerate(cosine)])


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
        outcome = fit(model, choose.create(tiny_task, CPU, "all"), streams, settings(epochs=1, loss=kind))
        losses[kind] = outcome.curve[0][1]
    assert losses["cross-entropy"] != losses["log-cross-entropy"]


def test_attention_is_traced_over_training(taught):
    taught.distill(cell("abkd", training=settings(epochs=25)), seeds=(0,))
    history = Records(taught.folder / "cell").read(0).history
    assert [epoch for epoch, _ in history.trace] == [1, *range(2, 25, 2), 25]
    maps = [torch.tensor(values["attention"]) for _, values in history.trace]
    assert all(map_.shape == (3, 2) for map_ in maps)
    torch.testing.assert_close(maps[0].sum(1), torch.ones(3))
    assert not torch.allclose(maps[0], maps[-1])


def test_patience_stops_early(taught):
    (row,) = taught.distill(cell("kd", training=settings(epochs=500, patience=3)), seeds=(0,))
    assert row["epochs"] == row["best_epoch"] + 3 < 500


def test_only_evaluated_epochs_are_chosen(taught):
    (row,) = taught.distill(cell("kd", training=settings(epochs=20, evaluate_every=6)), seeds=(0,))
    history = Records(taught.folder / "cell").read(0).history
    assert [epoch for epoch, *_ in history.curve] == [6, 12, 18, 20]
    assert row["best_epoch"] in (6, 12, 18, 20)
