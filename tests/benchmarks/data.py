"""Generated graphs of the sizes of known ones, and made-up signals of a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods.contract import Shape, Signals
from tests.benchmarks.settings import FULL_NODES
from tests.workflow.datasets.ogb_layout import MAG
from workflow.catalog import Facts
from workflow.datasets.parts.csr import both_ways, relation, symmetric_csr
from workflow.datasets.parts.graphs import EDGE_VOCABULARY, VOCABULARY, molecule_info
from workflow.models.model import create
from workflow.task import Task
from workflow.training.knowledge import save_knowledge

EDGES, FEATURES, CLASSES = 1_166_243, 128, 40
"""Undirected edges, features and classes of ogbn-arxiv."""
TRAIN_SHARE, VALID_SHARE = 0.54, 0.17
"""Of ogbn-arxiv's nodes, those published until 2017, and in 2018."""
PUBMED = {"nodes": 19_717, "edges": 44_338, "features": 500, "classes": 3}
CORA = {"nodes": 2_708, "edges": 5_278, "features": 1_433, "classes": 7}
DENSITY = {"pubmed": 0.1, "cora": 0.013}
"""Share of features that are not 0."""
ATOMS, DISTINCT_ATOMS, DISTINCT_BONDS = 25, 200, 20
"""Of ogbg-molhiv: atoms of a molecule on average; and about so many distinct rows of categories."""
LATENT, NOISE = 16, 0.5
CHUNK = 2**16


def arxiv_sized(
    nodes: int = FULL_NODES,
    features: int = FEATURES,
    classes: int = CLASSES,
    name: str = "ogbn-arxiv",
    edges: int | None = None,
    shares: tuple[float, float] = (TRAIN_SHARE, VALID_SHARE),
) -> Task:
    """A graph with ogbn-arxiv's edges per node, or so many; features and labels are noise.

    Args:
        shares: of the nodes that are for training and for validation.
    """
    random = np.random.default_rng(0)
    order = random.permutation(nodes)
    bounds = [int(shares[0] * nodes), int(sum(shares) * nodes)]
    arrays: dict[str, np.ndarray] = {
        "features": random.standard_normal((nodes, features), dtype=np.float32),
        "labels": random.integers(0, classes, nodes),
        **_citations(random, nodes, edges or round(EDGES * nodes / FULL_NODES)),
        **_split(np.split(order, bounds)),
    }
    return Task(name, "node", "multiclass", "accuracy", classes, arrays, {"symmetric": True})


def pubmed_sized(nodes: int = PUBMED["nodes"]) -> Task:
    """PubMed's numbers: bags of words for features, 20 training nodes per class, 500 and 1,000 for the rest."""
    return _planetoid("pubmed", PUBMED, nodes)


def cora_sized(nodes: int = CORA["nodes"]) -> Task:
    """Cora's numbers, likewise."""
    return _planetoid("cora", CORA, nodes)


def _planetoid(name: str, sizes: dict[str, int], nodes: int) -> Task:
    random = np.random.default_rng(0)
    words, train = random.random((nodes, sizes["features"]), dtype=np.float32), 20 * sizes["classes"]
    bounds = [train, min(train + 500, nodes // 2), min(train + 1500, nodes)]
    arrays: dict[str, np.ndarray] = {
        "features": np.where(words < DENSITY[name], words, 0),
        "labels": random.integers(0, sizes["classes"], nodes),
        **_citations(random, nodes, round(sizes["edges"] * nodes / sizes["nodes"])),
        **_split(np.split(random.permutation(nodes), bounds)[:3]),
    }
    return Task(name, "node", "multiclass", "accuracy", sizes["classes"], arrays, {"symmetric": True})


def mag_sized(share: float) -> Task:
    """A share of ogbn-mag's nodes of every type and of its edges, drawn at random; features and labels are noise."""
    random = np.random.default_rng(0)
    sizes: dict[str, Any] = MAG
    counts = {kind: max(8, round(share * number)) for kind, number in sizes["counts"].items()}
    papers = counts["paper"]
    arrays: dict[str, np.ndarray] = {}
    for (source, name, target), number in sizes["edges"].items():
        edges = np.stack([random.integers(0, counts[kind], round(share * number)) for kind in (source, target)])
        if source == target:
            arrays |= relation(f"{source}/{name}/{target}", symmetric_csr(edges[0], edges[1], papers))
        else:
            arrays |= both_ways(source, name, target, edges, (counts[source], counts[target]))
    names = sorted(key.removeprefix("relation/").removesuffix("/sources") for key in arrays if key.endswith("/sources"))
    arrays["features/paper"] = random.standard_normal((papers, sizes["features"]), dtype=np.float32)
    arrays["labels"] = random.integers(0, sizes["classes"], papers)
    # Of ogbn-mag's papers 85 % are for training.
    arrays |= _split(np.split(random.permutation(papers), [int(0.85 * papers), int(0.94 * papers)]))
    info = {"target": "paper", "counts": counts, "features": {"paper": sizes["features"]}, "relations": names}
    return Task("ogbn-mag", "heterogeneous", "multiclass", "accuracy", sizes["classes"], arrays, info)


def molecules(graphs: int) -> Task:
    """Trees with a ring each, of ogbg-molhiv's mean number of atoms and of distinct atoms; labels are noise."""
    random = np.random.default_rng(0)
    counts = random.integers(ATOMS - 10, ATOMS + 11, graphs)
    begins = np.concatenate([[0], np.cumsum(counts)])
    edges, sizes = [], []
    for first, count in zip(begins, counts, strict=False):
        later = np.arange(1, count)
        earlier = np.concatenate([np.maximum(0, later - random.integers(1, 4, count - 1)), [0]])
        pairs = first + np.stack([earlier, np.append(later, count - 1)])
        edges += [pairs, pairs[::-1]]
        sizes.append(2 * count)
    columns = {
        "features": _categories(random, VOCABULARY, DISTINCT_ATOMS, begins[-1]),
        "edge_features": _categories(random, EDGE_VOCABULARY, DISTINCT_BONDS, sum(sizes)),
    }
    arrays = {
        **columns,
        "edge_index": np.concatenate(edges, axis=1),
        "node_pointers": begins,
        "edge_pointers": np.concatenate([[0], np.cumsum(sizes)]),
        "labels": random.integers(0, 2, (graphs, 1)).astype(np.float32),
        **_split(np.split(random.permutation(graphs), [int(0.8 * graphs), int(0.9 * graphs)])),
    }
    return Task("ogbg-molhiv", "graph", "binary", "rocauc", 1, arrays, molecule_info())


def _categories(random: np.random.Generator, sizes: tuple[int, ...], distinct: int, rows: int) -> np.ndarray:
    """[rows, columns] categories, of so many distinct rows."""
    kinds = np.stack([random.integers(0, size, distinct) for size in sizes], axis=1)
    return kinds[random.integers(0, distinct, rows)]


def _citations(random: np.random.Generator, nodes: int, edges: int) -> dict[str, np.ndarray]:
    """Random edges, made undirected, with heavy-tailed degrees, as citations have."""
    target = random.integers(0, nodes, edges)
    source = (nodes * random.power(0.35, edges)).astype(np.int64) % nodes
    pointers, sources = symmetric_csr(source, target, nodes)
    return {"pointers": pointers, "sources": sources}


def _split(parts: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"split/{name}": np.sort(ids) for name, ids in zip(("train", "valid", "test"), parts, strict=True)}


def facts_of(task: Task) -> Facts:
    """What a network is built from."""
    columns = 0 if task.kind == "heterogeneous" else task.arrays["features"].shape[1]
    return Facts(task.kind, task.objective, task.metric, task.outputs, columns, task.name, dict(task.info))


def signals(rows: int, shape: Shape, seed: int = 0) -> Signals:
    """Signals of a network that was never there: all layers are maps of the same LATENT columns, plus noise."""
    random = torch.Generator().manual_seed(seed)
    # The same latent columns whatever the seed, so that a teacher and a student have something in common.
    common = torch.Generator().manual_seed(2**31)
    maps = [torch.randn(LATENT, width, generator=random) / LATENT**0.5 for width in shape.layers]
    layers = [torch.empty(rows, width) for width in shape.layers]
    for start in range(0, rows, CHUNK):
        latent = torch.randn(min(CHUNK, rows - start), LATENT, generator=common)
        for layer, columns in zip(layers, maps, strict=True):
            part = layer[start : start + CHUNK]
            part.normal_(std=NOISE, generator=random).addmm_(latent, columns)
    hidden: list[Tensor] = [layer.relu_() for layer in layers[:-1]]
    return Signals(layers[-1], tuple(hidden))


def teacher_signals(task: Task) -> Signals:
    """As if of a GCN 3x256."""
    return signals(len(task.labels), create({"model": "gcn", "layers": 3, "width": 256}, facts_of(task)).shape)


def save(task: Task, shape: Shape, folder: Path) -> None:
    """A prepared task in `folder`/task and made-up knowledge of a teacher, as the jobs read them."""
    task = task.finish()
    task.save(folder / "task")
    made = signals(len(task.labels), shape)
    save_knowledge(folder / "knowledge.safetensors", made, {"fingerprint": task.fingerprint})
