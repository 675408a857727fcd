"""A training draws from its own streams alone, and nothing goes from one seed to the next."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from baselines.kd import SoftTargets
from tests.workflow.training.test_checkpoint import NETWORKS, checkpoint_in
from tests.workflow.training.trainings import KINDS, Training, assert_same
from workflow.models.architectures.gcn import GCN
from workflow.specs import TrainingSettings
from workflow.training import device as devices
from workflow.training.seeds import HiddenRandomnessError

DRAWS = {
    "torch.rand": ("torch", lambda: torch.rand(1)),
    "torch.randperm": ("torch", lambda: torch.randperm(3)),
    "nn.Dropout": ("torch", lambda: torch.nn.Dropout(0.5)(torch.ones(3))),
    "dropout": ("torch", lambda: torch.nn.functional.dropout(torch.ones(3), 0.5)),
    "manual_seed": ("torch", lambda: torch.manual_seed(0)),
    "numpy": ("numpy", np.random.rand),
    "Python": ("Python", random.random),
}


def drawing(cls, draw, monkeypatch, since=1):
    """Lets every forward pass of a network or method draw, from the given one on; gives what was drawn."""
    forward, drawn, passes = cls.forward, [], []

    def drawing_forward(self, *arguments):
        passes.append(1)
        if len(passes) >= since:
            drawn.append(draw())
        return forward(self, *arguments)

    monkeypatch.setattr(cls, "forward", drawing_forward)
    return drawn


@pytest.mark.parametrize("cls", [GCN, SoftTargets])
@pytest.mark.parametrize("draw", DRAWS)
def test_draws_from_a_global_stream_are_refused_after_the_first_epoch(draw, cls, monkeypatch):
    stream, call = DRAWS[draw]
    drawing(cls, call, monkeypatch)
    seen = []
    with pytest.raises(HiddenRandomnessError, match=rf"global random stream of {stream};.*batch\.generator") as caught:
        Training("node").run(progress=lambda epoch, score: seen.append(epoch))
    assert not seen
    _, reason = devices.trouble(caught.value)
    assert reason.endswith("`batch.generator`"), "the row would not tell all of it"


def test_draws_that_begin_late_are_refused_at_the_end(monkeypatch):
    drawing(SoftTargets, DRAWS["numpy"][1], monkeypatch, since=5)
    seen = []
    with pytest.raises(HiddenRandomnessError, match="numpy"):
        Training("node").run(progress=lambda epoch, score: seen.append(epoch))
    assert seen == [1, 2, 3, 4, 5]


def test_nothing_is_saved_after_such_a_draw(monkeypatch, tmp_path):
    """A training that goes on from there could no longer notice it."""
    drawing(SoftTargets, DRAWS["numpy"][1], monkeypatch, since=3)
    seen = []
    with pytest.raises(HiddenRandomnessError):
        Training("node").run(checkpoint=checkpoint_in(tmp_path), progress=lambda epoch, score: seen.append(epoch))
    assert seen == [1, 2, 3]


def global_states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize("draw", ["torch.rand", "numpy", "Python"])
def test_such_draws_do_not_depend_on_what_ran_before(draw, monkeypatch):
    drawn = drawing(SoftTargets, DRAWS[draw][1], monkeypatch)
    for before in (1, 2):
        torch.manual_seed(before)
        np.random.seed(before)
        random.seed(before)
        states = global_states()
        with pytest.raises(HiddenRandomnessError):
            Training("node").run()
        assert global_states() == states
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("method", [None, "supervised", "kd", "gcrd", "abkd"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_trains_the_same_after_another_one(kind, method):
    """The feed is shared by all seeds of a process, as in a block."""
    training = Training(kind, method)
    feed = training.feed()
    training.run(feed, seed=0)
    assert_same(training.run(feed, seed=1), training.run(seed=1))


@pytest.mark.parametrize(("kind", "network"), NETWORKS)
def test_a_network_trains_the_same_after_another_one(kind, network):
    training = Training(kind, "kd", network, TrainingSettings(epochs=3))
    feed = training.feed()
    training.run(feed, seed=0)
    assert_same(training.run(feed, seed=1), training.run(seed=1))
