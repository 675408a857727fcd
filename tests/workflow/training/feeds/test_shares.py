"""Steps of an epoch in mini-batches: `batch_size` bounds them, however few units have a label."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from methods.contract import Signals
from tests.conftest import make_tiny_task
from tests.workflow.tiny_molecules import GRAPHS, make_task
from tests.workflow.training.conftest import CPU
from tests.workflow.training.feeds.tiny_graphs import recognisable
from workflow.specs import TrainingSettings
from workflow.training.feeds import choose
from workflow.training.feeds.shares import OTHERS, shares
from workflow.training.feeds.step import Needs
from workflow.training.seeds import Streams


@pytest.mark.parametrize(
    ("train", "others", "size", "batches", "steps", "passes"),
    [
        (100, 0, 32, 4, 4, 1),
        (100, 500, 32, 4, 4, 1),
        (100, 513, 32, 4, 5, 2),
        (40, 4070, 128, 1, 8, 8),
        (5, 0, 1, 2, 2, 1),
        (1, 0, 1, 1, 1, 1),
        (196_615, 2_252_414, 1024, 193, 550, 3),
    ],
)
def test_shares_by_hand(train: int, others: int, size: int, batches: int, steps: int, passes: int) -> None:
    found = shares(train, others, size)
    assert (found.batches, found.steps, found.passes) == (batches, steps, passes)
    assert found.units == pytest.approx(train / batches + others / steps)


@pytest.mark.parametrize("kind", ["graph", "node"])
def test_few_labels_make_no_larger_steps(kind: str) -> None:
    """All training units come as often as another, and each other unit once."""
    task = make_task() if kind == "graph" else make_tiny_task()
    few = task.split("train")[:3]
    task = replace(task, arrays={**task.arrays, "split/train": few})
    settings = TrainingSettings(
        batch_size=2, **({} if kind == "graph" else {"sampler": "neighbour", "fan_out": [2, 2]})
    )
    feed = choose.create(task, CPU, "all", settings, None if kind == "graph" else Needs(2))
    units = GRAPHS if kind == "graph" else 60
    known = recognisable(task) if kind == "graph" else Signals(torch.arange(float(units))[:, None], ())
    steps = list(next(iter(feed.steps(Streams(0, "student", CPU), known))))
    ids = [[int(unit) for unit in step.teacher.logits[:, 0]] for step in steps]
    assert max(map(len, ids)) <= 2 + 1 + OTHERS * 2
    assert all(len(step.labels) >= 1 for step in steps)
    times = Counter(unit for step in ids for unit in step)
    assert {times[unit] for unit in set(range(units)) - set(few.tolist())} == {1}
    trained = [times[int(unit)] for unit in few]
    assert max(trained) - min(trained) <= 1 and sum(trained) == sum(len(step.labels) for step in steps)
    alone = list(next(iter(feed.steps(Streams(0, "teacher", CPU)))))
    assert sum(len(step.labels) for step in alone) == 3, "a teacher is trained by one pass over its labels"
