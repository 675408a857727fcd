"""A report as a whole: its files, its bytes, its markup, and what it keeps apart."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import build
from reports.comparisons import COLUMNS
from tests.reports import samples

ROOT = Path(__file__).parents[2]
METHODS = ("supervised", "kd", "gcrd", "abkd")
NASTY = "[A_b] & 100% <i>\\alpha$|{x}#~^* Ωμέγα é中文 \"`' \x07 =1+1"


@pytest.fixture(scope="module")
def nasty(tmp_path_factory) -> tuple[Path, pd.DataFrame, dict]:
    """A small study whose titles, reasons and versions hold every character that some format reads as a command."""
    runs = samples.study({"ace-sim": "accuracy", "esol": "rmse"}, METHODS, ratios=(40.0, 80.0))
    bad = (runs["method"] == "gcrd") & (runs["seed"] < 2) & (runs["dataset"] == "esol")
    runs.loc[bad, ["status", "reason"]] = ["diverged", f"loss {NASTY}"]
    runs.loc[bad, ["train", "valid", "test"]] = np.nan
    settings = samples.settings(METHODS, title=f"T {NASTY}", datasets={"ace-sim": f"D {NASTY}", "esol": "ESOL"})
    settings["methods"]["gcrd"]["title"] = NASTY
    settings["hyperparameters"] = [
        {"dataset": "esol", "teacher": "gcn-3x256", "student": "gcn-2x16", "ratio_target": 40.0, "method": "gcrd"}
        | {"values": f"kernel {NASTY}"}
    ]
    folder = samples.save(tmp_path_factory.mktemp("nasty"), runs)
    build.write(folder, settings)
    return folder, runs, settings


class Checker(HTMLParser):
    """Collects ids, tags and links, and fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(folder: Path) -> Checker:
    checker = Checker()
    checker.feed((folder / "index.html").read_text(encoding="utf-8"))
    assert not checker.open
    return checker


def test_every_promised_file_is_there(nasty):
    folder, _, _ = nasty
    for name in ("comparisons.csv", "index.html", "tables/main.md", "tables/main.tex", "tables/main.csv"):
        assert (folder / name).stat().st_size > 0
    kinds = {path.stem.split("-")[0] for path in (folder / "figures").iterdir()}
    told = "scores differences pareto profiles improvement attention focus layers curves terms"
    assert kinds == set(told.split()), "two datasets carry no rank diagram"
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".svg", ".pdf", ".png"}
    assert not list(folder.rglob(".*")), "no temporary file stays behind"


def test_comparisons_have_the_columns_of_the_contract(nasty):
    header = (nasty[0] / "comparisons.csv").read_text().splitlines()[0]
    assert header == (
        "dataset,teacher,student,ratio_target,method,reference,n,mean,std,difference,ci_low,ci_high,p,p_holm,"
        "wilcoxon_p,probability_of_improvement,gap_closed,verdict,gap_low,gap_high"
    )
    assert header.split(",") == COLUMNS


@pytest.mark.usefixtures("vectors_alone")
def test_the_order_of_rows_changes_no_byte(nasty, tmp_path):
    folder, runs, settings = nasty
    samples.save(tmp_path, runs.sample(frac=1, random_state=3))
    for name in ("curves.parquet", "terms.parquet", "attention.parquet", "layers.parquet"):
        frame = pd.read_parquet(folder / name).sample(frac=1, random_state=4)
        frame.to_parquet(tmp_path / name, index=False)
    measured = pd.read_csv(folder / "measurements.csv").sample(frac=1, random_state=5)
    measured.to_csv(tmp_path / "measurements.csv", index=False)
    build.write(tmp_path, settings)
    outputs = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    made = [path for path in outputs if path.parts[0] in ("tables", "figures", "index.html", "comparisons.csv")]
    made = [path for path in made if path.suffix not in (".pdf", ".png")]  # drawn of the same figure
    assert len(made) > 20
    for path in made:
        assert (folder / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_the_page_is_one_wellformed_file_that_asks_for_nothing(nasty):
    checker = checked(nasty[0])
    text = (nasty[0] / "index.html").read_text(encoding="utf-8")
    tags = [tag for tag, _ in checker.tags]
    assert [attributes for tag, attributes in checker.tags if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert "link" not in tags
    assert "i" not in tags, "a title's markup must not become markup"
    assert "&lt;i&gt;" in text
    for tag, attributes in checker.tags:
        if tag == "img":
            assert attributes["alt"]
            assert str(attributes["src"]).startswith("data:image/svg+xml,")
        if tag == "th":
            assert attributes["scope"] in {"col", "row", "colgroup"}
    ids = [attributes["id"] for _, attributes in checker.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {str(a["href"])[1:] for tag, a in checker.tags if tag == "a"}
    assert anchors <= set(ids)


def test_failures_are_listed_with_their_reasons(nasty):
    text = (nasty[0] / "index.html").read_text(encoding="utf-8")
    assert "diverged 2/10" in text
    assert "loss [A_b] &amp; 100%" in text
    assert "diverged 2/10" in (nasty[0] / "tables" / "main.md").read_text(encoding="utf-8")


def test_markdown_rows_all_have_the_same_number_of_cells(nasty):
    for name in ("main.md", "comparisons.md"):
        widths: set[int] = set()
        for line in (nasty[0] / "tables" / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith("|"):
                widths = set()
                continue
            widths.add(len(re.findall(r"(?<!\\)\|", line)))
            assert len(widths) == 1, line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is missing: see CONTRIBUTING.md, Tests")
@pytest.mark.parametrize("option", ["", "[twocolumn]"])
def test_latex_compiles_with_booktabs_alone(nasty, tmp_path, option):
    names = sorted(path.name for path in (nasty[0] / "tables").glob("*.tex"))
    assert len(names) > 8
    inputs = "".join(f"\\input{{{nasty[0]}/tables/{name}}}\n\\clearpage\n" for name in names)
    (tmp_path / "paper.tex").write_text(
        f"\\documentclass{option}{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{inputs}\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout[-2000:]


def test_csv_of_the_main_table_reads_back(nasty):
    table = pd.read_csv(nasty[0] / "tables" / "main.csv").set_index("method")
    assert list(table.index) == ["teacher", *METHODS]
    assert table.shape == (5, 5), "a title, and two ratios of two datasets"
    assert re.fullmatch(r"\d\d\.\d\d ± \d\.\d\d( [↑↓])?", table.iloc[2, 1])


def test_reports_never_import_torch(nasty, tmp_path):
    _, _, settings = nasty
    copy = samples.save(tmp_path / "copy", samples.study({"ace-sim": "accuracy"}, METHODS, ratios=(40.0,)), False)
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    code = (
        "import sys; sys.argv = ['build', *sys.argv[1:]]; from reports import build; build.main(); "
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code, str(copy), "--settings"]
    ran = subprocess.run(
        [*command, str(tmp_path / "settings.json")], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.strip().splitlines()
    assert lines[0] == "50 runs: 50 ok"
    assert "ABKD: " in lines[1]
    assert lines[-1] == f"page: {copy / 'index.html'}"
    checked(copy)


def test_a_mistake_is_told_in_one_line(tmp_path):
    (tmp_path / "settings.json").write_text('{"alpha": 2}')
    command = [sys.executable, "-m", "reports.build", str(tmp_path), "--settings", str(tmp_path / "settings.json")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr == "error: report settings: alpha must lie between 0 and 0.5, not 2\n"


def test_one_seed_and_nothing_else_still_makes_a_page(tmp_path):
    runs = samples.frame(samples.cell([0.8]), samples.cell([0.82], method="abkd"), samples.teacher_rows([0.9]))
    build.write(samples.save(tmp_path, runs, everything=False), samples.settings())
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "needs 10 seeds" in text
    assert "No test across datasets: some mean rests on fewer than 10 seeds." in text
    assert (tmp_path / "figures").is_dir()
    assert not list((tmp_path / "figures").iterdir()), "no empty panels"
    assert "needs 10 seeds" in (tmp_path / "tables" / "main.md").read_text(encoding="utf-8")
    checked(tmp_path)


def test_a_run_in_which_everything_failed_still_makes_a_page(tmp_path):
    failed = {"status": "failed", "reason": "boom", "train": np.nan, "valid": np.nan, "seconds": np.nan}
    runs = samples.frame(samples.cell([np.nan] * 3, **failed), samples.cell([np.nan] * 3, method="abkd", **failed))
    folder = samples.save(tmp_path, runs, everything=False)
    build.write(folder, samples.settings())
    assert "failed 3/3" in (folder / "tables" / "main.md").read_text(encoding="utf-8")
    assert "no complete method" in build.summary(folder)
    checked(folder)


def test_an_earlier_figure_that_no_longer_belongs_goes(tmp_path):
    folder = samples.save(tmp_path, samples.frame(samples.cell([0.8])), everything=False)
    (folder / "figures").mkdir()
    (folder / "figures" / "curves-gone.svg").write_text("<svg/>")
    build.write(folder, samples.settings())
    assert not list((folder / "figures").iterdir())
