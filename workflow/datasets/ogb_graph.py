"""OGB's graph-level datasets of molecules (every `ogbg-mol*` of OGB's `master.csv`), official files and splits.

Labels of a classification are 0, 1 or, where unmeasured, NaN. Metrics are OGB's: rocauc, ap or rmse, as listed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import graphs, ogb_raw
from workflow.errors import UserError
from workflow.task import Task

PREFIX = "ogbg-mol"
OBJECTIVES: dict[str, Objective] = {
    "binary classification": Objective.BINARY,
    "regression": Objective.REGRESSION,
}
MEMORY_MB = {"ogbg-molhiv": 8192, "ogbg-molmuv": 16384, "ogbg-molpcba": 49152}
"""Mostly the hidden states of a teacher, 3 KiB an atom for 5 x 300 columns."""
RAW_FILES = ("edge", "edge-feat", "node-feat", "graph-label", "num-node-list", "num-edge-list")
SETTINGS = ("ogb_root",)


def _facts(name: str, meta: dict[str, str]) -> Facts:
    return Facts(
        Kind.GRAPH,
        OBJECTIVES[meta["task type"]],
        meta["eval metric"],
        int(meta["num tasks"]),
        len(graphs.VOCABULARY),
        name,
        graphs.molecule_info(),
        memory_mb=MEMORY_MB.get(name, 4096),
    )


NAMES = {name: _facts(name, meta) for name, meta in ogb_raw.master("graphproppred").items() if name.startswith(PREFIX)}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError naming the file that is missing or broken; for `settings` see `ogb_raw.folder`."""
    from ogb.io.read_graph_raw import read_csv_graph_raw

    meta = ogb_raw.master("graphproppred")[name]
    facts = NAMES[name]
    parts = f"split/{meta['split']}"
    files = [f"raw/{file}.csv.gz" for file in RAW_FILES]
    files += [f"{parts}/{part}.csv.gz" for part in ("train", "valid", "test")]
    path = ogb_raw.folder(name, meta, files, settings)
    raw = path / "raw"
    inverse = meta["add_inverse_edge"] == "True"
    _check_rows(raw, ogb_raw.rows(path, files))
    found = ogb_raw.read(lambda: read_csv_graph_raw(str(raw), add_inverse_edge=inverse), path, files)
    arrays = graphs.join_graphs(found)
    _check_edges(arrays, raw, 2 if inverse else 1)
    _check_columns(arrays["features"], raw / "node-feat.csv.gz", graphs.VOCABULARY)
    _check_columns(arrays["edge_features"], raw / "edge-feat.csv.gz", graphs.EDGE_VOCABULARY)
    arrays["labels"] = ogb_raw.labels(raw / "graph-label.csv.gz", len(found), facts.outputs, facts.objective)
    arrays |= ogb_raw.split(path / parts, len(found))
    return Task(name, Kind.GRAPH, facts.objective, facts.metric, facts.outputs, arrays, graphs.molecule_info())


def _check_rows(raw: Path, rows: Mapping[str, int]) -> None:
    """Raises UserError where there are more or fewer nodes or edges than listed; OGB's reader would say nothing."""
    graph_counts = set()
    for what, files in (("node", ("node-feat",)), ("edge", ("edge", "edge-feat"))):
        counts = ogb_raw.column(raw / f"num-{what}-list.csv.gz", ogb_raw.MOST)
        graph_counts.add(len(counts))
        for file in files:
            found = rows[f"raw/{file}.csv.gz"]
            if found != counts.sum():
                says = f"num-{what}-list.csv.gz says {counts.sum()}"
                raise UserError(f"{raw / f'{file}.csv.gz'}: has {found} {what}s, but {says}")
    if len(graph_counts) > 1:
        raise UserError(f"{raw / 'num-edge-list.csv.gz'}: must have as many rows as num-node-list.csv.gz")


def _check_edges(arrays: dict[str, np.ndarray], raw: Path, directions: int) -> None:
    """Raises UserError where an edge leaves its graph."""
    edge_index, nodes = arrays["edge_index"], arrays["node_pointers"]
    edges = np.diff(arrays["edge_pointers"])
    outside = (edge_index < np.repeat(nodes[:-1], edges)) | (edge_index >= np.repeat(nodes[1:], edges))
    if outside.any():
        edge = int(np.flatnonzero(outside.any(axis=0))[0])
        graph = int(np.searchsorted(arrays["edge_pointers"], edge, side="right")) - 1
        raise UserError(
            f"{raw / 'edge.csv.gz'}: row {edge // directions} names a node beyond the "
            f"{nodes[graph + 1] - nodes[graph]} of graph {graph}"
        )


def _check_columns(values: np.ndarray, file: Path, vocabulary: tuple[int, ...]) -> None:
    """Raises UserError where categorical columns have other columns or values than they should."""
    if values.shape[1] != len(vocabulary):
        raise UserError(f"{file}: has {values.shape[1]} columns, but {len(vocabulary)} belong there")
    if values.dtype.kind != "i" or (len(values) and (values.min() < 0 or (values.max(axis=0) >= vocabulary).any())):
        raise UserError(f"{file}: categories must be whole numbers from 0 to below {', '.join(map(str, vocabulary))}")
