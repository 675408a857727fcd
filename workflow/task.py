"""A prepared Task: what every loader produces and all that training ever reads.

On disk it is a folder of `.npy` arrays (memory-mapped on loading, never pickled) and one `task.json` with a checksum of
each. No torch here.

Arrays by kind (`/` in a name becomes a sub-folder):

node
    features [n, f] float32;
    pointers [n + 1] and sources [E] int32: CSR adjacency by target, the sources of the edges j -> i of node i,
    ascending, without self-loops or duplicates. `symmetric` says that the reverse of every edge is there too;
    otherwise transpose/pointers and transpose/sources hold the transpose. Pointers into more than 2^31 - 1 edges, and
    no others, are int64.
heterogeneous
    features/TYPE [n, f] float32 for the types that have them;
    relation/SOURCE/NAME/TARGET/pointers and .../sources as above, one relation per name (reverses are relations too).
graph
    features [N, k] int64 categories of all nodes; edge_features [E, m] int64; edge_index [2, E] int64 with node
    numbers counted over ALL graphs; node_pointers [G + 1] and edge_pointers [G + 1] int64: where each graph begins.
all
    labels of every node (of the target type) or graph: [n] int64 classes, or of other objectives [n, outputs] float32,
    NaN where unmeasured;
    split/train, split/valid, split/test int64: disjoint ids of nodes (of the target type) or graphs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from reports.metrics import METRICS
from workflow import arrays
from workflow.errors import UserError
from workflow.files import checksum

SPLITS = ("train", "valid", "test")
BLIND = "blind"
"""Fact of a task whose test labels are absent, for trainings that must not read them: the fingerprint of the same task
with them."""
ABSENT = -1
"""Class of an item whose label is absent; other labels are NaN."""
INFO = {
    Kind.NODE: ("symmetric",),
    Kind.HETEROGENEOUS: ("target", "counts", "features", "relations"),
    Kind.GRAPH: ("vocabulary", "edge_vocabulary"),
}
"""Facts that `Task.info` must hold."""
SCORES = {
    "accuracy": Objective.MULTICLASS,
    "rocauc": Objective.BINARY,
    "ap": Objective.BINARY,
    "rmse": Objective.REGRESSION,
}
"""What each metric scores; of other labels it would make a number, too, but a wrong one."""


@dataclass(frozen=True)
class Task:
    """One dataset, ready for training.

    Attributes:
        name: id of the dataset.
        kind, objective, metric: as in `workflow.catalog.Facts`.
        outputs: classes C, or the number of targets of another objective.
        arrays: see the module's docstring.
        info: facts that models need beside the arrays: `symmetric` (node); `target`, `counts` {type: nodes},
            `features` {type: columns} and `relations`, names (heterogeneous); `vocabulary` and `edge_vocabulary`,
            sizes of the categorical columns (graph). BLIND where the test labels are absent; DRAWN, labels per class
            for training and for validation (or None), where each seed draws them from the split (`variants.of_seed`).
        fingerprint: sha256 over all of the above; filled in by `finish`.
    """

    name: str
    kind: Kind
    objective: Objective
    metric: str
    outputs: int
    arrays: Mapping[str, np.ndarray]
    info: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def num_edges(self) -> int:
        if self.kind == Kind.GRAPH:
            return int(self.arrays["edge_index"].shape[1])
        return sum(
            len(a) for name, a in self.arrays.items() if name.split("/")[-1] == "sources" and "transpose" not in name
        )

    @property
    def scored(self) -> tuple[str, ...]:
        """Parts of the split that have labels: all but the test part of a blind task."""
        return SPLITS[:-1] if BLIND in self.info else SPLITS

    @property
    def labels(self) -> np.ndarray:
        return self.arrays["labels"]

    def split(self, part: str) -> np.ndarray:
        return self.arrays[f"split/{part}"]

    def _header(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "objective": self.objective,
            "metric": self.metric,
            "outputs": self.outputs,
            "info": dict(self.info),
        }

    def finish(self) -> Task:
        """The same task with its fingerprint, after checks.

        Raises:
            UserError: an array that is missing, unknown, or not of the type, shape and order that the module's
                docstring states; values that are not finite, labels out of range, overlapping or empty splits, a part
                of which the metric could make no score, or a metric that is not among `reports.metrics.METRICS`.
        """
        check(self)
        digest = hashlib.sha256(json.dumps(self._header(), sort_keys=True).encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            if array.size:  # an empty one, as the edges of graphs without any, has no bytes, and no view of them
                digest.update(array.data.cast("B"))
        return Task(**{**self.__dict__, "fingerprint": digest.hexdigest()})

    def save(self, folder: Path | str) -> None:
        """Writes the folder at one stroke; an existing one is replaced only once the new one is whole."""
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for name, array in self.arrays.items():
                path = temporary / f"{name}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array, allow_pickle=False)
            sums = {name: checksum(temporary / f"{name}.npy") for name in self.arrays}
            header = {**self._header(), "fingerprint": self.fingerprint, "arrays": sums}
            (temporary / "task.json").write_text(json.dumps(header, indent=1, sort_keys=True) + "\n")
            temporary.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @staticmethod
    def load(folder: Path | str, verified: bool = False) -> Task:
        """Opens a prepared task; arrays stay on disk until they are touched.

        Args:
            verified: whether every array must have the checksum that `save` has noted.

        Raises:
            UserError: the folder is not a prepared task, or an array is another one.
        """
        folder = Path(folder)
        try:
            header = json.loads((folder / "task.json").read_text())
            sums = header.pop("arrays")
            arrays = {n: np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in sums}
            for name, known in sums.items() if verified else ():
                if checksum(folder / f"{name}.npy") != known:
                    raise ValueError(f"{name}.npy holds something else than was prepared")
            header |= {"kind": Kind(header["kind"]), "objective": Objective(header["objective"])}
            return Task(arrays=arrays, **header)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{folder} is not a prepared task ({error}); delete it and run again") from error


def check(task: Task) -> None:
    """Checks a task's content.

    Raises:
        UserError: see `Task.finish`.
    """
    if task.metric not in METRICS:
        raise UserError(f"{task.name}: unknown metric '{task.metric}'; allowed: {', '.join(sorted(METRICS))}")
    if SCORES.get(task.metric, task.objective) != task.objective:
        raise UserError(f"{task.name}: the metric '{task.metric}' scores {SCORES[task.metric]}, not {task.objective}")
    _check_names(task)
    if task.objective == Objective.MULTICLASS:
        arrays.form(task.labels, f"{task.name}: labels", np.int64, None)
    else:
        arrays.form(task.labels, f"{task.name}: labels", np.float32, None, task.outputs)
    {Kind.NODE: _check_node, Kind.HETEROGENEOUS: _check_heterogeneous, Kind.GRAPH: _check_graph}[task.kind](task)
    arrays.splits({part: task.split(part) for part in SPLITS}, task.name, len(task.labels))
    for part in task.scored:
        labels = task.labels[task.split(part)]
        arrays.labels(labels, f"{task.name}: split/{part}", task.objective, task.outputs, task.metric)
    if "test" not in task.scored and not absent(task.labels[task.split("test")]).all():
        raise UserError(f"{task.name}: split/test: a blind task must not hold a test label")


def absent(labels: np.ndarray) -> np.ndarray:
    """Which labels, or entries of them, are not there."""
    found: np.ndarray = np.isnan(labels) if labels.dtype.kind == "f" else labels == ABSENT
    return found


def _check_names(task: Task) -> None:
    """Raises UserError where facts or arrays are missing, or there are arrays that nothing reads."""
    for key in INFO[task.kind]:
        if key not in task.info:
            needs = ", ".join(INFO[task.kind])
            raise UserError(f"{task.name}: info: '{key}' is missing; a {task.kind} task needs {needs}")
    csr = {"pointers", "sources"}
    needed = {"labels", *(f"split/{part}" for part in SPLITS)}
    found = set(task.arrays)
    if task.kind == Kind.NODE:
        transpose = {f"transpose/{part}" for part in csr}
        needed |= {"features"} | csr
        if not task.info["symmetric"] or found & transpose:
            needed |= transpose
    elif task.kind == Kind.HETEROGENEOUS:
        needed |= {f"features/{kind}" for kind in task.info["features"]}
        needed |= {f"relation/{name}/{part}" for name in task.info["relations"] for part in csr}
    else:
        needed |= {"features", "edge_features", "edge_index", "node_pointers", "edge_pointers"}
    if missing := sorted(needed - found):
        raise UserError(f"{task.name}: the array '{missing[0]}' is missing")
    if unknown := sorted(found - needed):
        raise UserError(f"{task.name}: unknown array '{unknown[0]}'; allowed: {', '.join(sorted(needed))}")


def _check_node(task: Task) -> None:
    nodes = len(task.labels)
    _check_features(task, "features", nodes)
    forward = task.arrays["pointers"], task.arrays["sources"]
    arrays.adjacency(forward, f"{task.name}: ", nodes, nodes, loops=False)
    if task.info["symmetric"]:
        remedy = "`symmetric` promises the reverse of every edge; a directed graph has transpose/* arrays instead"
        arrays.transpose(forward, forward, f"{task.name}: sources", remedy)
    if "transpose/sources" in task.arrays:
        backward = task.arrays["transpose/pointers"], task.arrays["transpose/sources"]
        where = f"{task.name}: transpose/"
        arrays.adjacency(backward, where, nodes, nodes, loops=False)
        arrays.transpose(forward, backward, f"{where}sources", "transpose/* must be that of pointers and sources")


def _check_heterogeneous(task: Task) -> None:
    counts, target = task.info["counts"], task.info["target"]
    if counts.get(target) != len(task.labels):
        raise UserError(f"{task.name}: labels: {len(task.labels)} rows, but counts.{target} is {counts.get(target)}")
    for kind in task.info["features"]:
        if kind not in counts:
            raise UserError(f"{task.name}: info: features.{kind}: allowed types: {', '.join(counts)}")
        _check_features(task, f"features/{kind}", counts[kind])
    for name in task.info["relations"]:
        source, end = name.split("/")[0], name.split("/")[-1]
        if name.count("/") != 2 or not {source, end} <= set(counts):
            raise UserError(f"{task.name}: info: relation '{name}' must be SOURCE/NAME/TARGET of {', '.join(counts)}")
        found = task.arrays[f"relation/{name}/pointers"], task.arrays[f"relation/{name}/sources"]
        arrays.adjacency(found, f"{task.name}: relation/{name}/", counts[end], counts[source], loops=source != end)


def _check_features(task: Task, name: str, rows: int) -> None:
    where = f"{task.name}: {name}"
    arrays.form(task.arrays[name], where, np.float32, rows, None)
    arrays.finite(task.arrays[name], where)


def _check_graph(task: Task) -> None:
    found = task.arrays
    for name, items in (("node", "features"), ("edge", "edge_features")):
        where = f"{task.name}: {name}_pointers"
        arrays.form(found[f"{name}_pointers"], where, np.int64, len(task.labels) + 1)
        vocabulary = task.info["vocabulary" if name == "node" else "edge_vocabulary"]
        arrays.form(found[items], f"{task.name}: {items}", np.int64, None, len(vocabulary))
        arrays.within(found[items], f"{task.name}: {items}", vocabulary)
        arrays.pointers(found[f"{name}_pointers"], where, len(found[items]), f"rows of {items}")
    edges = found["edge_index"]
    arrays.form(edges, f"{task.name}: edge_index", np.int64, 2, len(found["edge_features"]))
    sizes = np.diff(found["edge_pointers"])
    begins, ends = (np.repeat(bounds, sizes) for bounds in (found["node_pointers"][:-1], found["node_pointers"][1:]))
    outside = (edges < begins) | (edges >= ends)
    if outside.any():
        edge = int(np.argmax(outside.any(axis=0)))
        wrong = edges[outside[:, edge], edge]
        raise UserError(
            f"{task.name}: edge_index: an edge names node {wrong[0]}, but its graph has the nodes from "
            f"{begins[edge]} to below {ends[edge]}"
        )
