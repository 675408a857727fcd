"""Two processes of one thread beside each other, against one process of two threads: which trains more per second?"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import torch

from tests.benchmarks import data, trainings
from tests.benchmarks.process import SETTLING
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, say, spread

WIDTHS = (256, 32)
EPOCHS = 4
"""Of each of the two processes; the one process trains twice as many."""
ABOUT = (
    "The same number of epochs (training and evaluation of a GCN on the arxiv-sized graph) by two processes of one "
    "thread at the same time, and by one process of two threads. Start-up and the first three epochs do not count. "
    "The columns are epochs per second of all processes together; ratio is two processes over two threads, its median "
    "(and range) over repeats. Above 1, one thread per process is the better use of two cores."
)


def run(settings: Settings) -> list[Table]:
    rows = []
    for width in WIDTHS[: 1 if settings.quick else None]:
        two, one = [], []
        for _ in range(settings.repeats):
            two.append(2 * EPOCHS / elapsed(settings.arxiv_nodes, width, processes=2, threads=1))
            one.append(2 * EPOCHS / elapsed(settings.arxiv_nodes, width, processes=1, threads=2))
        row: Row = {
            "network": f"gcn 2x{width}",
            "nodes": settings.arxiv_nodes,
            "cores": os.cpu_count(),
            **spread("two_processes_per_s", two),
            **spread("two_threads_per_s", one),
            **spread("ratio", trainings.ratios(two, one)),
        }
        rows.append(row)
        say("threads", row)
    return [Table(ABOUT, rows)]


def elapsed(nodes: int, width: int, processes: int, threads: int) -> float:
    """Seconds until the last of the processes has trained its share of 2 x EPOCHS, once all are warm."""
    context: Any = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    share = 2 * EPOCHS // processes
    workers = [
        context.Process(target=work, args=(nodes, width, threads, share, barrier, answers)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a worker ended with {worker.exitcode}")
    seconds: list[float] = [answers.get() for _ in workers]
    return max(seconds)


def work(nodes: int, width: int, threads: int, epochs: int, barrier: Barrier, answers: Queue[float]) -> None:
    torch.set_num_threads(threads)
    side = trainings.epochs(data.arxiv_sized(nodes), {"model": "gcn", "layers": 2, "width": width})
    for _ in range(SETTLING):
        next(side)
    barrier.wait(timeout=600)
    started = time.perf_counter()
    for _ in range(epochs):
        next(side)
    answers.put(time.perf_counter() - started)
