"""A prepared Task: what every loader produces and all that training ever reads.

On disk it is a folder of `.npy` arrays (memory-mapped on loading, never pickled) and one `task.json`. No torch here.

Arrays by kind (`/` in a name becomes a sub-folder):

node
    features [n, f] float32; labels [n] int64;
    pointers [n + 1] and sources [E] int32: CSR adjacency by target, the sources of the edges j -> i of node i,
    ascending, without self-loops or duplicates. `symmetric` says that the reverse of every edge is there too;
    otherwise transpose/pointers and transpose/sources hold the transpose.
heterogeneous
    labels [n of the target type] int64; features/TYPE [n, f] float32 for the types that have them;
    relation/SOURCE/NAME/TARGET/pointers and .../sources as above, one relation per name (reverses are relations too).
graph
    features [N, k] int64 categories of all nodes; edge_features [E, m] int64; edge_index [2, E] int64 with node
    numbers counted over ALL graphs; node_pointers [G + 1] and edge_pointers [G + 1] int64: where each graph begins;
    labels [G, tasks] float32, NaN where unmeasured.
all
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
from workflow.errors import UserError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Task:
    """One dataset, ready for training.

    Attributes:
        name: id of the dataset.
        kind, objective, metric: as in `workflow.catalog.Facts`.
        outputs: classes C, or number of tasks of a graph-level dataset.
        arrays: see the module's docstring.
        info: facts that models need beside the arrays: `symmetric` (node); `target`, `counts` {type: nodes}
            (heterogeneous); `vocabulary` and `edge_vocabulary`, sizes of the categorical columns (graph).
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
            UserError: an edge beyond the node count, NaN features, labels out of range, overlapping or empty splits,
                or a metric that is not among `reports.metrics.METRICS`.
        """
        check(self)
        digest = hashlib.sha256(json.dumps(self._header(), sort_keys=True).encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
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
            header = {**self._header(), "fingerprint": self.fingerprint, "arrays": sorted(self.arrays)}
            (temporary / "task.json").write_text(json.dumps(header, indent=1, sort_keys=True) + "\n")
            temporary.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @staticmethod
    def load(folder: Path | str) -> Task:
        """Opens a prepared task; arrays stay on disk until they are touched.

        Raises:
            UserError: the folder is not a prepared task.
        """
        folder = Path(folder)
        try:
            header = json.loads((folder / "task.json").read_text())
            arrays = {n: np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in header.pop("arrays")}
            header |= {"kind": Kind(header["kind"]), "objective": Objective(header["objective"])}
            return Task(arrays=arrays, **header)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} is not a prepared task ({error}); delete it and run again") from error


def check(task: Task) -> None:
    """Checks a task's content.

    Raises:
        UserError: see `Task.finish`.
    """
    if task.metric not in METRICS:
        raise UserError(f"{task.name}: unknown metric '{task.metric}'; allowed: {', '.join(sorted(METRICS))}")
    arrays = task.arrays
    seen = np.concatenate([task.split(part) for part in SPLITS])
    units = len(task.labels)
    for part in SPLITS:
        if not len(task.split(part)):
            raise UserError(f"{task.name}: the {part} split is empty")
    if len(np.unique(seen)) < len(seen):
        raise UserError(f"{task.name}: the splits overlap")
    if seen.min() < 0 or seen.max() >= units:
        raise UserError(f"{task.name}: a split names item {seen.max()}, but there are {units}")
    for name, array in arrays.items():
        if "features" in name and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"{task.name}: {name} has values that are not finite")
    if task.objective == Objective.MULTICLASS:
        labels = task.labels[seen]
        if labels.min() < 0 or labels.max() >= task.outputs:
            raise UserError(
                f"{task.name}: labels must lie in 0..{task.outputs - 1}, found {labels.min()}..{labels.max()}"
            )
    _check_edges(task)


def _check_edges(task: Task) -> None:
    arrays = task.arrays
    if task.kind == Kind.GRAPH:
        ends = {"edge_index": int(arrays["node_pointers"][-1])}
    else:
        counts = task.info.get("counts", {})
        ends = {
            name: counts[name.split("/")[1]] if name.startswith("relation/") else len(task.labels)
            for name in arrays
            if name.endswith("sources")
        }
    for name, nodes in ends.items():
        edges = arrays[name]
        if edges.size and (edges.min() < 0 or edges.max() >= nodes):
            raise UserError(f"{task.name}: {name}: an edge names node {edges.max()}, but there are {nodes}")
