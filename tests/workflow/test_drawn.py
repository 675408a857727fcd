"""Labels and splits that each seed draws for itself: what is drawn, by whom it is read, and where it is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from methods.contract import Signals
from methods.vocabulary import Kind, Objective
from tests.conftest import make_tiny_task
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.test_variants import few_labels
from tests.workflow.training.conftest import CPU, SETTINGS, STUDENT, Bench, numbers
from workflow import catalog, variants
from workflow.config import complete
from workflow.errors import UserError
from workflow.models import positions
from workflow.stated import of_task, stated
from workflow.task import ABSENT, BLIND, SPLITS, Task
from workflow.training.feeds import choose
from workflow.training.seeds import Streams
from workflow.variants import Variant, of_seed

FEW = Variant(3, drawn=True)
PARTS = Variant(4, valid_per_class=3, drawn=True)


def parts_of(task: Task) -> dict[str, set[int]]:
    return {part: set(task.split(part).tolist()) for part in SPLITS}


def test_ids_and_titles():
    for name, variant in {
        "cora@20,drawn": Variant(20, drawn=True),
        "cora@20+30": Variant(20, valid_per_class=30),
        "cora@20+30,drawn,inductive,all": Variant(20, True, "all", valid_per_class=30, drawn=True),
        "cora@20,drawn,blind": Variant(20, blind=True, drawn=True),
        "cora@inductive-0.2": Variant(inductive=True, unseen=0.2),
        "cora@20+30,drawn,inductive-0.25,all": Variant(20, True, "all", False, 30, True, 0.25),
    }.items():
        assert variant.of("cora") == name
        assert variants.parse(name) == ("cora", variant)
    assert Variant(20, drawn=True).title("Cora") == "Cora, 20 labels per class, drawn per seed"
    assert Variant(1, True, valid_per_class=2).title("Cora") == "Cora, 1 + 2 labels per class, inductive"
    for wrong in (
        "cora@+30",
        "cora@drawn",
        "cora@20,drawn+30",
        "cora@20+0",
        "cora@20,inductive,drawn",
        "cora@inductive-1",
    ):
        with pytest.raises(UserError, match=r"unknown variant|needs labels_per_class"):
            catalog.facts(wrong)


def test_few_labels_of_a_seed_are_others_among_the_same():
    """Written down once: another order would be another benchmark."""
    rows, labels = np.arange(0, 200, 2), np.arange(200) % 3
    base = make_tiny_task()
    task = replace(base, arrays={**base.arrays, "split/train": rows, "labels": labels})
    drawn = [variants.few(task, 3, f"{variants.DRAW}, seed {seed}") for seed in range(3)]
    assert drawn[0].tolist() == [36, 42, 60, 62, 64, 70, 88, 146, 176]
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[1], drawn[2])
    assert not np.array_equal(drawn[0], variants.few(task, 3)), "the choice that all seeds share"
    for found in drawn:
        assert np.bincount(labels[found]).tolist() == [3, 3, 3] and set(found) <= set(rows)


def test_every_seed_has_a_task_of_its_own():
    base = make_tiny_task()
    task = FEW.apply(base).finish()
    assert task.name == "tiny@3,drawn" and parts_of(task) == parts_of(base)
    assert task.fingerprint not in (base.fingerprint, Variant(3).apply(base).finish().fingerprint)
    seen = [of_seed(task, seed) for seed in range(4)]
    assert len({tuple(found.split("train")) for found in seen}) == 4
    for found in seen:
        assert found.fingerprint == task.fingerprint
        assert set(found.split("train")) < set(base.split("train")) and len(found.split("train")) == 9
        for part in ("valid", "test"):
            assert np.array_equal(found.split(part), base.split(part))
        assert of_seed(found, 7) is found, "drawn once"
        replace(found, fingerprint="").finish()
    again = of_seed(FEW.apply(make_tiny_task()).finish(), 2)
    assert np.array_equal(again.split("train"), seen[2].split("train"))


def test_all_three_parts_are_drawn_among_what_has_a_label():
    base = make_tiny_task()
    labels = base.labels.copy()
    unknown = base.split("train")[:5]
    labels[unknown] = ABSENT
    rest = {"split/train": base.split("train")[5:]}
    base = replace(base, arrays={**base.arrays, "labels": labels, **rest}).finish()
    task = PARTS.apply(base).finish()
    for seed in range(3):
        found = of_seed(task, seed)
        parts = [found.split(part) for part in SPLITS]
        assert np.array_equal(np.sort(np.concatenate(parts)), np.setdiff1d(np.arange(60), unknown))
        assert np.bincount(labels[parts[0]]).tolist() == [4, 4, 4]
        assert np.bincount(labels[parts[1]]).tolist() == [3, 3, 3]
        replace(found, fingerprint="").finish()
    assert parts_of(of_seed(task, 0)) != parts_of(of_seed(task, 1))
    once = Variant(4, valid_per_class=3).apply(base).finish()
    assert of_seed(once, 1) is once and [len(once.split(part)) for part in SPLITS] == [12, 9, 34]


def test_a_share_of_the_test_nodes_is_unseen_and_scored_and_the_others_are_nodes_without_a_label():
    base = make_tiny_task()
    task = Variant(inductive=True, unseen=0.2).apply(base).finish()
    assert task.name == "tiny@inductive-0.2" and len(task.split("test")) == 3
    assert set(task.split("test")) < set(base.split("test"))
    feed = choose.create(task, CPU, "all")
    assert set(feed.taught.tolist()) == set(range(60)) - set(task.split("test").tolist())
    step = next(feed.steps(Streams(0, "student", CPU), Signals(torch.zeros(60, 3), ())))[0]
    assert int((step.batch.labels != ABSENT).sum()) == len(base.split("train"))
    few = replace(FEW, inductive=True, unseen=0.2).apply(base).finish()
    assert {tuple(of_seed(few, seed).split("test")) for seed in range(3)} == {tuple(task.split("test"))}
    parts = replace(PARTS, inductive=True, unseen=0.2).apply(base).finish()
    for seed in range(3):
        found, whole = of_seed(parts, seed), of_seed(PARTS.apply(base).finish(), seed)
        assert len(found.split("test")) == round(0.2 * len(whole.split("test")))
        assert set(found.split("test")) < set(whole.split("test"))
        assert all(np.array_equal(found.split(part), whole.split(part)) for part in ("train", "valid"))
        replace(found, fingerprint="").finish()


def test_a_class_with_too_few_labels_is_refused_before_any_training():
    base = make_tiny_task()
    fewest = int(np.bincount(base.labels).min())
    Variant(fewest - 4, valid_per_class=3, drawn=True).apply(base)
    with pytest.raises(UserError, match=rf"tiny: class \d has {fewest} labels, but {fewest - 3} are for training, 3 "):
        Variant(fewest - 3, valid_per_class=3, drawn=True).apply(base)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels_drawn": "per-seed"}, r"experiments\[1\].labels_drawn: needs labels_per_class"),
        ({"unseen": 0.2}, r"experiments\[1\].unseen: needs setting: inductive"),
        ({"setting": "inductive", "unseen": 1}, r"unseen: must be less than 1"),
        ({"valid_per_class": 30}, r"experiments\[1\].valid_per_class: needs labels_per_class"),
        ({"labels_per_class": 5, "labels_drawn": "twice"}, r"labels_drawn: must be 'once' or 'per-seed'"),
        ({"labels_per_class": 5, "valid_per_class": 0}, r"valid_per_class: must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(changes, message):
    with pytest.raises(UserError, match=message):
        complete(few_labels(**changes), "x.yaml")


def test_tuning_sees_no_label_that_is_tested_on():
    """What one seed tests on, another validates on where all parts are drawn; few labels leave the test part alone."""
    with pytest.raises(UserError, match=r"^valid_per_class: .* tuning would see test labels"):
        replace(PARTS, blind=True).check(Kind.NODE, Objective.MULTICLASS)
    drawn = few_labels(labels_per_class=5, valid_per_class=3, labels_drawn="per-seed")
    complete(drawn, "x.yaml")
    with pytest.raises(UserError, match=r"^x.yaml: experiments\[1\].valid_per_class: .* tuning would see test labels"):
        complete({**drawn, "tune": {"trials": 2}}, "x.yaml")
    blind = replace(FEW, blind=True).apply(make_tiny_task()).finish()
    found = of_seed(blind, 1000)
    assert (found.labels[found.split("test")] == ABSENT).all()
    assert found.scored == ("train", "valid")
    assert found.info[BLIND] == FEW.apply(make_tiny_task()).finish().fingerprint


def test_a_task_of_no_seed_is_never_trained_on():
    task = FEW.apply(make_tiny_task()).finish()
    with pytest.raises(ValueError, match="tiny@3,drawn: is drawn per seed"):
        choose.create(task, CPU, "all")
    choose.create(of_seed(task, 0), CPU, "all")
    choose.create(variants.whole(task), CPU, "all")


def test_sizes_are_those_of_a_seed():
    assert of_task(FEW.apply(make_tiny_task()).finish()).train == 9
    whole, found = stated("ogbn-products"), stated("ogbn-products@20+30,drawn")
    assert (found.train, found.valid) == (20 * 47, 30 * 47)
    assert found.train + found.valid + found.test == whole.nodes
    assert stated("ogbn-arxiv@inductive-0.2").test == 9_721
    assert stated("ogbn-arxiv@3000+30").train == 120_000, "among all nodes, not those of the training part"
    with pytest.raises(UserError, match=r"ogbn-arxiv@20\+5000: .* leave none for testing"):
        stated("ogbn-arxiv@20+5000")


@pytest.mark.parametrize("variant", [FEW, PARTS, replace(PARTS, inductive=True, unseen=0.5)])
def test_teacher_and_students_of_a_seed_train_on_its_own_task(variant, tmp_path, tiny_task):
    """Each seed's rows are those of the same split, stated for all."""
    name = variant.of("tiny")
    teacher = teacher_spec(name, "gcn-3x12", {"model": "gcn", "layers": 3, "width": 12}, SETTINGS, 300)
    student = cell_spec(teacher, "gcn-2x4", STUDENT, "kd", 60, ratio_target=5.0, distill_on="all")
    bench = Bench(tmp_path / "drawn", variant.apply(tiny_task).finish())
    teachers = bench.teach(spec=teacher)
    students = bench.distill(student)
    assert [row["status"] for row in teachers + students] == ["ok"] * 4
    for seed in (0, 1):
        stated = replace(of_seed(variant.apply(tiny_task).finish(), seed), fingerprint="").finish()
        alone = Bench(tmp_path / str(seed), stated)
        assert numbers(alone.teach((seed,), teacher)) == numbers(teachers[seed : seed + 1])
        assert numbers(alone.distill(student, (seed,))) == numbers(students[seed : seed + 1])


def test_each_seed_has_position_encodings_without_its_own_test_nodes(tmp_path):
    task = replace(PARTS, inductive=True).apply(make_tiny_task()).finish()
    network = {"model": "mlp", "positions": 3}
    for seed in (0, 1):
        found = of_seed(task, seed)
        expected = positions.encodings(found, 3)
        assert np.array_equal(positions.added(found, network, tmp_path).arrays["features"][:, 5:], expected)


def test_unseen_nodes_of_a_seed_are_drawn_anew():
    """By one order for all seeds, those of one seed would hold those of the other, among the nodes that both test."""
    base, share = make_tiny_task(), replace(PARTS, inductive=True, unseen=0.5)
    tested = [set(of_seed(PARTS.apply(base).finish(), seed).split("test").tolist()) for seed in (0, 1)]
    unseen = [set(of_seed(share.apply(base).finish(), seed).split("test").tolist()) for seed in (0, 1)]
    one, other = (part & tested[0] & tested[1] for part in unseen)
    assert not one <= other and not other <= one
