"""Latency and memory of a network on a GPU."""

from __future__ import annotations

import time

from reports.rows import Role
from tests.conftest import TINY
from workflow.specs import MeasuredNetwork
from workflow.training import measuring


def test_latency_is_taken_by_events_after_half_a_second(gpu):
    calls = []

    def call():
        calls.append(time.perf_counter())
        time.sleep(0.05 if len(calls) < 5 else 0.001)

    started = time.perf_counter()
    taken = measuring.gpu_latency(call)
    assert len(taken.times) == measuring.REPEATS
    assert calls[-measuring.REPEATS] - started >= 0.5
    assert gpu.asked["Event"] == 2 * measuring.REPEATS
    assert 0.001 <= taken.median < 0.02


def test_a_networks_peak_begins_when_its_matrices_stand(gpu, tiny_task, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring.catalog, "facts", lambda name: TINY)
    monkeypatch.setattr(measuring, "WARM_SECONDS", 0.01)
    answered = []
    answer, reset = measuring.answer, measuring.devices.reset_peak_memory
    monkeypatch.setattr(measuring, "answer", lambda *a: (answered.append("answer"), answer(*a))[1])
    monkeypatch.setattr(measuring.devices, "reset_peak_memory", lambda d: (answered.append("reset"), reset(d)))
    tiny_task.save(tmp_path / "task")
    model = {"model": "gcn", "layers": 2, "width": 4}
    network = MeasuredNetwork(name="gcn", role=Role.STUDENT, ratio_target=None, model=model)
    (row,) = measuring.measure([network], tmp_path / "task", measuring.devices.choose("cuda", 1))
    assert (row.status, row.peak_memory_mb) == ("ok", 1)
    assert row.latency_ms_median > 0
    assert gpu.asked["Event"] == 2 * measuring.REPEATS
    assert answered[:3] == ["answer", "reset", "answer"]
