"""GCNII, SIGN and the tricks of GAT as teachers of a GCN and as its students."""

from __future__ import annotations

import pytest
import torch

import methods
from tests.conftest import TINY, make_tiny_task
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.training.feeds import choose
from workflow.training.loop import fit
from workflow.training.seeds import Streams

CPU = torch.device("cpu")
TRICKS = {"residual": True, "attend_target": False, "symmetric_norm": True, "labels_as_input": True}
STUDENTS = {
    "gcnii": {"model": "gcnii", "layers": 3, "width": 32, "dropout": 0.3, "input_dropout": 0.3},
    "sign": {"model": "sign", "layers": 4, "width": 16, "hops": 2},
    "gat": {"model": "gat", "layers": 2, "width": 4, "heads": 2, "edge_dropout": 0.3, "input_dropout": 0.1, **TRICKS},
}


@pytest.mark.parametrize("spec", STUDENTS.values(), ids=STUDENTS)
def test_teaches_learns_and_repeats(spec):
    """Each as the teacher of a GCN and as its student, twice with the same numbers."""

    def once():
        feed = choose.create(make_tiny_task(240), CPU, "train")
        training = TrainingSettings(epochs=60)
        answers = []
        for teaching, learning in ((spec, {"model": "gcn", "width": 16}), ({"model": "gcn", "width": 16}, spec)):
            streams = Streams(0, "teacher", CPU)
            with streams.globally("network"):
                teacher = create(teaching, TINY)
            assert fit(teacher, feed, streams, training).status == "ok"
            teacher.eval()
            with torch.no_grad():
                knowledge = feed.knowledge(teacher)
            streams = Streams(0, "student", CPU)
            with streams.globally("network"):
                student = create(learning, TINY)
            with streams.globally("heads"):
                # Not ABKD's own weight, which outweighs the labels of a task as small as this one.
                method = methods.create("abkd", teacher=knowledge.shape, student=student.shape, beta=1.0)
            outcome = fit(student, feed, streams, training, method, knowledge)
            assert outcome.status == "ok", outcome.reason
            answers.append((outcome.scores, outcome.curve))
            assert outcome.scores["valid"] > 0.5  # guessing reaches a third
        return answers

    assert once() == once()
