"""Size, work, latency and memory of a network that answers for the whole task."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.benchmark import Measurement
from torch.utils.benchmark.utils.common import TaskSpec
from torch.utils.flop_counter import FlopCounterMode

from methods import gpu
from reports.rows import Measurement as Row
from reports.rows import Status
from workflow import catalog
from workflow.models import positions, sizes
from workflow.models.model import Model, create
from workflow.specs import MeasuredNetwork, Network
from workflow.task import Task
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed
from workflow.training.seeds import Streams
from workflow.variants import whole

REPEATS, WARM_CALLS = 30, 2
WARM_SECONDS = 0.5
"""In which a GPU that has been idle raises its clock, and torch its memory."""
LONGEST_SECONDS = 20.0
"""Repeats end early for a network that takes longer in all."""
WEIGHTS_OF_BAG = 5
"""Position of the weights behind the table, in ATen's sum of embeddings."""
COSTS = ("macs", "latency_ms_median", "latency_ms_iqr", "peak_memory_mb")
"""Columns of what is measured by running a network."""


def _of_tensors(formula: Any) -> Any:
    """Marks a formula that FlopCounterMode gives the tensors, not their shapes."""
    formula._get_raw = True
    return formula


@_of_tensors
def product_flops(left: Tensor, right: Tensor, *_: Any, **__: Any) -> int:
    """Twice the multiply-accumulates of left @ right, [..., n, m] @ [..., m, d]; those of a sparse factor's entries."""
    entries = left.numel() if left.layout == torch.strided else left._nnz()
    return 2 * entries * right.shape[-1]


@_of_tensors
def added_product_flops(added: Tensor, left: Tensor, right: Tensor, *_: Any, **__: Any) -> int:
    """The same of added + left @ right."""
    return int(product_flops(left, right))


@_of_tensors
def bag_flops(table: Tensor, *arguments: Any, **_: Any) -> int:
    """The same of a sum of embeddings: a sparse product where it is weighted (`methods.sparse.times`), else none."""
    weights = arguments[WEIGHTS_OF_BAG]
    return 0 if weights is None else int(2 * weights.numel() * table.shape[1])


@_of_tensors
def gpu_flops(*arguments: Any, **_: Any) -> int:
    """The same of a sparse product on a GPU (`methods.gpu.product`)."""
    values, dense = arguments[-2:]
    return int(2 * values.numel() * dense.shape[1])


@_of_tensors
def sum_flops(out: Tensor, dim: int, index: Tensor, source: Tensor, *_: Any, **__: Any) -> int:
    """The same of rows that are added up by an index: a product with a sparse factor that has an entry per row.

    What PyG writes so costs then what the sparse product of this project's layer does, weighted or not. Sums of
    scalars, such as the degrees of nodes, are none.
    """
    return 2 * source.numel() if source.dim() > 1 and source.is_floating_point() else 0


@_of_tensors
def segment_flops(data: Tensor, reduce: str, *_: Any, **__: Any) -> int:
    """The same where the rows of a sum lie beside each other."""
    return 2 * data.numel() if data.dim() > 1 and reduce in ("sum", "mean") else 0


ATEN = torch.ops.aten
FORMULAS = {
    ATEN.mm: product_flops,
    ATEN.bmm: product_flops,
    ATEN.addmm: added_product_flops,
    ATEN.baddbmm: added_product_flops,
    ATEN._embedding_bag_forward_only: bag_flops,
    ATEN.scatter_add: sum_flops,
    ATEN.scatter_add_: sum_flops,
    ATEN.index_add: sum_flops,
    ATEN.index_add_: sum_flops,
    ATEN.segment_reduce: segment_flops,
    gpu.OPERATOR: gpu_flops,
}
"""What torch does not know: the entries of a sparse factor, weighted sums of embeddings, sums over edges."""


class MacCounter(FlopCounterMode):
    """Counts multiply-accumulates of matrix products; a sparse factor counts its stored entries only.

    A sum over edges counts as the product with the sparse matrix that it stands for, so that a layer costs the same
    however it is written.
    """

    def __init__(self) -> None:
        super().__init__(display=False, custom_mapping=FORMULAS)

    @property
    def macs(self) -> int:
        """What was counted; a multiply-accumulate is two floating-point operations."""
        return int(self.get_total_flops()) // 2


def measure(networks: list[MeasuredNetwork], folder: Path, device: torch.device) -> list[Row]:
    """One row per network, the columns of measurements.csv; what cannot be measured has a status and a reason.

    Latency is that of answering for every node (or graph) of the task at once, from the features on: nothing of the
    input is cached, so that the first propagation counts; position encodings are part of the input. It is warm and
    synchronised; median and interquartile range. The weights are those of an untrained network, which changes no size
    and no time. In inductive tasks, too, the answer is one pass over the whole graph.
    """
    task = Task.load(folder, verified=True)
    facts = catalog.facts(task.name)
    rows = []
    for network in networks:
        size = sizes.measure(network.model, facts)
        status, reason = Status.OK, ""
        costs: dict[str, Any] = dict.fromkeys(COSTS)
        try:
            costs = _cost(network.model, facts, whole(positions.added(task, network.model, folder)), device)
        except Exception as error:  # such as a lack of memory: the other networks and all trainings still count
            status, reason = devices.trouble(error)
            devices.end_if_lost(device, reason)
        rows.append(
            Row(
                dataset=task.name,
                model=network.name,
                role=network.role,
                ratio_target=network.ratio_target,
                params=size.params,
                params_with_embeddings=size.params_with_embeddings,
                status=status,
                reason=reason,
                **costs,
            )
        )
    return rows


def _cost(spec: Network, facts: catalog.Facts, task: Task, device: torch.device) -> dict[str, Any]:
    """The COSTS of one network, by a feed of its own: another's would hold matrices that this one has no use for."""
    feed = choose.create(task, device, "all")
    with Streams(0, "student", device).globally("network"):
        model = create(spec, facts).to(device).eval()
    with MacCounter() as counter:
        answer(feed, model)
    devices.reset_peak_memory(device)  # only now: the propagation matrices have been built, which a server does once
    taken = (latency if device.type == "cpu" else gpu_latency)(lambda: answer(feed, model))
    times = (1000 * taken.median, 1000 * taken.iqr)
    return dict(zip(COSTS, (counter.macs, *times, devices.peak_memory_mb(device)), strict=True))


def answer(feed: Feed, model: Model) -> Tensor:
    """[n, C] logits of the whole task, from the features on."""
    feed.forget()
    with torch.no_grad():
        return feed.predict(model)


def gpu_latency(call: Callable[[], Any]) -> Measurement:
    """As `latency`, by the GPU's own clock: from a call on an idle GPU to the end of its last kernel.

    The calls that warm up take WARM_SECONDS and more.
    """

    def once() -> float:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        end.synchronize()
        seconds: float = begin.elapsed_time(end) / 1000
        return seconds

    started = time.monotonic()
    while time.monotonic() - started < WARM_SECONDS:
        call()
        torch.cuda.synchronize()
    return _repeated(once)


def latency(call: Callable[[], Any]) -> Measurement:
    """Seconds of REPEATS calls after WARM_CALLS that warm up; fewer of both where they take LONGEST_SECONDS.

    By the standard library's timer: that of torch warms up anew before every measurement, by twice what it measures.
    """
    once = partial(timeit.Timer(call).timeit, 1)
    _repeated(once, WARM_CALLS)
    return _repeated(once)


def _repeated(once: Callable[[], float], most: int | None = None) -> Measurement:
    """What `once` tells, so often (REPEATS by default), or fewer times where that takes LONGEST_SECONDS."""
    started, taken = time.monotonic(), [once()]
    while len(taken) < (most or REPEATS) and time.monotonic() - started < LONGEST_SECONDS:
        taken.append(once())
    return Measurement(1, taken, TaskSpec("call()", "", num_threads=torch.get_num_threads()))
