"""Few labels are the same everywhere and nested; a variant is a dataset with a fingerprint of its own."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from methods.vocabulary import Kind, Objective
from reports import published
from tests.conftest import make_tiny_task
from tests.workflow.samples import GOOD, plan_of
from workflow import catalog, variants
from workflow import plan as planning
from workflow.config import complete
from workflow.errors import UserError
from workflow.run import Run
from workflow.task import Task
from workflow.variants import Variant


def test_ids_say_what_is_changed_and_are_read_again():
    for name, variant in {
        "cora": Variant(),
        "cora@5": Variant(5),
        "cora@inductive": Variant(None, True),
        "cora@20,inductive": Variant(20, True),
        "cora@20max": Variant(20, at_most=True),
        "cora@20max,drawn,inductive,all": Variant(20, True, "all", drawn=True, at_most=True),
        "cora@all": Variant(distill_on="all"),
        "cora@20,inductive,train": Variant(20, True, "train"),
    }.items():
        assert variant.of("cora") == name
        assert variants.parse(name) == ("cora", variant)
    assert Variant(1, True).title("Cora") == "Cora, 1 label per class, inductive"
    assert Variant(5).title("Cora") == "Cora, 5 labels per class"
    assert Variant(5, at_most=True).title("Cora") == "Cora, at most 5 labels per class"


@pytest.mark.parametrize(
    "name",
    [
        "cora@",
        "cora@0",
        "cora@05",
        "cora@x",
        "cora@5,",
        "cora@,inductive",
        "cora@-3",
        "@5",
        "cora@all,5",
        "cora@5,max",
        "cora@max5",
        "cora@all,train",
    ],
)
def test_other_ids_are_refused(name):
    with pytest.raises(UserError, match=r"unknown (variant|dataset)"):
        catalog.facts(name)


def test_labels_are_kept_by_a_hash_of_the_node_alone():
    """Written down once: another order would be another benchmark."""
    labels = np.arange(200) % 3
    task = trained_on(np.arange(0, 198, 2), labels)
    assert variants.few(task, 3).tolist() == [44, 46, 48, 66, 88, 114, 170, 172, 188]
    for more in (4, 10, 20):
        assert set(variants.few(task, more - 1)) < set(variants.few(task, more))
    assert variants.few(task, 33).tolist() == task.split("train").tolist()
    assert np.bincount(labels[variants.few(task, 7)]).tolist() == [7, 7, 7]
    with pytest.raises(UserError, match="class 2 has 0 training labels, and 1 of 3 classes have too few"):
        variants.few(trained_on(np.flatnonzero(labels < 2), labels), 3)
    assert np.bincount(
        labels[variants.few(trained_on(np.flatnonzero(labels < 2), labels), 3, at_most=True)]
    ).tolist() == [3, 3]
    turned = trained_on(np.random.default_rng(0).permutation(task.split("train")), labels)
    assert variants.few(turned, 3).tolist() == variants.few(task, 3).tolist()


def trained_on(rows: np.ndarray, labels: np.ndarray) -> Task:
    task = make_tiny_task()
    return replace(task, arrays={**task.arrays, "split/train": rows, "labels": labels})


@pytest.mark.parametrize("drawn", [False, True])
def test_more_labels_than_a_class_has_are_refused(drawn: bool):
    """A data set that is named after 3 labels per class has 3 of each."""
    task = trained_on(np.arange(8), np.array([0, 0, 0, 0, 1, 2, 2, 2, 1, 1]))
    assert len(Variant(1, drawn=drawn).apply(task).split("train")) == (8 if drawn else 3)
    message = (
        "^tiny: labels_per_class: 3 are asked for, but class 1 has 1 training labels, and 1 of 3 classes have too few; "
        "at most 1 can be kept, or labels_at_most: true keeps all that such a class has$"
    )
    with pytest.raises(UserError, match=message):
        Variant(3, drawn=drawn).apply(task)


def test_a_class_with_fewer_labels_keeps_them_where_that_is_asked_for():
    task = trained_on(np.arange(8), np.array([0, 0, 0, 0, 1, 2, 2, 2, 1, 1]))
    once = Variant(2, at_most=True).apply(task)
    assert np.bincount(task.labels[once.split("train")]).tolist() == [2, 1, 2]
    assert set(Variant(1).apply(task).split("train")) < set(once.split("train"))
    drawn = Variant(2, drawn=True, at_most=True).apply(task)
    found = [variants.of_seed(drawn, seed).split("train") for seed in range(9)]
    assert {tuple(np.bincount(task.labels[rows])) for rows in found} == {(2, 1, 2)}
    assert len({rows.tobytes() for rows in found}) > 1
    for wrong in (Variant(at_most=True), Variant(2, valid_per_class=1, at_most=True)):
        with pytest.raises(UserError, match=r"^labels_at_most: "):
            wrong.check(Kind.NODE, Objective.MULTICLASS)


def test_a_variant_is_another_task_of_the_same_data(tmp_path: Path):
    task = make_tiny_task()
    found = Variant(2, True).apply(task).finish()
    assert found.name == "tiny@2,inductive"
    assert found.info["inductive"]
    assert len(found.split("train")) == 6
    assert set(found.split("train")) < set(task.split("train"))
    for name in set(task.arrays) - {"split/train"}:
        assert np.array_equal(found.arrays[name], task.arrays[name]), name
    assert found.fingerprint != task.fingerprint
    found.save(tmp_path / found.name)
    assert Task.load(tmp_path / found.name).fingerprint == found.fingerprint


def few_labels(**changes: object) -> dict[str, object]:
    config = copy.deepcopy(GOOD)
    config["experiments"].append({**config["experiments"][0], **changes})
    return config


def test_a_plain_dataset_and_its_variants_stand_in_one_run():
    plan = plan_of(few_labels(labels_per_class=5, setting="inductive", distill_on="all"))
    assert sorted(plan.teachers) == ["ace-sim-mini/big", "ace-sim-mini@5,inductive/big"]
    cells = {spec.dataset: spec for spec in plan.cells.values()}
    assert cells["ace-sim-mini"].distill_on == "train"
    assert cells["ace-sim-mini@5,inductive"].distill_on == "all"
    assert {spec.variant for spec in plan.cells.values()} == {"ace-sim-mini", "ace-sim-mini@5,inductive,all"}
    assert catalog.facts("ace-sim-mini@5,inductive").title == "ACE similarity (mini), 5 labels per class, inductive"
    assert catalog.loader("ace-sim-mini@5") == "ace_sim"


def test_other_distilled_nodes_are_other_cells_of_one_teacher():
    plan = plan_of(few_labels(distill_on="all"))
    assert list(plan.teachers) == ["ace-sim-mini/big"]
    plain = {key: spec for key, spec in plan.cells.items() if spec.variant == "ace-sim-mini"}
    assert {key.replace("mini/", "mini@all/", 1) for key in plain} == set(plan.cells) - set(plain)
    for key, spec in plain.items():
        other = plan.cells[key.replace("mini/", "mini@all/", 1)]
        assert other.columns["dataset"] == "ace-sim-mini@all"
        changed = {"distill_on": "all", "variant": "ace-sim-mini@all"}
        assert other == spec.model_copy(update=changed)


@pytest.mark.parametrize("stated", ["train", None])
def test_the_nodes_of_the_configuration_make_no_variant(stated):
    """The same cells twice, however they are asked for."""
    with pytest.raises(UserError, match=r"experiments\[1\]: the cell ace-sim-mini/big/.* is listed twice"):
        plan_of(few_labels(distill_on=stated))


def test_tables_name_variants_in_a_growing_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "cached", lambda *told: (planning.build(*told), Path("plan.json")))
    config = copy.deepcopy(GOOD)
    (first,) = config["experiments"]
    config["experiments"] = [{**first, "labels_per_class": number} for number in (20, 5)]
    config["experiments"] += [{**first, "setting": "inductive"}, {**first, "distill_on": "all"}, first]
    run = Run(complete(config, "x.yaml"), "x.yaml")
    assert list(run.report_settings["datasets"].values()) == [
        f"ACE similarity (mini){change}"
        for change in ("", ", distilled on all", ", inductive", ", 5 labels per class", ", 20 labels per class")
    ]
    assert "ace-sim-mini@all" not in run.datasets, "prepared and measured twice"


def test_what_has_no_classes_or_many_kinds_of_nodes_is_refused():
    for dataset, changes, message in (
        ("ace-mol-mini", {"labels_per_class": 5}, r"experiments\[1\].labels_per_class: needs classes.* binary"),
        ("ace-het-mini", {"setting": "inductive"}, r"experiments\[1\].setting: inductive is for node tasks"),
        ("ace-sim-mini", {"labels_per_class": 0}, r"experiments\[1\].labels_per_class: must be at least 1"),
    ):
        with pytest.raises(UserError, match=message):
            complete(few_labels(dataset=dataset, **changes), "x.yaml")


def test_published_figures_are_of_plain_datasets():
    assert not [cell for block in published.facts() for cell in block.get("cells", []) if "@" in cell["dataset"]]


def test_preparation_of_a_variant(tiny_task, monkeypatch):
    class Family:
        @staticmethod
        def build(name, settings):
            assert name == "tiny"
            return tiny_task

    monkeypatch.setattr(catalog, "_module", lambda loader: Family)
    assert catalog.build("tiny", {}).fingerprint == tiny_task.fingerprint
    assert len(catalog.build("tiny@4", {}).split("train")) == 12
