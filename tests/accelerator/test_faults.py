"""What becomes of a job whose GPU fails."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from reports.rows import Status
from tests.accelerator import CUDA, Pretend
from tests.workflow.training.conftest import Bench, cell
from tests.workflow.training.jobs import block, train
from workflow.training import block as blocks
from workflow.training import device as devices
from workflow.training.records import Records

ILLEGAL = "CUDA error: an illegal memory access was encountered"


@pytest.fixture
def bench(tmp_path, tiny_task) -> Bench:
    return Bench(tmp_path, tiny_task)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), Status.OOM),
        (RuntimeError("CUDA error: out of memory"), Status.OOM),
        (RuntimeError("CUDA error: insufficient resources when calling CUSPARSE_STATUS_INSUFFICIENT_RESOURCES"), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), Status.OOM),
        (RuntimeError(ILLEGAL), Status.FAILED),
    ],
)
def test_a_lack_of_memory_is_told_from_a_fault(error, status):
    assert devices.trouble(error)[0] == status


class Ended(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def lost(gpu, monkeypatch):
    """A GPU that fails in the second seed, and answers nothing after that."""
    fit, failed, signals = blocks.fit, [], []

    def fails(*arguments, **options):
        if len(failed) < len(signals) + 1 and gpu.asked["empty_cache"] > 1:
            failed.append(1)
            raise RuntimeError(ILLEGAL)
        return fit(*arguments, **options)

    def synchronize(device=None):
        if failed:
            raise RuntimeError(ILLEGAL)

    def end(process, number):
        assert process == os.getpid()
        signals.append(number)
        raise Ended

    monkeypatch.setattr(blocks, "fit", fails)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(devices.os, "kill", end)
    return signals


def test_a_lost_gpu_ends_the_job_and_fails_no_seed(lost, bench):
    spec = cell("supervised")
    bench.teach(range(3))
    with pytest.raises(Ended):
        train(spec, bench.folder, "cell", range(3), device="cuda")
    assert lost == [signal.SIGABRT]
    records = Records(bench.folder / "cell")
    assert [records.read(seed) is None for seed in range(3)] == [False, True, True]


def test_a_fault_that_the_gpu_survives_is_one_seed_of_the_block(gpu, bench, monkeypatch):
    monkeypatch.setattr(blocks, "fit", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("wrong shape")))
    bench.teach(range(2))
    found = train(cell("supervised"), bench.folder, "cell", range(2), device="cuda")
    assert [record.row.status for record in found] == ["failed"] * 2


def test_a_seed_whose_gpu_was_lost_too_often_is_told(gpu, bench, monkeypatch):
    bench.teach([0])
    monkeypatch.setenv(blocks.KILLED, "SIGABRT")
    monkeypatch.setattr(blocks, "KILLS", 0)
    (found,) = train(cell("supervised"), bench.folder, "cell", [0], device="cuda")
    assert (found.row.status, "a fault of the GPU?" in found.row.reason) == ("failed", True)


def test_every_seed_begins_with_the_memory_that_the_last_one_left_idle(gpu, bench):
    bench.teach(range(2))
    gpu.asked.clear()
    job = block(cell("supervised"), bench.folder, "cell", device="cuda")
    job.run("0-1", [0, 1])
    assert gpu.asked["empty_cache"] == gpu.asked["reset_peak_memory_stats"] == 2


def test_nothing_ends_where_the_gpu_answers():
    with Pretend():
        devices.end_if_lost(CUDA, "a mistake")
