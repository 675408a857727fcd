"""Results trained elsewhere: how they are compared, and which files are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports import build, results, sentences
from reports.attempts import Verdict
from reports.findings import Findings
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

pytestmark = pytest.mark.usefixtures("one_figure")

PLACE = {"dataset": "ace-sim", "teacher": "gcn-3x256", "student": "gcn-2x16"}
ELSEWHERE = BASE[::-1] + 0.03 + OTHER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = samples.frame(
        samples.teacher_rows(BASE + 0.1),
        samples.cell(BASE, method="supervised"),
        samples.cell(BASE + 0.01),
        samples.cell(BASE + 0.01 + OTHER, method="abkd"),
    )
    build.write(samples.save(tmp_path / "run", runs, everything=False), samples.settings())
    return tmp_path / "run"


def written(folder: Path, **changes) -> Path:
    file = folder.parent / "mine.csv"
    rows = pd.DataFrame({**PLACE, "seed": range(100, 110), "test": ELSEWHERE})
    rows.assign(**changes).to_csv(file, index=False)
    return file


def compared(folder: Path, label: str = "my-method"):
    settings = Settings.parse(samples.settings())
    found = Findings.of(results.load(folder, settings), settings)
    ((_, rows),) = found.comparisons.items()
    return next(row for row in rows if row.method == label), found


def test_seeds_of_their_own_are_compared_by_welchs_test(folder):
    build.add_results(folder, written(folder), "my-method")
    row, found = compared(folder)
    expected = stats.ttest_ind(ELSEWHERE, BASE + 0.01, equal_var=False)
    assert (row.n, row.p) == (10, pytest.approx(expected.pvalue))
    assert (row.verdict, row.reason) == (Verdict.BETTER, "unpaired, Welch's test")
    assert np.isnan(row.wilcoxon_p)
    assert row.p_holm == pytest.approx(2 * row.p), "the second of three in the family"
    assert "better: unpaired, Welch's test" in (folder / "comparisons.csv").read_text()
    assert "my-method" in (folder / "tables" / "main.md").read_text()
    assert set(found.results.runs.loc[found.results.runs["paired"], "method"]) == {
        "teacher",
        "supervised",
        "kd",
        "abkd",
    }


def test_every_table_and_the_page_say_what_is_not_paired(folder):
    build.add_results(folder, written(folder), "my-method")
    remark = "my-method: 10 seeds of its own, not paired: Welch's test"
    for name in ("main.md", "main.tex", "comparisons.md", "comparisons.tex"):
        assert remark in " ".join((folder / "tables" / name).read_text().split()), name
    assert "gcn-2x16: 10 seeds of its own, not paired" in (folder / "tables" / "paper.md").read_text()
    page = (folder / "index.html").read_text()
    assert "paired by seed (but for my-method, which has seeds of its own: Welch's test)" in page
    assert "different devices" not in page, "its device is blank, which is no other device"


def test_one_seed_from_elsewhere_takes_no_bold_from_the_others(folder):
    build.add_results(folder, written(folder).rename(folder.parent / "all.csv"), "many")
    _, before = compared(folder, "many")
    (column,) = before.columns.values()
    kept = {label for label, cell in column.cells.items() if cell.bold}
    rows = pd.DataFrame([{**PLACE, "seed": 0, "test": 0.99}])
    rows.to_csv(folder.parent / "one.csv", index=False)
    build.add_results(folder, folder.parent / "one.csv", "lucky")
    _, after = compared(folder, "lucky")
    (column,) = after.columns.values()
    assert {label for label, cell in column.cells.items() if cell.bold} == kept != set()
    assert "lucky: 1 seed, too few for a test and for bold (40×)" in after.panels[0].notes
    assert sentences.best(after, column.family).startswith("many ")


def test_a_paper_table_with_a_selection_shows_what_was_added(folder):
    stated = samples.settings(report={"select": {"methods": ["kd"]}})
    (folder / "report.json").write_text(json.dumps(stated))
    build.add_results(folder, written(folder), "my-method")
    text = (folder / "tables" / "paper.md").read_text()
    assert re.findall(r"^\| ([\w-]+) ", text, flags=re.M) == ["Teacher", "KD", "my-method"]


def test_the_rows_of_the_run_stay_as_they_are(folder):
    before = (folder / "runs.parquet").read_bytes()
    build.add_results(folder, written(folder), "my-method")
    assert (folder / "runs.parquet").read_bytes() == before
    build.rebuild(folder)
    assert "my-method" in (folder / "comparisons.csv").read_text(), "a report that is built anew has them too"
    build.add_results(folder, written(folder, test=0.1), "my-method")
    assert compared(folder)[0].mean == pytest.approx(0.1), "a second file takes the place of the first"


def changed(folder: Path, **changes) -> None:
    """The run's own rows, trained anew."""
    runs = pd.read_parquet(folder / "runs.parquet")
    rows = runs["student"] == changes.pop("student")
    runs.loc[rows, list(changes)] = list(changes.values())
    runs.to_parquet(folder / "runs.parquet", index=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("data", "was added to other data than ace-sim has now (data sha256:0, now sha256:1)"),
        ("teacher", "was added to another teacher gcn-3x256 (teacher_config abc, now other)"),
        ("student", "was added to another student gcn-2x16 (student_size 2800, now 2900)"),
    ],
)
def test_what_was_added_does_not_outlive_what_it_rests_on(folder, change: str, told: str):
    provenance = folder / "provenance.json"
    provenance.write_text(json.dumps({"fingerprints": {"ace-sim": "sha256:0"}}))
    build.add_results(folder, written(folder), "my-method")
    build.rebuild(folder)
    if change == "data":
        provenance.write_text(json.dumps({"fingerprints": {"ace-sim": "sha256:1"}}))
    elif change == "teacher":
        changed(folder, student="gcn-3x256", config_hash="other")
    else:
        changed(folder, student="gcn-2x16", student_params=2900)
    with pytest.raises(
        ValueError, match=rf"^[^\n]*added/my-method.csv: row 1: {re.escape(told)}; add results of today"
    ):
        build.rebuild(folder)
    build.add_results(folder, written(folder), "my-method")
    build.rebuild(folder)


def test_a_file_that_does_not_say_what_it_rests_on_is_read(folder):
    """One of an earlier version, or written by hand."""
    (folder / "added").mkdir()
    written(folder).rename(folder / "added" / "my-method.csv")
    build.rebuild(folder)
    assert "my-method" in (folder / "comparisons.csv").read_text()


def test_a_label_that_the_run_has_taken_since_is_refused(folder):
    """Its rows would vanish without a word."""
    build.add_results(folder, written(folder), "my-method")
    runs = pd.read_parquet(folder / "runs.parquet")
    own = runs[runs["method"] == "abkd"].assign(method="my-method")
    pd.concat([runs, own], ignore_index=True).to_parquet(folder / "runs.parquet", index=False)
    with pytest.raises(
        ValueError, match=r"^[^\n]*added/my-method.csv: method 'my-method' is one of the run's own; give"
    ):
        build.rebuild(folder)


def test_pairs_are_compared_as_pairs_where_the_file_says_so(folder):
    build.add_results(folder, written(folder, seed=range(10), paired=True), "my-method")
    row, _ = compared(folder)
    assert row.p == pytest.approx(stats.ttest_rel(ELSEWHERE, BASE + 0.01).pvalue)
    assert row.reason == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"test": 82.0}, "test is 82; accuracy lies from 0 to 1"),
        ({"test": np.nan}, "test is blank in row 1"),
        ({"test": "good"}, "test holds no number"),
        ({"test": np.inf}, "test is infinite in row 1"),
        (
            {"student": "gcn-9x9"},
            "row 1 is no student of this run: dataset ace-sim, teacher gcn-3x256, student gcn-9x9",
        ),
        ({"student": "gcn-3x256"}, "row 1 is no student of this run"),
        ({"ratio_target": 41.0}, "row 1 is no student of this run"),
        ({"seed": 1}, "seed 1 of gcn-2x16 stands there twice"),
        ({"seed": 0.5}, "seed is not a whole number in row 1"),
        ({"paired": "maybe"}, "paired is 'maybe'; allowed: true, false"),
        ({"paired": True}, "paired, but the run has no seed 100"),
        ({"score": 1}, "unknown columns ['score']; allowed: dataset, teacher, student, seed, test, ratio_target"),
        ({"seed": -1}, "seed is -1; allowed: 0 and above"),
        ({"seed": 10**20}, "seed is too large in row 1"),
        ({"seconds": -3.5}, "seconds is -3.5; allowed: 0 and above"),
        ({"paired": ["true", "false", *["false"] * 8]}, "paired differs between rows"),
        ({"ece": 2.0}, "ece is 2; ece lies from 0 to 1"),
    ],
)
def test_bad_files_are_refused_in_one_line_and_leave_nothing(folder, changes, told):
    with pytest.raises(ValueError) as error:
        build.add_results(folder, written(folder, **changes), "my-method")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(folder.glob("added/*"))


@pytest.mark.parametrize("label", ["kd", "teacher", "../x", "My Method", ""])
def test_labels_that_are_taken_or_no_names_are_refused(folder, label):
    with pytest.raises(ValueError, match="method"):
        build.add_results(folder, written(folder), label)


def test_files_that_are_none_are_refused(folder):
    empty = folder.parent / "empty.csv"
    empty.write_text("")
    for file in (empty, folder.parent / "absent.csv", folder):
        with pytest.raises(ValueError, match="cannot be read"):
            build.add_results(folder, file, "my-method")
    empty.write_text("dataset,teacher,student,seed,test\n")
    with pytest.raises(ValueError, match="holds no rows"):
        build.add_results(folder, empty, "my-method")
