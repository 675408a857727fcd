"""`ace-mol`: is this molecule potent? Graph-level prediction in the shape of ogbg-mol*, 30 tasks at once.

The 35,633 molecules of MoleculeACE as `ogb.utils.smiles2graph` makes them (9 atom and 3 bond columns). Task t: is
pKi or pEC50 at target t at least 7 (100 nM)? NaN where it was not measured: 1.4 measurements a molecule on average.
Scaffold split. `ace-mol-mini`: 3,000 of the molecules, taken by a hash of their SMILES.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workflow.tasks import moleculeace
from workflow.tasks.catalog import Facts
from workflow.tasks.task import Task

POTENT = 7.0
MINI_MOLECULES = 3_000
# Sizes of OGB's categorical columns; a test compares them with ogb.utils.features.
VOCABULARY = (119, 5, 12, 12, 10, 6, 6, 2, 2)
EDGE_VOCABULARY = (5, 6, 2)

_INFO = {"vocabulary": list(VOCABULARY), "edge_vocabulary": list(EDGE_VOCABULARY)}
_SHARED: dict[str, Any] = {
    "kind": "graph",
    "objective": "binary",
    "metric": "rocauc",
    "outputs": len(moleculeace.TARGETS),
    "features": len(VOCABULARY),
    "info": _INFO,
    "embedded": True,
}
NAMES = {
    "ace-mol": Facts(title="ACE molecules", **_SHARED),
    "ace-mol-mini": Facts(title="ACE molecules (mini)", **_SHARED),
}


def build(name: str, settings: dict[str, Any]) -> Task:
    """Raises UserError where the wheel is missing or not whole; `settings` are not used."""
    from ogb.utils import smiles2graph

    measured = moleculeace.read()
    count = MINI_MOLECULES if name.endswith("-mini") else len(measured.smiles)
    smiles, potency = measured.smiles[:count], measured.potency[:count]
    _, scaffolds = moleculeace.fingerprints_and_scaffolds(smiles)
    with moleculeace.quiet_rdkit():
        graphs = [smiles2graph(text) for text in smiles]
    return Task(
        name=name,
        kind="graph",
        objective="binary",
        metric="rocauc",
        outputs=len(moleculeace.TARGETS),
        arrays={
            **join_graphs(graphs),
            "labels": np.where(np.isnan(potency), np.nan, potency >= POTENT).astype(np.float32),
            **moleculeace.scaffold_split(scaffolds),
        },
        info=dict(_INFO),
    )


def join_graphs(graphs: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """OGB's graphs (`edge_index`, `edge_feat`, `node_feat`, `num_nodes` each) as the arrays of one Task."""
    node_pointers = _pointers([graph["num_nodes"] for graph in graphs])
    edge_pointers = _pointers([graph["edge_index"].shape[1] for graph in graphs])
    edge_index = np.concatenate([graph["edge_index"] for graph in graphs], axis=1)
    edge_index = edge_index + np.repeat(node_pointers[:-1], np.diff(edge_pointers))
    return {
        "features": np.concatenate([graph["node_feat"] for graph in graphs]),
        "edge_features": np.concatenate([graph["edge_feat"] for graph in graphs]),
        "edge_index": edge_index,
        "node_pointers": node_pointers,
        "edge_pointers": edge_pointers,
    }


def _pointers(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
