"""What the graph-level datasets share: OGB's categorical columns of molecules, and many graphs joined to one Task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Sizes of OGB's categorical columns of atoms and bonds (ogb.utils.features, which a test compares).
VOCABULARY = (119, 5, 12, 12, 10, 6, 6, 2, 2)
EDGE_VOCABULARY = (5, 6, 2)


def molecule_info() -> dict[str, Any]:
    """`Task.info` of every dataset of molecules in OGB's columns."""
    return {"vocabulary": list(VOCABULARY), "edge_vocabulary": list(EDGE_VOCABULARY)}


def join_graphs(graphs: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """OGB's graphs (`edge_index`, `edge_feat`, `node_feat`, `num_nodes` each) as the arrays of one Task."""
    return {
        "features": np.concatenate([graph["node_feat"] for graph in graphs]),
        "edge_features": np.concatenate([graph["edge_feat"] for graph in graphs]),
        **join_edges([graph["edge_index"] for graph in graphs], [graph["num_nodes"] for graph in graphs]),
    }


def join_edges(edges: Sequence[np.ndarray], nodes: Sequence[int]) -> dict[str, np.ndarray]:
    """The arrays of one Task but for its features, from the edges [2, E] and the number of nodes of each graph."""
    node_pointers = _pointers(nodes)
    edge_pointers = _pointers([found.shape[1] for found in edges])
    edge_index = np.concatenate(edges, axis=1)
    edge_index += np.repeat(node_pointers[:-1], np.diff(edge_pointers))
    return {"edge_index": edge_index, "node_pointers": node_pointers, "edge_pointers": edge_pointers}


def _pointers(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
