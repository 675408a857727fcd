"""Trials: the same number for every method, on other seeds and on data without test labels, known beforehand."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import methods
from tests.workflow.samples import GOOD, SHIPPED, plan_of
from workflow import plan as planning
from workflow import tuned, tuning
from workflow.config import complete, load
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration, tuned_label
from workflow.specs import Plan
from workflow.tuning import Group, of_trial, trial_label

METHODS = {
    "supervised": None,
    "kd": None,
    "kd-hot": {"method": "kd", "temperature": 4},
    "gcrd": {"max_samples": 512},
    "kd+abkd": {"kd": {"alpha": 0.5}},
    "self": None,
}


def configured(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), "methods": METHODS, "tune": {}, **changes}


def trials_of(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """Hyperparameters of all trials by method, of one student."""
    assert plan.tuning
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for cell in plan.tuning.cells.values():
        label, number = of_trial(cell.method)
        found.setdefault(label, {})[number] = cell.hyperparameters
    return {label: [trials[number] for number in range(len(trials))] for label, trials in found.items()}


def test_every_method_gets_the_same_number_of_trials():
    found = trials_of(plan_of(configured()))
    assert {label: len(trials) for label, trials in found.items()} == {
        "supervised": 1,  # which has nothing to tune
        "kd": 8,
        "kd-hot": 5,  # of whose two hyperparameters one is stated; the other has five values
        "gcrd": 8,
        "kd+abkd": 8,
        "self": 8,
    }
    for trials in found.values():
        assert len({str(trial) for trial in trials}) == len(trials), "none twice"
    fewer = trials_of(plan_of(configured(tune={"trials": 3})))
    assert {label: len(trials) for label, trials in fewer.items() if label != "supervised"} == dict.fromkeys(
        [label for label in METHODS if label != "supervised"], 3
    )
    for label in ("kd", "gcrd", "kd+abkd"):
        assert fewer[label] == found[label][:3], "more trials come on top"


def test_the_first_trial_is_the_published_default_and_stated_values_stay():
    found = trials_of(plan_of(configured()))
    for label, stated in METHODS.items():
        first = {key: value for key, value in (stated or {}).items() if key != "method"}
        assert found[label][0] == first, label
    assert {trial["temperature"] for trial in found["kd-hot"]} == {4}
    assert {trial["max_samples"] for trial in found["gcrd"]} == {512}
    assert {trial["kd"]["alpha"] for trial in found["kd+abkd"]} == {0.5}
    assert all({"temperature"} <= set(trial["kd"]) and "beta" in trial["abkd"] for trial in found["kd+abkd"][1:])
    assert found["kd"][1:] == found["self"][1:], "a control is tried at the values of its method"
    assert methods.defaults("kd") not in found["kd"][1:]


def test_trials_meet_the_same_teachers_and_students_on_blind_data_and_other_seeds():
    config = complete(configured(), "x.yaml")
    plan = planning.build(config, "x.yaml")
    assert plan.tuning
    assert {spec.dataset for spec in plan.specs} == {"ace-sim-mini"}
    assert {spec.dataset for spec in plan.tuning.specs} == {"ace-sim-mini@blind"}
    number = Counter((cell.taught_by, cell.sized) for cell in plan.tuning.cells.values() if "self" not in cell.method)
    assert len(number) == 2, "both ratios under one teacher"
    assert set(number.values()) == {1 + 8 + 5 + 8 + 8}
    own = [cell for cell in plan.tuning.cells.values() if "self" in cell.method]
    assert {cell.taught_by for cell in own} == {f"ace-sim-mini@blind/{cell.student}.own" for cell in own}
    for cell in plan.tuning.cells.values():
        label, _ = of_trial(cell.method)
        other = plan.cells[cell.key.replace("@blind", "").replace(cell.method, label)]
        assert (cell.model, cell.training, cell.distill_on) == (other.model, other.training, other.distill_on)


def test_a_blind_variant_keeps_what_else_is_changed():
    config = configured(distill_on="train")
    config["experiments"][0] |= {"labels_per_class": 5, "setting": "inductive", "distill_on": "all"}
    plan = plan_of(config)
    assert plan.tuning
    (variant,) = {cell.variant for cell in plan.tuning.cells.values()}
    (dataset,) = {spec.dataset for spec in plan.tuning.specs}
    assert (variant, dataset) == ("ace-sim-mini@5,inductive,blind,all", "ace-sim-mini@5,inductive,blind")


def test_what_an_experiment_states_stays_there():
    config = configured()
    first = config["experiments"][0]
    config["experiments"] = [first, {**first, "distill_on": "all", "methods": {"kd": {"alpha": 0.3}}}]
    plan = plan_of(config)
    assert plan.tuning
    alphas = {
        variant: {c.hyperparameters.get("alpha") for c in plan.tuning.cells.values() if c.variant == variant}
        for variant in ("ace-sim-mini@blind", "ace-sim-mini@blind,all")
    }
    assert alphas["ace-sim-mini@blind,all"] == {0.3}
    assert len(alphas["ace-sim-mini@blind"]) > 3


def test_some_methods_alone_keep_the_floor():
    found = trials_of(plan_of(configured(tune={"methods": ["gcrd"]})))
    assert set(found) == {"supervised", "gcrd"}


@pytest.fixture
def composed() -> Configuration:
    both = {"kd": None, "kd+gcrd": {"gcrd": {"max_samples": 512}}, "gcrd": {"max_samples": 512}}
    more = {"gcrd+kd": None, "kd+gcrd+abkd": None, "other": {"method": "kd+gcrd", "kd": {"alpha": 0.5}}}
    return complete(configured(methods={"supervised": None, **both, **more}), "x.yaml")


def of_group(config: Configuration, label: str) -> Group:
    (experiment,) = config.experiments
    return experiment.task, experiment.teachers[0], experiment.students[0].model, label


def test_a_composition_waits_for_its_first_parts(composed):
    found = tuning.beside(composed, {})
    assert found == {of_group(composed, "kd+gcrd"): None}, "the others state other values than the parts alone do"
    assert set(trials_of(planning.build(composed, "x.yaml"))) == {*composed.methods} - {"kd+gcrd"}


def test_a_composition_is_tuned_beside_what_is_chosen(composed):
    held = {of_group(composed, "kd+gcrd"): {"kd": {"alpha": 1.0, "temperature": 0.36}}}
    found = trials_of(planning.build(composed, "x.yaml", None, held))
    default, *others = found["kd+gcrd"]
    assert default == {"gcrd": {"max_samples": 512}}
    assert [one["kd"] for one in others] == [{"alpha": 1.0, "temperature": 0.36}] * 7
    drawn = [one["gcrd"] for one in others]
    assert {**methods.defaults("gcrd"), **drawn[0]} == {**methods.defaults("gcrd"), "max_samples": 512}
    assert drawn[1:] == found["gcrd"][1:7], "at the values of the last part alone"


def test_without_the_key_there_are_no_trials():
    config = configured()
    del config["tune"]
    assert plan_of(config).tuning is None


def test_trials_have_names():
    assert trial_label("kd.1+x", 3) == "kd.1+x.3"
    assert of_trial("kd.1+x.3") == ("kd.1+x", 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1001}, "tune: seeds 1000-1004 are among those that are reported, 0-1000; give another tune.first"),
        ({"first_seed": 1001}, "tune: seeds 1000-1004 are among those that are reported, 1001-1002"),
        ({"tune": {"first_seed": 1}}, "tune: seeds 1-5 are among those that are reported, 0-1"),
        ({"tune": {"trials": 1}}, "tune.trials: must be at least 2"),
        ({"tune": {"seed": 1}}, r"tune.seed: unknown key \(did you mean 'seeds'\?\); allowed: first_seed, methods, "),
        ({"tune": {"methods": ["kdd"]}}, r"tune.methods: unknown method 'kdd' \(did you mean 'kd'\?\)"),
        ({"tune": {"methods": []}}, "tune.methods: must not be empty"),
        ({"methods": {"kd": None, "kd-tuned": {"method": "kd"}}}, "methods.kd-tuned: labels that end in -tuned are"),
        ({"reference": "kd-tuned"}, "reference: unknown method 'kd-tuned'"),
        ({"tuned": ""}, "tuned: must not be empty"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], message: str):
    with pytest.raises(UserError, match=rf"^x.yaml: {message}[^\n]*$"):
        complete(configured(**changes), "x.yaml")


@pytest.mark.parametrize("path", [path for path in SHIPPED if load(path).tuned], ids=lambda path: path.stem)
def test_shipped_choices_fit(path: Path):
    """A change of a loss, a network or a configuration that they rest on asks for `snakemake tune`."""
    config, found, trouble = tuned.used(load(path), str(path))
    assert not trouble
    assert found
    assert tuned.others(planning.build(config, path.name), found, Path("no tasks"), config, str(path)) == ""


def test_the_path_of_a_tuned_configuration_is_no_pattern():
    """Snakemake would read wildcards in the path of the file that is written beside it."""
    with pytest.raises(UserError, match=r"^{a}/x.yaml: tune: a file is written beside the configuration, whose path"):
        complete(configured(), "{a}/x.yaml")


def test_seeds_beside_each_other_are_apart():
    complete(configured(seeds=1000), "x.yaml")
    complete(configured(first_seed=1005), "x.yaml")


def test_tuned_methods_can_stand_alone():
    """Without `beside_defaults` a tuned method takes the place of the stated one, and nothing else changes."""
    path = next(path for path in SHIPPED if path.stem == "quick")
    stated = load(path)
    beside, found, _ = tuned.used(stated, str(path))
    assert found
    alone = tuned.applied(stated.model_copy(update={"beside_defaults": False, "spotlight": ["abkd-tuned"]}), found)
    chosen = {label for label in stated.methods if tuned_label(label) in beside.methods}
    assert chosen
    assert list(alone.methods) == [label for label in beside.methods if label not in chosen]
    plan = planning.build(alone, path.name)
    both = planning.build(beside, path.name)
    assert plan.cells == {key: cell for key, cell in both.cells.items() if cell.method not in chosen}
