"""Which random streams a block's trainings draw from, by their names."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.workflow.training.conftest import cell
from workflow.training import block as blocks
from workflow.training.seeds import Streams


class Told(Streams):
    """Notes who draws, and from what."""

    seen: ClassVar[list[tuple[str, str]]] = []

    def globally(self, stream: str):
        if stream != "global":  # of what a method's own code draws
            self.seen.append((self.role, stream))
        return super().globally(stream)

    def numpy(self, stream: str):
        self.seen.append((self.role, stream))
        return super().numpy(stream)


@pytest.fixture
def seen(monkeypatch):
    Told.seen = []
    monkeypatch.setattr(blocks, "Streams", Told)
    return Told.seen


def test_a_teacher_starts_from_a_stream_of_its_own(taught, seen):
    """Else a student of its size would start from its very weights."""
    taught.teach(seeds=(3,))
    assert seen == [("teacher", "network")]


@pytest.mark.parametrize("method", ["supervised", "gcrd"])
def test_heads_are_not_drawn_from_the_students_stream(method, taught, seen):
    taught.distill(cell(method), seeds=(0,))
    assert [what for what in seen if what[0] == "student"] == [("student", "network"), ("student", "heads")]


def test_rows_are_exchanged_by_a_stream_of_their_own(taught, seen):
    taught.distill(cell("shuffled"), seeds=(0,))
    assert ("student", "exchange") in seen
    assert ("student", "batches") not in seen
