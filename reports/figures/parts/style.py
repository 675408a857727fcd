"""What every figure shares: colours, markers, labels that do not overlap, and files that come out the same twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy.optimize import isotonic_regression

from reports.files import replacing
from reports.settings import Settings

BLACK, BLUE, VERMILLION, PURPLE, GREEN, ORANGE = "#000000", "#0072b2", "#d55e00", "#b0508a", "#00795a", "#b87700"
"""The palette of Okabe and Ito, the last three darkened so that text in them reads on white (contrast above 3)."""
GREY, PALE = "#767676", "#c9c9c9"
DARK, SOFT = "#333333", "#555555"
GRID: dict[str, Any] = {"color": "#e8e8e8", "linewidth": 0.6}
TEXT_SIZE = 8.5  # points
PADDING = 0.06  # inches around a figure
WIDTH = 6.4  # inches, so that a figure needs no shrinking on a text column

RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "pdf.fonttype": 3,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE + 0.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """How one method is drawn; `strong` ones are coloured, marked and carry intervals, the rest recede."""

    colour: str
    marker: str
    line: str
    strong: bool


SPOTS = ((VERMILLION, "^"), (PURPLE, "D"), (ORANGE, "v"))
LINES = ("-", ":", "--")
"""Nine spotlit methods can be told apart; any further one recedes like the rest."""
WEAK = Look(GREY, "", "-", False)


@dataclass(frozen=True)
class Drawing:
    """A figure that has been written.

    Attributes:
        slug: file name without suffix.
        title, caption: for the page; alt: for readers who cannot see it.
        svg: source text.
        width: natural width in CSS pixels.
    """

    slug: str
    title: str
    caption: str
    alt: str
    svg: str
    width: int


@contextmanager
def canvas(slug: str) -> Iterator[None]:
    """Style for one figure. The hash salt makes the ids inside the SVG depend on nothing but its name."""
    with mpl.rc_context({**RC, "svg.hashsalt": slug}):
        yield


def looks(labels: Iterable[str], best: str | None, settings: Settings) -> dict[str, Look]:
    """Floor, reference, spotlit methods and the best of the rest in colour, everything else grey."""
    strong = {
        settings.floor: Look(BLACK, "s", "--", True),
        settings.reference: Look(BLUE, "o", "-", True),
    }
    for label, (line, (colour, marker)) in zip(settings.spotlight, product(LINES, SPOTS), strict=False):
        strong.setdefault(label, Look(colour, marker, line, True))
    if best is not None:
        strong.setdefault(best, Look(GREEN, "P", "-.", True))
    return {label: strong.get(label, WEAK) for label in labels}


def spread(positions: Sequence[float], gap: float, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """Positions moved as little as possible (least squares) so that no two are nearer than `gap`.

    All end up within [low, high] where there is room; where there is not, they keep the gap and run over `low`.
    """
    places = np.asarray(positions, float)
    if not len(places):
        return places
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    moved = np.empty_like(places)
    top = high - steps[-1]
    moved[order] = np.clip(isotonic_regression(places[order] - steps).x, min(low, top), top) + steps
    return moved


def label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, float]], styles: Mapping[str, Look], titles: Mapping[str, str]
) -> None:
    """Writes each line's name right of the axes, at its height or as near as the neighbours allow, with a leader.

    `ends`: label -> last point (x, y) in data units. Axis limits must be final.
    """
    labels = list(ends)
    figure = axes.figure
    height = axes.get_window_extent().height * 72 / figure.dpi  # points
    to_axes = axes.transData + axes.transAxes.inverted()
    points = {label: to_axes.transform(ends[label]) for label in labels}
    gap = (TEXT_SIZE + 1.5) / height
    heights = spread([points[label][1] for label in labels], gap, 0.0, 1.0)
    for label, level in zip(labels, heights, strict=True):
        look = styles[label]
        x, y = points[label]
        axes.plot(
            [x, 1.045, 1.055],
            [y, level, level],
            transform=axes.transAxes,
            color=look.colour if look.strong else PALE,
            linewidth=0.6,
            clip_on=False,
            solid_capstyle="butt",
        )
        axes.text(
            1.06,
            level,
            titles[label],
            transform=axes.transAxes,
            va="center",
            color=look.colour,
            weight="bold" if look.strong else "normal",
            size=TEXT_SIZE if look.strong else TEXT_SIZE - 0.5,
        )


def logarithmic_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks at round numbers, written out, even where the values span less than a decade."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 20 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def finish(figure: Figure, folder: Path, slug: str, title: str, caption: str, alt: str) -> Drawing:
    """Writes `slug.svg` and `slug.pdf`. Call inside `canvas(slug)`."""
    vector = folder / f"{slug}.svg"
    # Measured once for both formats: "tight" would draw the figure another time for each.
    box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer()).padded(PADDING)
    with replacing(vector) as temporary:
        figure.savefig(
            temporary,
            format="svg",
            bbox_inches=box,
            metadata={"Date": None, "Creator": None, "Title": title, "Description": alt},
        )
    with replacing(folder / f"{slug}.pdf") as temporary:
        figure.savefig(
            temporary,
            format="pdf",
            bbox_inches=box,
            metadata={"CreationDate": None, "Title": title},
        )
    svg = vector.read_text(encoding="utf-8")
    points = float(svg.partition('width="')[2].partition("pt")[0])
    return Drawing(slug, title, caption, alt, svg, round(points * 96 / 72))
