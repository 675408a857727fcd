"""One training epoch with its evaluation, and one sampled step, ours against the plain PyG loop, turn by turn."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.benchmarks import data, relational, trainings
from tests.benchmarks.plain import Plain
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, judge, say, spread
from workflow.models.sparse import rows_of
from workflow.tasks.task import SPLITS, Task

NETWORKS = [("gcn", 2, 256, 1), ("gcn", 2, 64, 1), ("gcn", 2, 32, 1), ("gcn", 2, 16, 1), ("sage", 2, 256, 1)]
ATTENTION = [("gat", 3, 64, 3)]
ATTENTION_SHARE = 4
"""Attention runs on a quarter of the nodes and edges: the plain loop holds several values an edge, head and column."""
WANTED = {"gcn": ">= 8", "sage": ">= 5", "gat": ">= 2"}

ABOUT = (
    "One training epoch with its evaluation on a generated graph of ogbn-arxiv's size (GAT: a quarter of it), the "
    "project's loop against what one writes with PyG (`edge_index`, `cached=True` for GCN), turn by turn in one "
    "process. Seconds are medians; ratio is the plain loop's time over ours, its median (and range) over the turns."
)


def run(settings: Settings) -> list[Table]:
    rows = []
    for networks, nodes in ((NETWORKS, settings.arxiv_nodes), (ATTENTION, settings.arxiv_nodes // ATTENTION_SHARE)):
        task = data.arxiv_sized(nodes)
        for kind, layers, width, heads in networks:
            rows.append(judge(compare(task, kind, layers, width, heads, settings.repeats), ratio=WANTED[kind]))
            say("epochs", rows[-1])
            gc.collect()
    return [Table(ABOUT, rows), relational.table(settings)]


def compare(task: Task, kind: str, layers: int, width: int, heads: int, repeats: int) -> Row:
    """Median seconds of an epoch each way, and the ratio of each pair of turns."""
    columns = width * heads
    widths = [task.arrays["features"].shape[1], *[columns] * (layers - 1), task.outputs]
    spec: dict[str, Any] = {"model": kind, "layers": layers, "width": width}
    spec |= {"heads": heads} if kind == "gat" else {}
    sides = {"ours": trainings.epochs(task, spec), "pyg": plain_epochs(task, kind, widths, heads)}
    times = trainings.in_turns(sides, repeats)
    return {
        "network": f"{kind} {layers}x{width}" + (f"x{heads}h" if kind == "gat" else ""),
        "nodes": len(task.labels),
        "edges": task.num_edges,
        "ours_s": float(np.median(times["ours"])),
        "pyg_s": float(np.median(times["pyg"])),
        **spread("ratio", trainings.ratios(times["pyg"], times["ours"])),
    }


def plain_epochs(task: Task, kind: str, widths: list[int], heads: int) -> Iterator[None]:
    arrays = task.arrays
    pointers, sources = (torch.from_numpy(np.asarray(arrays[name])) for name in ("pointers", "sources"))
    edges = torch.stack([sources.long(), rows_of(pointers)])
    x, y = torch.from_numpy(np.asarray(arrays["features"])), torch.from_numpy(np.asarray(arrays["labels"]))
    split = {part: torch.from_numpy(np.asarray(arrays[f"split/{part}"])) for part in SPLITS}
    model = Plain(kind, widths, heads)
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
