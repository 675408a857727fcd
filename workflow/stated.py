"""Sizes that the makers of large graphs state, for estimates without their data. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from methods.vocabulary import Objective
from workflow import variants
from workflow.arrays import pointer_type
from workflow.errors import UserError
from workflow.task import SPLITS, Task


@dataclass(frozen=True)
class GraphSize:
    """Of a node task on one homogeneous graph.

    Attributes:
        edges: without direction; twice as many are stored.
        features: columns.
        classes: or targets, where these are the labels (`targets`).
        train, valid, test: nodes of each part.
        source: where the numbers come from.
    """

    nodes: int
    edges: int
    features: int
    classes: int
    train: int
    valid: int
    test: int
    source: str
    targets: bool = False

    def shrunk(self, nodes: int, train: int) -> GraphSize:
        """As many nodes, with the same edges a node and the same share of each part; but `train` training nodes."""
        share = nodes / self.nodes
        valid, test = (max(round(part * share), 1) for part in (self.valid, self.test))
        test = min(test, nodes - train - valid)
        return replace(self, nodes=nodes, edges=round(self.edges * share), train=train, valid=valid, test=test)

    @property
    def disk(self) -> int:
        """Bytes of the prepared task."""
        pointer = pointer_type(2 * self.edges)().itemsize
        split = 8 * (self.train + self.valid + self.test)
        label = 4 * self.classes if self.targets else 8
        return self.nodes * (4 * self.features + label + pointer) + 8 * self.edges + split


OGB = "stated by OGB, Hu et al. 2020, table 2 and its website"
STATED = {
    "ogbn-arxiv": GraphSize(169_343, 1_166_243, 128, 40, 90_941, 29_799, 48_603, OGB),
    "ogbn-proteins": GraphSize(132_534, 39_561_252, 8, 112, 86_619, 21_236, 24_679, OGB, targets=True),
    "ogbn-products": GraphSize(2_449_029, 61_859_140, 100, 47, 196_615, 39_323, 2_213_091, OGB),
    "ogbn-papers100M": GraphSize(111_059_956, 1_615_685_872, 128, 172, 1_207_179, 125_265, 214_338, OGB),
}
"""By the id of the dataset; of some there is no loader."""


def stated(dataset: str) -> GraphSize | None:
    """The stated size of a dataset or a variant of it; None where there is none.

    Raises:
        UserError: no node would be left for testing.
    """
    name, variant = variants.parse(dataset)
    size = STATED.get(name)
    if not size:
        return None
    if variant.labels_per_class:
        train = variant.labels_per_class * size.classes
        if variant.valid_per_class:
            valid = variant.valid_per_class * size.classes
            if train + valid >= size.nodes:
                parts = f"{train} labels for training and {valid} for validation"
                raise UserError(f"{dataset}: {parts} leave none for testing")
            size = replace(size, train=train, valid=valid, test=size.nodes - train - valid)
        else:
            size = replace(size, train=min(size.train, train))
    return replace(size, test=max(round(variant.unseen * size.test), 1)) if variant.unseen else size


def of_task(task: Task) -> GraphSize:
    """The size of a prepared node task."""
    task = variants.of_seed(task, 0)  # every seed has as many
    nodes, columns = task.arrays["features"].shape
    parts = {part: len(task.split(part)) for part in SPLITS}
    targets = task.objective != Objective.MULTICLASS
    return GraphSize(nodes, task.num_edges // 2, columns, task.outputs, **parts, source="as prepared", targets=targets)
