"""What figures share, and how a file becomes a figure on the page."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports import build, figures
from reports.chosen import PALETTE
from reports.figures import differences, focus, layers, pareto
from reports.figures.parts import fonts
from reports.figures.parts.limits import logarithmic_ticks
from reports.figures.parts.style import BLACK, BLUE, look, looks, spread
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
    assert {path.name for path in (folder / "figures").iterdir()} == {"dropped.svg", "dropped.pdf", "dropped.png"}
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
    kinds = [
        "fidelity",
        "scores",
        "differences",
        "pareto",
        "profiles",
        "improvement",
        "attention",
        "focus",
        "layers",
        "curves",
        "terms",
        "dropped",
    ]
    places = [page.index(f'<section id="{kind}">') for kind in kinds]
    assert places == sorted(places)


def test_spotlit_methods_are_coloured_and_the_rest_recede():
    settings = Settings.parse(samples.settings(spotlight=["at", "gcrd"]))
    found = looks(["supervised", "kd", "at", "gcrd", "abkd", "stride"], "stride", settings)
    assert [label for label, look in found.items() if not look.strong] == ["abkd"]
    assert len({look.colour for label, look in found.items() if look.strong}) == 5


def test_thirty_methods_can_be_told_apart_and_keep_their_looks():
    labels = [f"m{number}" for number in range(30)]
    settings = Settings.parse({"methods": {label: {"title": label} for label in labels}, "spotlight": labels[5:]})
    everywhere = {label: look(label, settings) for label in labels}
    assert len({(each.colour, each.line) for each in everywhere.values()}) == 30
    assert len({(each.colour, each.marker) for each in everywhere.values()}) == 30
    for few in (labels[:3], labels[7:20]):
        for best in few:
            assert looks(few, best, settings)[best] == everywhere[best]


TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    """Linear RGB of `#rrggbb`."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB, white D65."""
    x = TO_XYZ @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(
    "eye",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ],
    ids=["protanopia", "deuteranopia"],
)
def test_the_colours_that_matter_most_are_told_apart_by_colour_blind_eyes(eye):
    """Machado, Oliveira and Fernandes 2009, severity 1. Of the rest at least the markers and lines differ."""
    chosen = [BLACK, BLUE, *PALETTE[:5]]
    for i, one in enumerate(chosen):
        for other in chosen[:i]:
            apart = np.linalg.norm(lab(np.array(eye) @ linear(one)) - lab(np.array(eye) @ linear(other)))
            assert apart > 20, (one, other)


def test_text_in_every_colour_reads_on_white():
    assert all(1.05 / (linear(colour) @ TO_XYZ[1] + 0.05) > 3 for colour in (BLACK, BLUE, *PALETTE))


def test_size_font_and_palette_are_those_of_the_configuration(tmp_path):
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd", "abkd"), ratios=(40.0,))
    style = {"width": 9.6, "font_size": 11, "palette": ["#123456"]}
    folder = samples.save(tmp_path, runs, everything=False)
    for name, report in (("plain", {}), ("styled", {"figures": style})):
        found = samples.of_runs(runs, Settings.parse(samples.settings(spotlight=["abkd"], report=report)))
        figures.draw(found, tmp_path / name)
    plain, styled = ((tmp_path / name / "profiles-points.svg").read_text() for name in ("plain", "styled"))
    wide, narrow = (float(re.search(r'width="([\d.]+)pt"', svg)[1]) for svg in (styled, plain))
    assert 1.3 < wide / narrow < 1.6
    assert "#123456" in styled and "#123456" not in plain
    assert "11px" in styled and "8.5px" in plain
    assert folder.exists()


def test_figures_are_the_same_bytes_whenever_and_whichever_process_draws_them(tmp_path, monkeypatch):
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd"), ratios=(40.0, 80.0))
    found = samples.of_runs(runs, Settings.parse(samples.settings()))
    alone = figures.draw(found, tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(figures, "FEW", 0)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # what fonts and PDFs take for the present
    fonts.plain.cache_clear()
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert figures.draw(found, tmp_path) == alone
    assert {section.kind: len(section.drawings) for section in alone}["differences"] == 2
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    pdfs = list(tmp_path.glob("*.pdf"))
    assert len(pdfs) > 2
    for pdf in pdfs:
        content = pdf.read_bytes()
        assert b"/Type3" not in content
        assert b"/FontFile2" in content, "an embedded TrueType font"


@pytest.mark.parametrize(
    ("sign", "expected"), [(1, [(1, 0.5), (2, 0.7), (5, 0.9)]), (-1, [(1, 0.5), (3, 0.4), (4, 0.1)])]
)
def test_the_pareto_front_by_hand(sign, expected):
    points = [(3, 0.4), (1, 0.5), (2, 0.7), (1, 0.5 - 0.2 * sign), (4, 0.1), (5, 0.9), (6, 0.9)]
    assert pareto.front(points, sign) == expected


def weights(maps: dict[tuple[int, int], list[list[float]]]) -> pd.DataFrame:
    """(seed, epoch) -> map, as rows."""
    rows = [
        {"seed": seed, "epoch": epoch, "row": i, "column": j, "value": value}
        for (seed, epoch), one in maps.items()
        for i, row in enumerate(one)
        for j, value in enumerate(row)
    ]
    return pd.DataFrame(rows)


def test_entropy_and_diagonal_of_attention_by_hand():
    """Three teacher layers over two of the student: the diagonal is (1, 1), (2, 1), (3, 2), the middle at 0.5."""
    even, sharp, other = [[0.5, 0.5]] * 3, [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[3.0, 1.0]] * 3
    maps = {(0, 1): even, (1, 1): even, (0, 4): sharp, (1, 4): other, (0, 9): sharp}
    found = focus.focus(weights(maps))
    assert list(found.epochs) == [1, 4], "the second seed has no ninth"
    quarter = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert found.entropy == pytest.approx(np.array([[1, quarter / 2]] * 3))
    assert found.diagonal == pytest.approx(np.array([[0.5, 2 / 3], [0.5, (0.75 + 0.75 + 0.25) / 3]]))
    assert found.uniform == 0.5
    assert focus.focus(weights({(0, 1): even, (0, 4): even})) is None, "it never moves"
    assert focus.focus(weights({(0, 1): sharp})) is None
    assert focus.focus(weights({(0, 1): [[1.0]], (0, 2): [[0.5]]})) is None, "one layer leaves no choice"


def test_maps_of_layers_by_hand():
    """Means over the seeds that have a number; a method that has only one end is not shown."""
    values = {("kd", 0): (0.2, None), ("kd", 1): (0.4, 0.9), ("at", 0): (0.5, None)}
    rows = [
        {"method": method, "seed": seed, "name": name, "row": 0, "column": column, "value": value}
        for (method, seed), pair in values.items()
        for name in (("before", "after") if method == "kd" else ("after",))
        for column, value in enumerate(pair)
    ]
    found = layers.maps(pd.DataFrame(rows).astype({"value": float}))
    assert list(found) == ["kd"]
    for ends in found["kd"]:
        assert ends == pytest.approx(np.array([[0.3, 0.9]]))


@pytest.mark.parametrize(("teacher", "student"), [(64, 4), (3, 2), (1, 1)])
def test_maps_of_layers_stay_small_whatever_the_depth(teacher, student, tmp_path):
    runs = samples.study({"ace-sim": "accuracy"}, ("supervised", "kd", "at", "abkd"), seeds=2, ratios=(40.0,))
    results = samples.of_runs(runs, Settings.parse(samples.settings()))
    told = replace(results.results, layers=samples.layers(runs, teacher, student))
    (drawing,) = layers.draw(replace(results, results=told), tmp_path)
    assert drawing.width < 800
    text = drawing.svg
    assert [f">{title}<" in text for title in ("Supervised", "KD", "ABKD", "AT")] == [True, True, True, False]
    assert f">{teacher}<" in text, "the last layer is numbered"
    assert layers.draw(results, tmp_path) == [], "results without layers"


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.5, 2.0, 5.0, 19.0, 21.0, 1000.0])
def test_few_round_numbers_stand_at_a_logarithmic_axis(ratio):
    """Also where a student costs what its teacher does."""
    for low in np.geomspace(1, 10, 23):
        axes = Figure().add_axes((0, 0, 1, 1))
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, low * ratio * 1.6)
        logarithmic_ticks(axes.xaxis, low, low * ratio)
        ticks = [tick for tick in axes.get_xticks() if low / 1.6 <= tick <= low * ratio * 1.6]
        assert 1 <= len(ticks) <= 6, (low, ticks)
        assert all(f"{tick:.1e}"[:3] in ("1.0", "1.5", "2.0", "3.0", "5.0", "7.0") for tick in ticks), ticks


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
    (layers,) = (tmp_path / "figures").glob("layers-*.svg")
    text = layers.read_text(encoding="utf-8")
    assert ">KD<" in text and ">ABKD<" not in text
    assert not list((tmp_path / "figures").glob("attention-*.svg")), "ABKD's alone would be one"
    assert not list((tmp_path / "figures").glob("focus-*.svg"))


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


def test_an_interval_that_is_cut_off_ends_in_an_arrowhead(tmp_path):
    base = samples.BASE - 0.2
    close = [samples.cell(base - 0.03, method=name) for name in ("fitnet", "at", "lsp-rbf", "gcrd")]
    wide = samples.cell(base - 0.06 + 80 * samples.OTHER, method="glnn")
    far = samples.cell(base - 0.17 + 50 * samples.OTHER, method="abkd")

    def caption(*rows: list[dict[str, Any]]) -> str:
        (drawing,) = differences.draw(samples.findings(samples.cell(base, method="kd"), *close, *rows), tmp_path)
        return drawing.caption

    assert "Arrowheads" not in caption(wide)
    assert "Arrowheads at the edge: an interval, or all of a method" in caption(wide, far)
