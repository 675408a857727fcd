"""What figures share, and how a file becomes a figure on the page."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from reports import build, figures
from reports.figures.parts.style import looks, spread
from reports.settings import Settings
from tests.reports import samples

DROPPED = """
from matplotlib.figure import Figure

from reports.figures.parts.style import canvas, finish

KIND = "dropped"
TITLE = "A figure that nothing else names"


def draw(findings, folder):
    with canvas(KIND):
        title = f"{len(findings.results.runs)} rows"
        return [finish(Figure(figsize=(2, 1)), folder, KIND, title, "Its caption.", "Nothing at all.")]
"""


@pytest.fixture
def dropped(tmp_path, monkeypatch):
    """One more file in the folder of figures."""
    (tmp_path / "listed").mkdir()
    (tmp_path / "listed" / "dropped.py").write_text(DROPPED)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path / "listed")])
    yield
    sys.modules.pop("reports.figures.dropped", None)


def test_a_dropped_file_is_drawn_and_shown_with_no_other_edit(dropped, tmp_path):
    folder = samples.save(tmp_path / "run", samples.frame(samples.cell([0.8, 0.81])), everything=False)
    build.write(folder, samples.settings())
    assert {path.name for path in (folder / "figures").iterdir()} == {"dropped.svg", "dropped.pdf"}
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert '<li><a href="#dropped">A figure that nothing else names</a></li>' in page
    assert '<section id="dropped">' in page
    assert 'id="figure-dropped"' in page
    assert "Its caption." in page


def test_sections_stand_in_the_order_that_their_files_state(dropped, tmp_path):
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd", "abkd"), ratios=(40.0, 80.0))
    folder = samples.save(tmp_path / "run", runs)
    build.write(folder, samples.settings())
    page = (folder / "index.html").read_text(encoding="utf-8")
    kinds = ["fidelity", "scores", "differences", "latency", "attention", "curves", "terms", "dropped"]
    places = [page.index(f'<section id="{kind}">') for kind in kinds]
    assert places == sorted(places)


def test_spotlit_methods_are_coloured_and_the_rest_recede():
    settings = Settings.parse(samples.settings(spotlight=["at", "gcrd"]))
    found = looks(["supervised", "kd", "at", "gcrd", "abkd", "stride"], "stride", settings)
    assert [label for label, look in found.items() if not look.strong] == ["abkd"]
    assert len({look.colour for label, look in found.items() if look.strong}) == 5


def test_nine_spotlit_methods_can_be_told_apart():
    labels = [f"m{number}" for number in range(9)]
    found = looks(labels, None, Settings.parse({"spotlight": labels}))
    assert len(set(found.values())) == 9


def test_labels_are_moved_apart_as_little_as_possible():
    moved = spread([0.5, 0.5, 0.9], gap=0.1, low=0.0, high=1.0)
    assert moved == pytest.approx([0.45, 0.55, 0.9])
    bottom = spread([0.0, 0.01, 0.02], gap=0.1, low=0.0, high=1.0)
    assert bottom == pytest.approx([0.0, 0.1, 0.2])
    assert np.diff(np.sort(spread(np.zeros(30), gap=0.1, low=0.0, high=1.0))) == pytest.approx(0.1)


@pytest.mark.parametrize("status", ["failed", "missing"])
def test_no_curve_is_the_mean_of_the_seeds_that_survived(status, tmp_path):
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd", "fitnet", "abkd"), seeds=3, ratios=(40.0,))
    lost = runs["method"].isin(["fitnet", "abkd"]) & (runs["seed"] == 2)
    runs.loc[lost, "status"] = status
    build.write(samples.save(tmp_path, runs), samples.settings())
    (curves,) = (tmp_path / "figures").glob("curves-*.svg")
    text = curves.read_text(encoding="utf-8")
    assert ">KD<" in text
    assert ">FitNet<" not in text
    (terms,) = (tmp_path / "figures").glob("terms-*.svg")
    assert "Terms of the training loss of 1 methods" in terms.read_text(encoding="utf-8"), "KD alone"
    (maps,) = (tmp_path / "figures").glob("attention-*.svg")
    assert "ABKD (2 of 3 seeds)" in maps.read_text(encoding="utf-8")


def test_terms_are_drawn_of_the_reference_the_spotlit_methods_and_the_best_of_the_rest(tmp_path):
    methods = ("supervised", "kd", "fitnet", "at", "kd+gcrd", "abkd")
    runs = samples.study({"ace-sim": "accuracy"}, methods, seeds=3, ratios=(40.0,))
    runs.loc[runs["method"] == "at", "test"] = 0.9
    build.write(samples.save(tmp_path, runs), samples.settings(spotlight=["kd+gcrd", "supervised"]))
    (terms,) = (tmp_path / "figures").glob("terms-*.svg")
    text = terms.read_text(encoding="utf-8")
    assert [f">{title}<" in text for title in ("KD", "KD + G-CRD", "AT", "FitNet", "ABKD")] == [True] * 3 + [False] * 2
    assert ">kd.loss<" in text and ">gcrd.loss<" in text and ">labels<" in text
    assert ">Supervised<" not in text, "one term is the learning curve's loss"
