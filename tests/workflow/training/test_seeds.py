"""Random streams: what one part draws never shifts another."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

import methods
from methods.contract import Signals
from methods.rehearsal import begun
from methods.vocabulary import Kind
from tests.conftest import TINY
from tests.workflow.training.conftest import CPU, STUDENT
from tests.workflow.training.trainings import KINDS, Training
from workflow.models.model import Dropout, create
from workflow.training.feeds import choose
from workflow.training.seeds import Streams


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


@pytest.mark.parametrize("device", [CPU, torch.device("meta")], ids=["CPU", "another device"])
def test_dropout_keeps_a_byte_per_entry_for_the_gradient(device):
    saved = []
    x = torch.ones(30, 7, device=device, requires_grad=True)
    generator = torch.Generator().manual_seed(1) if device == CPU else torch.Generator()
    with torch.autograd.graph.saved_tensors_hooks(lambda kept: saved.append(kept.nbytes) or kept, lambda kept: kept):
        dropped = Dropout(generator)(x, 0.3)
        assert saved == [x.numel()]
        dropped.sum().backward()
    if device == CPU:
        assert torch.equal(x.grad, dropped)  # of ones: the mask times its scale, both ways


def test_streams_differ_by_seed_role_and_name():
    numbers_ = {
        Streams(seed, role, CPU).number(stream)
        for seed in range(10)
        for role in ("teacher", "student")
        for stream in ("network", "heads", "dropout", "sampling", "batches")
    }
    assert len(numbers_) == 100


def test_same_first_weights_and_dropout_for_every_method(tiny_task):
    """A method with heads, or one that samples, must not shift the student's draws."""
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12), torch.randn(60, 12)))
    seen = {}
    of_nodes = [method for method in methods.available() if Kind.NODE in methods.load(method).kinds]
    for method in ("supervised", *of_nodes):
        streams = Streams(7, "student", CPU)
        with streams.globally("network"):
            network = create(STUDENT, TINY)
        with streams.globally("heads"):
            built = begun(methods.create(method, teacher=knowledge.shape, student=network.shape), 60)
        steps = next(choose.create(tiny_task, CPU, "train").steps(streams, knowledge))
        dropout = Dropout(streams.generator("dropout"))
        logits = network(steps[0].inputs, dropout).logits
        rows = network(steps[0].inputs, dropout)
        built(rows, steps[0].teacher, steps[0].batch)
        seen[method] = (logits, network(steps[0].inputs, dropout).logits)
    for method, both in seen.items():
        for ours, plain in zip(both, seen["supervised"], strict=True):
            assert torch.equal(ours, plain), method


@pytest.mark.parametrize("kind", KINDS)
def test_a_method_draws_from_a_stream_of_its_own(kind):
    """Else one that samples would shift the student's masks, or the batches of later steps."""
    training, streams = Training(kind), Streams(0, "student", CPU)
    feed = training.feed()
    (step, *_) = next(feed.steps(streams, KINDS[kind].knowledge(feed.task)))
    assert step.batch.generator is streams.generator("sampling")


def draw_globally():
    return float(torch.rand(1)), float(np.random.rand()), random.random()


def test_global_streams_are_seeded_for_a_block_and_then_put_back():
    """For initialisers, whichever library they draw with."""
    first = draw_globally()
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(7), np.random.seed(7), random.seed(7)
        expected = draw_globally()
        torch.manual_seed(7), np.random.seed(7), random.seed(7)
        with Streams(seed, "student", CPU).globally("network"):
            found.append(draw_globally())
        assert draw_globally() == expected
    assert found[0] == found[1] != first
    assert all(a != b for a, b in zip(found[0], found[2], strict=True))


def test_streams_go_on_where_they_stood():
    def draw(streams):
        own = torch.rand(2, generator=streams.generator("sampling")).tolist()
        return (
            own,
            torch.rand(2, generator=streams.generator("batches", CPU)).tolist(),
            streams.numpy("batches").random(),
        )

    streams = Streams(3, "student", CPU)
    draw(streams)
    state = streams.state()
    expected = draw(streams)
    anew, in_use = Streams(3, "student", CPU), Streams(4, "student", CPU)
    assert draw(in_use) != expected
    for other in (anew, in_use):
        other.restore(state)
        assert draw(other) == expected
    assert draw(anew) != expected
