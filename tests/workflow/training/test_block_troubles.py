"""What goes wrong in a training becomes a row, and the next seed goes on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import methods
from methods.contract import NotApplicableError, Signals
from tests.workflow.training.conftest import CPU, cell, settings, taught_otherwise
from workflow.training.block import Block
from workflow.training.feeds import choose
from workflow.training.seeds import Streams


@pytest.mark.parametrize("method", ["supervised", "abkd", "stride"])
def test_diverged_training_is_a_row(method, taught):
    """Also where the method leaves a trace, which then is not finite either."""
    spec = cell(method, training=settings(optimizer="sgd", learning_rate=1e30))
    (row,) = taught.distill(spec, seeds=(0,))
    assert row["status"] == "diverged"
    assert "epoch" in row["reason"]
    assert row["test"] is None


def test_a_teacher_that_fails_anew_leaves_nothing_of_the_old_one(taught):
    (first, _) = taught.teach(spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
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
    rows = bench.teach(seeds=(0,), spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
    assert rows[0]["status"] == "diverged"
    (row,) = bench.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "failed"
    assert "diverged" in row["reason"]
