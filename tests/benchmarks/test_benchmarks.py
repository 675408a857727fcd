"""The benchmarks of `make bench`: every part runs on a tiny size, and both sides of a comparison compute the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch as PyGBatch

import methods
from methods.contract import Signals
from tests.benchmarks import data, parts, process, tables
from tests.benchmarks.__main__ import main
from tests.benchmarks.memory import limits
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed import deep, molecular, overhead
from tests.benchmarks.speed.relational import Sides
from workflow.models.model import Dropout, create
from workflow.models.molecules import Collection
from workflow.task import SPLITS
from workflow.training import device as devices

pytestmark = pytest.mark.no_cover  # being watched for coverage would be measured, too
NODES = 500
SHIPPED = {"cells", "deep", "epochs", "growth", "limits", "overhead", "pipeline", "scale", "threads"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answers of all parts on a tiny size."""
    folder = tmp_path_factory.mktemp("bench")
    for part in parts.found():
        main([part, "--nodes", str(NODES), "--repeats", "1", "--in-process", "--output", str(folder)])
    return folder


def answers(folder: Path) -> dict:
    return json.loads((folder / "bench.json").read_text())["parts"]


@pytest.mark.slow
def test_every_part_writes_its_rows(folder):
    found = answers(folder)
    assert set(found) == set(parts.found())
    for name, part in found.items():
        assert {"machine", "torch", "threads", "date", "commit", "load_before", "seconds"} <= set(part), name
        for table in part["tables"]:
            assert table["rows"], name
            assert table["about"], name


@pytest.mark.slow
def test_the_report_has_one_section_per_part(folder):
    text = (folder / "bench.md").read_text()
    assert re.findall(r"^## (\w+)$", text, flags=re.M) == list(parts.found())
    for part in answers(folder).values():
        for table in part["tables"]:
            assert table["about"] in text
    assert (folder / "growth.png").stat().st_size and (folder / "growth.pdf").stat().st_size


@pytest.mark.slow
def test_every_method_has_its_overhead(folder):
    rows = answers(folder)["overhead"]["tables"][0]["rows"]
    assert {row["method"] for row in rows} == {*methods.available(), "kd+abkd"}
    assert all(row["note"] if row["epoch_s"] is None else row["ratio"] > 0 for row in rows)


@pytest.mark.slow
def test_every_method_has_its_cost_at_depth(folder):
    (table,) = answers(folder)["deep"]["tables"]
    assert {row["method"] for row in table["rows"]} == set(methods.available())
    assert all(row["note"] if row["epoch_s"] is None else row["training_s"] > 0 for row in table["rows"])


@pytest.mark.parametrize("part", [deep, overhead])
def test_what_says_why_is_a_method(part) -> None:
    assert set(part.WHY) <= set(methods.available())


@pytest.mark.slow
def test_limits_cover_the_losses(folder):
    rows = [row for table in answers(folder)["limits"]["tables"][:2] for row in table["rows"]]
    kernels = ("cosine", "poly", "l2", "rbf")
    expected = {f"{method} {kernel}" for method in ("gsp", "lsp") for kernel in kernels}
    assert {row["loss"] for row in rows} == expected | {"gcrd", "stride gcrd", "stride gsp"}


@pytest.mark.slow
def test_both_ways_to_take_a_step_lead_to_the_same_weights(folder):
    (table,) = answers(folder)["gpu_replay"]["tables"]
    assert all(row["same"] for row in table["rows"])


@pytest.mark.slow
def test_a_part_run_again_leaves_the_others(folder):
    before = answers(folder)
    tables.keep(folder, "threads", {**before["threads"], "seconds": 7.0}, [tables.Table("Again.", [{"a": 1.0}])])
    after = answers(folder)
    assert after["threads"]["tables"] == [{"about": "Again.", "rows": [{"a": 1.0}]}]
    assert {name: part for name, part in after.items() if name != "threads"} == {
        name: part for name, part in before.items() if name != "threads"
    }


def test_parts_are_the_modules_that_run():
    assert set(parts.found()) >= SHIPPED
    assert "scale" in set(parts.found()) - set(parts.usual())
    assert "plain_loop" not in parts.found()


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["epoch"])
    assert "allowed: cells, deep, epochs" in capsys.readouterr().err


@pytest.mark.parametrize("case", limits.CASES)
def test_whole_matrices_give_what_the_blocks_give(case):
    chosen = limits.CASES[case]
    sides = {}
    for side in ("ours", "whole"):
        method = chosen.create().double()
        student, teacher, batch = limits.inputs(150, torch.float64)
        with torch.no_grad():
            for hidden in (student.last, teacher.last):
                hidden.mul_(0.1)  # wide rows lie so far apart that rbf vanishes
        value = chosen.step(side, method, student, teacher, batch)
        leaves = {"logits": student.logits, "hidden": student.last, **dict(method.named_parameters())}
        sides[side] = value, {name: leaf.grad for name, leaf in leaves.items()}
    value, gradients = sides["whole"]
    assert sides["ours"][0] == pytest.approx(value, rel=1e-5)
    for name, gradient in sides["ours"][1].items():
        if gradient is None:
            assert gradients[name] is None, name
        else:
            assert (gradient - gradients[name]).norm() <= 1e-5 * gradients[name].norm(), name


def test_both_relational_networks_compute_the_same():
    sides = Sides(data.mag_sized(1 / 500), 2, 8, 40, dropout=0.0)
    ours, plain = dict(sides.model.named_parameters()), dict(sides.plain.named_parameters())
    with torch.no_grad():
        for name, parameter in plain.items():
            kind, *rest = name.split(".")
            if kind == "tables":
                parameter.copy_(ours[f"embeddings.{rest[0]}"])
            elif kind == "roots":
                parameter.copy_(ours[name])
            else:
                maps = [ours[f"maps.{rest[0]}.{relation}.weight"].T for relation in sides.relations]
                parameter.copy_(torch.stack(maps))
    drawn, patterns = sides.draw()
    assert sides.theirs(drawn, patterns) == pytest.approx(sides.ours(), rel=1e-4)


def test_both_molecular_networks_compute_the_same():
    task = data.molecules(12)
    ours = create(molecular.spec_of(3, 8), data.facts_of(task)).eval()
    plain = molecular.plain_network(task, 3, 8).eval()
    with torch.no_grad():
        tables = [plain.atoms, *plain.bonds]
        for mine, theirs in zip([ours.encoder, *(c.bonds for c in ours.convolutions)], tables, strict=True):
            for table, rows in zip(
                theirs.tables, mine.table.split([len(t.weight) for t in theirs.tables]), strict=True
            ):
                table.weight.copy_(rows)
    for convolution, layer in zip(ours.convolutions, plain.layers, strict=True):
        layer.nn.load_state_dict(convolution.perceptron.state_dict())
    plain.head.load_state_dict(ours.head.state_dict())
    graphs = Collection(task.arrays, task.split("train")).span(0, 12)
    held = {
        int(n): graph
        for part in SPLITS
        for n, graph in zip(task.split(part), molecular.datasets(task)[part], strict=True)
    }
    theirs = plain(PyGBatch.from_data_list([held[number] for number in range(12)]))
    torch.testing.assert_close(ours(graphs, Dropout(None)).logits, theirs)


def test_a_process_of_its_own_answers_with_its_own_peak():
    here = torch.ones(2**26)  # 256 MiB that the child must not inherit
    answer = process.call(Settings(), f"{__name__}:occupy", mib=64)
    assert answer["before"] + 60 < answer["peak_mib"] < answer["before"] + 64 + 0.9 * here.numel() * 4 / 2**20


def occupy(mib: int) -> dict:
    before = devices.reset_host_peak()
    torch.ones(mib * 2**18)
    return {"before": before}


def test_a_failing_process_says_why():
    with pytest.raises(RuntimeError, match="no_such_function"):
        process.call(Settings(), "tests.benchmarks.memory.limits:no_such_function")


def test_judging():
    assert tables.judge({"ratio": 9.0}, ratio=">= 8")["reached"] == "yes"
    row = tables.judge({"ratio": 2.0, "extra_mib": 9.0}, ratio="<= 1.3", extra_mib="<= 400")
    assert row["reached"] == "NO: ratio" and row["wanted"] == "ratio <= 1.3, extra_mib <= 400"
    assert tables.shown({"a": 1.0, **tables.spread("b", [1.0, 3.0, 2.0]), "c": None}) == {
        "a": "1",
        "b": "2 (1-3)",
        "c": "",
    }


def test_made_up_signals_have_something_in_common():
    """Losses near their optimum, or far from anything, could take other times than real ones."""
    student, teacher = data.signals(500, limits.NETWORK, 1), data.signals(500, limits.NETWORK, 2)
    assert isinstance(student, Signals)
    similarities = [torch.nn.functional.normalize(s.last - s.last.mean(0)) for s in (student, teacher)]
    grams = [(h @ h.T).flatten() for h in similarities]
    assert torch.corrcoef(torch.stack(grams))[0, 1] > 0.3
