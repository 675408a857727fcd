"""Drawn at random: tasks, networks, samplers and methods together that no other test has thought of together.

`ABKD_COMBINATIONS=2000 python -m pytest tests/workflow/training/test_combinations.py` tries more.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

import methods
from methods.vocabulary import Kind
from reports.rows import FIDELITY, Status
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.jobs import train
from tests.workflow.training.trainings import ALL
from workflow.models.model import OptionError
from workflow.specs import SAMPLERS, TrainingSettings
from workflow.task import SPLITS
from workflow.training.feeds import neighbour
from workflow.variants import Variant

COMBINATIONS = int(os.environ.get("ABKD_COMBINATIONS", "40"))
GRAPHS = ({"model": "gine"}, {"model": "mol_gcn"}, {"model": "pna"}, {"model": "gine", "virtual_node": True})
NETWORKS = {
    Kind.NODE: (
        {"model": "gcn"},
        {"model": "gcn", "layers": 1},
        {"model": "gcn", "layers": 3, "norm": "none", "input_dropout": 0.2},
        {"model": "sage"},
        {"model": "sage", "positions": 2},
        {"model": "sage_gcn"},
        {"model": "gat", "heads": 2},
        {"model": "gat", "heads": 2, "labels_as_input": True},
        {"model": "gcnii", "layers": 4},
        {"model": "gcnii_recurrent", "layers": 4},
        {"model": "mlp"},
        {"model": "mlp", "positions": 3},
        {"model": "sign", "hops": 2},
    ),
    Kind.HETEROGENEOUS: ({"model": "rgcn", "embedding": 4}, {"model": "rgcn", "embedding": 4, "layers": 3}),
    Kind.GRAPH: GRAPHS,
}
SCORES = (*SPLITS, *FIDELITY, "status", "best_epoch")


def settings(draw: random.Random, kind: Kind) -> TrainingSettings:
    return TrainingSettings(
        epochs=3,
        evaluate_every=draw.choice([1, 2]),
        sampler=draw.choice(SAMPLERS[kind]),
        batch_size=draw.choice([7, 16, 60]),
        fan_out=draw.choice([[3], [3, 2], [10, 10, 10]]),
        roots=8,
        steps_per_epoch=2,
    )


def variant(draw: random.Random, kind: Kind, objective: str) -> Variant:
    changes: dict[str, Any] = {"inductive": kind == Kind.NODE and draw.random() < 0.3}
    if changes["inductive"] and draw.random() < 0.5:
        changes["unseen"] = draw.choice([0.1, 0.5])
    if objective == "multiclass" and draw.random() < 0.5:
        changes |= {"labels_per_class": draw.choice([1, 2, 4]), "drawn": draw.random() < 0.6}
        changes["valid_per_class"] = draw.choice([None, None, 2, 3])
    if not (changes.get("drawn") and changes.get("valid_per_class")):
        changes["blind"] = draw.random() < 0.15
    return Variant(**changes)


def composed(one: str, other: str) -> bool:
    """Whether a configuration may name both together: the teacher of both is the same."""
    return one != other and all(asks(one) == asks(other) for asks in (methods.exchanged, methods.own_size))


def combination(seed: int) -> dict[str, Any]:
    """Everything that a teacher and a student of it are made of; the same for ever at a seed."""
    draw = random.Random(seed)
    chosen = ALL[draw.choice(["node"] * 6 + sorted(ALL))]
    kind, widths = chosen.facts.kind, {"layers": 2, "width": draw.choice([3, 6])}
    method = draw.choice(methods.available())
    others = [other for other in methods.available() if composed(method, other)]
    if draw.random() < 0.2 and others:
        method += "+" + draw.choice(others)
    return {
        "chosen": chosen,
        "variant": variant(draw, kind, chosen.facts.objective),
        "networks": [{**widths, **draw.choice(NETWORKS[kind])} for _ in range(2)],
        "trainings": [settings(draw, kind) for _ in range(2)],
        "few": draw.choice([0.0, 2.0]),
        "method": method,
        "distill_on": draw.choice(["train", "all"]),
    }


@pytest.mark.parametrize("seed", range(COMBINATIONS))
def test_a_row_has_scores_or_a_reason_and_is_the_same_again(seed: int, tmp_path: Path, monkeypatch):
    """Also where what the teacher knows is lost in between and made again."""
    made = combination(seed)
    monkeypatch.setattr("workflow.catalog.facts", lambda name: made["chosen"].facts)
    monkeypatch.setattr(neighbour, "FEW", made["few"])
    task = made["variant"].apply(made["chosen"].task()).finish()
    task.save(tmp_path / "task")
    (large, small), (first, second) = made["networks"], made["trainings"]
    teacher = teacher_spec(task.name, "t", large, first, 100)
    student = cell_spec(
        teacher,
        "s",
        small,
        made["method"],
        50,
        training=second,
        teacher_sampler=None if first.sampler == second.sampler else first.sampler,
        distill_on=made["distill_on"],
    )
    try:
        (taught,) = train(teacher, tmp_path, "teacher", [1])
        (before,) = train(student, tmp_path, "before", [1])
    except OptionError as refused:
        assert "labels_as_input serves multi-class tasks only" in str(refused)
        return
    assert taught.row.status == Status.OK, taught.row.reason
    assert before.row.status in (Status.OK, Status.SKIPPED, Status.DIVERGED), (before.row.reason, made)
    for file in (tmp_path / "teacher" / "knowledge").glob("*"):
        file.unlink()
    (after,) = train(student, tmp_path, "after", [1])
    for name in SCORES:
        assert getattr(after.row, name) == getattr(before.row, name), (name, made)
