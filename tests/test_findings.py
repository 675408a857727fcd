"""The stored results of docs/results/: what they must show of the pipeline, and every number of docs/findings.md."""

from __future__ import annotations

import re
from io import StringIO

import pandas as pd
import pytest

from reports import comparisons
from reports.attempts import Verdict
from tests.findings import PAGE, RUNS, STORED, TOLD, against_floor, findings, retold, table_and_legend, text_of, value

MOST_BYTES = 6_000_000


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_some_runs_are_stored_and_small():
    assert "quick" in RUNS
    size = sum(file.stat().st_size for file in STORED.rglob("*") if file.is_file())
    assert size < MOST_BYTES, f"docs/results holds {size:,} bytes"


def test_every_stored_figure_is_shown():
    """The others are left to `abkd-bench report`, which draws all of them from the rows."""
    told = page()
    unshown = [str(file.relative_to(STORED)) for file in STORED.rglob("figures/*") if file.name not in told]
    assert not unshown, unshown


@pytest.mark.parametrize("run", RUNS)
def test_stored_tables_are_those_of_the_rows(run):
    stored = pd.read_csv(STORED / run / "comparisons.csv")
    made = pd.read_csv(StringIO(comparisons.frame(findings(run).comparisons).to_csv(index=False)))
    assert list(stored.columns) == list(made.columns)
    pd.testing.assert_frame_equal(stored, made, check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize("run", RUNS)
def test_every_training_gave_a_score(run):
    assert set(findings(run).results.runs["status"]) == {"ok"}


def test_positive_control():
    """Logit KD helps where a student sees no graph; else nothing that this benchmark says of other methods counts."""
    mlps = {family: rows for family, rows in against_floor("quick").items() if family.student.startswith("mlp")}
    assert mlps
    for rows in mlps.values():
        assert rows["kd-tuned"].verdict == Verdict.BETTER


@pytest.mark.parametrize("run", RUNS)
def test_negative_control(run):
    """What is left of KD when the teacher's rows are exchanged must not beat the floor."""
    for rows in against_floor(run).values():
        for label in {"shuffled", "shuffled-tuned"} & set(rows):
            assert rows[label].verdict in (Verdict.WORSE, Verdict.NOT_SIGNIFICANT)


def test_every_number_of_the_findings_is_that_of_the_rows():
    told = TOLD.findall(page())
    assert len(told) >= 10
    wrong = [source for text, _, *source in told if text_of(value(*source), text) != text]
    assert not wrong, "python -m tests.findings writes them anew"


def test_no_measured_number_of_the_findings_is_without_its_rows():
    """Every number with a decimal point has a source; whole numbers are counts and settings."""
    for line in page().splitlines():
        if line.startswith("|"):  # the table of all runs, which has a test of its own
            continue
        bare = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "", TOLD.sub("", line))
        assert not re.search(r"\d\.\d", bare), line


def test_the_table_of_all_runs_is_what_its_command_prints():
    table, legend = table_and_legend(page())
    assert f"\n{table}\n" in page()
    assert legend in " ".join(page().split())
    assert page().count("\n|") == table.count("\n") + 1, "no table without a test"


def test_numbers_are_written_anew(capsys):
    """From rows that say otherwise: a number, its sign, and the table."""
    told = next(found for found in TOLD.finditer(page()) if found[1].startswith("+"))
    planted = page().replace(told[0], told[0].replace(told[1], "−999.99", 1), 1)
    assert retold(planted.replace("\n| KD (tuned) ", "\n| KD (old) ", 1)) == page()
    assert "−999.99 is" in capsys.readouterr().out
