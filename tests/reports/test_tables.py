"""How tables are written, format by format; `test_build.py` reads the files."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from reports import compression, formats, latex, main_table, page, tables
from reports.findings import Findings
from reports.grid import Grid, Group
from reports.results import Results, families, prepare
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE

METHODS = ("supervised", "kd", "gcrd", "kd+gcrd", "abkd")
GROUPS = {"supervised": "Supervised", "kd+gcrd": "KD + distillation"}


def study(**report) -> tables.Findings:
    """Two datasets at two ratios, with the facts that a run states."""
    runs = samples.study({"ace-sim": "accuracy", "cora": "accuracy"}, METHODS, ratios=(40.0, 80.0))
    stated = samples.settings(METHODS, report=report, datasets={"cora": "Cora", "ace-sim": "ACE"})
    for label, facts in stated["methods"].items():
        facts["group"] = GROUPS.get(label, "Distillation")
    stated["networks"] = {"gcn-3x256": {"layers": 3, "citations": ["kipf2017gcn"]}, "gcn-2x16": {"layers": 2}}
    stated["data_citations"] = {"cora": ["yang2016revisiting"]}
    stated["references"] = {
        "kipf2017gcn": "@misc{kipf2017gcn,\n}",
        "yang2016revisiting": "@misc{yang2016revisiting,\n}",
    }
    return samples.of_runs(runs, Settings.parse(stated))


def test_latex_specials_are_spelt_out():
    assert latex.escape("a_b & 5% #1 $x {y} ~^\\") == (
        r"a\_b \& 5\% \#1 \$x \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert latex.escape("[x] *") == "{[}x{]} {*}", "behind the end of a row they would be its options"
    assert latex.escape("αΩ Β é Ł ² 中 \x07\n") == r"$\alpha$$\Omega$ B \'{e} \L{} $^2$ U+4E2D   "
    assert latex.escape("λ Λ µ ς") == r"$\lambda$ $\Lambda$ $\mu$ $\varsigma$"


def test_headings_that_are_wider_than_their_cells_have_several_lines():
    rows = [["KD", "81.2 ± 0.4", "82.0 ± 0.3", "1"], ["ABKD", "81.2 ± 0.4", "82.0 ± 0.3", "2"]]
    long = "ACE similarity (mini), 2 labels per class"
    headings = [["Data", long, long, "A"], ["Method", "A", "B", "Seeds needed for it"]]
    text = latex.table(Grid("t", "T", headings, [Group("", list(rows))]), "")
    assert r"\multicolumn{2}{c}{\shortstack{ACE similarity (mini), \\ 2 labels per class}}" in text
    assert r"A & B & \shortstack{Seeds \\ needed \\ for it}" in text
    assert r"\begin{table}[htbp]" in text
    rows[0][0] = "A method with a long name " * 3
    assert r"\begin{table*}[htbp]" in latex.table(Grid("t", "T", headings, [Group("", list(rows))]), "")


def test_the_legend_names_the_method_of_the_arrows():
    settings = Settings.parse(samples.settings(reference="gcrd"))
    assert "than G-CRD" in tables.legend(settings)


def test_rows_stand_in_the_groups_of_the_field():
    (one, *_) = main_table.main(study())
    assert [group.title for group in one.groups] == ["", "Supervised", "Distillation", "KD + distillation"]
    assert [row[0] for row in one.groups[2].rows] == ["KD", "G-CRD", "ABKD"]
    text = formats.markdown([one], "")
    assert "| Method " in text, "no comma stands for a heading above it that is empty"
    assert text.index("| *Supervised*") < text.index("| *Distillation*") < text.index(r"| *KD + distillation*")
    assert r"\multicolumn{3}{@{}l}{\emph{KD + distillation}} \\" in latex.table(one, "")


def test_a_paper_has_a_table_per_ratio_and_one_across():
    per_ratio, other, across = main_table.paper(study())
    assert per_ratio.title == "Accuracy, % of students, compression 40×"
    assert per_ratio.headings == [
        ["Data", "Cora", "ACE"],
        ["Networks", *["gcn-3x256 → gcn-2x16"] * 2],
        ["Layers", *["3 → 2"] * 2],
        ["Parameters", *["110 k → 2.75 k"] * 2],
        ["Ratio", *["40×"] * 2],
    ]
    assert other.headings[-1] == ["Ratio", *["80×"] * 2]
    assert across.headings[-1] == ["Ratio", "40×", "80×", "40×", "80×"]
    paper = latex.table(per_ratio, "")
    assert paper.startswith("\\begin{table*}")
    assert r"students, compression 40$\times$. ~\cite" not in paper
    assert r"\cite{yang2016revisiting,kipf2017gcn}}" in paper
    assert r"\multicolumn{2}{c}{gcn-3x256 $\rightarrow$ gcn-2x16}" in paper


def test_a_ratio_that_no_student_has_is_refused():
    """It would leave a table of nothing, without a word."""
    with pytest.raises(ValueError, match=r"^report.select.ratios: no student has 7×; allowed: 40×, 80×$"):
        main_table.paper(study(select={"ratios": [80, 7]}))


def test_a_selection_is_ordered_and_changes_no_family_of_tests(tmp_path):
    whole = study()
    few = study(select={"methods": ["abkd", "kd"], "ratios": [80, 40], "datasets": ["ace-sim"]}, columns="one")
    first, second, across = main_table.paper(few)
    assert [label for group in across.groups for label in (row[0] for row in group.rows)] == ["Teacher", "ABKD", "KD"]
    assert (first.headings[-1], second.headings[-1], across.headings[-1]) == (
        ["Ratio", "80×"],
        ["Ratio", "40×"],
        ["Ratio", "80×", "40×"],
    )
    for family, rows in whole.comparisons.items():
        assert [(row.method, row.p_holm, row.verdict) for row in rows] == [
            (row.method, row.p_holm, row.verdict) for row in few.comparisons[family]
        ]
        shown = few.columns[family].cells
        assert all(whole.columns[family].cells[label] == cell for label, cell in shown.items())
    tables.write(tmp_path, few)
    paper = (tmp_path / "paper.tex").read_text()
    assert "(4), of which the tables show 1" in paper
    assert "table*" not in paper
    assert "G-CRD" in (tmp_path / "main.tex").read_text()


def test_every_table_has_every_format(tmp_path):
    found = study()
    tables.write(tmp_path, found)
    names = {
        "main",
        "paper",
        "comparisons",
        "fidelity",
        "sensitivity",
        "aggregate",
        "improvement",
        "equivalence",
        "cost",
    }
    assert {path.name for path in tmp_path.iterdir()} == {
        "references.bib",
        *(f"{name}{suffix}" for name in names for suffix in formats.SUFFIXES),
    }
    assert (tmp_path / "references.bib").read_text().count("@misc") == 2
    page = (tmp_path / "main.html").read_text()
    assert '<th scope="rowgroup" colspan="3">Supervised</th>' in page


def test_what_an_earlier_report_left_is_removed(tmp_path):
    (tmp_path / "tuned.tex").write_text("old")
    tables.write(tmp_path, study())
    assert not (tmp_path / "tuned.tex").exists()


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@x", "\tx"])
def test_no_cell_is_a_formula(tmp_path, text):
    formats.write_csv(tmp_path / "a.csv", pd.DataFrame({"method": [text], text: ["−0.12"], "n": [-1.5]}))
    with (tmp_path / "a.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row == {"method": f"'{text}", f"'{text}": "-0.12", "n": "-1.5"}, "signed numbers stay numbers, in ASCII"


def test_differences_keep_their_signs_in_a_spreadsheet(tmp_path):
    tables.write(tmp_path, study())
    found = pd.read_csv(tmp_path / "comparisons.csv")
    assert (found["difference"] < 0).any()
    assert np.issubdtype(found["difference"].dtype, np.floating)
    assert "\u2212" not in "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.csv"))


def test_sources_stand_beside_the_tables_and_are_cited(tmp_path):
    entry = "@misc{hinton2015distilling,\n  title = {Distilling the Knowledge in a Neural Network}\n}"
    facts = {"title": "KD", "citations": ["hinton2015distilling"], "bibtex": [entry]}
    bare = {"title": "Mine", "citations": ["mine2026"], "bibtex": [""]}
    rows = samples.frame(samples.cell(samples.BASE), samples.cell(samples.BASE, method="mine"))
    found = samples.of_runs(rows, Settings.parse(samples.settings(()) | {"methods": {"kd": facts, "mine": bare}}))
    tables.write(tmp_path, found)
    assert (tmp_path / "references.bib").read_text() == entry + "\n"
    for name in ("main", "cost"):
        paper = (tmp_path / f"{name}.tex").read_text()
        assert r"KD~\cite{hinton2015distilling} &" in paper
        assert "Mine &" in paper


def test_without_sources_nothing_is_cited(tmp_path):
    tables.write(tmp_path, samples.findings(samples.cell(samples.BASE)))
    assert not (tmp_path / "references.bib").exists()
    assert "cite" not in (tmp_path / "main.tex").read_text()


def test_latencies_beside_other_work_are_told_where_speed_ups_are(tmp_path):
    runs = samples.study({"cora": "accuracy"}, METHODS, ratios=(40.0, 80.0))
    measured = samples.measurements(runs)
    for share, told in ((0.2, 0), (0.3, 1)):
        measured.loc[measured["model"] == "gcn-2x8", "latency_ms_iqr"] = share * measured["latency_ms_median"]
        ready = prepare(runs)
        settings = Settings.parse(samples.settings(METHODS))
        empty = pd.DataFrame()
        results = Results(ready, measured, empty, empty, empty, {}, families(ready, settings))
        found = Findings.of(results, settings)
        (grid,) = compression.grids(found)
        assert len(grid.notes) == told
        assert page.render(found, []).count("other work ran beside gcn-2x8") == told
    assert grid.notes[0].startswith("The latency is unsure, and speed-ups with it: other work ran beside gcn-2x8 (")


def test_what_a_page_does_not_hold_is_printed_in_parts():
    """More methods than a page has lines fell off it."""
    groups = [Group(title, [[f"{title}{place}", "1"] for place in range(40)]) for title in ("A", "B")]
    grid = Grid("t", "T", [["Method", "x"]], groups, notes=["n"])
    first, second = latex.pieces(grid)
    assert [*first.rows, *second.rows] == grid.rows
    assert [group.title for group in (*first.groups, *second.groups)] == ["A", "B"]
    assert (first.slug, second.slug, first.notes, second.notes) == ("t", "t-rows-2", [], ["n"])
    assert latex.pieces(Grid("t", "T", [["Method", "x"]], groups[:1])) == [
        Grid("t", "T", [["Method", "x"]], groups[:1])
    ]


def test_a_table_without_rows_is_one():
    assert r"\toprule" in latex.table(Grid("t", "T", [["Method", "x"]], []), "")


def test_a_legend_is_spelt_out_too():
    assert r"KD\*, \_a\_" in formats.markdown([], "KD*, _a_")


def test_the_family_of_tests_is_counted_column_by_column():
    """Two data sets with other methods each: a column shows two of two, not all four."""
    parts = [samples.cell(BASE, method=label) for label in ("kd", "at", "abkd")]
    parts += [samples.cell(BASE, method=label, dataset="cora") for label in ("kd", "gcrd", "stride", "fitnet")]
    said = main_table.families_of_tests(samples.findings(*parts))
    assert said == (
        "Holm's family is every method that was run on a column's students against KD (2 to 3), of which the tables "
        "show 2 to 3."
    )


def test_a_selection_says_that_the_best_may_not_be_shown():
    assert "the best student, of all that were run, shown or not, and" in main_table.legend(
        study(select={"methods": ["abkd"]}).settings
    )


def test_what_was_selected_and_added_stands_once():
    settings = study(select={"methods": ["kd", "mine"]}).settings.with_labels(["kd", "mine"])
    assert settings.report.select.methods == ["kd", "mine"]


def test_no_column_of_the_plain_table_takes_the_place_of_another():
    """One student by its ratio and by its width, which gives the same one."""
    by_width = [row | {"ratio_target": None, "ratio": 40.0} for row in samples.cell(samples.BASE - 0.2)]
    found = main_table.wide(samples.findings(samples.cell(samples.BASE), by_width))
    assert list(found.columns[2:]) == [
        "ace-sim | gcn-3x256 → gcn-2x16~40x | 40×",
        "ace-sim | gcn-3x256 → gcn-2x16 | 40×",
    ]
    assert found.iloc[0, 2] != found.iloc[0, 3]
