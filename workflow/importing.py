"""Arrays of your own -> a Task: types are cast, edges sorted, and everything that is changed or odd is told.

What cannot be meant otherwise is done (float64 features, [n, 1] labels, boolean masks, self-loops, an edge twice); what
could be is refused. `Task.finish` checks the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from methods.vocabulary import Kind, Objective
from reports import printing
from workflow import categories, given, labelling
from workflow.arrays import Csr, beyond
from workflow.datasets.parts import csr
from workflow.datasets.parts.graphs import join_edges
from workflow.errors import UserError
from workflow.task import SPLITS, Task

NAME = r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,59}"
"""Of types and relations."""
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
        of_nodes, objective = self._labels(labels, objective, floats=True)
        x = self._features(features, "features", len(of_nodes), f": there are {len(of_nodes)} labels")
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
        self._check_types(target, counts, features, list(relations))
        of_nodes, objective = self._labels(labels, objective, floats=True)
        if len(of_nodes) != counts[target]:
            raise self.refuse(f"labels: there are {len(of_nodes)}, but {counts[target]} nodes of type {target}")
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

    def _check_types(
        self, target: str, counts: Mapping[str, int], features: Collection[str], relations: list[tuple[str, str, str]]
    ) -> None:
        """Names, of which files and weights are named, and whether what there is can reach the nodes with labels."""
        for what, name in [
            *(("type", kind) for kind in counts),
            *(("relation", name) for _, name, _ in relations),
        ]:
            if not re.fullmatch(NAME, name):
                allowed = "letters, digits, _, - and spaces, at most 60"
                raise self.refuse(f"the {what} {printing.one_line(name)!r} has a name that is none; allowed: {allowed}")
            if what == "type" and any(hasattr(holder, name) for holder in (nn.ModuleDict(), nn.ParameterDict())):
                raise self.refuse(f"the type {name!r} has a name that torch takes; call it {name}_")
        if not features:
            raise self.refuse("no type of nodes has features x; give one of them any, a column of ones at least")
        senders: dict[str, set[str]] = {kind: set() for kind in counts}
        for source, _, end in relations:
            senders[end].add(source)
        if not senders[target]:
            raise self.refuse(f"no relation leads to {target}, so that its nodes would see no other; add reverse edges")
        reaching: set[str] = set()
        found = {target}
        while found:
            reaching |= found
            found = set().union(*(senders[kind] for kind in found)) - reaching
        if far := sorted(set(counts) - reaching):
            self.tell(f"no edges lead from {', '.join(far)} to {target}, nor over others: nothing is learned from them")
        for source, name, end in relations:
            if end not in senders[source]:
                self.tell(f"{source}/{name}/{end}: no relation leads back, so that nothing of {end} reaches {source}")

    def graphs(self, graphs: Sequence[Mapping[str, Any]], splits: Ids, objective: Objective | None = None) -> Task:
        """A label, or several, of every graph.

        Args:
            graphs: x [n, k] and edge_attr [E, m] as `workflow.categories.read` takes them, edge_index [2, E], y, and
                num_nodes where there is no x.
            objective: see `workflow.labelling.read`.

        Raises:
            UserError: one line that names the graph and the key.
        """
        if len(graphs) < len(SPLITS):
            several = f"{', '.join(SPLITS)} need one each; a graph whose nodes have labels stands outside of a list"
            raise self.refuse(f"holds {len(graphs) or 'no'} graph{'s' * (len(graphs) > 1)}: {several}")
        of_each = []
        for number, graph in enumerate(graphs):
            if missing := [key for key in ("edge_index", "y") if graph.get(key) is None]:
                raise self.refuse(f"graph {number}: {missing[0]} is missing")
            of_each.append(given.array(graph["y"], f"graph {number}: y", self).reshape(-1))
            if len(of_each[-1]) != len(of_each[0]):
                count = len(of_each[-1])
                raise self.refuse(f"graph {number}: y has {count} values, those before have {len(of_each[0])}")
        labels, objective = self._labels(np.stack(of_each), objective, floats=False)
        edges, nodes = zip(*(self._sized(graph, number) for number, graph in enumerate(graphs)), strict=True)
        items = {"x": nodes, "edge_attr": [found.shape[1] for found in edges]}
        read = {key: categories.read([one.get(key) for one in graphs], n, key, self) for key, n in items.items()}
        arrays = {"features": read["x"], "edge_features": read["edge_attr"], **join_edges(edges, nodes)}
        info = {"vocabulary": categories.sizes(read["x"]), "edge_vocabulary": categories.sizes(read["edge_attr"])}
        arrays |= {"labels": labels, **self._split(splits, labels, objective)}
        return self._finish(Kind.GRAPH, objective, arrays, info)

    def _sized(self, graph: Mapping[str, Any], number: int) -> tuple[np.ndarray, int]:
        """A graph's edges [2, E] and its number of nodes: rows of x, what it states, or what its edges name."""
        where = f"graph {number}: edge_index"
        edges, x, stated = self._pairs(graph["edge_index"], where), graph.get("x"), graph.get("num_nodes")
        named = int(edges.max()) + 1 if edges.size else 0
        if x is not None:
            size = len(np.atleast_1d(given.array(x, f"graph {number}: x", self)))
        else:
            size = int(stated or named or 1)
            if not (stated or named):
                self.tell("a graph without x, edges and num_nodes has one node")
        if size < 0:
            raise self.refuse(f"graph {number}: num_nodes is {size}; allowed: from 0 on")
        if (wrong := beyond(edges, size)) is not None:
            raise self.refuse(f"{where}: an edge names node {wrong}, but there are {size}, numbered from 0")
        if x is None and (occurring := given.scattered(edges, size)) is not None:
            raise self.refuse(f"{where}: names {occurring} of {size} nodes: number those of each graph from 0 on")
        if not size:
            self.tell("a graph without nodes was taken as it is")
        return edges, size

    def _finish(self, kind: Kind, objective: Objective, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> Task:
        outputs, metric = labelling.outputs(arrays["labels"]), self.metric or METRICS[objective]
        return Task(self.name, kind, objective, metric, outputs, arrays, info).finish()

    def tell(self, line: str) -> None:
        """Says a line, once."""
        if line not in self._told:  # of thousands of graphs once
            self._told.append(line)
            self.say(f"{self.name}: {line}")

    def _labels(self, labels: Any, objective: Objective | None, *, floats: bool) -> tuple[np.ndarray, Objective]:
        found, seen = labelling.read(labels, objective, self, floats=floats)
        if objective is None and seen != Objective.MULTICLASS:
            what = "binary targets" if seen == Objective.BINARY else "numbers, a regression"
            self.tell(f"labels were taken as {what}, NaN as unmeasured; --objective takes them otherwise")
        return found, seen

    def _features(self, x: Any, where: str, rows: int, why: str = "") -> np.ndarray:
        found = given.numbers(x, where, self)
        if found.ndim != 2 or len(found) != rows or not found.shape[1]:
            why = why if found.ndim == 2 and len(found) != rows else ""
            raise self.refuse(f"{where} must be [{rows}, f], not {list(found.shape)}{why}")
        if found.dtype != np.float32:
            self.tell(f"{where} of type {found.dtype} became float32")
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(found, np.float32)
        if not (finite := np.isfinite(values)).all():
            row, column = np.argwhere(~finite)[0]
            raise self.refuse(f"{where} has values that are not finite in float32: row {row}, column {column}")
        return values

    def _pairs(self, edges: Any, where: str) -> np.ndarray:
        found = given.array(edges, where, self)
        if found.ndim != 2 or found.shape[0] != 2 or (found.size and found.dtype.kind not in "iu"):
            what = f"{given.kind(found)} of shape {list(found.shape)}"
            raise self.refuse(f"{where} must be [2, E] whole numbers, not {what}")
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
            ids = given.array(splits[part], f"split: {part}", self)
            if ids.ndim != 1:
                raise self.refuse(f"split: {part} must be one mask or list of ids, not of shape {list(ids.shape)}")
            if ids.dtype == bool:
                if len(ids) != len(labels):
                    raise self.refuse(
                        f"split: the mask of {part} has {len(ids)} entries, there are {len(labels)} items"
                    )
                ids = np.flatnonzero(ids)
            elif len(ids) and ids.dtype.kind not in "iu":
                raise self.refuse(f"split: {part} must be a boolean mask or whole numbers, not {given.kind(ids)}")
            elif len(ids) == len(labels) > 2 and np.isin(ids, (0, 1)).all():
                raise self.refuse(f"split: {part} has {len(ids)} entries of 0 or 1: a mask must be boolean")
            found[f"split/{part}"] = ids = np.sort(ids).astype(np.int64)
            ids = ids[(ids >= 0) & (ids < len(labels))]
            known = labels[ids]
            if objective == Objective.MULTICLASS and (known < 0).any():
                item = ids[np.argmax(known < 0)]
                raise self.refuse(f"split: {part} has item {item}, whose label is negative or NaN: unknown")
            if odd := labelling.lacks(known, objective, labelling.outputs(labels)):
                self.tell(f"split: {part} {odd}")
        return found
