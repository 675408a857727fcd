"""Devices and peaks of memory."""

from __future__ import annotations

import sys

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from tests.workflow.training.conftest import CPU, cell
from tests.workflow.training.jobs import block
from workflow.errors import UserError
from workflow.training import device as devices


def test_peak_memory_starts_anew():
    devices.reset_peak_memory(CPU)
    before = devices.peak_memory_mb(CPU)
    torch.ones(2**25)  # 128 MiB
    grown = devices.peak_memory_mb(CPU) - before
    devices.reset_peak_memory(CPU)
    if sys.platform == "linux":
        assert 100 < grown < 200
        assert devices.peak_memory_mb(CPU) < before + 60


def test_numpy_has_as_many_threads_as_torch():
    with threadpool_limits(2, user_api="blas"):
        devices.choose("cpu", 1)
        found = [library for library in threadpool_info() if "numpy" in library["filepath"]]
        assert [library["num_threads"] for library in found] == [torch.get_num_threads()] == [1]


def test_cuda_where_there_is_none_is_one_line(taught):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="device: cuda is wanted"):
        block(cell("kd"), taught.folder, "x", device="cuda")


def test_peaks_are_told_without_a_proc_file_system(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(devices.Path, "read_text", missing)
    monkeypatch.setattr(devices.Path, "write_text", missing)
    assert devices.reset_host_peak() == devices.host_peak_mib() > 50
