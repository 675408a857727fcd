"""A graph as CPF (Yang et al., WWW 2021) and GLNN (Zhang et al., ICLR 2022) prepare it.

Nodes outside the largest connected component are left out; of every class 20 nodes are for training and 30 for
validation, the rest for testing. Their figures are means over ten random splits: `labels_per_class: 20`,
`valid_per_class: 30` and `labels_drawn: per-seed` of an experiment. Elsewhere there is ONE split, so that seeds are the
only thing that varies; it ranks the nodes of a class by a hash of their number, which is the same on every machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workflow.datasets.parts.csr import symmetric_csr
from workflow.draws import ranks, three_parts
from workflow.task import ABSENT

TRAIN_PER_CLASS, VALID_PER_CLASS = 20, 30
SPLIT = "abkd-bench"
"""What is hashed with a node's number; another text is another split."""


def prepared(features: Any, ends: np.ndarray, labels: np.ndarray, classes: int, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a task.

    Args:
        features: [n, f], dense or of scipy.
        ends: [2, E] edges, whatever their direction.
        labels: [n] classes, ABSENT where there is none.
        path: named where a class has too few nodes.

    Raises:
        UserError: see `path`.
    """
    kept = largest_component(ends, len(labels))
    # A component is closed: an edge stays if one of its ends does.
    place, own = np.cumsum(kept) - 1, kept[ends[0]]
    pointers, sources = symmetric_csr(place[ends[0][own]], place[ends[1][own]], int(kept.sum()))
    found = features[kept]
    return {
        "features": np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float32),
        "labels": labels[kept],
        "pointers": pointers,
        "sources": sources,
        **_split(labels, kept, classes, path),
    }


def largest_component(ends: np.ndarray, nodes: int) -> np.ndarray:
    """[n] bool: the nodes of the largest connected component, the first of equals, whatever the edges' direction."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(ends.shape[1], np.int8), (ends[0], ends[1])), shape=(nodes, nodes)).tocsr()
    components = connected_components(graph, directed=False)[1]
    kept: np.ndarray = components == np.bincount(components).argmax()
    return kept


def _split(labels: np.ndarray, kept: np.ndarray, classes: int, path: Path) -> dict[str, np.ndarray]:
    """Nodes of the three parts, ascending, by their places among the kept ones.

    Raises:
        UserError: a class has too few nodes in the largest component.
    """
    own = labels[kept]
    ranked = np.argsort(ranks(SPLIT, np.flatnonzero(kept)), kind="stable")
    told = str(path), "nodes in the largest component"
    order = ranked[own[ranked] != ABSENT]
    return three_parts(order, own, range(classes), TRAIN_PER_CLASS, VALID_PER_CLASS, told)
