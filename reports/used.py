"""The table of the hyperparameters that every method had, cell by cell."""

from __future__ import annotations

from reports.grid import Entry, Grid, Group
from reports.printing import ABSENT, ratio
from reports.results import slug
from reports.settings import Settings

LEGEND = (
    "Defaults (published ones where the paper states any) with what the configuration and the tuning change of them, "
    "as each cell was trained."
)


def grids(settings: Settings) -> list[Grid]:
    """One table per dataset and teacher; students with the same values share a row."""
    places: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = {}
    for each in settings.hyperparameters:
        student = each.student if each.ratio_target is None else f"{each.student} ({ratio(each.ratio_target)})"
        cells = places.setdefault((each.dataset, each.teacher), {})
        cells.setdefault((each.method, each.values), []).append(student)
    found = []
    for (dataset, teacher), cells in places.items():
        order = settings.method_order(method for method, _ in cells)
        rows: list[list[Entry]] = [
            [settings.method_title(method), ", ".join(students), values or ABSENT]
            for (method, values), students in sorted(cells.items(), key=lambda cell: order.index(cell[0][0]))
        ]
        title = f"{settings.dataset_title(dataset)}, students of {teacher}"
        headings = [["Method", "Students", "Hyperparameters"]]
        name = f"hyperparameters-{slug(dataset)}-{slug(teacher)}"
        found.append(Grid(name, title, headings, [Group("", rows)], numeric=False))
    return found
