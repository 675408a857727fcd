"""Every network gives on the GPU what it gives on the CPU: signals, gradients, weights after twenty steps, answers."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch

from tests.conftest import TINY, make_tiny_task
from tests.gpu.numbers import DEVICE, HOST, TOLERANCE, assert_near, distance, nudged
from tests.workflow import tiny_hetero, tiny_molecules
from tests.workflow.models.tiny_graph import build, networks
from workflow.models.model import Dropout, Model
from workflow.specs import TrainingSettings
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed
from workflow.training.loop import score, supervised_loss
from workflow.training.seeds import Streams

STEPS = 20
STILL = Dropout(None)
TASKS = {
    "node": (lambda: make_tiny_task(600), TINY, TrainingSettings()),
    "graph": (tiny_molecules.make_task, tiny_molecules.FACTS, TrainingSettings(batch_size=8)),
    "full": (tiny_hetero.make_task, tiny_hetero.FACTS, tiny_hetero.FULL),
    "saint": (tiny_hetero.make_task, tiny_hetero.FACTS, tiny_hetero.SAINT),
}
KINDS = {"node": "node", "graph": "graph", "full": "heterogeneous", "saint": "heterogeneous"}
CASES = [(task, model) for task, kind in KINDS.items() for model in networks(kind)]


class Side:
    """A network and its steps on one device."""

    def __init__(self, task: str, model: Model, device: torch.device) -> None:
        make, _, training = TASKS[task]
        self.feed: Feed = choose.create(make(), device, "all", training)
        self.model = copy.deepcopy(model).to(device).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.steps = itertools.chain.from_iterable(self.feed.steps(Streams(0, "teacher", device)))

    def step(self) -> list[torch.Tensor]:
        """The signals, after one step of gradient descent."""
        step = next(self.steps)
        signals = self.model(step.inputs, STILL)
        logits = signals.logits if step.labeled is None else signals.logits[step.labeled]
        self.optimizer.zero_grad()
        supervised_loss(logits, step.labels, self.feed.task.objective).backward()
        self.optimizer.step()
        return [signals.logits, *signals.hidden]

    @property
    def gradients(self) -> list[Any]:
        found = [p.grad for p in self.model.parameters()]
        return [g.to_dense() if g is not None and g.is_sparse else g for g in found]

    @torch.no_grad()
    def known(self) -> list[torch.Tensor]:
        self.model.eval()
        known = self.feed.knowledge(self.model)
        return [known.logits, *known.hidden]


@pytest.mark.parametrize(("task", "name"), CASES)
def test_the_gpu_gives_the_numbers_of_the_cpu(task: str, name: str) -> None:
    torch.manual_seed(0)
    model = build(name, TASKS[task][1], layers=3, width=16)
    here, there = Side(task, model, HOST), Side(task, model, DEVICE)
    assert_near("signals", there.step(), here.step())
    beside = Side(task, model, HOST)
    nudged(beside.model.parameters())
    beside.step()
    noise = distance(beside.gradients, here.gradients)
    assert_near("gradients", there.gradients, here.gradients, max(TOLERANCE, 3 * noise))
    for _ in range(STEPS - 1):
        for side in (here, there, beside):
            side.step()
    noise = distance(beside.model.parameters(), here.model.parameters())
    assert_near(
        "weights after twenty steps", there.model.parameters(), here.model.parameters(), max(TOLERANCE, 3 * noise)
    )
    known = there.known()
    # Of a graph task's hidden states, float16 keeps three digits.
    right, noise = here.known(), distance(beside.known(), here.known())
    assert_near("logits", known[:1], right[:1], max(TOLERANCE, 3 * noise))
    assert_near("knowledge", known, right, max(1e-3 if task == "graph" else TOLERANCE, 3 * noise))
    assert score(there.model, there.feed, "valid") == pytest.approx(score(here.model, here.feed, "valid"), abs=0.02)


def test_dropout_is_one_mask_both_ways() -> None:
    x = torch.ones(3000, 70, device=DEVICE, requires_grad=True)
    dropped = Dropout(torch.Generator(DEVICE).manual_seed(1))(x, 0.3)
    dropped.sum().backward()
    torch.testing.assert_close(dropped.unique().cpu(), torch.tensor([0, 1 / 0.7]))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert torch.equal(x.grad, dropped)
