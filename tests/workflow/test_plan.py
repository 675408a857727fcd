"""From a configuration to the cells of a run."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from pathlib import Path

import pytest

from reports import published
from tests.workflow.samples import GOOD, ROOT, cell_of, change, plan_of
from workflow import plan as planning
from workflow import sources
from workflow.config import complete, load
from workflow.errors import UserError
from workflow.specs import Plan


def test_good_config_is_planned():
    plan = plan_of(GOOD)
    assert sorted(plan.teachers) == ["ace-sim-mini/big"]
    assert len(plan.cells) == 6
    cell = next(spec for key, spec in plan.cells.items() if "~4x" in key and key.endswith("gcrd-cold"))
    assert cell.hyperparameters == {"tau2": 0.05}
    assert cell.teacher_params / cell.student_params == pytest.approx(4, rel=0.05)


def test_a_cell_that_is_listed_twice_is_refused():
    config = copy.deepcopy(GOOD)
    config["experiments"] *= 2
    with pytest.raises(UserError, match="listed twice"):
        plan_of(config)


def test_a_sampler_that_does_not_serve_the_task_is_refused():
    message = r"experiments\[0\]: training.sampler: 'saint' does not serve node tasks; allowed: full, neighbour"
    with pytest.raises(UserError, match=message):
        plan_of({**GOOD, "training": {"sampler": "saint"}})


def test_a_loss_that_would_be_ignored_is_refused():
    molecules = {
        "training": {"loss": "log-cross-entropy"},
        "models": {"gine-3x32": {"model": "gine", "layers": 3, "width": 32}, "gine-2": {"model": "gine"}},
        "methods": {"supervised": None, "kd": None},
        "experiments": [
            {"dataset": "ace-mol-mini", "teachers": ["gine-3x32"], "students": [{"model": "gine-2", "widths": [8]}]}
        ],
    }
    with pytest.raises(
        UserError, match=r"training.loss: 'log-cross-entropy' is for multi-class tasks, and this one is"
    ):
        plan_of({**{k: v for k, v in GOOD.items() if k in ("title", "seeds", "reference")}, **molecules})


def test_order_of_methods_changes_no_spec():
    """Same specs, so the same jobs with the same numbers."""
    shuffled = copy.deepcopy(GOOD)
    shuffled["methods"] = dict(random.Random(0).sample(list(GOOD["methods"].items()), 3))
    assert list(shuffled["methods"]) != list(GOOD["methods"])
    assert plan_of(GOOD).cells == plan_of(shuffled).cells


def test_experiment_overrides_hyperparameters_and_training():
    config = copy.deepcopy(GOOD)
    config["training"] = {"epochs": 5, "weight_decay": 0.1}
    config["models"]["small"]["training"] = {"learning_rate": 0.5}
    config["experiments"][0] |= {"methods": {"kd": {"alpha": 0.5}, "supervised": None}, "training": {"epochs": 9}}
    plan = plan_of(config)
    assert {key.rsplit("/", 1)[1] for key in plan.cells} == {"kd", "supervised"}
    cell = cell_of(plan, "kd")
    assert cell.hyperparameters == {"alpha": 0.5}
    settings = cell.training
    assert (settings.epochs, settings.weight_decay, settings.learning_rate) == (9, 0.1, 0.5)


def test_a_list_of_methods_takes_some():
    config = change("experiments/0/methods", ["kd"])
    assert {spec.method for spec in plan_of(config).cells.values()} == {"kd"}


def test_an_experiment_changes_a_composition_part_by_part():
    config = copy.deepcopy(GOOD)
    config["methods"]["kd+gcrd"] = {"kd": {"alpha": 0.5}, "gcrd": {"beta": 1, "max_samples": 9}}
    config["experiments"][0]["methods"] = {"kd": None, "kd+gcrd": {"gcrd": {"beta": 2}}}
    cell = cell_of(plan_of(config), "kd+gcrd")
    assert cell.hyperparameters == {"kd": {"alpha": 0.5}, "gcrd": {"beta": 2, "max_samples": 9}}


def test_a_method_that_cannot_be_loaded_is_one_line(monkeypatch):
    def broken(identity):
        raise AttributeError(f"{identity} has no year")

    monkeypatch.setattr("methods.describe", broken)
    with pytest.raises(UserError, match=r"x.yaml: methods.supervised: AttributeError: supervised has no year"):
        plan_of(GOOD)


def test_no_two_methods_share_a_title(monkeypatch):
    """A table with two rows "KD" would say nothing."""
    import methods

    describe = methods.describe
    monkeypatch.setattr("methods.describe", lambda identity: describe(identity) | {"title": "KD"})
    titles = [facts.title for facts in plan_of(GOOD).methods.values()]
    assert titles == ["KD [supervised]", "KD [kd]", "KD (cold)"]


def test_what_a_file_prints_does_not_break_the_plan():
    """The plan comes from another process's standard output."""
    code = (
        "import methods, sys, workflow.plan as plan\n"
        "describe = methods.describe\n"
        "methods.describe = lambda name: print('hello') or describe(name)\n"
        "sys.argv = ['plan', 'x.yaml']\nplan.main()\n"
    )
    config = complete(GOOD, "x.yaml").model_dump_json(exclude_unset=True)
    config = f"[{config}, {config}, []]"
    answer = subprocess.run(
        [sys.executable, "-c", code], input=config, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "hello" in answer.stderr
    assert Plan.model_validate_json(answer.stdout).cells == plan_of(GOOD).cells


def test_another_training_of_the_teacher_is_another_cell():
    cells = [plan_of(c).cells for c in (GOOD, change("models/big/training", {"epochs": 7}))]
    for key, spec in cells[0].items():
        other = cells[1][key].model_dump()
        changed = {k for k, value in spec.model_dump().items() if value != other[k]}
        assert changed == {"teacher_hash"}


def test_the_longer_floor_has_three_times_the_epochs():
    config = change("methods", {"supervised": None, "kd": None, "longer": None})
    config["training"] = {"epochs": 7, "patience": 4}
    plan = plan_of(config)
    floor, longer = cell_of(plan, "supervised").training, cell_of(plan, "longer").training
    assert (floor.epochs, floor.patience, longer.epochs, longer.patience) == (7, 4, 21, 12)
    assert longer.model_dump(exclude={"epochs", "patience"}) == floor.model_dump(exclude={"epochs", "patience"})


def test_a_teacher_of_the_students_size_is_a_student_of_another_start():
    """One per student, trained as the student is; tables keep the family of the large teacher."""
    config = change("methods", {"kd": None, "self": None})
    config["models"]["small"]["training"] = {"learning_rate": 0.5}
    plan = plan_of(config)
    cells = [cell for cell in plan.cells.values() if cell.method == "self"]
    assert len(plan.teachers) == 1 + len(cells) > 2
    for cell in cells:
        own = plan.teachers[cell.taught_by]
        assert own.key == f"ace-sim-mini/{cell.student}.own"
        assert (own.model, own.training, own.params) == (cell.model, cell.training, cell.student_params)
        assert (cell.teacher, cell.teacher_model) == ("big", cell.model)
        assert cell.teacher_params > cell.student_params
    large = cell_of(plan, "kd")
    assert (large.taught_by, large.teacher_model) == ("ace-sim-mini/big", plan.teachers["ace-sim-mini/big"].model)
    assert {network.name for network in plan.networks("ace-sim-mini") if network.role == "teacher"} == {"big"}


def test_methods_of_two_teachers_do_not_compose():
    with pytest.raises(UserError, match=r"methods.kd\+self: 'kd\+self' mixes"):
        plan_of(change("methods", {"kd": None, "kd+self": None}))


@pytest.mark.parametrize("order", [1, -1])
def test_a_teacher_that_is_named_like_one_of_the_students_size_is_refused(order: int):
    """In whichever experiment it stands: `self` would learn from the wrong network."""
    config = change("methods", {"kd": None, "self": None})
    config["experiments"][0]["students"] = [{"model": "small", "widths": [18]}]
    config["models"]["smallx18.own"] = {"model": "gcn", "layers": 4, "width": 64}
    config["experiments"].append({**config["experiments"][0], "teachers": ["smallx18.own"], "methods": ["kd"]})
    config["experiments"] = config["experiments"][::order]
    with pytest.raises(UserError, match=r"experiments\[1\]: ace-sim-mini/smallx18.own has two trainings or networks"):
        plan_of(config)


def test_a_teacher_of_the_students_size_has_one_training():
    config = change("methods", {"kd": None, "self": None})
    config["models"]["other"] = {**config["models"]["big"]}
    config["experiments"].append({**config["experiments"][0], "teachers": ["other"], "training": {"epochs": 3}})
    with pytest.raises(UserError, match=r"experiments\[1\]: ace-sim-mini/small.*own.* has two trainings"):
        plan_of(config)


# Parameters beyond the published ones: one more row of an embedding, as today's `ogb` knows a fifth chirality, and for
# PNA four vectors of 150 less in each layer, which no described layer of the source accounts for.
EXTRA = {"gine-5x300": 300, "pna-5x150": 150 - 3000, "mol-gcn-2x100": 100}


def test_paper_yaml_holds_every_published_cell():
    plan = planning.build(load(ROOT / "config" / "paper.yaml"), "paper.yaml")
    blocks = [block for block in published.facts() if "protocol" not in block]
    pairs = [cell for block in blocks for cell in block.get("cells", []) if "student" in cell]
    assert len(pairs) == 7
    for cell in pairs:
        for method in set(cell) - published.NOT_SCORES:
            spec = plan.cells["/".join((cell["dataset"], cell["teacher"], cell["student"], method))]
            for role in ("teacher", "student"):
                found = getattr(spec, f"{role}_params")
                assert found == cell[f"{role}_params"] + EXTRA.get(cell[role], 0)


def test_glnn_yaml_holds_every_published_cell_of_its_protocol():
    plan = planning.build(load(ROOT / "config" / "glnn.yaml"), "glnn.yaml")
    cells = [
        (block, cell) for block in published.facts() for cell in block.get("cells", []) if published.BESIDE in cell
    ]
    assert len(cells) == 20
    for block, cell in cells:
        _, place = published.places(block, cell)
        for method in set(cell) - published.NOT_SCORES:
            assert "/".join((place["dataset"], place["teacher"], place["student"], method)) in plan.cells


def cached() -> tuple[Plan, Path]:
    config = complete(GOOD, "x.yaml")
    return planning.cached(config, "x.yaml", config, {})


def test_plan_is_cached_until_the_config_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = cached()
    monkeypatch.setattr(planning.subprocess, "run", lambda *a, **k: pytest.fail("planned again"))
    assert cached() == first


@pytest.mark.parametrize(
    "name", ["config.py", "plan.py", "specs.py", "catalog.py", "models/sizes.py", "datasets/ace_sim.py"]
)
def test_an_edited_file_is_planned_anew(tmp_path, monkeypatch, name):
    """Whatever the plan rests on; an answer of the old code must not come back."""
    assert ROOT / "workflow" / name in sources.files(sources.RESTS_ON["plan"].modules, sources.RESTS_ON["plan"].within)
    monkeypatch.chdir(tmp_path)
    cached()
    monkeypatch.setattr(sources, "digest", lambda work: f"{work} of other code")
    asked = []
    run = planning.subprocess.run
    monkeypatch.setattr(planning.subprocess, "run", lambda *a, **k: asked.append(1) or run(*a, **k))
    cached()
    assert asked
