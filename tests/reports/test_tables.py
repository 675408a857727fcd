"""How tables are written, format by format; `test_build.py` reads the files."""

from __future__ import annotations

from reports import latex, tables
from reports.settings import Settings
from tests.reports import samples


def test_latex_specials_are_spelt_out():
    assert latex.escape("a_b & 5% #1 $x {y} ~^\\") == (
        r"a\_b \& 5\% \#1 \$x \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )


def test_the_legend_names_the_method_of_the_arrows():
    settings = Settings.parse(samples.settings(reference="gcrd"))
    assert "than G-CRD" in tables.legend(settings)


def test_sources_stand_beside_the_tables_and_are_cited(tmp_path):
    entry = "@misc{hinton2015distilling,\n  title = {Distilling the Knowledge in a Neural Network}\n}"
    facts = {"title": "KD", "citations": ["hinton2015distilling"], "bibtex": [entry]}
    bare = {"title": "Mine", "citations": ["mine2026"], "bibtex": [""]}
    rows = samples.frame(samples.cell(samples.BASE), samples.cell(samples.BASE, method="mine"))
    found = samples.of_runs(rows, Settings.parse(samples.settings(()) | {"methods": {"kd": facts, "mine": bare}}))
    tables.write(tmp_path, found)
    assert (tmp_path / "references.bib").read_text() == entry + "\n"
    paper = (tmp_path / "main.tex").read_text()
    assert r"KD~\cite{hinton2015distilling} &" in paper
    assert "Mine &" in paper


def test_without_sources_nothing_is_cited(tmp_path):
    tables.write(tmp_path, samples.findings(samples.cell(samples.BASE)))
    assert not (tmp_path / "references.bib").exists()
    assert "cite" not in (tmp_path / "main.tex").read_text()
