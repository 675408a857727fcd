"""Variants of a dataset: the same data with few labels, or with test nodes that nobody sees in training.

`cora@5`, `cora@inductive`, `cora@5,inductive`: a variant is a dataset of its own, prepared from the other's task, with
its own fingerprint, teachers and columns in every table. A configuration asks for it by keys of an experiment.
`cora@all`, where an experiment distils other nodes than the configuration, is a variant of cells alone: it has the
data, the teachers and the measurements of `cora`. `cora@blind` has no test labels: trials of tuning are trained on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from methods.vocabulary import Kind, Objective
from reports.variants import DISTILLED, MARK, SEPARATOR
from workflow.draws import ranks
from workflow.errors import UserError
from workflow.task import ABSENT, BLIND, Task

INDUCTIVE = "inductive"
DRAW = "abkd-bench labels 1"
"""Names the one order in which nodes keep their labels; of a smaller number they are among those of a larger one."""


@dataclass(frozen=True)
class Variant:
    """What is changed of a dataset.

    Attributes:
        labels_per_class: training nodes (or graphs) of each class that keep their label; None for all.
        inductive: whether test nodes and their edges are absent in training.
        distill_on: the nodes that carry the terms, where they are not those of the configuration; "" else.
        blind: whether the test labels are removed.
    """

    labels_per_class: int | None = None
    inductive: bool = False
    distill_on: str = ""
    blind: bool = False

    def of(self, dataset: str) -> str:
        """The id of this variant of a dataset; the dataset's own where nothing is changed."""
        changes = [str(self.labels_per_class)] if self.labels_per_class else []
        changes += [INDUCTIVE] if self.inductive else []
        changes += [BLIND] if self.blind else []
        changes += [self.distill_on] if self.distill_on else []
        return f"{dataset}{MARK}{SEPARATOR.join(changes)}" if changes else dataset

    @property
    def place(self) -> tuple[int, bool, bool, str]:
        """Sorts variants: all labels first, then a growing number of them."""
        return self.labels_per_class or 0, self.inductive, self.blind, self.distill_on

    def title(self, title: str) -> str:
        """`Cora, 5 labels per class, inductive, distilled on all`."""
        number = self.labels_per_class
        few = f", {number} label{'' if number == 1 else 's'} per class" if number else ""
        inductive = f", {INDUCTIVE}" if self.inductive else ""
        blind = ", without test labels" if self.blind else ""
        return title + few + inductive + blind + (f", distilled on {self.distill_on}" if self.distill_on else "")

    def check(self, kind: Kind, objective: Objective) -> None:
        """Raises UserError, beginning with the key, where a dataset has no such variant."""
        if self.labels_per_class and objective != Objective.MULTICLASS:
            raise UserError(f"labels_per_class: needs classes; this dataset is {objective}")
        if self.inductive and kind != Kind.NODE:
            raise UserError(f"setting: {INDUCTIVE} is for node tasks on homogeneous graphs; this dataset is {kind}")

    def apply(self, task: Task) -> Task:
        """The variant of a task."""
        arrays, info = dict(task.arrays), dict(task.info)
        if self.labels_per_class:
            arrays["split/train"] = few(task.split("train"), task.labels, self.labels_per_class)
        if self.inductive:
            info[INDUCTIVE] = True
        seen = replace(self, blind=False)
        found = replace(task, name=seen.of(task.name), arrays=arrays, info=info)
        return blinded(found.finish(), self.of(task.name)) if self.blind else found


def parse(name: str) -> tuple[str, Variant]:
    """`cora@5,inductive` -> ("cora", Variant(5, True)); a plain id has the variant that changes nothing."""
    dataset, mark, changes = name.partition(MARK)
    if not mark:
        return name, Variant()
    match = re.fullmatch(rf"([1-9][0-9]*)?,?({INDUCTIVE})?,?({BLIND})?,?({'|'.join(DISTILLED)})?", changes)
    found = Variant()
    if match:
        found = Variant(int(match[1]) if match[1] else None, bool(match[2]), match[4] or "", bool(match[3]))
    if found.of(dataset) != name:
        raise UserError(f"unknown variant '{name}'; allowed: {dataset}{MARK}LABELS, {dataset}{MARK}{INDUCTIVE}")
    return dataset, found


def blinded(task: Task, name: str) -> Task:
    """A task without its test labels: they are in no array of it, so that nothing that gets it can read them.

    Test nodes stay, as in the graph that a transductive training sees. The fingerprint with the labels is kept.
    """
    labels = task.labels.copy()
    labels[task.split("test")] = np.nan if labels.dtype.kind == "f" else ABSENT
    arrays = {**task.arrays, "labels": labels}
    return replace(task, name=name, arrays=arrays, info={**task.info, BLIND: task.fingerprint})


def seeing(name: str) -> str:
    """`cora@20` of `cora@20,blind`: the same with its test labels."""
    dataset, variant = parse(name)
    return replace(variant, blind=False).of(dataset)


def whole(task: Task) -> Task:
    """A task all of whose nodes are seen, for what asks of costs and not of scores; the fingerprint stays."""
    return replace(task, info={name: value for name, value in task.info.items() if name != INDUCTIVE})


def few(rows: np.ndarray, labels: np.ndarray, per_class: int) -> np.ndarray:
    """The rows of a training split that keep their label, ascending.

    Rows are ranked by a hash of their number, so that the same ones come out on every machine and with every version
    of numpy. A class with fewer keeps all.

    Args:
        rows: [k] ids of the training split.
        labels: [n] classes of all items.
        per_class: how many of each class.
    """
    drawn = ranks(DRAW, rows)
    kept = []
    for label in np.unique(labels[rows]):
        own = np.flatnonzero(labels[rows] == label)
        kept.append(own[np.argsort(drawn[own], kind="stable")][:per_class])
    return np.sort(rows[np.concatenate(kept)])
