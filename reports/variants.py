"""Ids of the variants of a dataset, `cora@20,inductive,all`, as tables join on them; `workflow.variants` makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "@"
SEPARATOR = ","
DISTILLED = ("train", "all")
"""The change that cells alone have: which nodes are distilled. Teachers and measurements do not depend on it."""

CPF = "-cpf"
"""Ends the id of a dataset that is another preparation of the same graph, as in CPF."""
MINI = "-mini"
"""Ends the id of a dataset that is a part of another, the whole."""
DRAWN = "drawn"
"""The change that gives each seed a draw of its own."""
MOST = "max"
"""Behind a number of labels per class, where a class with fewer keeps all of its own."""


def dataset_of(name: str) -> str:
    """`cora` of `cora@20,inductive,all`; `cora-cpf` of `cora-cpf@20`."""
    return name.partition(MARK)[0]


def graph_of(name: str) -> str:
    """`cora` of `cora@20` and `cora-cpf@20`, `ace-sim` of `ace-sim-mini`: what counts once across datasets."""
    return dataset_of(name).removesuffix(CPF).removesuffix(MINI)


def prepared(name: str) -> str:
    """`cora@20,inductive` of `cora@20,inductive,all`: where teachers and measurements of a cell's variant stand."""
    dataset, _, changes = name.partition(MARK)
    return _changed(dataset, (change for change in changes.split(SEPARATOR) if change not in DISTILLED))


def labels_shared(name: str) -> bool:
    """Whether few labels are kept, the same ones at every seed: `cora@20`, but not `cora@20,drawn`."""
    return bool(labels_of(name)) and DRAWN not in name.partition(MARK)[2].split(SEPARATOR)


def labels_of(name: str) -> int | None:
    """20 of `cora@20,drawn` and of `cora-cpf@20+30,drawn`; None where all labels are kept."""
    number = re.match(r"\d+", name.partition(MARK)[2])
    return int(number[0]) if number else None


def label_count(name: str) -> str:
    """`20` of `cora@20,drawn`, `≤20` of `cora@20max`, `all` where all labels are kept."""
    number = labels_of(name)
    most = name.partition(MARK)[2].partition(SEPARATOR)[0].endswith(MOST)
    return f"{'≤' if most else ''}{number}" if number else "all"


def but_for_labels(name: str) -> str:
    """`cora@,drawn` of both `cora@5,drawn` and `cora@20,drawn`, which is no id: what they have in common."""
    dataset, mark, changes = name.partition(MARK)
    return dataset + mark + re.sub(r"^\d+", "", changes)


def all_labels(name: str) -> str | None:
    """`cora@inductive` of `cora@20,inductive`; None where validation and test are drawn with the labels."""
    dataset, _, changes = name.partition(MARK)
    first, *rest = changes.split(SEPARATOR)
    if not first.removesuffix(MOST).isdigit():
        return None if labels_of(name) else name
    return _changed(dataset, (change for change in rest if change != DRAWN))


def _changed(dataset: str, changes: Iterable[str]) -> str:
    """The id of a dataset with these changes; its own without any."""
    kept = SEPARATOR.join(filter(None, changes))
    return f"{dataset}{MARK}{kept}" if kept else dataset
