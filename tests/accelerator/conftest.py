"""A GPU, and jobs on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.accelerator import Pretend
from tests.workflow.training.trainings import ALL
from workflow import catalog


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretend]:
    """The pretended GPU is there for one thread alone, so that none draws ahead."""
    monkeypatch.setattr("workflow.training.feeds.neighbour.prefetched", lambda items: items)
    with Pretend() as pretend:
        yield pretend


@pytest.fixture
def tiny_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue knows the small task of every kind."""
    tasks = {kind.task().name: ("tiny", kind.facts) for kind in ALL.values()}
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, **tasks})
