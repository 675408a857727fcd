"""Writes made-up graphs in the exact layout of OGB's raw folders, tiny or of the official size.

Nodes of one class have features about one centre and, three times of four, edges to their own class, so that a model
can learn from a tiny graph. Run as a module it writes graphs of the official sizes, for measuring time and memory:

    python -m tests.workflow.datasets.ogb_layout ROOT ogbn-arxiv|ogbn-mag|ogbn-products|ogbn-proteins
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

# Rows of features that are made anew; a longer file repeats them (its text is what takes time to make).
FEATURE_ROWS = 16_384

ARXIV: dict[str, Any] = {"nodes": 169_343, "edges": 1_166_243, "features": 128, "classes": 40}
PRODUCTS: dict[str, Any] = {
    **{"nodes": 2_449_029, "edges": 61_859_140, "features": 100, "classes": 47},
    **{"split": "sales_ranking", "bounds": (196_615 / 2_449_029, 235_938 / 2_449_029)},
}
PROTEINS = {"nodes": 132_534, "edges": 39_561_252}
MAG_COUNTS = {"author": 1_134_649, "field_of_study": 59_965, "institution": 8_740, "paper": 736_389}
MAG_EDGES = {
    ("author", "affiliated_with", "institution"): 1_043_998,
    ("author", "writes", "paper"): 7_145_660,
    ("paper", "cites", "paper"): 5_416_271,
    ("paper", "has_topic", "field_of_study"): 7_505_078,
}
MAG: dict[str, Any] = {"counts": MAG_COUNTS, "edges": MAG_EDGES, "features": 128, "classes": 349}
TINY_MAG_COUNTS = {"author": 90, "field_of_study": 12, "institution": 7, "paper": 120}
TINY_MAG_EDGES = dict(zip(MAG_EDGES, (80, 300, 400, 260), strict=True))
TINY_MAG: dict[str, Any] = {"counts": TINY_MAG_COUNTS, "edges": TINY_MAG_EDGES, "features": 128, "classes": 349}


def shared_data(part: str) -> Path:
    """Real raw files (`ogb`, `planetoid`) from ABKD_SHARED_DATA or beside the checkout; skips where they are absent."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    path = Path(os.environ.get("ABKD_SHARED_DATA", beside)) / part
    if not path.is_dir():
        pytest.skip(f"NO REAL DATA: {path} is absent; set ABKD_SHARED_DATA to a folder that holds {part}/")
    return path


def write_csv(path: Path, values: Any, header: bool = False) -> None:
    """Writes a frame or array as OGB does: comma-separated, gzipped, mostly without a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", compresslevel=1, newline="") as file:
        pd.DataFrame(values).to_csv(file, header=header, index=False, lineterminator="\n")


def write_features(path: Path, labels: np.ndarray, columns: int, draw: np.random.Generator) -> None:
    """Features with six decimals; beyond FEATURE_ROWS rows the lines of the first ones come again."""
    rows = min(len(labels), FEATURE_ROWS)
    centres = draw.normal(size=(labels.max() + 1, columns))
    values = 0.1 * (centres[labels[:rows]] + draw.normal(size=(rows, columns)))
    text = pd.DataFrame(values).to_csv(header=False, index=False, float_format="%.6f", lineterminator="\n").encode()
    lines = text.splitlines(keepends=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", compresslevel=1) as file:
        for begin in range(0, len(labels), rows):
            file.write(text if begin + rows <= len(labels) else b"".join(lines[: len(labels) - begin]))


def write_split(folder: Path, units: int, draw: np.random.Generator, bounds: tuple[float, float] = (0.6, 0.8)) -> None:
    """Splits at these shares of the units."""
    order = draw.permutation(units)
    ends = [int(bound * units + 1e-6) for bound in bounds]
    for part, ids in zip(("train", "valid", "test"), np.split(order, ends), strict=True):
        write_csv(folder / f"{part}.csv.gz", np.sort(ids))


def draw_edges(
    own: np.ndarray, other: np.ndarray, number: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Edges between nodes of classes `own` and nodes of classes `other`, three of four within a class."""
    sources = draw.integers(len(own), size=number)
    targets = draw.integers(len(other), size=number)
    order = np.argsort(other, kind="stable")
    begins = np.searchsorted(other[order], own[sources])
    ends = np.searchsorted(other[order], own[sources], side="right")
    within = (draw.random(number) < 0.75) & (ends > begins)
    place = begins + (draw.random(number) * (ends - begins)).astype(np.int64)
    targets[within] = order[place[within]]
    return sources, targets


def write_node(  # the arguments are the sizes that make a dataset
    root: Path,
    name: str,
    nodes: int,
    edges: int,
    features: int,
    classes: int,
    split: str = "time",
    seed: int = 0,
    bounds: tuple[float, float] = (0.6, 0.8),
) -> Path:
    """A homogeneous dataset such as ogbn-arxiv; returns its folder."""
    draw = np.random.default_rng(seed)
    folder = root / name.replace("-", "_")
    raw = folder / "raw"
    labels = draw.integers(classes, size=nodes)
    write_csv(raw / "edge.csv.gz", np.stack(draw_edges(labels, labels, edges, draw), axis=1))
    write_features(raw / "node-feat.csv.gz", labels, features, draw)
    write_csv(raw / "node-label.csv.gz", labels)
    write_csv(raw / "node_year.csv.gz", draw.integers(1990, 2020, size=nodes))
    write_csv(raw / "num-node-list.csv.gz", [nodes])
    write_csv(raw / "num-edge-list.csv.gz", [edges])
    write_split(folder / "split" / split, nodes, draw, bounds)
    (folder / "RELEASE_v1.txt").write_text(f"# Release note for {name}\n")
    return folder


def write_proteins(root: Path, nodes: int, edges: int, targets: int = 112, strengths: int = 8, seed: int = 0) -> Path:
    """ogbn-proteins: yes-or-no answers a node, and features of edges alone; returns its folder."""
    draw = np.random.default_rng(seed)
    folder = root / "ogbn_proteins"
    raw = folder / "raw"
    labels = draw.integers(2, size=nodes)
    write_csv(raw / "edge.csv.gz", np.stack(draw_edges(labels, labels, edges, draw), axis=1))
    write_csv(raw / "edge-feat.csv.gz", draw.integers(1, 1000, size=(edges, strengths)) / 1000)
    answers = (draw.random((nodes, targets)) < 0.3 + 0.4 * labels[:, None]).astype(int)
    write_csv(raw / "node-label.csv.gz", answers)
    write_csv(raw / "node_species.csv.gz", draw.integers(8, size=nodes))
    write_csv(raw / "num-node-list.csv.gz", [nodes])
    write_csv(raw / "num-edge-list.csv.gz", [edges])
    write_split(folder / "split" / "species", nodes, draw)
    (folder / "RELEASE_v1.txt").write_text("# Release note for ogbn-proteins\n")
    return folder


def write_mag(
    root: Path,
    counts: dict[str, int],
    edges: dict[tuple[str, str, str], int],
    features: int,
    classes: int,
    seed: int = 0,
) -> Path:
    """A heterogeneous dataset such as ogbn-mag; returns its folder."""
    draw = np.random.default_rng(seed)
    folder = root / "ogbn_mag"
    raw = folder / "raw"
    labels = {kind: draw.integers(classes, size=number) for kind, number in counts.items()}
    kinds = sorted(counts)
    paper = pd.DataFrame({kind: [kind == "paper"] for kind in kinds})
    write_csv(raw / "num-node-dict.csv.gz", pd.DataFrame({kind: [counts[kind]] for kind in kinds}), header=True)
    write_csv(raw / "nodetype-has-feat.csv.gz", paper, header=True)
    write_csv(raw / "nodetype-has-label.csv.gz", paper, header=True)
    write_csv(raw / "triplet-type-list.csv.gz", list(edges))
    for number, (triplet, size) in enumerate(edges.items()):
        relation = raw / "relations" / "___".join(triplet)
        ends = draw_edges(labels[triplet[0]], labels[triplet[2]], size, draw)
        write_csv(relation / "edge.csv.gz", np.stack(ends, axis=1))
        write_csv(relation / "edge_reltype.csv.gz", np.full(size, number))
        write_csv(relation / "num-edge-list.csv.gz", [size])
    write_features(raw / "node-feat" / "paper" / "node-feat.csv.gz", labels["paper"], features, draw)
    write_csv(raw / "node-feat" / "paper" / "node_year.csv.gz", draw.integers(2010, 2020, size=counts["paper"]))
    write_csv(raw / "node-label" / "paper" / "node-label.csv.gz", labels["paper"])
    write_csv(folder / "split" / "time" / "nodetype-has-split.csv.gz", paper, header=True)
    write_split(folder / "split" / "time" / "paper", counts["paper"], draw)
    (folder / "RELEASE_v2.txt").write_text("# Release note for ogbn-mag\n")
    return folder


def write_graphs(root: Path, name: str, sizes: Sequence[int], labels: np.ndarray, seed: int = 0) -> Path:
    """A dataset of small rings such as ogbg-mol*, of `sizes` atoms each, `labels` [G, tasks]; returns its folder."""
    draw = np.random.default_rng(seed)
    folder = root / name.replace("-", "_")
    raw = folder / "raw"
    edges = [(i, (i + 1) % size) for size in sizes for i in range(size)]
    atoms = np.zeros((sum(sizes), 9), np.int64)
    atoms[:, 0] = draw.integers(5, 9, size=len(atoms))
    write_csv(raw / "edge.csv.gz", edges)
    write_csv(raw / "edge-feat.csv.gz", np.tile([3, 0, 1], (len(edges), 1)))
    write_csv(raw / "node-feat.csv.gz", atoms)
    write_csv(raw / "graph-label.csv.gz", labels)
    write_csv(raw / "num-node-list.csv.gz", sizes)
    write_csv(raw / "num-edge-list.csv.gz", sizes)
    write_split(folder / "split" / "scaffold", len(sizes), draw)
    (folder / "RELEASE_v1.txt").write_text(f"# Release note for {name}\n")
    return folder


if __name__ == "__main__":
    if sys.argv[2] == "ogbn-mag":
        print(write_mag(Path(sys.argv[1]), **MAG))
    elif sys.argv[2] == "ogbn-proteins":
        print(write_proteins(Path(sys.argv[1]), **PROTEINS))
    else:
        sizes = {"ogbn-arxiv": ARXIV, "ogbn-products": PRODUCTS}[sys.argv[2]]
        print(write_node(Path(sys.argv[1]), sys.argv[2], **sizes))
