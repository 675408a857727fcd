"""Amazon Computers and Photo, Coauthor CS and Physics (Shchur et al. 2018, arXiv:1811.05868), from their `.npz` files.

As PyTorch Geometric reads them: a feature is 1 where the file holds a positive number (so counts become a bag of
words), the graph is undirected without self-loops and duplicates. Beyond that, as in CPF (Yang et al., WWW 2021) and
GLNN (Zhang et al., ICLR 2022): the largest connected component, and 20 nodes per class for training and 30 for
validation (`parts.cpf`).

The files are looked for in `NAME/raw`, in the folder of PyTorch Geometric (`Computers/raw`) and in the folder itself,
as in the original repository, under `settings["gnn_benchmark_root"]`, which is only ever read, or else under
`data/raw`, into which they are downloaded. Nothing in them is unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import cpf, files
from workflow.datasets.parts.csr import check_scipy
from workflow.errors import UserError
from workflow.task import Task

MOST_BYTES = 2**30
MOST_CELLS = 10**9

_INFO = {"symmetric": True}


def _facts(title: str, features: int, classes: int, memory_mb: int) -> Facts:
    return Facts(
        Kind.NODE, Objective.MULTICLASS, "accuracy", classes, features, title, dict(_INFO), memory_mb=memory_mb
    )


NAMES = {
    "amazon-computers": _facts("Amazon Computers", 767, 10, 4096),
    "amazon-photo": _facts("Amazon Photo", 745, 8, 4096),
    "coauthor-cs": _facts("Coauthor CS", 6805, 15, 8192),
    "coauthor-physics": _facts("Coauthor Physics", 8415, 5, 16384),
}
SETTINGS = ("gnn_benchmark_root",)
FILES = {
    "amazon-computers": "amazon_electronics_computers.npz",
    "amazon-photo": "amazon_electronics_photo.npz",
    "coauthor-cs": "ms_academic_cs.npz",
    "coauthor-physics": "ms_academic_phy.npz",
}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError naming the file that is missing or broken.

    Args:
        settings: `gnn_benchmark_root` (optional): an existing root, never written to.
    """
    file, classes = FILES[name], NAMES[name].outputs
    elsewhere = NAMES[name].title.split()[-1]  # Computers, Photo, CS, Physics
    given = settings.get("gnn_benchmark_root")
    raw = files.located(
        name, elsewhere, [file], given, SETTINGS[0], fetch, lambda folder: read_raw(folder / file, classes)
    )
    arrays = cpf.prepared(*read_raw(raw / file, classes), classes, raw / file)
    return Task(name, Kind.NODE, Objective.MULTICLASS, "accuracy", classes, arrays, dict(_INFO))


def fetch(file: str, folder: Path) -> None:
    """Downloads one file from where PyTorch Geometric does."""
    from torch_geometric.datasets import Amazon

    files.fetch(f"{Amazon.url}{file}", folder)


def read_raw(path: Path, classes: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """The content of a file.

    Returns:
        features [n, f], a float32 csr_array of ones; ends [2, E] int64 of the edges as they are stored; labels [n]
        int64.

    Raises:
        UserError: the file is missing, broken, or of another content.
    """
    try:
        return _read(path, classes)
    except Exception as error:  # a broken archive can raise anything
        raise UserError(f"{path}: {' '.join(str(error).split()) or type(error).__name__}") from error


def _read(path: Path, classes: int) -> tuple[Any, np.ndarray, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"holds {size} bytes, more than {MOST_BYTES}")
    with np.load(path, allow_pickle=False) as content:
        features, adjacency = _matrix(content, "attr"), _matrix(content, "adj")
        labels = _array(content, "labels", "iu")
    nodes = len(labels)
    if adjacency.shape != (nodes, nodes) or features.shape[0] != nodes or not nodes:
        raise ValueError(f"adj is {adjacency.shape}, attr {features.shape}, but there are {nodes} labels")
    if nodes * features.shape[1] > MOST_CELLS:
        raise ValueError(f"attr has {nodes} x {features.shape[1]} cells, more than {MOST_CELLS}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1}, found {labels.min()}..{labels.max()}")
    if not np.isfinite(features.data).all() or (features.data < 0).any():
        raise ValueError("attr_data has values that are negative or not finite")
    features.data = (features.data > 0).astype(np.float32)
    features.sum_duplicates()
    features.data = np.minimum(features.data, 1)
    ends = adjacency.tocoo()
    return features, np.stack([ends.row, ends.col]).astype(np.int64), labels.astype(np.int64)


def _matrix(content: Any, name: str) -> Any:
    """The csr_array that four arrays of an archive describe; raises ValueError where they do not."""
    from scipy.sparse import csr_array

    data, shape = _array(content, f"{name}_data", "biuf"), _array(content, f"{name}_shape", "iu")
    columns, pointers = _array(content, f"{name}_indices", "iu"), _array(content, f"{name}_indptr", "iu")
    if len(shape) != 2 or shape.min() < 0:
        raise ValueError(f"{name}_shape must be two numbers that are not negative, not {shape[:3].tolist()}")
    if len(columns) and (columns.min() < 0 or columns.max() >= shape[1]):
        raise ValueError(f"{name}_indices must lie in 0..{shape[1] - 1}, found {columns.min()}..{columns.max()}")
    matrix = csr_array((data, columns, pointers), shape=(int(shape[0]), int(shape[1])))
    check_scipy(matrix)
    return matrix


def _array(content: Any, name: str, kinds: str) -> np.ndarray:
    if name not in content:
        raise ValueError(f"the array '{name}' is missing")
    array = np.asarray(content[name])  # bytes, where a member is no array
    if array.ndim != 1 or array.dtype.kind not in kinds:
        numbers = "numbers" if "f" in kinds else "whole numbers"
        raise ValueError(f"{name} must be a list of {numbers}, not {array.dtype} of shape {list(array.shape)}")
    return array
