"""OGB's datasets for node classification, from official raw files and with official splits.

ogbn-arxiv, ogbn-products
    one graph, made undirected (citations are directed in the raw files), self-loops and duplicates dropped.
ogbn-proteins
    the same with 112 yes-or-no answers a node. Nodes have no features; each gets the mean of the 8 of its edges (the
    strengths of eight kinds of evidence), as in OGB's own baselines (Hu et al. 2020, arXiv:2005.00687).
ogbn-mag
    four relations, the reverses of three as relations of their own, and `cites` made undirected: seven in all. Only
    papers have features; the other types' embeddings are learned, for which `Task.info` holds their counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import ogb_raw
from workflow.datasets.parts.csr import both_ways, relation, symmetric_csr
from workflow.errors import UserError
from workflow.task import Task

TARGET = "paper"
MAG_RELATIONS = (
    ("author", "affiliated_with", "institution"),
    ("author", "writes", "paper"),
    ("paper", "cites", "paper"),
    ("paper", "has_topic", "field_of_study"),
)
MAG_COUNTS = {"author": 1_134_649, "field_of_study": 59_965, "institution": 8_740, "paper": 736_389}

NODE_FILES = ("edge", "node-feat", "node-label", "num-node-list", "num-edge-list")
WITHOUT_FEATURES = ("edge", "edge-feat", "node-label", "num-node-list", "num-edge-list")
MAG_FILES = (
    *("num-node-dict", "triplet-type-list", "nodetype-has-label"),
    *(f"node-feat/{TARGET}/node-feat", f"node-label/{TARGET}/node-label"),
    *(f"relations/{'___'.join(r)}/{file}" for r in MAG_RELATIONS for file in ("edge", "num-edge-list")),
)
SETTINGS = ("ogb_root",)


def _mag_info(counts: dict[str, int], features: int) -> dict[str, Any]:
    names = {"/".join(r) for r in MAG_RELATIONS}
    names |= {f"{target}/rev_{name}/{source}" for source, name, target in MAG_RELATIONS if source != target}
    return {"target": TARGET, "counts": counts, "features": {TARGET: features}, "relations": sorted(names)}


NAMES = {
    "ogbn-arxiv": Facts(
        Kind.NODE, Objective.MULTICLASS, "accuracy", 40, 128, "ogbn-arxiv", {"symmetric": True}, memory_mb=16_000
    ),
    "ogbn-products": Facts(
        Kind.NODE, Objective.MULTICLASS, "accuracy", 47, 100, "ogbn-products", {"symmetric": True}, memory_mb=64_000
    ),
    "ogbn-proteins": Facts(
        Kind.NODE, Objective.BINARY, "rocauc", 112, 8, "ogbn-proteins", {"symmetric": True}, memory_mb=48_000
    ),
    "ogbn-mag": Facts(
        Kind.HETEROGENEOUS,
        Objective.MULTICLASS,
        "accuracy",
        349,
        128,
        "ogbn-mag",
        _mag_info(MAG_COUNTS, 128),
        memory_mb=32_000,
    ),
}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError naming the file that is missing or broken; for `settings` see `ogb_raw.folder`."""
    meta, facts = ogb_raw.master("nodeproppred")[name], NAMES[name]
    heterogeneous = facts.kind == Kind.HETEROGENEOUS
    parts = f"split/{meta['split']}{f'/{TARGET}' if heterogeneous else ''}"
    of_nodes = NODE_FILES if meta["has_node_attr"] == "True" else WITHOUT_FEATURES
    files = [f"raw/{file}.csv.gz" for file in (MAG_FILES if heterogeneous else of_nodes)]
    files += [f"{parts}/{part}.csv.gz" for part in ("train", "valid", "test")]
    path = ogb_raw.folder(name, meta, files, settings)
    arrays, info = (_load_heterogeneous if heterogeneous else _load_homogeneous)(path, files, facts)
    arrays |= ogb_raw.split(path / parts, len(arrays["labels"]))
    return Task(name, facts.kind, facts.objective, facts.metric, facts.outputs, arrays, info)


Loaded = tuple[dict[str, np.ndarray], dict[str, Any]]


def _load_homogeneous(path: Path, files: list[str], facts: Facts) -> Loaded:
    from ogb.io.read_graph_raw import read_csv_graph_raw

    raw = path / "raw"
    rows = ogb_raw.rows(path, files)
    if len(ogb_raw.column(raw / "num-node-list.csv.gz", ogb_raw.MOST)) != 1:
        raise UserError(f"{raw / 'num-node-list.csv.gz'}: must hold one number")
    graph = ogb_raw.read(lambda: read_csv_graph_raw(str(raw)), path, files)[0]
    nodes = graph["num_nodes"]
    # Each part is dropped once it is used: ogbn-products has 62 million edges.
    edges = graph.pop("edge_index")
    edges = ogb_raw.check_edges(edges, raw / "edge.csv.gz", rows["raw/edge.csv.gz"], (nodes, nodes)).astype(np.int32)
    features = _features(graph, edges, raw, rows)
    pointers, sources = symmetric_csr(edges[0], edges[1], nodes)
    arrays = {
        "features": np.ascontiguousarray(features, np.float32),
        "labels": ogb_raw.labels(raw / "node-label.csv.gz", nodes, facts.outputs, facts.objective),
        "pointers": pointers,
        "sources": sources,
    }
    return arrays, {"symmetric": True}


def _features(graph: dict[str, Any], edges: np.ndarray, raw: Path, rows: Mapping[str, int]) -> np.ndarray:
    """[n, F] of the nodes; where they have none, the mean of those of their edges, zeros for a node without any."""
    nodes = graph["num_nodes"]
    own, of_edges = "node-feat.csv.gz", "edge-feat.csv.gz"
    if f"raw/{own}" in rows:
        return ogb_raw.check_features(graph.pop("node_feat"), raw / own, rows[f"raw/{own}"], nodes)
    found = graph.pop("edge_feat")
    found = ogb_raw.check_features(found, raw / of_edges, rows[f"raw/{of_edges}"], edges.shape[1], "edges")
    degrees = np.maximum(sum(np.bincount(end, minlength=nodes) for end in edges), 1)
    sums = [sum(np.bincount(end, column, nodes) for end in edges) for column in found.T]
    means: np.ndarray = np.stack(sums, axis=1) / degrees[:, None]
    return means


def _load_heterogeneous(path: Path, files: list[str], facts: Facts) -> Loaded:
    from ogb.io.read_graph_raw import read_csv_heterograph_raw

    raw = path / "raw"
    rows = ogb_raw.rows(path, files)
    graph = ogb_raw.read(lambda: read_csv_heterograph_raw(str(raw)), path, files)[0]
    counts = {kind: int(number) for kind, number in graph["num_nodes_dict"].items()}
    if set(counts) != set(MAG_COUNTS) or not all(0 < number < ogb_raw.MOST for number in counts.values()):
        raise UserError(f"{raw / 'num-node-dict.csv.gz'}: must hold the numbers of {', '.join(MAG_COUNTS)}")
    found = graph.pop("edge_index_dict")
    if set(found) != set(MAG_RELATIONS):
        raise UserError(f"{raw / 'triplet-type-list.csv.gz'}: must list {', '.join(map('___'.join, MAG_RELATIONS))}")
    arrays: dict[str, np.ndarray] = {}
    for triplet in MAG_RELATIONS:
        source, name, target = triplet
        file = f"raw/relations/{'___'.join(triplet)}/edge.csv.gz"
        ends = counts[source], counts[target]
        edges = ogb_raw.check_edges(found.pop(triplet), path / file, rows[file], ends).astype(np.int32)
        if source == target:
            arrays |= relation("/".join(triplet), symmetric_csr(edges[0], edges[1], counts[source]))
        else:
            arrays |= both_ways(source, name, target, edges, ends)
    papers = counts[TARGET]
    file = f"raw/node-feat/{TARGET}/node-feat.csv.gz"
    features = ogb_raw.check_features(graph.pop("node_feat_dict").get(TARGET), path / file, rows[file], papers)
    arrays[f"features/{TARGET}"] = np.ascontiguousarray(features, np.float32)
    labels = raw / "node-label" / TARGET / "node-label.csv.gz"
    arrays["labels"] = ogb_raw.labels(labels, papers, facts.outputs, facts.objective)
    return arrays, _mag_info(counts, features.shape[1])
