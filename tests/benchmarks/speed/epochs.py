"""One training epoch with its evaluation, and one sampled step, ours against the plain PyG loop, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from methods.sparse import rows_of
from tests.benchmarks import data, process, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed import molecular, relational
from tests.benchmarks.speed.plain import Plain
from tests.benchmarks.tables import Row, Table, judge, say, spread
from workflow.task import SPLITS, Task

NETWORKS = [("gcn", 2, 256, 1), ("gcn", 2, 64, 1), ("gcn", 2, 32, 1), ("gcn", 2, 16, 1), ("sage", 2, 256, 1)]
ATTENTION = [("gat", 3, 64, 3)]
ATTENTION_SHARE = 4
"""Attention runs on a quarter of the nodes and edges: the plain loop holds several values per edge, head and column."""
WANTED = {"gcn": ">= 8", "sage": ">= 5", "gat": ">= 2"}

ABOUT = (
    "One training epoch with its evaluation on a generated graph of ogbn-arxiv's size (GAT: a quarter of it): the "
    "project's loop against what one writes with PyG (`edge_index`, `cached=True` for GCN). Each side has a process of "
    "its own, as it would run; the sides take turns. The project scores the validation nodes, by which it selects "
    "(train and test once, after the training); the plain loop scores all three parts of one forward pass. Seconds are "
    "medians; ratio is the plain loop's time over ours, its median (and range) over the turns. The project keeps freed "
    "memory (glibc's `mallopt`), a plain process does not; pyg_kept_s and ratio_kept are for one that does."
)


def run(settings: Settings) -> list[Table]:
    rows = []
    for networks, nodes in ((NETWORKS, settings.arxiv_nodes), (ATTENTION, settings.arxiv_nodes // ATTENTION_SHARE)):
        for kind, layers, width, heads in networks:
            rows.append(judge(compare(settings, nodes, kind, layers, width, heads), ratio=WANTED[kind]))
            say("epochs", rows[-1])
    return [Table(ABOUT, rows), molecular.table(settings), relational.table(settings)]


def compare(settings: Settings, nodes: int, kind: str, layers: int, width: int, heads: int) -> Row:
    """Median seconds of an epoch each way, and the ratio of each pair of turns."""
    shape = {"nodes": nodes, "kind": kind, "layers": layers, "width": width, "heads": heads}
    sides = {
        "ours": (f"{__name__}:our_epochs", shape),
        "pyg": (f"{__name__}:plain_epochs", shape | {"kept": False}),
        "pyg_kept": (f"{__name__}:plain_epochs", shape | {"kept": True}),
    }
    times = process.turns(settings, sides, settings.repeats)
    return {
        "network": f"{kind} {layers}x{width}" + (f"x{heads}h" if kind == "gat" else ""),
        "nodes": nodes,
        **{f"{side}_s": float(np.median(taken)) for side, taken in times.items()},
        **spread("ratio", trainings.ratios(times["pyg"], times["ours"])),
        **spread("ratio_kept", trainings.ratios(times["pyg_kept"], times["ours"])),
    }


def our_epochs(nodes: int, kind: str, layers: int, width: int, heads: int) -> Iterator[None]:
    spec: dict[str, Any] = {"model": kind, "layers": layers, "width": width}
    return trainings.epochs(data.arxiv_sized(nodes), spec | ({"heads": heads} if kind == "gat" else {}))


def plain_epochs(nodes: int, kind: str, layers: int, width: int, heads: int, kept: bool) -> Iterator[None]:
    """The loop of PyG.

    Args:
        kept: whether the process keeps freed memory.
    """
    if kept:
        trainings.keep_freed_memory()
    return plain_epochs_of(data.arxiv_sized(nodes), kind, layers, width, heads, trainings.CPU)


def plain_epochs_of(task: Task, kind: str, layers: int, width: int, heads: int, device: torch.device) -> Iterator[None]:
    """The same on any task and device."""
    arrays, classes = task.arrays, task.outputs
    widths = [arrays["features"].shape[1], *[width * heads] * (layers - 1), classes]
    pointers, sources = (torch.from_numpy(np.asarray(arrays[name])) for name in ("pointers", "sources"))
    edges = torch.stack([sources.long(), rows_of(pointers)]).to(device)
    x, y = (torch.from_numpy(np.asarray(arrays[name])).to(device) for name in ("features", "labels"))
    split = {part: torch.from_numpy(np.asarray(arrays[f"split/{part}"])).to(device) for part in SPLITS}
    model = Plain(kind, widths, heads).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    while True:
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x, edges)[split["train"]], y[split["train"]]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            logits = model(x, edges)
            for rows in split.values():
                float((logits[rows].argmax(1) == y[rows]).float().mean())
        yield
