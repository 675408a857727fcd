"""Every figure of a report, as SVG (text stays text) and PDF."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from reports.figures import attention, curves, differences, latency, ranks, scores
from reports.figures.style import Drawing
from reports.ranking import Ranking
from reports.results import Results
from reports.settings import Settings

__all__ = ["Drawing", "draw"]


def draw(
    results: Results, comparisons: pd.DataFrame, ranking: Ranking, folder: Path, settings: Settings
) -> list[Drawing]:
    """Draws what the results hold and removes figures of an earlier build that no longer belong."""
    folder.mkdir(parents=True, exist_ok=True)  # promised even where there is nothing to draw
    drawings = [
        *scores.draw(results, folder, settings),
        *differences.draw(results, comparisons, folder, settings),
        *ranks.draw(ranking, folder, settings),
        *latency.draw(results, folder, settings),
        *attention.draw(results, folder, settings),
        *curves.draw(results, folder, settings),
    ]
    names = {drawing.slug for drawing in drawings}
    for suffix in ("svg", "pdf"):
        for old in folder.glob(f"*.{suffix}"):
            if old.stem not in names:
                old.unlink()
    return drawings
