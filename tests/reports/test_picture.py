"""A figure that is laid out once against matplotlib's own way, which lays it out for every format."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.figures.parts.picture import Picture
from reports.figures.parts.style import DOTS, PADDING, canvas, colour_scale, finish


def drawn() -> Figure:
    """Lines, markers, a band and an image that their axes cut off, and text that is turned and aligned."""
    figure = Figure(figsize=(4, 2), dpi=72)
    figure.add_artist(Rectangle((0, 0), 1, 1, fill=False))
    left, right, bar = (
        figure.add_axes((x, 0.25, width, 0.6)) for x, width in ((0.12, 0.3), (0.55, 0.25), (0.85, 0.03))
    )
    left.plot([0, 1, 2], [0, 5, 1], marker="D", color="#d55e00")
    left.fill_between([0, 2], [1, 2], [2, 9], alpha=0.4)
    left.set_xlim(0, 1.5)
    left.set_ylim(0, 4)
    left.set_ylabel("Turned")
    left.set_title("Title")
    shown = right.imshow([[0.0, 0.2], [0.6, 1.0]], cmap="Blues", aspect="auto", interpolation="none")
    right.set_xlim(-0.5, 1)
    colour_scale(bar, shown)
    return figure


def pixels(figure: Figure) -> np.ndarray:
    target = BytesIO()
    figure.savefig(target, format="png", dpi=144)
    target.seek(0)
    return image.imread(target)[..., :3]


def test_a_picture_shows_what_the_figure_shows():
    with canvas("test"):
        ours, expected = pixels(Picture(drawn(), 0.0)), pixels(drawn())
        bare = pixels(Figure(figsize=(4, 2)))
    assert ours.shape == expected.shape
    error = np.abs(ours - expected)
    assert error.mean() < 0.02 * np.abs(bare - expected).mean()
    assert (error.max(-1) > 0.3).mean() < 0.002, "edges of letters, hinted for another size"


def test_a_picture_is_as_large_as_what_is_drawn():
    with canvas("test"):
        figure = Figure(figsize=(9, 7))
        figure.add_axes((0.4, 0.4, 0.2, 0.2)).text(1.1, 0.5, "outside", transform=figure.axes[0].transAxes)
        tight = figure.get_tightbbox().size
        assert Picture(figure, 0.1).get_size_inches() == pytest.approx(tight + 0.2, abs=0.05)
        assert Picture(Figure(figsize=(2, 1)), 0.0).get_size_inches() == pytest.approx([2, 1])


@pytest.mark.parametrize("corner", [0.1, 0.3])
def test_a_band_is_in_every_format_wherever_the_picture_is_cut(corner: float):
    """PDF and PNG draw it whatever its anchor; SVG leaves out what is anchored outside of the page."""
    figure = Figure(figsize=(8, 4))
    figure.add_axes((corner, corner, 0.5, 0.5)).fill_between([0, 1], [0, 0], [1, 2], alpha=0.15, color="#123456")
    with canvas("test"):
        target = BytesIO()
        Picture(figure, 0.0).savefig(target, format="svg")
    svg = target.getvalue().decode()
    assert "fill: #123456" in svg


def test_the_vector_formats_keep_how_a_text_is_aligned():
    with canvas("test"):
        target = BytesIO()
        Picture(drawn(), 0.0).savefig(target, format="svg")
    svg = target.getvalue().decode()
    assert "text-anchor: middle" in svg and "text-anchor: end" in svg, "whatever font a reader has"
    assert "image-rendering:pixelated" in svg


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_long_title_is_not_cut(tmp_path, weight):
    """A PNG sets text as wide as it was measured: hinting makes a line of 90 characters 8 points wider."""
    with canvas("x"):
        figure = Figure(figsize=(3, 1))
        figure.text(0, 0.5, "Cora (CPF), 20 + 30 labels per class, drawn per seed: sage → mlp " * 2, weight=weight)
        finish(figure, tmp_path, "x", "Title", "", "")
    ink = image.imread(tmp_path / "x.png")[..., :3].mean(2) < 0.5
    columns = np.flatnonzero(ink.any(0))
    margins = columns[0], ink.shape[1] - 1 - columns[-1]
    assert min(margins) >= 0.5 * PADDING * DOTS, margins
