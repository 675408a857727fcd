"""The stored results of docs/results/: what they must show of the pipeline, and every number of docs/findings.md.

A number of that page stands before a comment that says where it is from, `<!--=RUN STUDENT METHOD WHAT-->`:

    kd gains 3.1 <!--=quick mlp-2x67 kd-tuned gain--> points

STUDENT is `DATASET/STUDENT` where a student of this name stands on several data sets, and `TEACHER:STUDENT` where it
has several teachers. WHAT is a column of `comparisons.csv` (against the run's reference), the same against another
method (`difference@gcrd-tuned`), or `gain` (mean paired difference to the floor). Of METHOD `teacher` there are `mean`
and `std`. `published@N` is what the Nth source prints of it (`reports/published.yaml`). Of the RUN `all` STUDENT is a
reference, and WHAT of `abkd-bench tally` over all runs: `places`, `better`, `neither`, `worse` or `median`.
Everything is worked out anew from `runs.csv`, so that no stored table can be older than its rows.
"""

from __future__ import annotations

import re
from functools import cache
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from reports import comparisons, published, results, tally
from reports.attempts import Verdict
from reports.comparisons import Comparison
from reports.findings import Findings
from reports.reading import read_object
from reports.results import Family
from reports.settings import Settings
from workflow import cli

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "results"
RUNS = sorted(folder.name for folder in STORED.iterdir() if (folder / "runs.csv").exists())
TOLD = re.compile(r"([+−-]?\d+(?:\.\d+)?)( %)? <!--=(\S+) (\S+) (\S+) (\S+)-->")
MOST_BYTES = 6_000_000


@cache
def findings(run: str, reference: str = "") -> Findings:
    stated = read_object(STORED / run / "report.json")
    settings = Settings.parse(stated | ({"reference": reference} if reference else {}))
    return Findings.of(results.load(STORED / run, settings), settings)


def against_floor(run: str) -> dict[Family, dict[str, Comparison]]:
    found = findings(run)
    return {family: {row.method: row for row in rows} for family, rows in found.gains.items()}


def test_some_runs_are_stored_and_small():
    assert "quick" in RUNS
    size = sum(file.stat().st_size for file in STORED.rglob("*") if file.is_file())
    assert size < MOST_BYTES, f"docs/results holds {size:,} bytes"


def test_every_stored_figure_is_shown():
    """The others are left to `abkd-bench report`, which draws all of them from the rows."""
    told = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
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


def lines() -> list[str]:
    return (ROOT / "docs" / "findings.md").read_text(encoding="utf-8").splitlines()


@cache
def read(run: str) -> tally.Run:
    return tally.Run.read(STORED / run)


@cache
def tallied(reference: str) -> dict[str, tally.Tally]:
    places = (place for run in RUNS for place in read(run).against(reference))
    return tally.tally(tally.once(places)[0])


def counted(reference: str, method: str, what: str) -> float:
    own = tallied(reference)[method]
    verdicts = {"better": Verdict.BETTER, "neither": Verdict.NOT_SIGNIFICANT, "worse": Verdict.WORSE}
    others = {"places": own.places, "median": own.difference}
    return own.counts[verdicts[what]] if what in verdicts else others[what]


def value(run: str, student: str, method: str, what: str) -> float:
    if run == "all":
        return counted(student, method, what)
    what, _, reference = what.partition("@")
    dataset, _, student = student.rpartition("/")
    teacher, _, student = student.rpartition(":")
    stated = {"dataset": dataset, "teacher": teacher, "student": student}
    place = {part: name for part, name in stated.items() if name}
    if what == "published":
        printed = place | {"method": method}
        rows = [row for row in published.rows(findings(run)) if printed.items() <= vars(row).items()]
        return rows[int(reference) - 1].published_mean
    compared = findings(run, reference).comparisons
    (family,) = (family for family in compared if place.items() <= family._asdict().items())
    if method == "teacher":
        rows = findings(run).results.runs.query("method == 'teacher'")
        scores = rows[(rows["dataset"] == family.dataset) & (rows["teacher"] == family.teacher)]["test"]
        return float({"mean": scores.mean(), "std": scores.std()}[what]) * findings(run).metric(family).scale
    found = against_floor(run)[family] if what == "gain" else {r.method: r for r in compared[family]}
    row = found[method]
    scale = findings(run).metric(family).scale if what in ("mean", "std", "difference", "gain") else 1.0
    return float(getattr(row, "difference" if what == "gain" else what)) * scale


def test_every_number_of_the_findings_is_that_of_the_rows():
    told = 0
    for line in lines():
        for text, _, run, student, method, what in TOLD.findall(line):
            decimals = len(text.partition(".")[2])
            found = value(run, student, method, what)
            assert f"{found:+.{decimals}f}".lstrip("+") == text.replace("−", "-").lstrip("+"), (line, found)
            told += 1
    assert told >= 10


def test_no_measured_number_of_the_findings_is_without_its_rows():
    """Every number with a decimal point has a source; whole numbers are counts and settings."""
    for line in lines():
        if line.startswith("|"):  # the table of all runs, which has a test of its own
            continue
        bare = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "", TOLD.sub("", line))
        assert not re.search(r"\d\.\d", bare), line


def test_the_table_of_all_runs_is_what_its_command_prints(capsys, monkeypatch):
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (abkd-bench tally docs/results/\*/ .*)$", page, re.MULTILINE)
    _, _, _, *options = command.split()
    monkeypatch.setattr("sys.argv", ["abkd-bench", "tally", *(str(STORED / run) for run in RUNS), *options])
    cli.main()
    _, table, legend = capsys.readouterr().out.strip().split("\n\n")
    assert f"\n{table}\n" in page
    assert legend in " ".join(page.split())
    assert page.count("\n|") == table.count("\n") + 1, "no table without a test"
