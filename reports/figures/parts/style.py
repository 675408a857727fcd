"""What every figure shares: colours, markers, labels that do not overlap, and files that come out the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from reports.chosen import FigureStyle
from reports.figures.parts import fonts
from reports.figures.parts.picture import Picture
from reports.files import replacing
from reports.settings import Settings

BLACK, BLUE, VERMILLION, PURPLE, GREEN, ORANGE = "#000000", "#0072b2", "#d55e00", "#b0508a", "#00795a", "#b87700"
"""The palette of Okabe and Ito, the last three darkened so that text in them reads on white (contrast above 3)."""
GREY, PALE = "#767676", "#c9c9c9"
DARK, SOFT = "#333333", "#555555"
GRID: dict[str, Any] = {"color": "#e8e8e8", "linewidth": 0.6}
PADDING = 0.06  # inches around a figure
LINE = 0.165  # inches from line to line of text of the default size
DOTS = 150  # per inch of a PNG
MOST_TICKS = 9  # of an axis of layers

RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.hinting": "none",  # a PNG sets text as wide as it was measured
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # where it would find itself a place to: no ticks stand on top of axes with a title
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


MARKERS = ("^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES = ("-", ":", "--", "-.")
"""With the palette's eight colours, 32 methods can be told apart."""
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


DEFAULT = FigureStyle()
_STYLE = ContextVar("style", default=DEFAULT)
"""What the configuration says of all figures."""


@contextmanager
def styled(style: FigureStyle) -> Iterator[None]:
    """The style of all figures that are drawn within."""
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)


def width(share: float = 1.0) -> float:
    """Inches of a share of the text column; names beside the axes may add to that."""
    return share * _STYLE.get().width


def text_size() -> float:
    """Points."""
    return _STYLE.get().font_size


def lines(count: float) -> float:
    """Inches of so many lines of text below each other."""
    return count * LINE * text_size() / DEFAULT.font_size


@contextmanager
def canvas(slug: str) -> Iterator[None]:
    """Style for one figure. The hash salt makes the ids inside the SVG depend on nothing but its name."""
    chosen: dict[Any, Any] = {
        "font.family": "sans-serif",
        "font.sans-serif": list(dict.fromkeys([_STYLE.get().font, DEFAULT.font])),
        "font.size": text_size(),
        "axes.titlesize": text_size() + 0.5,
    }
    with mpl.rc_context({**RC, **chosen, "svg.hashsalt": slug}):
        yield


def look(label: str, settings: Settings) -> Look:
    """The one look of a method in every figure: spotlit methods take the first colours, then the display order."""
    if label == settings.floor:
        return Look(BLACK, "s", "--", True)
    if label == settings.reference:
        return Look(BLUE, "o", "-", True)
    order = [*settings.spotlight, *settings.method_order({*settings.methods, label})]
    others = [
        each for each in dict.fromkeys(order) if each not in (settings.floor, settings.reference, settings.ceiling)
    ]
    place, palette = others.index(label), settings.report.figures.palette
    turn, colour = divmod(place, len(palette))
    marker = MARKERS[(colour + turn) % len(MARKERS)]
    return Look(palette[colour], marker, LINES[turn % len(LINES)], True)


def looks(labels: Iterable[str], best: str | None, settings: Settings) -> dict[str, Look]:
    """Floor, reference, spotlit methods and the best of the rest in their colours, everything else grey.

    Where the best has the colour of another one of these, it takes one that is free.
    """
    named = {settings.floor, settings.reference, *settings.spotlight}
    found = {label: look(label, settings) if label in {*named, best} else WEAK for label in labels}
    if best in found and best not in named:
        taken = {each.colour for label, each in found.items() if label != best}
        free = [colour for colour in settings.report.figures.palette if colour not in taken]
        if found[best].colour in taken and free:
            found[best] = replace(found[best], colour=free[0])
    return found


def band(
    axes: Axes, others: Mapping[str, Sequence[tuple[float, float]]], count: Callable[[int], str] = "{} others".format
) -> None:
    """The range of the methods that recede, in place of a tangle of grey lines: label -> points (x, y)."""
    if not others:
        return
    heights: dict[float, list[float]] = {}
    for points in others.values():
        for x, y in points:
            heights.setdefault(x, []).append(y)
    places = sorted(heights)
    low, high = ([pick(heights[x]) for x in places] for pick in (min, max))
    axes.fill_between(places, low, high, color=PALE, alpha=0.6, linewidth=0, zorder=0.5, label=count(len(others)))


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
    gap = (text_size() + 1.5) / height
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
            size=text_size() if look.strong else text_size() - 0.5,
        )


def numbered_layers(layers: Sequence[int] | NDArray[np.int64]) -> tuple[list[int], list[str]]:
    """Places and numbers of the ticks of layers, counted from 1: of many, some from the first to the last."""
    places = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), MOST_TICKS)).round().astype(int)).tolist()
    return places, [str(layers[place] + 1) for place in places]


def colour_scale(axes: Axes, image: AxesImage, ticks: Sequence[float] | None = None) -> None:
    """Fills narrow axes with an image's colours, and writes their values on the right.

    matplotlib's own colour bar is drawn pixel by pixel in vector formats, and takes as long as the rest of a figure.
    """
    low, high = image.get_clim()
    steps = np.linspace(low, high, 256)[:, None]
    axes.imshow(
        steps,
        cmap=image.get_cmap(),
        vmin=low,
        vmax=high,
        extent=(0, 1, low, high),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    if ticks is not None:
        axes.set_yticks(ticks)
    for spine in axes.spines.values():
        spine.set_visible(True)


def finish(figure: Figure, folder: Path, slug: str, title: str, caption: str, alt: str) -> Drawing:
    """Writes `slug.svg`, `slug.pdf` and `slug.png`. Call inside `canvas(slug)`."""
    vector = folder / f"{slug}.svg"
    picture = Picture(figure, PADDING)
    with replacing(vector) as temporary:
        picture.savefig(
            temporary,
            format="svg",
            metadata={"Date": None, "Creator": None, "Title": title, "Description": alt},
        )
    copies(picture, folder, slug, title)
    svg = vector.read_text(encoding="utf-8")
    points = float(svg.partition('width="')[2].partition("pt")[0])
    return Drawing(slug, title, caption, alt, svg, round(points * 96 / 72))


def copies(picture: Figure, folder: Path, slug: str, title: str) -> None:
    """Writes what the page does not show: the PDF and the PNG."""
    families = [fonts.plain() if family == DEFAULT.font else family for family in mpl.rcParams["font.sans-serif"]]
    with replacing(folder / f"{slug}.pdf") as temporary, mpl.rc_context({"font.sans-serif": families}):
        picture.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Title": title})
    with replacing(folder / f"{slug}.png") as temporary:
        about = {"Software": None, "Title": title}
        # The default level takes nearly twice as long for files that are no smaller.
        picture.savefig(temporary, format="png", dpi=DOTS, metadata=about, pil_kwargs={"compress_level": 2})
