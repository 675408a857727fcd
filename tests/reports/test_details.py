"""What the page's script is given: the numbers of the tables, and text that stays text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shlex

import numpy as np
import pytest

from reports import details, page
from reports.figures.parts import style
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

PLACE = {"dataset": "ace-sim", "teacher": "gcn-3x256", "student": "gcn-2x16"}


def findings(used=(), **changes):
    found = samples.findings(
        samples.cell(BASE, metric="rmse"),
        samples.cell(BASE - 0.01 + OTHER, method="abkd", metric="rmse"),
        samples.cell(BASE + 0.02, method="supervised", metric="rmse"),
        samples.cell([0.9, np.nan], method="at", metric="rmse", status="failed", reason="</script> boom"),
        samples.teacher_rows(BASE - 0.1, metric="rmse"),
        hyperparameters=used,
    )
    return dataclasses.replace(found, results=dataclasses.replace(found.results, **changes))


def test_a_cell_holds_the_numbers_of_the_tables():
    found = findings()
    (family,) = details.data(found)["families"]
    assert family["seeds"] == list(range(10))
    cell = family["cells"]["abkd"]
    assert cell["scores"] == [f"{value:.3f}" for value in BASE - 0.01 + OTHER]
    reference, floor = cell["against"]
    assert (reference["label"], floor["label"]) == ("kd", "supervised")
    lower_is_better = [f"{value:+.3f}".replace("-", "−") for value in 0.01 - OTHER]
    assert reference["paired"] == lower_is_better
    row = next(row for row in next(iter(found.comparisons.values())) if row.method == "abkd")
    assert (reference["n"], reference["verdict"]) == (row.n, "better") == (10, row.words)
    assert reference["tests"][0] == ["Paired t", "< 0.001", "< 0.001"]
    assert [name for name, *_ in reference["tests"]] == ["Paired t", "Wilcoxon", "Sign flips"]
    assert reference["interval"].startswith("95 % interval [+0.00")


def test_nothing_is_compared_with_itself_or_with_the_teacher():
    (family,) = details.data(findings())["families"]
    of = {label: [each["label"] for each in cell["against"]] for label, cell in family["cells"].items()}
    assert of == {
        "teacher": [],
        "supervised": ["kd"],
        "kd": ["supervised"],
        "abkd": ["kd", "supervised"],
        "at": ["kd", "supervised"],
    }


def test_a_failed_cell_keeps_its_reason_and_has_no_tests():
    (family,) = details.data(findings())["families"]
    cell = family["cells"]["at"]
    assert cell["words"] == "failed 2/2"
    assert cell["why"] == "</script> boom"
    assert all(each["tests"] == [] and each["interval"] == "" for each in cell["against"])


def test_no_text_ends_the_block_of_data():
    nasty = "</script><!--\u2028\u2029]]> & é"
    made = details.embedded({nasty: [nasty]})
    assert not re.search(r"[<>&\u2028\u2029é]", made)
    assert json.loads(made) == {nasty: [nasty]}
    with pytest.raises(ValueError, match="JSON"):
        details.embedded(float("nan"))


def test_hyperparameters_and_commands_are_those_of_the_run():
    targets = [f"results/quick one/cells/ace-sim/a/b/abkd/0f/seeds~{block}.json" for block in ("0-4", "5-9")]
    teacher = "results/quick one/teachers/ace-sim/gcn-3x256/0e/seeds~0-9.json"
    used = [
        {**PLACE, "ratio_target": 40.0, "method": "abkd", "values": "beta 2", "targets": targets, "taught": [teacher]},
        {**PLACE, "ratio_target": 80.0, "method": "kd", "values": "another student's"},
    ]
    made = details.data(findings(used, provenance={"config_file": "config/quick one.yaml"}))
    cells = made["families"][0]["cells"]
    assert cells["abkd"]["values"] == "beta 2"
    assert cells["kd"]["values"] == "", "nothing is said of what the files do not tell"
    assert [command for _, command in made["commands"]] == [
        "snakemake --configfile 'config/quick one.yaml'",
        "abkd-bench verify 'results/quick one'",
    ]
    assert cells["abkd"]["records"] == "results/quick one/cells/ace-sim/a/b/abkd/0f/"
    wanted = ["snakemake", *targets, "--configfile", "config/quick one.yaml"]
    assert shlex.split(cells["abkd"]["again"]) == wanted
    assert (cells["kd"]["records"], cells["kd"]["again"]) == ("", ""), "no target is known"
    folder = cells["abkd"]["taught"]
    assert folder == "results/quick one/teachers/ace-sim/gcn-3x256/0e/" == cells["teacher"]["records"]
    alone = ["snakemake", teacher, "--configfile", "config/quick one.yaml"]
    assert shlex.split(made["families"][0]["teachers"][folder]) == shlex.split(cells["teacher"]["again"]) == alone


def test_a_report_of_an_earlier_version_names_the_folder_of_all_trainings_of_the_teacher():
    made = details.data(findings([], provenance={"config_file": "config/quick one.yaml"}))["families"][0]
    assert made["cells"]["teacher"]["records"] == "results/quick one/teachers/ace-sim/gcn-3x256/"
    assert made["teachers"] == {}


def test_curves_are_means_in_printed_units_and_short():
    runs = samples.frame(samples.cell([0.8, 0.81]), samples.cell([0.8, 0.82], method="abkd"))
    found = samples.of_runs(runs, findings().settings)
    curves = samples.curves(runs, epochs=400)
    found = dataclasses.replace(found, results=dataclasses.replace(found.results, curves=curves))
    x, y = details.data(found)["families"][0]["cells"]["abkd"]["curve"]
    assert len(x) == len(y) == details.CURVE_POINTS
    assert (x[0], x[-1]) == (0, 399)
    last = curves[(curves["method"] == "abkd") & (curves["epoch"] == 399)]["valid"].mean()
    assert y[-1] == pytest.approx(100 * last, abs=0.005)


def test_the_chart_has_the_points_of_the_figure():
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd", "abkd"), ratios=(40.0, 80.0))
    found = samples.of_runs(runs, findings().settings)
    (chart,) = details.data(found)["charts"]
    gains, scores = chart["views"]
    family = found.results.families[0]
    row = next(row for row in found.gains[family] if row.method == "abkd")
    wanted = [39.2, *(100 * value for value in (row.difference, row.ci_low, row.ci_high))]
    assert gains["series"]["abkd"][0] == pytest.approx(wanted, rel=1e-3)
    mean = runs[(runs["method"] == "abkd") & (runs["ratio_target"] == 40.0)]["test"].mean()
    assert scores["series"]["abkd"][0][1] == pytest.approx(100 * mean, rel=1e-3)
    look = details.data(found)["methods"]["abkd"]
    assert (look["colour"], look["dashes"]) == (style.look("abkd", found.settings).colour, "")
    assert chart["slug"] == "scores-ace-sim-gcn-3x256-gcn-2"


def test_the_page_runs_no_other_script_than_its_own():
    text = page.render(findings(), [])
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert "innerHTML" not in script and "eval(" not in script and "document.write" not in script
    (allowed,) = re.findall(r"script-src '(sha256-[^']+)'", text)
    assert allowed == "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in text
