"""Small tasks that the catalogue knows during a test."""

from __future__ import annotations

import pytest
import torch

from methods.contract import Signals
from tests.workflow import tiny_hetero, tiny_molecules
from workflow import catalog
from workflow.task import Task


@pytest.fixture
def tiny_hetero_task(monkeypatch: pytest.MonkeyPatch) -> Task:
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, "tiny-het": ("tiny_het", tiny_hetero.FACTS)})
    return tiny_hetero.make_task()


@pytest.fixture
def hetero_knowledge() -> Signals:
    generator = torch.Generator().manual_seed(5)
    return Signals(torch.randn(60, 3, generator=generator), (torch.randn(60, 12, generator=generator),))


@pytest.fixture
def tiny_molecules_task(monkeypatch: pytest.MonkeyPatch) -> Task:
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, "tiny-molecules": ("tiny", tiny_molecules.FACTS)})
    return tiny_molecules.make_task()
