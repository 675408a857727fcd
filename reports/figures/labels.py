"""Score against the number of labels per class, one line per method."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from reports.figures.parts import panels, series
from reports.figures.parts.style import GREY, GRID, SOFT, Drawing
from reports.findings import Findings
from reports.results import Family, Results
from reports.variants import all_labels, but_for_labels, dataset_of, label_count, labels_of

KIND = "labels"
TITLE = "Score against labels per class"
ORDER = 1.5
CAPTION = (
    "Left: mean test score at each number of labelled nodes (or graphs) per class; dotted, the teacher, which has the "
    "same labels. Right: the same as mean paired gain over {base}. Coloured, with {level} % t-intervals over seeds: "
    "the floor, the reference, the spotlit methods, and the best at the fewest labels; the band spans the means of "
    "the {others} other methods. A point is left out where a run of that method failed or is missing."
)


def groups(results: Results) -> list[list[Family]]:
    """The same student of the same teacher at two numbers of labels or more, by growing number; all labels last."""
    found: dict[Family, dict[int, Family]] = {}
    for family in results.families:
        if number := labels_of(family.dataset):
            found.setdefault(family._replace(dataset=but_for_labels(family.dataset)), {})[number] = family
    made = []
    for by_number in found.values():
        families = [by_number[number] for number in sorted(by_number)]
        whole = all_labels(families[0].dataset)
        families += [family for family in results.families if family == families[0]._replace(dataset=whole or "")]
        if len(families) > 1:
            made.append(families)
    return made


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per student that was trained with several numbers of labels."""
    drawings = []
    for families in groups(findings.results):
        places = {family: float(place) for place, family in enumerate(families)}
        if series.points(findings, places):
            few = families[0]
            title = f"{findings.settings.dataset_title(dataset_of(few.dataset))}: {few.teacher} → {few.student}"
            drawings.append(panels.draw(findings, _along(findings, places), title, f"{KIND}-{few.slug}", folder))
    return drawings


def _along(findings: Findings, places: dict[Family, float]) -> panels.Along:
    names = [label_count(family.dataset) for family in places]
    return panels.Along(
        places=places,
        axis=partial(_axis, names=names),
        aside=lambda x, steps: x + 0.035 * steps,
        end=min,
        teacher=partial(_teacher, findings=findings, places=places),
        caption=CAPTION,
        alt=("the number of labels per class", f"{names[0]} per class"),
    )


def _axis(axes: Axes, names: list[str]) -> None:
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("Labels per class")
    axes.grid(axis="y", **GRID)


def _teacher(axes: Axes, findings: Findings, places: dict[Family, float]) -> list[float]:
    """Draws the teacher's line, and returns its scores."""
    line = series.of_ceiling(findings, places)
    if not line:
        return []
    x, mean, low, high = zip(*line, strict=True)
    axes.fill_between(x, low, high, color="#eeeeee", linewidth=0, zorder=0)
    axes.plot(x, mean, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    rises = mean[-1] >= mean[0]
    axes.annotate(
        "teacher",
        # Left of its end, on the side that the line does not come from.
        xy=(x[-1], mean[-1]),
        xytext=(0, 3 if rises else -3),
        textcoords="offset points",
        ha="right",
        va="bottom" if rises else "top",
        color=SOFT,
    )
    return list(mean)
