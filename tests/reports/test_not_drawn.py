"""A figure that cannot be drawn costs a report that figure alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from reports import build, figures
from reports.figures import focus
from tests.reports import samples
from tests.reports.test_figures import DROPPED, dropped, weights

__all__ = ["dropped"]

TOLD = figures.told


def test_a_report_goes_on_without_a_figure_that_cannot_be_drawn(dropped, tmp_path, monkeypatch, capfd):
    """A run of hours is behind it."""
    monkeypatch.setattr(figures, "told", TOLD)
    folder = samples.save(tmp_path / "run", samples.frame(samples.cell([0.8, 0.81])), everything=False)
    module = tmp_path / "listed" / "dropped.py"
    module.write_text(
        DROPPED.replace("    with canvas(KIND):", "    raise ValueError('no\\nlimits')\n    with canvas(KIND):")
    )
    build.write(folder, samples.settings())
    line = "ace-sim: gcn-3x256 → gcn-2x16, 40×: could not be drawn: ValueError: no limits"
    assert (folder / "figures" / figures.MISSING).read_text() == f"A figure that nothing else names: {line}\n"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert line in page and '<section id="dropped">' in page
    assert f"figures: A figure that nothing else names: {line}" in build.summary(folder)
    assert "dropped.py" in capfd.readouterr().err, "where it happened"
    module.write_text(DROPPED)
    sys.modules.pop("reports.figures.dropped")
    build.write(folder, samples.settings())
    assert not (folder / "figures" / figures.MISSING).exists()
    assert "could not be drawn" not in build.summary(folder)


def test_a_layer_without_any_weight_looks_nowhere():
    """As one that a comparison leaves out, or that rounding leaves none; it ended a report."""
    bare = focus.focus(weights({(0, 1): [[0.0, 0.0], [0.5, 0.5]], (0, 4): [[0.0, 0.0], [1.0, 0.0]]}))
    assert bare is not None
    assert np.isnan(bare.entropy[0]).all()
    assert bare.entropy[1] == pytest.approx([1.0, 0.0])
    assert bare.diagonal[0] == pytest.approx([0.5, 0.0])
