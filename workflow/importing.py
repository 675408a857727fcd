"""Arrays of your own -> a Task: types are cast, edges sorted, and everything that is changed or odd is told.

What cannot be meant otherwise is done (float64 features, [n, 1] labels, boolean masks, self-loops, an edge twice); what
could be is refused. `Task.finish` checks the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow import labelling
from workflow.arrays import Csr, beyond
from workflow.datasets.parts import csr
from workflow.datasets.parts.graphs import join_graphs
from workflow.errors import UserError
from workflow.task import SPLITS, Task

METRICS = {Objective.MULTICLASS: "accuracy", Objective.BINARY: "rocauc", Objective.REGRESSION: "rmse"}
"""By default."""
Ids = Mapping[str, Any]
"""Part of the split -> ids [k], or a boolean mask over all items."""


@dataclass
class Import:
    """One import.

    Attributes:
        name: id of the dataset.
        metric: "" for the default of the objective.
        say: gets a line for everything that was changed or is odd.
    """

    name: str
    metric: str = ""
    say: Callable[[str], None] = print
    _told: list[str] = field(default_factory=list)

    def refuse(self, why: str) -> UserError:
        return UserError(f"{self.name}: {why}")

    def node(self, features: Any, edges: Any, labels: Any, splits: Ids, objective: Objective | None = None) -> Task:
        """A label, or several, of the nodes of one graph.

        Args:
            features: [n, f] numbers.
            edges: [2, E], row 0 the source and row 1 the target.
            labels, objective: see `workflow.labelling.read`.
            splits: see Ids.
        """
        of_nodes, objective = self._of_nodes(labels, objective)
        x = self._features(features, "features", len(of_nodes))
        adjacency, symmetric = self._square(edges, "edge_index", len(of_nodes))
        arrays = {"features": x, "labels": of_nodes, **self._split(splits, of_nodes, objective), **adjacency}
        return self._finish(Kind.NODE, objective, arrays, {"symmetric": symmetric})

    def heterogeneous(
        self,
        target: str,
        counts: Mapping[str, int],
        features: Mapping[str, Any],
        relations: Mapping[tuple[str, str, str], Any],
        labels: Any,
        splits: Ids,
        objective: Objective | None = None,
    ) -> Task:
        """A label, or several, of the nodes of one type.

        Args:
            target: that type.
            counts: nodes of every type.
            features: [n, f] numbers of the types that have them; the others learn embeddings.
            relations: (SOURCE, NAME, TARGET) -> edges [2, E].
            labels, splits, objective: as in `node`.
        """
        of_nodes, objective = self._of_nodes(labels, objective)
        arrays = {"labels": of_nodes, **self._split(splits, of_nodes, objective)}
        for kind, x in features.items():
            arrays[f"features/{kind}"] = self._features(x, f"features/{kind}", counts[kind])
        names = []
        for (source, name, end), edges in relations.items():
            label = f"{source}/{name}/{end}"
            found = self._edges(edges, label, counts[source], counts[end], loops=source == end)
            arrays |= csr.relation(label, found)
            names.append(label)
        info = {
            "target": target,
            "counts": dict(counts),
            "features": {kind: arrays[f"features/{kind}"].shape[1] for kind in features},
            "relations": names,
        }
        return self._finish(Kind.HETEROGENEOUS, objective, arrays, info)

    def graphs(self, graphs: Sequence[Mapping[str, Any]], splits: Ids, objective: Objective | None = None) -> Task:
        """A label, or several, of every graph.

        Args:
            graphs: x [n, k] and edge_attr [E, m] categories (or None), edge_index [2, E], y.
            objective: see `workflow.labelling.read`.
        """
        if not graphs:
            raise self.refuse("holds no graph")
        for number, graph in enumerate(graphs):
            if missing := [key for key in ("edge_index", "y") if graph.get(key) is None]:
                raise self.refuse(f"graph {number}: {missing[0]} is missing")
        of_each = [np.asarray(graph["y"]).reshape(-1) for graph in graphs]
        for number, one in enumerate(of_each):
            if len(one) != len(of_each[0]):
                raise self.refuse(f"graph {number}: y has {len(one)} values, those before have {len(of_each[0])}")
        labels, objective = labelling.read(np.stack(of_each), objective, self, floats=False)
        raw, widths = [], set()
        for number, graph in enumerate(graphs):
            edges = self._pairs(graph["edge_index"], f"graph {number}: edge_index")
            nodes = graph.get("num_nodes")
            x = graph.get("x")
            size = len(x) if x is not None else int(nodes or (edges.max() + 1 if edges.size else 1))
            if (wrong := beyond(edges, size)) is not None:
                where = f"graph {number}: edge_index"
                raise self.refuse(f"{where}: an edge names node {wrong}, but there are {size}, numbered from 0")
            of_nodes = self._categories(x, size, "x")
            of_edges = self._categories(graph.get("edge_attr"), edges.shape[1], "edge_attr")
            widths.add((of_nodes.shape[1], of_edges.shape[1]))
            raw.append({"edge_index": edges, "num_nodes": size, "node_feat": of_nodes, "edge_feat": of_edges})
        if len(widths) > 1:
            raise self.refuse("x or edge_attr: graphs differ in their number of columns")
        arrays = {**join_graphs(raw), "labels": labels, **self._split(splits, labels, objective)}
        info = {key: _sizes(arrays[of]) for key, of in _VOCABULARIES.items()}
        return self._finish(Kind.GRAPH, objective, arrays, info)

    def _finish(self, kind: Kind, objective: Objective, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> Task:
        outputs, metric = labelling.outputs(arrays["labels"]), self.metric or METRICS[objective]
        return Task(self.name, kind, objective, metric, outputs, arrays, info).finish()

    def tell(self, line: str) -> None:
        """Says a line, once."""
        if line not in self._told:  # of thousands of graphs once
            self._told.append(line)
            self.say(f"{self.name}: {line}")

    def _of_nodes(self, labels: Any, objective: Objective | None) -> tuple[np.ndarray, Objective]:
        found, seen = labelling.read(labels, objective, self, floats=True)
        if objective is None and seen != Objective.MULTICLASS:
            what = "binary targets" if seen == Objective.BINARY else "numbers, a regression"
            self.tell(f"labels were taken as {what}, NaN as unmeasured; --objective takes them otherwise")
        return found, seen

    def _features(self, x: Any, where: str, rows: int) -> np.ndarray:
        found = np.asarray(x)
        if found.ndim != 2 or len(found) != rows or not found.shape[1]:
            raise self.refuse(f"{where} must be [{rows}, f], not {list(found.shape)}")
        if found.dtype.kind not in "fiub":
            raise self.refuse(f"{where} must be numbers, not {found.dtype}")
        if found.dtype != np.float32:
            self.tell(f"{where} of type {found.dtype} became float32")
        return np.ascontiguousarray(found, np.float32)

    def _categories(self, x: Any, rows: int, where: str) -> np.ndarray:
        """[rows, k] whole numbers; one column of zeros where there are none."""
        if x is None:
            self.tell(f"graphs have no {where}: every row is of one category")
            return np.zeros((rows, 1), np.int64)
        found = np.asarray(x)
        found = found[:, None] if found.ndim == 1 else found
        if found.ndim != 2 or len(found) != rows:
            raise self.refuse(f"{where} must be [{rows}, k], not {list(found.shape)}")
        if (
            found.dtype.kind == "f"
            and found.shape[1] > 1
            and np.isin(found, (0, 1)).all()
            and (found.sum(1) == 1).all()
        ):
            self.tell(f"{where}: rows with a single 1 became categories")
            return np.asarray(found.argmax(1)[:, None], np.int64)
        if not (found == np.floor(found)).all() or (found < 0).any():
            raise self.refuse(f"{where}: features of graph tasks are categories, whole numbers from 0 on")
        return found.astype(np.int64)

    def _pairs(self, edges: Any, where: str) -> np.ndarray:
        found = np.asarray(edges)
        if found.ndim != 2 or found.shape[0] != 2 or (found.size and found.dtype.kind not in "iu"):
            raise self.refuse(f"{where} must be [2, E] whole numbers, not {found.dtype} of shape {list(found.shape)}")
        return found.astype(np.int64)

    def _edges(self, edges: Any, where: str, sources: int, targets: int, *, loops: bool) -> Csr:
        found = self._pairs(edges, where)
        if loops and (own := int((found[0] == found[1]).sum())):
            self.tell(f"{where}: {own} self-loops were left out")
            found = found[:, found[0] != found[1]]
        try:
            pointers, others = csr.csr(found[0], found[1], sources, targets)
        except ValueError as error:
            raise self.refuse(f"{where}: {error}") from error
        if twice := found.shape[1] - len(others):
            self.tell(f"{where}: {twice} edges that were there already were left out")
        return pointers, others

    def _square(self, edges: Any, where: str, nodes: int) -> tuple[dict[str, np.ndarray], bool]:
        """Both directions of a graph's edges, and whether they are the same."""
        found = self._edges(edges, where, nodes, nodes, loops=True)
        targets = csr.expand(found[0])
        turned = csr.csr(targets, found[1].astype(np.int64), nodes, nodes)
        symmetric = all(np.array_equal(a, b) for a, b in zip(found, turned, strict=True))
        arrays = {"pointers": found[0], "sources": found[1]}
        if not symmetric:
            self.tell(f"{where}: the graph is directed: messages go from source to target alone")
            arrays |= {"transpose/pointers": turned[0], "transpose/sources": turned[1]}
        return arrays, symmetric

    def _split(self, splits: Ids, labels: np.ndarray, objective: Objective) -> dict[str, np.ndarray]:
        found = {}
        for part in SPLITS:
            if part not in splits or splits[part] is None:
                raise self.refuse(f"split: {part} is missing; allowed: masks or ids of {', '.join(SPLITS)}")
            ids = np.asarray(splits[part])
            if ids.ndim != 1:
                raise self.refuse(f"split: {part} must be one mask or list of ids, not of shape {list(ids.shape)}")
            if ids.dtype == bool:
                if len(ids) != len(labels):
                    raise self.refuse(
                        f"split: the mask of {part} has {len(ids)} entries, there are {len(labels)} items"
                    )
                ids = np.flatnonzero(ids)
            elif ids.dtype.kind not in "iu":
                raise self.refuse(f"split: {part} must be a boolean mask or whole numbers, not {ids.dtype}")
            elif len(ids) == len(labels) > 2 and np.isin(ids, (0, 1)).all():
                raise self.refuse(f"split: {part} has {len(ids)} entries of 0 or 1: a mask must be boolean")
            found[f"split/{part}"] = np.sort(ids).astype(np.int64)
            known = labels[ids[(ids >= 0) & (ids < len(labels))]]
            if odd := labelling.lacks(known, objective, labelling.outputs(labels)):
                self.tell(f"split: {part} {odd}")
        return found


_VOCABULARIES = {"vocabulary": "features", "edge_vocabulary": "edge_features"}


def _sizes(categories: np.ndarray) -> list[int]:
    """How many categories each column has."""
    return [int(size) + 1 for size in categories.max(0)] if len(categories) else [1] * categories.shape[1]
