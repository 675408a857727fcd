"""The configuration: every mistake is one line with the key and what is allowed, before any job."""

from __future__ import annotations

import copy
import random
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from reports import published
from workflow import plan as planning
from workflow import sources
from workflow.config import available_models, complete, load, parse_seeds, schema, seed_blocks
from workflow.errors import UserError
from workflow.run import Run
from workflow.steps.tune import candidates, choose

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))

GOOD = {
    "title": "A test",
    "seeds": 2,
    "models": {"big": {"model": "gcn", "layers": 3, "width": 64}, "small": {"model": "gcn"}},
    "methods": {"supervised": None, "kd": None, "gcrd-cold": {"method": "gcrd", "tau2": 0.05}},
    "experiments": [
        {"dataset": "ace-sim-mini", "teachers": ["big"], "students": [{"model": "small", "ratios": [4, 8]}]}
    ],
}


def change(path: str, value):
    config = copy.deepcopy(GOOD)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    place = config
    for part in parents:
        place = place[part]
    place[last] = value
    return config


def test_good_config_is_planned():
    plan = planning.build(complete(GOOD, "x.yaml"), "x.yaml")
    assert sorted(plan["teachers"]) == ["ace-sim-mini/big"]
    assert len(plan["cells"]) == 6
    cell = next(spec for key, spec in plan["cells"].items() if "~4x" in key and key.endswith("gcrd-cold"))
    assert cell["hyperparameters"] == {"tau2": 0.05}
    assert cell["teacher_params"] / cell["student_params"] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", 3, r"x.yaml: seed: unknown key \(did you mean 'seeds'\?\); allowed: "),
        ("seeds", "ten", r"x.yaml: seeds: 'ten' is not of type 'integer'"),
        ("seeds", 0, r"x.yaml: seeds: 0 is less than the minimum of 1"),
        ("device", "gpu", r"x.yaml: device: 'gpu' is not one of \['auto', 'cpu', 'cuda'\]"),
        ("reference", "gcrd", r"x.yaml: reference: unknown method 'gcrd'.*; allowed: gcrd-cold, kd, supervised"),
        ("methods/kdd", None, r"x.yaml: methods.kdd: unknown method 'kdd' \(did you mean 'kd'\?\); allowed: "),
        ("methods/teacher", None, r"x.yaml: methods.teacher: this label is kept"),
        ("methods/kd", {"alhpa": 1}, r"x.yaml: methods.kd: kd: unknown hyperparameter 'alhpa'; allowed: alpha"),
        ("methods/kd", {"temperature": -1}, r"x.yaml: methods.kd: kd: temperature"),
        ("methods/kd+fitnet", {"beta": 1}, r"x.yaml: methods.kd\+fitnet: .*must be a mapping under one of: kd, fitnet"),
        ("methods/kd+kd", None, r"x.yaml: methods.kd\+kd: .*names a method twice"),
        ("methods/gsp", {"max_samples": 1e3}, r"x.yaml: methods.gsp: gsp: max_samples=1000.0; allowed: whole numbers"),
        ("methods/abkd", {"dim": True}, r"x.yaml: methods.abkd: abkd: dim=True; allowed: whole numbers >= 1"),
        ("methods/gcrd", {"block": 0}, r"x.yaml: methods.gcrd: gcrd: block=0; allowed: whole numbers >= 1"),
        ("models/small/model", "gnc", r"x.yaml: models.small.model: unknown model 'gnc' \(did you mean 'gcn'\?\)"),
        ("models/big/layesr", 3, r"x.yaml: models.big: layesr: unknown option of model 'gcn'; allowed: layers"),
        ("models/big/training", {"epoch": 3}, r"x.yaml: models.big.training.epoch: unknown key .*'epochs'"),
        ("training", {"epochs": 0}, r"x.yaml: training.epochs: 0 is less than the minimum of 1"),
        ("experiments/0/dataset", "ace", r"x.yaml: experiments\[0\].dataset: unknown dataset 'ace'.*ace-sim"),
        ("experiments/0/teachers", ["bigg"], r"x.yaml: experiments\[0\].teachers: unknown model 'bigg'"),
        ("experiments/0/methods", ["supervised"], r"x.yaml: experiments\[0\].methods: must hold the reference 'kd'"),
        ("experiments/0/students/0/ratios", [1], r"students\[0\].ratios\[0\]: 1 is less than or equal to"),
        ("experiments/0/students/0/ratios", [900], r"students\[0\].ratios: ratio 900 cannot be reached within 5%"),
        ("experiments/0/students/0", {"model": "small", "widths": [500]}, r"widths: width 500 has .* its teacher only"),
        ("experiments/0/students/0", {"model": "small"}, r"students\[0\]"),
        ("experiments/0/students/0/widths", [3], r"students\[0\]: give either ratios or widths"),
    ],
)
def test_mistakes_are_one_line(path, value, message):
    with pytest.raises(UserError, match=message) as caught:
        planning.build(complete(change(path, value), "x.yaml"), "x.yaml")
    assert "\n" not in str(caught.value)


def test_missing_key_is_named():
    config = copy.deepcopy(GOOD)
    del config["methods"]
    with pytest.raises(UserError, match=r"x.yaml: methods: is missing"):
        complete(config, "x.yaml")


def test_a_cell_that_is_listed_twice_is_refused():
    config = copy.deepcopy(GOOD)
    config["experiments"] *= 2
    with pytest.raises(UserError, match="listed twice"):
        planning.build(complete(config, "x.yaml"), "x.yaml")


def test_broken_yaml_and_missing_file(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1\n")
    with pytest.raises(UserError, match="not valid YAML"):
        load(tmp_path / "x.yaml")
    with pytest.raises(UserError, match="No such file"):
        load(tmp_path / "y.yaml")


def test_order_of_methods_changes_no_spec():
    """Same specs, so the same jobs with the same numbers."""
    shuffled = copy.deepcopy(GOOD)
    shuffled["methods"] = dict(random.Random(0).sample(list(GOOD["methods"].items()), 3))
    assert list(shuffled["methods"]) != list(GOOD["methods"])
    one, two = (planning.build(complete(c, "x.yaml"), "x.yaml") for c in (GOOD, shuffled))
    assert one["cells"] == two["cells"]


def test_experiment_overrides_hyperparameters_and_training():
    config = copy.deepcopy(GOOD)
    config["training"] = {"epochs": 5, "weight_decay": 0.1}
    config["models"]["small"]["training"] = {"learning_rate": 0.5}
    config["experiments"][0] |= {"methods": {"kd": {"alpha": 0.5}, "supervised": None}, "training": {"epochs": 9}}
    plan = planning.build(complete(config, "x.yaml"), "x.yaml")
    assert {key.rsplit("/", 1)[1] for key in plan["cells"]} == {"kd", "supervised"}
    cell = next(spec for spec in plan["cells"].values() if spec["method"] == "kd")
    assert cell["hyperparameters"] == {"alpha": 0.5}
    settings = cell["training"]
    assert (settings["epochs"], settings["weight_decay"], settings["learning_rate"]) == (9, 0.1, 0.5)


def test_an_experiment_changes_a_composition_part_by_part():
    config = copy.deepcopy(GOOD)
    config["methods"]["kd+gcrd"] = {"kd": {"alpha": 0.5}, "gcrd": {"beta": 1, "max_samples": 9}}
    config["experiments"][0]["methods"] = {"kd": None, "kd+gcrd": {"gcrd": {"beta": 2}}}
    plan = planning.build(complete(config, "x.yaml"), "x.yaml")
    cell = next(spec for spec in plan["cells"].values() if spec["method"] == "kd+gcrd")
    assert cell["hyperparameters"] == {"kd": {"alpha": 0.5}, "gcrd": {"beta": 2, "max_samples": 9}}


def test_a_method_that_cannot_be_loaded_is_one_line(monkeypatch):
    def broken(identity):
        raise AttributeError(f"{identity} has no year")

    monkeypatch.setattr("methods.describe", broken)
    with pytest.raises(UserError, match=r"x.yaml: methods.supervised: AttributeError: supervised has no year"):
        planning.build(complete(GOOD, "x.yaml"), "x.yaml")


@pytest.mark.parametrize(
    ("first", "seeds", "blocks"),
    [(0, 10, ["0-4", "5-9"]), (0, 7, ["0-4", "5-6"]), (0, 3, ["0-2"]), (3, 4, ["3-4", "5-6"]), (100, 5, ["100-104"])],
)
def test_seed_blocks(first, seeds, blocks):
    config = {"first_seed": first, "seeds": seeds, "seeds_per_job": {"teach": 5}}
    assert seed_blocks(config, "teach") == blocks
    assert [s for block in blocks for s in parse_seeds(block)] == list(range(first, first + seeds))


def test_another_training_of_the_teacher_is_another_cell():
    changed = change("models/big/training", {"epochs": 7})
    cells = [planning.build(complete(c, "x.yaml"), "x.yaml")["cells"] for c in (GOOD, changed)]
    for key, spec in cells[0].items():
        assert {k for k in spec if spec[k] != cells[1][key][k]} == {"teacher_hash"}


@pytest.mark.parametrize("value", [-0.5, 1.0, 1.5])
@pytest.mark.parametrize(
    ("model", "dataset"), [("gcn", "ace-sim-mini"), ("gine", "ace-mol-mini"), ("rgcn", "ace-het-mini")]
)
def test_dropout_is_a_probability(model, dataset, value):
    config = copy.deepcopy(GOOD)
    config["models"] = {"big": {"model": model, "layers": 3, "width": 64, "dropout": value}, "small": {"model": model}}
    config["experiments"][0]["dataset"] = dataset
    with pytest.raises(UserError, match=r"models\.big: .*dropout must be at least 0 and below 1"):
        planning.build(complete(config, "x.yaml"), "x.yaml")


def test_results_rest_on_what_they_import():
    def names(*found):
        return {path.relative_to(ROOT).as_posix().removeprefix("workflow/") for path in sources.files(*found)}

    training = names(("workflow.training.block", "workflow.models.architectures.gcn"), sources.TRAINING)
    assert {"training/feeds/heterogeneous.py", "models/parts/constant.py", "models/parts/layerwise.py"} <= training
    assert {"datasets/parts/csr.py", "task.py"} <= training
    assert not {"models/architectures/rgcn.py", "training/measuring.py", "datasets/ace_sim.py"} & training
    assert {"models/propagation.py", "methods/sparse.py"} <= training
    loader = names(("workflow.datasets.ace_het",), sources.DATA)
    assert {"datasets/parts/similarity.py", "datasets/parts/csr.py", "datasets/parts/moleculeace.py"} <= loader
    assert not {"catalog.py", "datasets/planetoid.py"} & loader
    assert sources.of_training("gcn") != sources.of_training("sage")


@pytest.mark.parametrize("root", ["workflow.training.block", "workflow.training.measuring"])
def test_no_numbers_come_from_a_file_that_is_not_watched(root):
    """Beyond what is watched, teachers and measurements import what computes nothing of theirs."""
    roots = (root, *(f"workflow.models.architectures.{name}" for name in available_models()))
    watched = set(sources.files(roots, sources.TRAINING))
    others = set(sources.files(roots, ("workflow", "methods"))) - watched
    assert ROOT / "methods/sparse.py" in watched
    assert {path.relative_to(ROOT).as_posix() for path in others} <= {
        *("workflow/errors.py", "workflow/files.py", "workflow/plan.py", "workflow/config.py", "workflow/sources.py"),
        "methods/listing.py",
        "methods/vocabulary.py",
        "methods/contract.py",  # what a method and its signals are
    }


def test_a_method_rests_on_the_methods_that_it_imports(monkeypatch, tmp_path):
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "mine.py").write_text("from baselines.kd import Logits\nfrom . import _shared\n")
    for name in ("kd", "_shared", "at"):
        (tmp_path / "baselines" / f"{name}.py").write_text("from ._deep import x\n" if name == "_shared" else "")
    (tmp_path / "baselines" / "_deep.py").write_text("")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    found = sources.files(("baselines.mine",), sources.METHODS)
    assert sorted(path.stem for path in found) == ["_deep", "_shared", "kd", "mine"]


def test_a_folder_of_raw_files_concerns_its_own_loader():
    config = complete(change("data", {"ogb_root": "here", "planetoid_root": "there"}), "x.yaml")
    run = Run.__new__(Run)
    run.config = config
    assert run.data_settings("ace-sim") == "{}"
    assert run.data_settings("cora") == '{"planetoid_root": "there"}'
    assert run.data_settings("ogbg-molhiv") == run.data_settings("ogbn-mag") == '{"ogb_root": "here"}'


def test_more_seeds_only_add_blocks():
    few, many = ({"first_seed": 0, "seeds": n, "seeds_per_job": {"teach": 5}} for n in (10, 20))
    assert seed_blocks(many, "teach")[:2] == seed_blocks(few, "teach")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configs_can_be_planned(path):
    config = load(path)
    plan = planning.build(config, path.name)
    assert plan["cells"]
    reported = path.stem != "smoke" and not path.stem.startswith("tune-")
    assert config["seeds"] >= 10 or not reported, "p-values need 10 paired seeds"


# Parameters beyond the published ones: one more row of an embedding, as today's `ogb` knows a fifth chirality, and for
# PNA four vectors of 150 less in each layer, which no described layer of the source accounts for.
EXTRA = {"gine-5x300": 300, "pna-5x150": 150 - 3000, "mol-gcn-2x100": 100}


def test_paper_yaml_holds_every_published_cell():
    plan = planning.build(load(ROOT / "config" / "paper.yaml"), "paper.yaml")
    pairs = [cell for block in published.facts() for cell in block.get("cells", []) if "student" in cell]
    assert len(pairs) == 7
    for cell in pairs:
        for method in set(cell) - published.NOT_SCORES:
            spec = plan["cells"]["/".join((cell["dataset"], cell["teacher"], cell["student"], method))]
            for role in ("teacher", "student"):
                assert spec[f"{role}_params"] == cell[f"{role}_params"] + EXTRA.get(cell[role], 0)


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.stem.startswith("tune-")], ids=lambda p: p.stem)
def test_tuning_is_fair(path):
    """Equal budgets, seeds that are not reported, and choices that the tuned configuration really holds."""
    tuning, tuned = load(path), load(path.with_name(path.name.removeprefix("tune-")))
    assert tuning["first_seed"] >= tuned["first_seed"] + tuned["seeds"]
    assert tuning["training"] == tuned["training"]
    found = candidates(tuning)
    assert len({len(labels) for labels in found.values()}) == 1
    assert set(found) | {"supervised"} == set(tuned["methods"])
    for name, labels in found.items():
        settings = [{"method": name, **tuning["methods"][label]} for label in labels]
        assert {"method": name, **(tuned["methods"][name] or {})} in settings, name


def test_plan_is_cached_until_the_config_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = planning.cached(complete(GOOD, "x.yaml"), "x.yaml")
    monkeypatch.setattr(planning.subprocess, "run", lambda *a, **k: pytest.fail("planned again"))
    assert planning.cached(complete(GOOD, "x.yaml"), "x.yaml") == first


def test_run_without_torch():
    """Snakemake itself must start quickly."""
    import subprocess
    import sys

    code = (
        "import sys; from workflow.run import Run; from workflow.config import load;"
        "r = Run(load('config/smoke.yaml'), 'config/smoke.yaml'); r.all_rows; r.report_settings;"
        "heavy = {'torch', 'ogb', 'torch_geometric', 'pandas', 'rdkit', 'scipy'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_every_key_is_documented():
    """config/README.md lists exactly the keys of the schema."""
    table = (ROOT / "config" / "README.md").read_text().split("## Keys")[1]
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)`", table, flags=re.M))

    def keys(part, prefix=""):
        for name, sub in part.get("properties", {}).items():
            if "$ref" in sub:
                yield prefix + name
            else:
                yield prefix + name
                yield from keys(sub, f"{prefix}{name}.")
                inner = sub.get("items", sub.get("additionalProperties"))
                if isinstance(inner, dict):
                    yield from keys(inner, f"{prefix}{name}[].")

    wanted = set(keys(schema())) | {f"training.{name}" for name in schema()["$defs"]["training"]["properties"]}
    assert documented == wanted


def test_titles_tell_variants_apart():
    run = Run(complete(GOOD, "x.yaml"), "x.yaml")
    assert run.titles["gcrd-cold"]["title"] == run.titles["gcrd-cold"]["title"].split(" (")[0] + " (cold)"


def test_schema_is_valid():
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(
        yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    )


def test_choice_is_by_validation_and_leaves_out_failures():
    config = {"methods": {"a.1": {"beta": 1}, "a.2": {"beta": 2}, "a.3": {"beta": 3}, "plain": None}}
    rows = [("a.1", 0.5, 0.9, "ok"), ("a.2", 0.6, 0.1, "ok"), ("a.2", 0.6, 0.1, "ok")]
    rows += [("a.3", 0.9, 0.9, "ok"), ("a.3", None, None, "diverged")]
    runs = pd.DataFrame(rows, columns=["method", "valid", "test", "status"]).assign(metric="accuracy")
    table = choose(runs, config)
    assert table[table["chosen"]]["candidate"].tolist() == ["a.2"]
    table = choose(runs.assign(metric="rmse"), config)
    assert table[table["chosen"]]["candidate"].tolist() == ["a.1"]
    with pytest.raises(UserError, match="no candidate of a has finished"):
        choose(runs[runs["method"] == "a.3"], config)
