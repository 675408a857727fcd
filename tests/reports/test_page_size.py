"""The page of a large study stays small enough to send, and is built while one waits."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports import copies, figures, page, tables
from reports.figures import Section
from reports.findings import Findings
from reports.results import Family, load
from reports.rows import CELL
from reports.settings import Settings
from tests.reports import samples

DATASETS = {"ace-sim": "accuracy", "esol": "rmse", "cora": "accuracy"}
RATIOS = (10.0, 20.0, 40.0, 80.0, 160.0)
METHODS = ["supervised", "kd", "abkd", "stride", *(f"method-{number}" for number in range(26))]
SEEDS, EPOCHS = 10, 100
MOST_BYTES, MOST_SECONDS = 5e6, 30


def runs() -> pd.DataFrame:
    random = np.random.default_rng(3)
    cells = []
    for dataset, metric in DATASETS.items():
        cells.append(samples.teacher_rows(0.9 + 0.01 * random.random(SEEDS), dataset=dataset, metric=metric))
        for ratio in RATIOS:
            changes = {"dataset": dataset, "metric": metric, "ratio_target": ratio, "ratio": ratio}
            for method in METHODS:
                scores = 0.8 + 0.02 * random.random(SEEDS)
                cells.append(samples.cell(scores, method=method, student=f"gcn-2x{640 / ratio:g}", **changes))
    return samples.frame(*cells)


def histories(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learning curves and terms of the loss, with as many digits as real ones have."""
    students = rows[rows["method"] != "teacher"]
    curves = students[CELL].loc[students.index.repeat(EPOCHS)].reset_index(drop=True)
    curves["epoch"] = np.tile(np.arange(EPOCHS), len(students))
    curves["loss"] = np.random.default_rng(4).random(len(curves))
    curves["valid"] = 0.5 + 0.3 * np.random.default_rng(5).random(len(curves))
    terms = curves.rename(columns={"loss": "value"}).drop(columns="valid")
    both = pd.concat([terms.assign(name=name) for name in ("labels", "kd.loss")], ignore_index=True)
    return curves, both[[*CELL, "epoch", "name", "value"]]


def sections(findings: Findings, folder) -> list[Section]:
    """All figures: those of one dataset and student are drawn, and stand for the others, which are as large."""
    family = findings.results.families[0]
    few = [each for each in findings.results.families if each.dataset == family.dataset]
    one = {name: {family: getattr(findings, name)[family]} for name in ("attempts", "comparisons", "gains", "columns")}
    drawn = figures.draw(replace(findings, **one, results=replace(findings.results, families=[family])), folder)
    compressed = figures.scores.draw(replace(findings, results=replace(findings.results, families=few)), folder)
    drawn.insert(0, Section("scores", "Scores", 0, False, compressed * len(DATASETS)))
    return [_repeated(each, findings.results.families) for each in drawn]


def _repeated(section: Section, families: list[Family]) -> Section:
    """One figure per student where the one drawn is named after a student, else one per dataset."""
    if section.kind == "scores":
        return section
    (drawing, *_) = section.drawings
    own = [family for family in families if drawing.slug.endswith(f"-{family.slug}")]
    names = [family.slug for family in families] if own else list(DATASETS)
    return replace(section, drawings=[replace(drawing, slug=f"{section.kind}-{name}") for name in names])


@pytest.mark.slow
def test_a_large_study_makes_a_page_below_five_megabytes(tmp_path):
    rows = runs()
    assert len(rows) == 3 * (5 * 30 + 1) * 10
    curves, terms = histories(rows)
    folder = samples.save(tmp_path / "results", rows, everything=False)
    samples.measurements(rows).to_csv(folder / "measurements.csv", index=False)
    samples.attention(rows).to_parquet(folder / "attention.parquet", index=False)
    samples.layers(rows).to_parquet(folder / "layers.parquet", index=False)
    curves.to_parquet(folder / "curves.parquet", index=False)
    terms.to_parquet(folder / "terms.parquet", index=False)
    settings = Settings.parse(samples.settings(METHODS))
    findings = Findings.of(load(folder, settings), settings)
    tables.write(tmp_path / "tables", findings)
    drawn = sections(findings, tmp_path / "figures")
    started = time.process_time()
    text = page.render(findings, drawn, copies.environments(tmp_path / "tables"))
    seconds = time.process_time() - started
    assert text.count("<figure") > 60
    assert text.count("data-cell=") == 3 * 5 * 31
    assert len(text.encode()) < MOST_BYTES
    assert seconds < MOST_SECONDS
