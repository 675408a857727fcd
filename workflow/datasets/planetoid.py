"""Cora, CiteSeer and PubMed with the public split of Planetoid (Yang et al. 2016, arXiv:1603.08861).

Every row of the bag-of-words features is divided by its sum, as by Kipf and Welling (ICLR 2017, section 5.2, whose
figures rest on it); a row of zeros stays so. Else as in PyTorch Geometric: the graph undirected without self-loops and
duplicates, 20 training nodes per class, 500 for validation, 1,000 for testing; the nodes that CiteSeer's files leave
out get features of zero and no label and are in no part.

`cora-cpf` and its like are the same files as CPF and GLNN have them: features as they are stored, the largest
connected component, 20 nodes per class for training, 30 for validation and the rest for testing (`parts.cpf`). Their
CiteSeer comes from other files, with 2,110 nodes.

The raw files are old pickles of scipy and numpy objects. A pickle can run any code, so they are read by an unpickler
that admits the handful of names that these files use and refuses the rest. They are looked for in `NAME/raw` (`cora`,
or `Cora` as PyTorch Geometric spells it) and in the folder itself, as in the original repository, under
`settings["planetoid_root"]`, which is only ever read, or else under `data/raw`, into which they are downloaded.
"""

from __future__ import annotations

import importlib
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from reports.variants import CPF
from workflow.arrays import beyond
from workflow.catalog import Facts
from workflow.datasets.parts import cpf, files
from workflow.datasets.parts.csr import check_scipy, symmetric_csr
from workflow.errors import UserError
from workflow.task import ABSENT, Task

VALID_NODES = 500
MOST_GAPS = 2
MOST_CELLS = 10**9
MATRICES = ("x", "y", "tx", "ty", "allx", "ally")
FILES = (*MATRICES, "graph", "test.index")
# What the files name, and where it lives today.
ADMITTED = {
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"): ("numpy._core.multiarray", "scalar"),
    ("scipy.sparse.csr", "csr_matrix"): ("scipy.sparse", "csr_matrix"),
    ("scipy.sparse._csr", "csr_matrix"): ("scipy.sparse", "csr_matrix"),
    ("collections", "defaultdict"): ("collections", "defaultdict"),
    ("__builtin__", "list"): ("builtins", "list"),
    ("builtins", "list"): ("builtins", "list"),
}

_INFO = {"symmetric": True}
_PUBLIC = {
    "cora": Facts(Kind.NODE, Objective.MULTICLASS, "accuracy", 7, 1433, "Cora", _INFO),
    "citeseer": Facts(Kind.NODE, Objective.MULTICLASS, "accuracy", 6, 3703, "CiteSeer", _INFO),
    "pubmed": Facts(Kind.NODE, Objective.MULTICLASS, "accuracy", 3, 500, "PubMed", _INFO),
}
NAMES = _PUBLIC | {f"{name}{CPF}": replace(facts, title=f"{facts.title} (CPF)") for name, facts in _PUBLIC.items()}
SETTINGS = ("planetoid_root",)


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError naming the file that is missing or broken.

    Args:
        settings: `planetoid_root` (optional): an existing root, never written to.
    """
    own = name.removesuffix(CPF)
    raw = files.located(
        own,
        NAMES[own].title,
        [f"ind.{own}.{file}" for file in FILES],
        settings.get("planetoid_root"),
        "planetoid_root",
        fetch,
        lambda folder: read_raw(folder, own),
    )
    content = read_raw(raw, own)
    x, y = _in_order(content, raw / f"ind.{own}.test.index")
    ends = content["graph"]
    if (wrong := beyond(ends, len(y))) is not None:
        raise UserError(
            f"{raw / f'ind.{own}.graph'}: an edge names node {wrong}, but there are {len(y)}, numbered from 0"
        )
    labels = np.where(y.any(axis=1), y.argmax(axis=1), ABSENT).astype(np.int64)
    if name == own:
        arrays = _public(content, row_normalised(x), ends, labels, raw / f"ind.{own}.y")
    else:
        arrays = cpf.prepared(x, ends, labels, y.shape[1], raw)
    return Task(name, Kind.NODE, Objective.MULTICLASS, "accuracy", y.shape[1], arrays, dict(_INFO))


def _public(
    content: Mapping[str, Any], features: np.ndarray, ends: np.ndarray, labels: np.ndarray, path: Path
) -> dict[str, np.ndarray]:
    """The arrays of a task with the public split. Raises UserError where there are too few nodes for it."""
    pointers, sources = symmetric_csr(ends[0], ends[1], len(labels))
    train = len(content["y"])
    if not 0 < train <= len(content["ally"]) - VALID_NODES:
        known = f"{len(content['ally'])} nodes that are not for testing, of which {VALID_NODES} are for validation"
        raise UserError(f"{path}: has {train} training nodes, but there are {known}")
    return {
        "features": features,
        "labels": labels,
        "pointers": pointers,
        "sources": sources,
        "split/train": np.arange(train),
        "split/valid": np.arange(train, train + VALID_NODES),
        "split/test": np.sort(content["test.index"]),
    }


def row_normalised(counts: np.ndarray) -> np.ndarray:
    """[n, f] that are not negative -> float32: each row divided by its sum, a row of zeros as it is."""
    sums = counts.sum(axis=1, dtype=np.float64, keepdims=True)
    shares: np.ndarray = counts / np.where(sums > 0, sums, 1)
    return shares.astype(np.float32)


def _in_order(content: dict[str, Any], index_file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, f] and one-hot labels [n, C] of all nodes; the files list test nodes in an order of their own."""
    index = content["test.index"]
    begin, tests = len(content["allx"]), len(content["tx"])
    # CiteSeer's files leave out 15 of 1,015 test nodes: a few may be absent, but not most.
    inside = len(index) and begin <= index.min() and index.max() < begin + MOST_GAPS * tests
    if not inside or not len(np.unique(index)) == len(index) == tests:
        raise UserError(f"{index_file}: must name {tests} different nodes from {begin} on, close together")
    end = int(index.max()) + 1
    joined = []
    for known, test in (("allx", "tx"), ("ally", "ty")):
        rows = np.zeros((end, content[known].shape[1]), content[known].dtype)
        rows[:begin] = content[known]
        rows[index] = content[test]
        joined.append(rows)
    return joined[0], joined[1]


def fetch(file: str, folder: Path) -> None:
    """Downloads one file from where PyTorch Geometric does."""
    from torch_geometric.datasets import Planetoid

    files.fetch(f"{Planetoid.url}/{file}", folder)


def read_raw(raw: Path, name: str) -> dict[str, Any]:
    """The content of the eight files: dense matrices, the edges of the graph [2, E] int64, and test ids [k] int64.

    Raises:
        UserError: a file is missing, broken, of another content, or a pickle with names that do not belong there.
    """
    content: dict[str, Any] = {}
    for file in FILES:
        path = raw / f"ind.{name}.{file}"
        read = _graph if file == "graph" else _ids if file == "test.index" else _matrix
        try:
            content[file] = read(path)
        except Exception as error:  # a broken pickle can raise anything
            raise UserError(f"{path}: {' '.join(str(error).split()) or type(error).__name__}") from error
    for features, labels in (("x", "y"), ("tx", "ty"), ("allx", "ally")):
        if len(content[features]) != len(content[labels]):
            raise UserError(f"{raw / f'ind.{name}.{features}'} and .{labels} differ in their numbers of rows")
        for file, whole in ((features, "allx"), (labels, "ally")):
            if content[file].shape[1] != content[whole].shape[1]:
                raise UserError(f"{raw / f'ind.{name}.{file}'} and .{whole} differ in their numbers of columns")
        if not np.isfinite(content[features].sum(axis=1, dtype=np.float64)).all() or content[features].min() < 0:
            raise UserError(f"{raw / f'ind.{name}.{features}'}: has values that are negative or not finite")
        hot = content[labels] != 0
        if (hot.sum(axis=1) > 1).any() or (content[labels][hot] != 1).any():
            raise UserError(f"{raw / f'ind.{name}.{labels}'}: a row must have a 1 at its class and 0 elsewhere")
    return content


def _ids(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file, which the number of test nodes refuses
        ids = np.loadtxt(path, np.int64, ndmin=1)
    if ids.ndim != 1:
        raise ValueError("must hold one number a line")
    return ids


def _graph(path: Path) -> np.ndarray:
    value = _load(path)
    if not isinstance(value, dict) or not all(type(others) is list for others in value.values()):
        raise ValueError("not a graph: must be a dictionary of lists")
    edges = [(node, other) for node, others in value.items() for other in others]
    if not all(isinstance(end, int | np.integer) for edge in edges for end in edge):
        raise ValueError("not a graph: nodes must be whole numbers")
    return np.array(edges, np.int64).reshape(-1, 2).T


def _matrix(path: Path) -> np.ndarray:
    from scipy.sparse import csr_matrix

    value: Any = _load(path)
    if not isinstance(value, np.ndarray):
        if type(value) is not csr_matrix or value.shape[0] * value.shape[1] > MOST_CELLS:
            raise ValueError("not a matrix of numbers")
        # Made anew and checked in full: what the pickle has put into the object is not to be trusted.
        value = csr_matrix((value.data, value.indices, value.indptr), shape=value.shape)
        check_scipy(value)
        value = value.toarray()
    matrix: np.ndarray = value
    if matrix.ndim != 2 or matrix.dtype.kind not in "iuf" or not matrix.size:
        raise ValueError("not a matrix of numbers")
    return matrix


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"refused: the pickle names {module}.{name}, which no Planetoid file needs")
        home, known_as = ADMITTED[module, name]
        return getattr(importlib.import_module(home), known_as)


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        return _Unpickler(file, encoding="latin1").load()
