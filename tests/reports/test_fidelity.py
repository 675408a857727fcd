"""The table of fidelity and calibration."""

from __future__ import annotations

import numpy as np
import pytest

from reports import fidelity, formats, latex, tables
from tests.reports import samples


def of(*parts):
    (table,) = fidelity.tables(samples.findings(*parts))
    return {row[0]: dict(zip(table.headings, row, strict=True)) for row in table.rows}


def test_means_and_deviations_over_seeds():
    kd = [samples.row(seed=seed, agreement=a, kl_to_teacher=0.5) for seed, a in enumerate([0.8, 0.9])]
    found = of(samples.teacher_rows([0.9, 0.92]), kd, samples.cell([0.7, 0.72], method="supervised", agreement=0.8))
    assert list(found) == ["Teacher", "Supervised", "KD"]
    assert found["KD"]["Agreement, %"] == f"85.0 ± {100 * np.std([0.8, 0.9], ddof=1):.1f}"
    assert found["KD"]["KL to teacher"] == "0.500 ± 0.000"
    assert found["KD"]["Accuracy, %"] == "80.00 ± 0.00"
    assert found["Supervised"]["Agreement, %"] == "80.0 ± 0.0"
    assert found["Teacher"]["Agreement, %"] == found["Teacher"]["CKA"] == "—"
    assert found["Teacher"]["NLL"] == "0.620 ± 0.000"


def test_one_seed_has_no_deviation():
    assert of(samples.cell([0.8]))["KD"]["Agreement, %"] == "85.0"


def test_nothing_is_averaged_over_what_failed_or_lacks_the_number():
    failed = [*samples.cell([0.8], method="at"), samples.row(seed=1, method="at", status="diverged", test=None)]
    partly = [samples.row(seed=0), samples.row(seed=1, cka=None)]
    found = of(failed, partly, samples.missing(2, method="abkd"))
    assert found["AT"]["Accuracy, %"] == "diverged 1/2"
    assert found["ABKD"]["Accuracy, %"] == "missing 2/2"
    assert {found["AT"][heading] for heading in found["AT"]} == {"AT", "diverged 1/2", "—"}
    assert found["KD"]["CKA"] == "—"
    assert found["KD"]["NLL"] == "0.620 ± 0.000"


def test_every_column_is_printed_and_the_file_holds_them_as_stored():
    assert list(fidelity.PRINTED) == list(fidelity.FIDELITY)
    frame = fidelity.frame(samples.findings(samples.cell([0.8, 0.9])))
    (row,) = frame.to_dict("records")
    assert (row["method"], row["n"], row["test_mean"]) == ("kd", 2, pytest.approx(0.85))
    assert (row["agreement_mean"], row["agreement_std"]) == (pytest.approx(0.85), 0)


def test_written_for_readers_and_for_papers():
    found = samples.findings(samples.cell([0.8, 0.9]), samples.cell([0.8, 0.9], method="lsp-rbf"))
    shown = fidelity.tables(found)
    made = tables.of_families("fidelity", "Fidelity", shown, fidelity.LEGEND, fidelity.frame(found)).grids
    markdown, paper = formats.markdown(made, fidelity.LEGEND), latex.document(made, fidelity.LEGEND)
    assert "| KD " in markdown and "| Agreement, % " in markdown
    assert r"LSP (RBF) & 85.00 $\pm$ 7.07 & 85.0 $\pm$ 0.0 &" in paper
    assert r"\shortstack{Agreement, \\ \%}" in paper
