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
