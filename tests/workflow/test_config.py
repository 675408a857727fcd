"""The configuration: every mistake is one line with the key and what is allowed, before any job."""

from __future__ import annotations

import copy

import pytest

from methods.contract import Shape
from tests.workflow.samples import GOOD, SHIPPED, change, plan_of
from workflow.attempt import attempt
from workflow.catalog import facts
from workflow.config import complete, load, merged, parse_seeds, without_places
from workflow.errors import UserError


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", 3, r"x.yaml: seed: unknown key \(did you mean 'seeds'\?\); allowed: "),
        ("seeds", "ten", r"x.yaml: seeds: must be an integer, not 'ten'"),
        ("seeds", 0, r"x.yaml: seeds: must be at least 1, not 0"),
        ("seeds", True, r"x.yaml: seeds: must be an integer, not True"),
        ("seeds", 10.0, r"x.yaml: seeds: must be an integer, not 10.0"),
        ("title", 3, r"x.yaml: title: must be a string, not 3"),
        ("alpha", float("nan"), r"x.yaml: alpha: must be a finite number, not nan"),
        ("alpha", 1, r"x.yaml: alpha: must be less than 0.5, not 1"),
        ("device", "gpu", r"x.yaml: device: must be 'auto', 'cpu' or 'cuda', not 'gpu'"),
        ("reference", "gcrd", r"x.yaml: reference: unknown method 'gcrd'.*; allowed: gcrd-cold, kd, supervised"),
        ("spotlight", ["abkd"], r"x.yaml: spotlight: unknown method 'abkd'.*; allowed: gcrd-cold, kd, supervised"),
        ("report", {"titles": {"kdd": "KD"}}, r"x.yaml: report.titles: unknown method or dataset 'kdd'"),
        ("report", {"titles": {"kd": ""}}, r"x.yaml: report.titles.kd: must not be empty"),
        ("report", {"select": {"ratios": [7]}}, r"x.yaml: report.select.ratios: unknown ratio '7'.*; allowed: "),
        ("models", {}, r"x.yaml: models: must not be empty"),
        ("models", {"A b": {"model": "gcn"}}, r"x.yaml: models.A b: a name holds small letters"),
        ("models/big", "gcn", r"x.yaml: models.big: must be a mapping, not 'gcn'"),
        ("methods/kdd", None, r"x.yaml: methods.kdd: unknown method 'kdd' \(did you mean 'kd'\?\); allowed: "),
        ("methods/teacher", None, r"x.yaml: methods.teacher: this label is kept"),
        (
            "methods/kd",
            {"alhpa": 1},
            r"x.yaml: methods.kd: kd: unknown hyperparameter 'alhpa' \(did you mean 'alpha'\?\); allowed: ",
        ),
        ("methods/kd", {"temperature": -1}, r"x.yaml: methods.kd: kd: temperature"),
        ("methods/kd", {"temperature": True}, r"x.yaml: methods.kd: kd: temperature=True; allowed: > 0"),
        (
            "methods/kd",
            {"temperature": "1e-3"},
            r"methods.kd: kd: temperature='1e-3'; allowed: > 0 \('1e-3' is a text in YAML; write 0.001 or 1.0e-3\)$",
        ),
        ("methods/kd", {"temperature": "-1e3"}, r"methods.kd: kd: temperature='-1e3'; allowed: > 0$"),
        ("methods/gsp", {"max_samples": "1e3"}, r"gsp: max_samples='1e3'; .* \('1e3' is a text in YAML; write 1000\)$"),
        (
            "methods/kd+fitnet",
            {"fitnet": {"beta": "1e-3"}},
            r"fitnet: beta='1e-3'; .* is a text in YAML; write 0.001 or ",
        ),
        ("methods/kd", {"alpha": float("nan")}, r"x.yaml: methods.kd.alpha: must be a finite number, not nan"),
        ("methods/abkd", {"beta": [1]}, r"x.yaml: methods.abkd: abkd: beta=\[1\]; allowed: >= 0"),
        ("methods/kd+fitnet", {"beta": 1}, r"x.yaml: methods.kd\+fitnet: .*must be a mapping under one of: kd, fitnet"),
        ("methods/kd+kd", None, r"x.yaml: methods.kd\+kd: .*names a method twice"),
        ("methods/gsp", {"max_samples": 1e3}, r"x.yaml: methods.gsp: gsp: max_samples=1000.0; allowed: whole numbers"),
        ("methods/abkd", {"dim": True}, r"x.yaml: methods.abkd: abkd: dim=True; allowed: whole numbers >= 1"),
        ("methods/gcrd", {"block": 0}, r"x.yaml: methods.gcrd: gcrd: block=0; allowed: whole numbers >= 1"),
        ("models/small/model", "gnc", r"x.yaml: models.small.model: unknown model 'gnc' \(did you mean 'gcn'\?\)"),
        (
            "models/big/layesr",
            3,
            r"x.yaml: models.big: layesr: unknown option of model 'gcn' .*'layers'\?\); allowed: ",
        ),
        (
            "models/small/drop",
            0.1,
            r"x.yaml: models.small: drop: unknown option of .* \(did you mean 'dropout'\?\); allow",
        ),
        ("models/small/dropout", 1.5, r"x.yaml: models.small: model 'gcn': .*dropout must be at least 0 and below 1"),
        (
            "models/small/dropout",
            "5e-1",
            r"models.small: dropout: must be a number, not '5e-1' .*; write 0.5 or 5.0e-1\)",
        ),
        (
            "models/spare",
            {"model": "gcn", "dropuot": 0.1},
            r"x.yaml: models.spare: dropuot: unknown option of model 'gcn'",
        ),
        ("models/spare", {"model": "gat", "residual": "no"}, r"models.spare: residual: must be true or false, without"),
        ("models/big/residual", None, r"x.yaml: models.big: residual: unknown option of model 'gcn'"),
        ("models/big/norm", None, r"x.yaml: models.big: norm: must be a text, not None$"),
        ("report", {"titles": {"kd": "a\nb"}}, r"x.yaml: report.titles.kd: must be one line of text$"),
        ("models/big/layers", "three", r"x.yaml: models.big: layers: must be a whole number, not 'three'$"),
        ("models/big/layers", 2.5, r"x.yaml: models.big: layers: must be a whole number, not 2.5$"),
        ("models/big/training", {"epoch": 3}, r"x.yaml: models.big.training.epoch: unknown key .*'epochs'"),
        ("training", {"epochs": 0}, r"x.yaml: training.epochs: must be at least 1, not 0"),
        (
            "training",
            {"learning_rate": "1e-3"},
            r"training.learning_rate: must be a number, not '1e-3' .*; write 0.001 or 1.0e-3\)$",
        ),
        (
            "training",
            {"epochs": "1e3"},
            r"training.epochs: must be an integer, not '1e3' .*is a text in YAML; write 1000\)$",
        ),
        ("training", {"epochs": "1.5"}, r"training.epochs: must be an integer, not '1.5'$"),
        ("alpha", "2e0", r"x.yaml: alpha: must be a number, not '2e0'$"),
        (
            "experiments/0/students/0/ratios",
            ["4e0"],
            r"ratios\[0\]: must be a number, not '4e0' \('4e0' is .* write 4\)$",
        ),
        ("training", None, r"x.yaml: training: must be a mapping, not None"),
        ("experiments", {}, r"x.yaml: experiments: must be a list, not {}"),
        ("experiments/0/dataset", "ace", r"x.yaml: experiments\[0\].dataset: unknown dataset 'ace'.*ace-sim"),
        ("experiments/0/teachers", ["bigg"], r"x.yaml: experiments\[0\].teachers: unknown model 'bigg'"),
        ("experiments/0/teachers", ["big", "big"], r"x.yaml: experiments\[0\].teachers: names 'big' twice"),
        ("experiments/0/methods", ["supervised"], r"x.yaml: experiments\[0\].methods: must hold the reference 'kd'"),
        ("experiments/0/methods", ["kd", "kd"], r"x.yaml: experiments\[0\].methods: names 'kd' twice"),
        ("experiments/0/methods", "kd", r"x.yaml: experiments\[0\].methods: must be a mapping, not 'kd'"),
        ("experiments/0/students/0/ratio", [3], r"students\[0\].ratio: unknown key \(did you mean 'ratios'\?\)"),
        ("experiments/0/students/0/ratios", [1], r"students\[0\].ratios\[0\]: must be greater than 1, not 1"),
        ("experiments/0/students/0/ratios", [4, 4], r"students\[0\].ratios: names 4 twice"),
        ("experiments/0/students/0/ratios", [900], r"students\[0\].ratios: ratio 900 cannot be reached within 5%"),
        ("experiments/0/students/0", {"model": "small", "widths": [500]}, r"widths: width 500 has .* its teacher only"),
        ("experiments/0/students/0", {"model": "small"}, r"students\[0\]: give either ratios or widths, not neither"),
        ("experiments/0/students/0/widths", [3], r"students\[0\]: give either ratios or widths, not both"),
    ],
)
def test_mistakes_are_one_line(path, value, message):
    with pytest.raises(UserError, match=message) as caught:
        plan_of(change(path, value))
    assert "\n" not in str(caught.value)


def test_a_method_that_no_experiment_uses_is_checked_too():
    config = change("experiments/0/methods", ["supervised", "kd"])
    config["methods"]["fitnet"] = {"betta": 3}
    message = r"^x.yaml: methods.fitnet: fitnet: unknown hyperparameter 'betta' \(did you mean 'beta'\?\)"
    with pytest.raises(UserError, match=message):
        plan_of(config)


def test_missing_key_is_named():
    config = copy.deepcopy(GOOD)
    del config["methods"]
    with pytest.raises(UserError, match=r"x.yaml: methods: is missing"):
        complete(config, "x.yaml")


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"seeds": "sedes"}, r"x.yaml: sedes: unknown key \(did you mean 'seeds'\?\); allowed: "),
        (
            {"seeds": "sedes", "title": "tilte"},
            r"x.yaml: \w+: unknown key \(did you mean '(seeds|title)'\?\); allowed: ",
        ),
        ({"seeds": "colour"}, r"x.yaml: colour: unknown key; allowed: "),
    ],
)
def test_an_unknown_key_is_told_before_the_missing_one(renamed, message):
    config = {renamed.get(key, key): value for key, value in GOOD.items()}
    with pytest.raises(UserError, match=message):
        complete(config, "x.yaml")


def test_a_text_that_a_method_does_not_refuse_is_refused_where_its_default_is_a_number(monkeypatch):
    monkeypatch.setattr("methods.create", lambda *_, **__: None)
    shape = Shape((3,), 2)
    known = facts("ace-sim-mini"), shape, shape
    attempt("kd+fitnet", *known, {"kd": {"temperature": 2, "reduction": "elementwise"}, "fitnet": {"beta": 0.1}})
    with pytest.raises(
        ValueError, match=r"^kd\+fitnet: fitnet.beta='1e-3': must be a number .*; write 0.001 or 1.0e-3"
    ):
        attempt("kd+fitnet", *known, {"fitnet": {"beta": "1e-3"}})


def test_a_key_that_is_missing_is_found_among_a_networks_options():
    config = copy.deepcopy(GOOD)
    config["models"]["big"]["modle"] = config["models"]["big"].pop("model")
    with pytest.raises(
        UserError, match=r"x.yaml: models.big.model: is missing \(is it 'modle', which stands there\?\)$"
    ):
        complete(config, "x.yaml")


def test_broken_files_are_one_line(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1\n")
    with pytest.raises(UserError, match="not valid YAML"):
        load(tmp_path / "x.yaml")
    with pytest.raises(UserError, match="No such file"):
        load(tmp_path / "y.yaml")
    (tmp_path / "w.yaml").write_text("methods:\n  kd:\n  kd: {alpha: 1}\n")
    with pytest.raises(UserError, match=r"w.yaml: not valid YAML: 'kd' is given twice in the mapping of line 2"):
        load(tmp_path / "w.yaml")
    (tmp_path / "z.yaml").write_bytes(b"title: \xff\n")
    with pytest.raises(UserError, match=r"z.yaml: is not UTF-8 text"):
        load(tmp_path / "z.yaml")


@pytest.mark.parametrize("value", [-0.5, 1.0, 1.5])
@pytest.mark.parametrize(
    ("model", "dataset"), [("gcn", "ace-sim-mini"), ("gine", "ace-mol-mini"), ("rgcn", "ace-het-mini")]
)
def test_dropout_is_a_probability(model, dataset, value):
    config = copy.deepcopy(GOOD)
    config["models"] = {"big": {"model": model, "layers": 3, "width": 64, "dropout": value}, "small": {"model": model}}
    config["experiments"][0]["dataset"] = dataset
    with pytest.raises(UserError, match=r"models\.big: .*dropout must be at least 0 and below 1"):
        plan_of(config)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configs_can_be_planned(path):
    from workflow import plan as planning

    config = load(path)
    assert planning.build(config, path.name).cells
    assert config.seeds >= 10 or path.stem == "smoke", "p-values need 10 paired seeds"


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.stem != "paper"], ids=lambda p: p.stem)
def test_shipped_configs_have_the_controls(path):
    assert {"supervised", "label-smoothing", "shuffled", "self", "longer"} <= set(load(path).methods)


def test_hyperparameters_are_merged_part_by_part():
    assert merged({"kd": {"alpha": 1}, "beta": 2}, {"kd": {"temperature": 3}, "beta": 4}) == {
        "kd": {"alpha": 1, "temperature": 3},
        "beta": 4,
    }


def test_a_block_of_seeds_is_read():
    assert parse_seeds("3-5") == [3, 4, 5]
    for wrong in ("5-3", "3", "a-b", "-1-2"):
        with pytest.raises(UserError, match="must look like 0-4"):
            parse_seeds(wrong)


def test_a_colour_of_the_command_line_is_no_comment(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("title: x\n")
    colours = ["#0072B2", "#D55E00"]
    changed = GOOD | {"report": {"figures": {"palette": colours}}, "seeds": "3"}
    config = complete(changed, str(file))
    assert config.seeds == 3
    assert list(config.report.figures.palette) == colours


def test_no_folder_of_this_machine_is_told():
    stated = {"seeds": 3, "data": {"ogb_root": "/mnt/store/alices-lab/ogb", "planetoid_root": "data/planetoid"}}
    told = without_places(stated)
    assert told == {"seeds": 3, "data": {"ogb_root": "…/ogb", "planetoid_root": "data/planetoid"}}
    assert without_places({"seeds": 3}) == {"seeds": 3}


def test_a_label_that_is_an_id_may_name_its_own_method():
    methods = {"kd": {"method": "kd"}, "kd+gcrd": {"method": "gcrd+kd"}, "kd-hot": {"method": "kd", "temperature": 4}}
    assert complete(change("methods", methods), "x.yaml").method_id("kd+gcrd") == "gcrd+kd"
