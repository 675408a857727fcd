"""One training epoch with its evaluation, ours against the plain PyG loop, turn by turn in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg

from workflow.config import training_defaults
from workflow.models.model import Dropout, create
from workflow.models.sparse import rows_of
from workflow.tasks.catalog import Facts
from workflow.tasks.task import Task
from workflow.training import feeds, loop, optimizers
from workflow.training.seeds import Streams

CPU = torch.device("cpu")


class Plain(nn.Module):
    """What one writes with PyG: convolution, batch norm, ReLU, dropout."""

    def __init__(self, kind: str, widths: list[int], heads: int) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        make: dict[str, Callable[[int, int, int], nn.Module]] = {
            "gcn": lambda a, b, _: pyg.GCNConv(a, b, cached=True),
            "sage": lambda a, b, _: pyg.SAGEConv(a, b),
            "gat": lambda a, b, h: pyg.GATConv(a, b // h, h),
        }
        count = len(pairs)
        self.layers = nn.ModuleList(make[kind](a, b, heads if i < count - 1 else 1) for i, (a, b) in enumerate(pairs))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:-1])

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = nn.functional.dropout(norm(layer(x, edges)).relu(), 0.5, self.training)
        return self.layers[-1](x, edges)


def plain_epochs(task: Task, kind: str, widths: list[int], heads: int) -> Iterator[None]:
    arrays = task.arrays
    pointers, sources = (torch.from_numpy(np.asarray(arrays[name])) for name in ("pointers", "sources"))
    edges = torch.stack([sources.long(), rows_of(pointers)])
    x, y = torch.from_numpy(np.asarray(arrays["features"])), torch.from_numpy(np.asarray(arrays["labels"]))
    split = {part: torch.from_numpy(np.asarray(arrays[f"split/{part}"])) for part in ("train", "valid", "test")}
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


def our_epochs(task: Task, spec: dict[str, Any]) -> Iterator[None]:
    facts = Facts("node", "multiclass", "accuracy", task.outputs, task.arrays["features"].shape[1], "")
    feed = feeds.create(task, CPU, "train", training_defaults())
    model = create(spec, facts)
    optimizer = optimizers.create(list(model.parameters()), training_defaults())
    streams = Streams(0, "student", CPU)
    dropout = Dropout(streams.generator("dropout"))
    for steps in feed.steps(streams):
        float(loop._epoch(model, None, steps, dropout, optimizer, "multiclass"))
        loop.evaluate(model, feed)
        yield


def compare(task: Task, kind: str, layers: int, width: int, heads: int, repeats: int) -> dict[str, Any]:
    """Median seconds of an epoch each way, and the ratio of each pair of turns."""
    columns = width * heads
    widths = [task.arrays["features"].shape[1], *[columns] * (layers - 1), task.outputs]
    spec = {"model": kind, "layers": layers, "width": width, **({"heads": heads} if kind == "gat" else {})}
    ours, theirs = our_epochs(task, spec), plain_epochs(task, kind, widths, heads)
    times: dict[str, list[float]] = {"ours": [], "pyg": []}
    for turn in range(repeats + 1):
        for name, epochs in (("ours", ours), ("pyg", theirs)):
            started = time.perf_counter()
            next(epochs)
            if turn:
                times[name].append(time.perf_counter() - started)
    ratio = np.array(times["pyg"]) / np.array(times["ours"])
    return {
        "network": f"{kind} {layers}x{width}" + (f"x{heads}h" if kind == "gat" else ""),
        "ours_s": float(np.median(times["ours"])),
        "pyg_s": float(np.median(times["pyg"])),
        "ratio": float(np.median(ratio)),
        "ratio_low": float(ratio.min()),
        "ratio_high": float(ratio.max()),
    }
