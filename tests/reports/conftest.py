"""Fixtures of the tests of reports: most of a report's time goes into figures, which have tests of their own."""

from __future__ import annotations

import pytest

from reports import figures
from reports.figures.parts import style


@pytest.fixture(autouse=True)
def _every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that cannot be drawn fails a test, where a report says so and goes on."""

    def raised(error: Exception, where: str) -> str:
        raise error

    monkeypatch.setattr(figures, "told", raised)


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have one kind of figure."""
    monkeypatch.setattr(figures, "names", lambda: ["differences"])


@pytest.fixture
def vectors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn for the page alone, without PDF and PNG."""
    monkeypatch.setattr(style, "copies", lambda *told: None)
