"""Size, work, latency and memory of a network that answers for the whole task."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workflow import catalog
from workflow.models import sizes
from workflow.models.model import create
from workflow.task import Task
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed
from workflow.training.seeds import Streams

WARM_UP = 5
REPEATS = 30
LONGEST_SECONDS = 20.0
"""Warm-up and repeats end early for a network that takes longer in all."""

PRODUCTS = {"mm": 0, "addmm": 1, "bmm": 0, "baddbmm": 1}
"""Matrix products by ATen name, and the position of their first factor."""
EMBEDDING_BAG, WEIGHTS_OF_BAG = "_embedding_bag_forward_only", 6
"""The sum of weighted embeddings by ATen name, and the position of the weights."""
COSTS = ("macs", "latency_ms_median", "latency_ms_iqr", "peak_memory_mb")
"""Columns of what is measured by running a network."""


class MacCounter(TorchDispatchMode):
    """Counts multiply-accumulates of matrix products; a sparse factor counts its stored entries only.

    A sum of weighted embeddings is such a product (see `methods.sparse.times`), one without weights is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        first = PRODUCTS.get(name)
        if name == EMBEDDING_BAG and args[WEIGHTS_OF_BAG] is not None:
            self.macs += args[WEIGHTS_OF_BAG].numel() * args[0].shape[1]
        if first is not None:
            left, right = args[first], args[first + 1]
            entries = left._nnz() if left.layout != torch.strided else math.prod(left.shape)
            self.macs += entries * right.shape[-1]
        return func(*args, **(kwargs or {}))


def measure(networks: list[dict[str, Any]], folder: Path, device_name: str, threads: int) -> list[dict[str, Any]]:
    """One row a network, the columns of measurements.csv; one that cannot be measured has a status and a reason.

    Latency is that of answering for every node (or graph) of the task at once, from the features on: nothing of the
    input is cached, so that the first propagation counts. It is warm and synchronised; median and interquartile
    range. The weights are those of an untrained network, which changes no size and no time.
    """
    device = devices.choose(device_name, threads)
    task = Task.load(folder)
    facts = catalog.facts(task.name)
    feed = choose.create(task, device, "all")
    rows = []
    for network in networks:
        size = sizes.measure(network["model"], facts)
        row = {
            "dataset": task.name,
            "model": network["name"],
            "role": network["role"],
            "ratio_target": network["ratio_target"],
            "params": size.params,
            "params_with_embeddings": size.params_with_embeddings,
        }
        try:
            row |= {**_cost(network["model"], facts, feed, device), "status": "ok", "reason": ""}
        except Exception as error:  # such as a lack of memory: the other networks and all trainings still count
            status, reason = devices.trouble(error)
            row |= {**dict.fromkeys(COSTS), "status": status, "reason": reason}
        rows.append(row)
    return rows


def _cost(spec: dict[str, Any], facts: catalog.Facts, feed: Feed, device: torch.device) -> dict[str, Any]:
    """The COSTS of one network."""
    with Streams(0, "student", device).globally("network"):
        model = create(spec, facts).to(device).eval()
    devices.reset_peak_memory(device)
    counter = MacCounter()
    with torch.no_grad(), counter:
        feed.forget()
        feed.predict(model)
    times = 1000 * np.array(latencies(lambda: answer(feed, model), device))
    median, spread = float(np.median(times)), float(np.subtract(*np.percentile(times, [75, 25])))
    return dict(zip(COSTS, (counter.macs, median, spread, devices.peak_memory_mb(device)), strict=True))


def answer(feed: Feed, model: Any) -> Tensor:
    feed.forget()
    with torch.no_grad():
        return feed.predict(model)


def latencies(call: Any, device: torch.device) -> list[float]:
    """Seconds of every repeat, after a warm-up; both end early where calls are slow."""
    timed(call, device, WARM_UP)
    return timed(call, device, REPEATS)


def timed(call: Any, device: torch.device, most: int) -> list[float]:
    taken: list[float] = []
    while len(taken) < most and sum(taken) < LONGEST_SECONDS:
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return taken
