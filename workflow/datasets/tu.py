"""MUTAG, PROTEINS, NCI1 and ENZYMES of the TU collection (Morris et al. 2020, arXiv:2007.08663), from their text files.

As PyTorch Geometric reads them without attributes: labels of nodes and edges are categories counted from the smallest,
self-loops and duplicates are dropped. A set without labels of edges has one category of them.

Published figures are mostly means over ten folds. Here there is ONE split: of every class 80 % of the graphs are for
training, 10 % for validation and 10 % for testing, ranked by a hash of their number, which is the same on every
machine. Figures are comparable only roughly.

The files are looked for in `mutag/raw`, in the folder of PyTorch Geometric (`MUTAG/raw`) and in the folder itself,
under `settings["tu_root"]`, which is only ever read, or else under `data/raw`, into which they are downloaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import files
from workflow.draws import ordered
from workflow.errors import UserError
from workflow.task import SPLITS, Task

URL = "https://www.chrsmrrs.com/graphkerneldatasets"
SPLIT = "abkd-bench tu 1"
"""What is hashed with a graph's number; another text is another split."""
SHARES = (0.8, 0.9)
"""Of a class, where the training and the validation part end."""
MOST_BYTES = 2**28


def _facts(title: str, classes: int, labels: int, edge_labels: int) -> Facts:
    info = {"vocabulary": [labels], "edge_vocabulary": [edge_labels]}
    return Facts(Kind.GRAPH, Objective.MULTICLASS, "accuracy", classes, 1, title, info)


NAMES = {
    "mutag": _facts("MUTAG", 2, 7, 4),
    "proteins": _facts("PROTEINS", 2, 3, 1),
    "nci1": _facts("NCI1", 2, 37, 1),
    "enzymes": _facts("ENZYMES", 6, 3, 1),
}
SETTINGS = ("tu_root",)
WITH_EDGE_LABELS = ("mutag",)


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError naming the file that is missing or broken.

    Args:
        settings: `tu_root` (optional): an existing root, never written to.
    """
    facts = NAMES[name]
    parts = ["A", "graph_indicator", "graph_labels", "node_labels"]
    wanted = [f"{facts.title}_{part}.txt" for part in parts + ["edge_labels"] * (name in WITH_EDGE_LABELS)]
    raw = files.located(
        name,
        facts.title,
        wanted,
        settings.get("tu_root"),
        SETTINGS[0],
        lambda file, folder: fetch(facts.title, file, folder),
        lambda folder: read(folder, facts),
    )
    arrays = read(raw, facts)
    return Task(name, facts.kind, facts.objective, facts.metric, facts.outputs, arrays, dict(facts.info))


def fetch(title: str, file: str, folder: Path) -> None:
    """Takes one file out of the set's archive, which is downloaded first. Raises ValueError for a huge one."""
    archive = folder / f"{title}.zip"
    if not archive.exists():
        files.fetch(f"{URL}/{archive.name}", folder)
    with zipfile.ZipFile(archive) as content:
        member = content.getinfo(f"{title}/{file}")
        if member.file_size > MOST_BYTES:
            raise ValueError(f"{file} has {member.file_size} bytes, more than {MOST_BYTES}")
        (folder / file).write_bytes(content.read(member))


def read(raw: Path, facts: Facts) -> dict[str, np.ndarray]:
    """The arrays of a set. Raises UserError naming the file that is broken."""
    graph = _numbers(raw / f"{facts.title}_graph_indicator.txt", 1)[:, 0] - 1
    labels = _numbers(raw / f"{facts.title}_graph_labels.txt", 1)[:, 0]
    graphs = len(labels)
    where = raw / f"{facts.title}_graph_indicator.txt"
    if (np.diff(graph) < 0).any() or not np.array_equal(np.unique(graph), np.arange(graphs)):
        raise UserError(f"{where}: must name the graphs from 1 to {graphs} in ascending order, each at least once")
    classes = np.unique(labels)
    if len(classes) != facts.outputs:
        raise UserError(f"{raw / f'{facts.title}_graph_labels.txt'}: has {len(classes)} classes, not {facts.outputs}")
    labels = np.searchsorted(classes, labels)
    features = _categories(raw / f"{facts.title}_node_labels.txt", len(graph), facts.info["vocabulary"][0])
    edges, kinds = _edges(raw, facts, graph)
    of_edges = np.bincount(graph[edges[0]], minlength=graphs)
    return {
        "features": features,
        "edge_features": kinds,
        "edge_index": edges,
        "node_pointers": _pointers(np.bincount(graph, minlength=graphs)),
        "edge_pointers": _pointers(of_edges),
        "labels": labels,
        **_split(labels, facts.outputs),
    }


def _edges(raw: Path, facts: Facts, graph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges [2, E], ascending, without self-loops and duplicates, and their categories [E, 1]."""
    where = raw / f"{facts.title}_A.txt"
    ends = _numbers(where, 2).T - 1
    if ends.size and (ends.min() < 0 or ends.max() >= len(graph)):
        raise UserError(f"{where}: nodes must lie in 1..{len(graph)}, found {ends.min() + 1}..{ends.max() + 1}")
    crossing = graph[ends[0]] != graph[ends[1]]
    if crossing.any():
        raise UserError(f"{where}: line {int(np.argmax(crossing)) + 1} joins nodes of two graphs")
    file = raw / f"{facts.title}_edge_labels.txt"
    kinds = np.zeros((ends.shape[1], 1), np.int64)
    if (known := facts.info["edge_vocabulary"][0]) > 1:
        kinds = _categories(file, ends.shape[1], known)
    kept = np.flatnonzero(ends[0] != ends[1])
    _, first = np.unique(ends[0][kept] * len(graph) + ends[1][kept], return_index=True)
    return ends[:, kept[first]], kinds[kept[first]]


def _categories(file: Path, rows: int, known: int) -> np.ndarray:
    """[rows, 1] categories counted from the smallest."""
    found = _numbers(file, 1)
    if len(found) != rows:
        raise UserError(f"{file}: has {len(found)} lines, but {rows} belong there")
    found -= found.min()
    if found.max() >= known:
        raise UserError(f"{file}: must span at most {known} numbers, not {found.max() + 1}")
    return found


def _numbers(file: Path, columns: int) -> np.ndarray:
    """[lines, columns] whole numbers. Raises UserError."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES} bytes")
        found = np.loadtxt(file, dtype=np.int64, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: {' '.join(str(error).split())}") from error
    if not len(found) or found.shape[1] != columns:
        raise UserError(f"{file}: must have lines of {columns} whole numbers")
    return found


def _pointers(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _split(labels: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Ids of the three parts, ascending."""
    parts: dict[str, list[np.ndarray]] = {part: [] for part in SPLITS}
    for label in range(classes):
        members = ordered(SPLIT, np.flatnonzero(labels == label))
        borders = [round(share * len(members)) for share in SHARES]
        for part, chosen in zip(SPLITS, np.split(members, borders), strict=True):
            parts[part].append(chosen)
    return {f"split/{part}": np.sort(np.concatenate(found)) for part, found in parts.items()}
