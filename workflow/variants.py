"""Variants of a dataset: the same data with few labels, or with test nodes that nobody sees in training.

`cora@5`, `cora@inductive`, `cora@5,inductive`: a variant is a dataset of its own, prepared from the other's task, with
its own fingerprint, teachers and columns in every table. A configuration asks for it by keys of an experiment.
In `cora@20max` a class with fewer than 20 labels keeps its own. In `cora@20,drawn` each seed has labelled nodes of its
own, in `cora@20+30,drawn` a split of its own: the prepared task says how they are drawn, and `of_seed` draws them. In
`cora@inductive-0.2` a fifth of the test nodes is unseen.
`cora@all`, where an experiment distils other nodes than the configuration, is a variant of cells alone: it has the
data, the teachers and the measurements of `cora`. `cora@blind` has no test labels: trials of tuning are trained on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from methods.vocabulary import Kind, Objective
from reports.variants import DISTILLED, DRAWN, MARK, MOST, SEPARATOR
from workflow.draws import by_class, ordered, three_parts
from workflow.errors import UserError
from workflow.task import ABSENT, BLIND, Task, absent

INDUCTIVE = "inductive"
DRAW = "abkd-bench labels 1"
"""Names the one order in which nodes keep their labels; of a smaller number they are among those of a larger one."""
UNSEEN = "abkd-bench unseen 1"
"""Names the one order in which test nodes are unseen."""


@dataclass(frozen=True)
class Variant:
    """What is changed of a dataset.

    Attributes:
        labels_per_class: training nodes (or graphs) of each class that keep their label; None for all.
        inductive: whether test nodes and their edges are absent in training.
        distill_on: the nodes that carry the terms, where they are not those of the configuration; "" else.
        blind: whether the test labels are removed.
        valid_per_class: nodes (or graphs) of each class for validation, where all three parts are drawn among all that
            have a label, the rest for testing; None where validation and test stay.
        drawn: whether each seed has a draw of its own.
        unseen: share of the test nodes that an inductive training does not see and that are scored; None for all. The
            others are nodes without a label.
        at_most: whether a class that has fewer than `labels_per_class` keeps all of its own, and is not refused.
    """

    labels_per_class: int | None = None
    inductive: bool = False
    distill_on: str = ""
    blind: bool = False
    valid_per_class: int | None = None
    drawn: bool = False
    unseen: float | None = None
    at_most: bool = False

    def of(self, dataset: str) -> str:
        """The id of this variant of a dataset; the dataset's own where nothing is changed."""
        valid = f"+{self.valid_per_class}" if self.valid_per_class else ""
        labels = f"{self.labels_per_class or ''}{MOST if self.at_most else ''}{valid}"
        changes = [labels] if labels else []
        changes += [DRAWN] if self.drawn else []
        unseen = "" if self.unseen is None else f"-{self.unseen:g}"
        changes += [f"{INDUCTIVE}{unseen}"] if self.inductive else []
        changes += [BLIND] if self.blind else []
        changes += [self.distill_on] if self.distill_on else []
        return f"{dataset}{MARK}{SEPARATOR.join(changes)}" if changes else dataset

    @property
    def place(self) -> tuple[int, int, bool, bool, bool, float, bool, str]:
        """Sorts variants: all labels first, then a growing number of them."""
        numbers = self.labels_per_class or 0, self.valid_per_class or 0
        return *numbers, self.at_most, self.drawn, self.inductive, self.unseen or 0.0, self.blind, self.distill_on

    def title(self, title: str) -> str:
        """`Cora, 5 labels per class, inductive, distilled on all`."""
        number, valid = self.labels_per_class, self.valid_per_class
        parts = [title]
        if number:
            more = f" + {valid}" if valid else ""
            most = "at most " if self.at_most else ""
            parts.append(f"{most}{number}{more} label{'' if number == 1 and not valid else 's'} per class")
        parts += ["drawn per seed"] if self.drawn else []
        parts += [INDUCTIVE] if self.inductive else []
        parts += [f"{100 * self.unseen:g} % of the test nodes unseen"] if self.unseen else []
        parts += ["without test labels"] if self.blind else []
        parts += [f"distilled on {self.distill_on}"] if self.distill_on else []
        return ", ".join(parts)

    def check(self, kind: Kind, objective: Objective) -> None:
        """Raises UserError, beginning with the key, where a dataset has no such variant."""
        if self.labels_per_class and objective != Objective.MULTICLASS:
            raise UserError(f"labels_per_class: needs classes; this dataset is {objective}")
        if self.unseen and not self.inductive:
            raise UserError(f"unseen: needs setting: {INDUCTIVE} beside it")
        asked = (
            ("labels_at_most", self.at_most),
            ("valid_per_class", self.valid_per_class),
            ("labels_drawn", self.drawn),
        )
        for key, stated in asked:
            if stated and not self.labels_per_class:
                raise UserError(f"{key}: needs labels_per_class beside it")
        if self.at_most and self.valid_per_class:
            raise UserError("labels_at_most: needs validation nodes that stay; valid_per_class draws them")
        if self.blind and self.drawn and self.valid_per_class:
            raise UserError(
                "valid_per_class: with labels_drawn: per-seed the test nodes of one seed validate another, so that "
                "tuning would see test labels; tune the same without valid_per_class"
            )
        if self.inductive and kind != Kind.NODE:
            raise UserError(f"setting: {INDUCTIVE} is for node tasks on homogeneous graphs; this dataset is {kind}")

    def apply(self, task: Task) -> Task:
        """The variant of a task. Raises UserError where a class has too few labels."""
        arrays, info = dict(task.arrays), dict(task.info)
        if self.labels_per_class:
            # Also where each seed has another draw: a class with too few labels is refused here.
            split = _split(task, DRAW, self.labels_per_class, self.valid_per_class, self.at_most)
            if self.drawn:
                # Two entries where all that is asked for must be there: the fingerprints of such tasks stay.
                info[DRAWN] = [self.labels_per_class, self.valid_per_class, *([True] if self.at_most else [])]
            else:
                arrays |= split
        if self.inductive:
            info[INDUCTIVE] = self.unseen or True
            arrays["split/test"] = _unseen(arrays["split/test"], self.unseen, UNSEEN)
        seen = replace(self, blind=False)
        found = replace(task, name=seen.of(task.name), arrays=arrays, info=info)
        return blinded(found.finish(), self.of(task.name)) if self.blind else found


def parse(name: str) -> tuple[str, Variant]:
    """`cora@5,inductive` -> ("cora", Variant(5, True)); a plain id has the variant that changes nothing."""
    dataset, mark, changes = name.partition(MARK)
    if not mark:
        return name, Variant()
    number, share, either = "([1-9][0-9]*)", r"(?:-(0\.[0-9]*[1-9]))?", "|".join(DISTILLED)
    match = re.fullmatch(
        rf"{number}?({MOST})?(?:\+{number})?,?({DRAWN})?,?(?:({INDUCTIVE}){share})?,?({BLIND})?,?({either})?", changes
    )
    found = Variant()
    if match:
        labels, most, valid, drawn, inductive, unseen, blind, distill_on = match.groups()
        found = Variant(
            int(labels) if labels else None,
            bool(inductive),
            distill_on or "",
            bool(blind),
            int(valid) if valid else None,
            bool(drawn),
            float(unseen) if unseen else None,
            bool(most),
        )
    if found.of(dataset) != name:
        raise UserError(
            f"unknown variant '{name}'; allowed: {dataset}{MARK}LABELS, LABELS{MOST}, LABELS+VALID, "
            f"{DRAWN}, {INDUCTIVE}, in this order, joined by commas"
        )
    return dataset, found


def of_seed(task: Task, seed: int) -> Task:
    """The task of one seed: with a draw of its own where each has one, else the same. The fingerprint stays."""
    if DRAWN not in task.info:
        return task
    asked = task.info[DRAWN]
    split = _split(task, f"{DRAW}, seed {seed}", *asked)
    if "split/test" in split and isinstance(share := task.info.get(INDUCTIVE), float):
        split["split/test"] = _unseen(split["split/test"], share, f"{UNSEEN}, seed {seed}")
    info = {name: value for name, value in task.info.items() if name != DRAWN}
    return replace(task, arrays={**task.arrays, **split}, info=info)


def _unseen(test: np.ndarray, share: float | None, draw: str) -> np.ndarray:
    """The test nodes that are absent in training, ascending: a share of them, at least one; all of None."""
    if share is None:
        return test
    return np.sort(ordered(draw, test)[: max(round(share * len(test)), 1)])


def _split(task: Task, draw: str, train: int, valid: int | None, at_most: bool = False) -> dict[str, np.ndarray]:
    """The parts that a draw changes.

    Raises:
        UserError: a class has too few labels: what is named after a number of them must have as many, but `at_most`.
    """
    if valid is None:
        return {"split/train": few(task, train, draw, at_most)}
    known = np.flatnonzero(~absent(task.labels))
    classes = np.unique(task.labels[known]).tolist()
    return three_parts(ordered(draw, known), task.labels, classes, train, valid, (task.name, "labels"))


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
    return replace(task, info={name: value for name, value in task.info.items() if name not in (INDUCTIVE, DRAWN)})


def few(task: Task, per_class: int, draw: str = DRAW, at_most: bool = False) -> np.ndarray:
    """The rows of a training split that keep their label, ascending.

    Rows are ranked by a hash of their number, so that the same ones come out on every machine and with every version
    of numpy.

    Args:
        per_class: how many of each class that the training split has.
        draw: names the order.
        at_most: whether a class that has fewer keeps all of its own.

    Raises:
        UserError: a class has fewer, without `at_most`.
    """
    rows = task.split("train")
    # Of all that have a label: a class without any training label is one that has too few.
    classes = np.unique(task.labels[~absent(task.labels)])
    counts = np.array([np.count_nonzero(task.labels[rows] == each) for each in classes])
    if (least := int(counts.min())) < per_class and not at_most:
        fewer = int((counts < per_class).sum())
        raise UserError(
            f"{task.name}: labels_per_class: {per_class} are asked for, but class {classes[counts.argmin()]} has "
            f"{least} training labels, and {fewer} of {len(classes)} classes have too few; at most {least} "
            "can be kept, or labels_at_most: true keeps all that such a class has"
        )
    return by_class(ordered(draw, rows), task.labels, (per_class,))[0]
