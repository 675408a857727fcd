"""What mini-batches take on a graph that is not here: from rates on a smaller one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.workflow import tiny_targets
from tests.workflow.samples import cell_spec, teacher_spec
from workflow.specs import TrainingSettings
from workflow.stated import STATED, GraphSize, of_task, stated
from workflow.steps.extrapolation import NODE_BYTES, Extrapolation, Rates

PRODUCTS = STATED["ogbn-products"]
TRAINING = TrainingSettings(sampler="neighbour", batch_size=100, fan_out=[4, 3], epochs=3, evaluate_every=2)
SIZE = GraphSize(
    nodes=20_000, edges=60_000, features=7, classes=3, train=1_000, valid=500, test=2_000, source="by hand"
)
TEACHER = teacher_spec("ogbn-products", "t", {"model": "sage", "layers": 3, "width": 8}, TRAINING, 100)
RATES = Rates(step=0.5, node=0.001, valid=0.01, end=0.02, alone=10.0, base=2.0**30, seen=1024.0)


def made_up(nodes: int = 1_200, size: GraphSize = SIZE) -> Extrapolation:
    return Extrapolation("ogbn-products", size, nodes, "cpu", 1)


def student(method: str, model: str = "sage", **changes):
    return cell_spec(TEACHER, "s", {"model": model, "layers": 2, "width": 4}, method, 10, **changes)


def test_a_smaller_graph_has_the_same_edges_a_node_and_shares():
    small = PRODUCTS.shrunk(10_000, 2_000)
    assert small.edges / small.nodes == pytest.approx(PRODUCTS.edges / PRODUCTS.nodes, rel=1e-4)
    assert small.valid / small.nodes == pytest.approx(PRODUCTS.valid / PRODUCTS.nodes, rel=1e-2)
    assert (small.train, small.train + small.valid + small.test) == (2_000, 10_000)


def test_sizes_of_variants_and_of_what_nobody_states():
    assert stated("ogbn-products@inductive") == PRODUCTS
    few = stated("ogbn-products@20")
    assert few is not None and few.train == 20 * 47
    assert stated("cora") is None


@pytest.mark.parametrize("objective", ["", "binary", "regression"])
def test_bytes_of_a_prepared_task_are_those_of_its_files(objective, monkeypatch):
    if objective:
        monkeypatch.setattr("workflow.catalog.facts", lambda name: tiny_targets.facts(objective))
    one = made_up(size=replace(SIZE, targets=bool(objective)))
    task = one.task
    size = of_task(task)
    assert (task.objective, size.targets) == (objective or "multiclass", bool(objective))
    assert f"7 features, 3 {'targets' if objective else 'classes'}, " in one.told()[0]
    assert one._terms(student("kd"), 100) > 0
    assert (one._terms(student("dkd"), 100) > 0) == (not objective), "which serves classes alone"
    assert size.disk == sum(array.nbytes for array in task.arrays.values()) - 4, "of the pointers' last"
    wide = GraphSize(10, 2**30, 1, 2, 1, 1, 1, "")
    assert wide.disk - GraphSize(10, 2**30 - 1, 1, 2, 1, 1, 1, "").disk == 8 + 4 * 10


def test_what_a_batch_sees_is_the_union_of_what_its_roots_see():
    random = np.random.default_rng(0)
    unions = [len({int(i) for _ in range(500) for i in random.choice(20_000, 10, replace=False)}) for _ in range(5)]
    assert made_up()._seen(RATES, 500) == pytest.approx(np.mean(unions), rel=0.02)


@pytest.mark.parametrize(("distill_on", "steps", "roots"), [("train", 10, 100), ("all", 48, 100 + 19_000 / 48)])
def test_a_cost_is_that_of_steps_and_answers(distill_on, steps, roots, monkeypatch):
    one = made_up()
    monkeypatch.setattr(one, "_measured", lambda network, training: RATES)
    monkeypatch.setattr(one, "_terms", lambda spec, rows: 0.25 if rows == roots else 1e9)
    seen = one._seen(RATES, 100)
    teacher = one(TEACHER)
    assert teacher.epoch == pytest.approx(10 * (0.5 + 0.001 * seen) + 0.01 * 20_000 / 2)
    assert teacher.start == pytest.approx(0.02 * 20_000)
    params = 7 * 2 * 8 + 8 + 16 * 8 + 8 + 16 * 3 + 3 + 2 * 2 * 8
    row = 4 * 3 + 2 * 16
    assert teacher.disk == 4 * params + 3_000 * row, "weights; logits and hidden states in float16 on train and test"
    assert teacher.memory_mb == pytest.approx(1024 + (1024 * seen + NODE_BYTES * 20_000) / 2**20)
    cell = one(student("kd", distill_on=distill_on))
    seen = one._seen(RATES, roots)
    assert cell.epoch == pytest.approx(steps * (0.75 + 0.001 * seen) + 0.01 * 20_000 / 2)
    twice = one(student("kd+glnn-two-steps", distill_on=distill_on))
    assert twice.epoch - cell.epoch == pytest.approx(steps * (0.5 + 0.001 * seen)), "the student answers two times"
    own = 4 * (7 * 2 * 4 + 4 + 8 * 3 + 3 + 2 * 4)
    assert cell.disk == own + (20_000 * row if distill_on == "all" else 0)
    around = one(student("lsp", distill_on=distill_on))
    assert around.epoch - cell.epoch == pytest.approx(steps * (0.5 + 0.001 * seen)), "and on drawn neighbours"
    assert around.disk == own
    noisy = one(student("krd-noise", distill_on=distill_on))
    assert noisy.disk == own + (20_000 * row if distill_on == "train" else 0)
    assert len(one.notes) == 2
    one(student("supervised"))
    assert len(one.notes) == 2, "the network's rates are known"


def test_rates_are_measured_on_a_graph_that_is_made_up():
    one = made_up()
    costs = [one(spec) for spec in (TEACHER, student("supervised"), student("lsp"), student("krd", "mlp"))]
    assert all(0 < cost.epoch < 1e4 and cost.start > 0 and cost.memory_mb > 50 for cost in costs)
    assert one._terms(student("lsp"), 100) > 0
    lines = "\n".join(one.told())
    assert "20,000 nodes, 60,000 edges, 7 features, 3 classes, 1,000 + 500 + 2,000 labels (by hand)" in lines
    assert "made-up graph of 1,200 nodes and 3,600 edges" in lines
