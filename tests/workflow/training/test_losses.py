"""The terms of a loss over a training."""

from __future__ import annotations

import math

import pytest
import torch

from tests.workflow.training.conftest import cell, settings
from tests.workflow.training.trainings import Training
from workflow.specs import TrainingSettings
from workflow.training.losses import Losses
from workflow.training.records import Records


def note(losses: Losses, epoch: int, supervised: float, **terms: float) -> None:
    values = {name: torch.tensor(value) for name, value in terms.items()}
    losses.add(epoch, torch.tensor(supervised + sum(terms.values())), torch.tensor(supervised), values)


def test_means_over_all_steps_since_the_last_evaluation():
    losses = Losses()
    note(losses, 1, 4.0, kd=1.0)
    note(losses, 1, 2.0, kd=3.0)
    note(losses, 2, 0.0)
    assert losses.read() == (pytest.approx(10 / 3), {"labels": 2.0, "kd": pytest.approx(4 / 3)}, "")
    note(losses, 3, 7.0)
    assert losses.read() == (7.0, {"labels": 7.0}, "")


def test_what_was_noted_before_a_checkpoint_counts_after_it():
    losses, other = Losses(), Losses()
    note(losses, 1, 4.0, kd=1.0)
    other.restore(losses.state())
    for each in (losses, other):
        note(each, 2, 2.0, kd=1.0)
    assert other.read() == losses.read() == (4.0, {"labels": 3.0, "kd": 1.0}, "")


def test_the_first_step_that_is_not_finite_is_named():
    losses = Losses()
    note(losses, 1, 1.0, one=1.0, other=1.0)
    note(losses, 2, 1.0, one=math.inf, other=math.nan)
    note(losses, 3, math.nan, one=math.nan, other=math.nan)
    assert losses.read().trouble == "term `one` inf, term `other` nan at epoch 2"
    losses.add(4, torch.tensor(math.inf), torch.tensor(3e38), {"one": torch.tensor(3e38)})
    assert losses.read().trouble == "the sum of its terms at epoch 4"


def test_a_constant_of_the_host_stands_beside_terms_of_a_gpu():
    """As it may in their sum. The meta device stands for a GPU: no operation mixes it with the host's tensors."""
    losses, gpu = Losses(), torch.zeros((), device="meta")
    losses.add(1, gpu, gpu, {"one": torch.zeros(())})
    assert torch.stack(losses._waiting).device == gpu.device


@pytest.mark.parametrize(("method", "names"), [(None, {"labels"}), ("kd", {"labels", "kd"}), ("dkd", None)])
@pytest.mark.parametrize("kind", ["node", "graph", "saint"])
def test_terms_add_up_to_the_loss(kind, method, names):
    if method == "dkd" and kind == "graph":
        pytest.skip("has no classes")
    outcome = Training(kind, method, changes=TrainingSettings(evaluate_every=2)).run()["outcome"]
    assert [epoch for epoch, _ in outcome.terms] == [epoch for epoch, *_ in outcome.curve] == [2, 4, 5]
    for (_, terms), (_, loss, _) in zip(outcome.terms, outcome.curve, strict=True):
        assert names is None or set(terms) == names
        assert sum(terms.values()) == pytest.approx(loss, rel=1e-5)
        assert all(value != 0 for value in terms.values())


def test_the_supervised_term_is_as_weighted(taught):
    """Alpha .9 leaves a tenth of the cross-entropy that the floor has before its first step."""
    first = {}
    for method in ("supervised", "kd"):
        taught.distill(cell(method, training=settings(epochs=1)), seeds=(0,), name=method)
        first[method] = Records(taught.folder / method).read(0).history.terms[0][1]["labels"]
    ratio = first["kd"] / first["supervised"]
    assert ratio == pytest.approx(1 - 0.9, rel=1e-4)
