"""The registry finds, creates and composes methods, and refuses what cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import methods
from methods import registry
from methods.contract import Batch, Shape
from methods.testing import make_batch, make_signals

torch.set_num_threads(1)

TEACHER, STUDENT = Shape((6, 7), 5), Shape((4, 3), 5)


def test_methods_of_the_design_exist() -> None:
    wanted = "supervised kd fitnet at lsp gsp gcrd abkd stride abkd-uniform abkd-last abkd-regression abkd-pooled "
    wanted += "abkd-many-to-one abkd-one-to-many stride-structure stride-embedding"
    assert set(wanted.split()) <= set(methods.available())


@pytest.mark.parametrize("method", methods.available())
def test_unknown_hyperparameters_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match="unknown hyperparameter"):
        methods.create(method, teacher=TEACHER, student=STUDENT, no_such_thing=1)


@pytest.mark.parametrize(
    ("method", "hyperparameters", "told"),
    [
        ("kdd", {}, r"^unknown method 'kdd' \(did you mean 'kd'\?\); allowed: "),
        ("kd+gcdr", {}, r"^unknown method 'gcdr' \(did you mean 'gcrd'\?\); allowed: "),
        (
            "kd",
            {"temprature": 2},
            r"^kd: unknown hyperparameter 'temprature' \(did you mean 'temperature'\?\); allowed: ",
        ),
        ("kd", {"no_such_thing": 2}, r"^kd: unknown hyperparameter 'no_such_thing'; allowed: "),
    ],
)
def test_a_mistyped_name_is_told_with_the_near_one(method: str, hyperparameters: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        methods.create(method, teacher=TEACHER, student=STUDENT, **hyperparameters)


@pytest.mark.parametrize("method", methods.available())
def test_a_hyperparameter_without_a_value_is_refused(method: str) -> None:
    """`projection:` with nothing behind it would fail in training, or be another method."""
    for key, default in registry.settable(methods.load(method)).items():
        if default is not None:
            with pytest.raises(ValueError, match=f"^{method}: {key} has no value; the default is "):
                methods.create(method, teacher=TEACHER, student=STUDENT, **{key: None})


REFUSED = [
    ("kd", {"reduction": "sum"}, "batchmean, elementwise"),
    ("kd", {"temperature": 0}, "> 0"),
    ("kd", {"alpha": 1.5}, "0 to 1"),
    ("fitnet", {"heads": "teacher"}, "student, both"),
    ("at", {"beta": -1}, ">= 0"),
    ("lsp", {"kernel": "linear"}, "cosine, poly, l2, rbf"),
    ("gsp", {"kernel": "linear"}, "cosine, poly, l2, rbf"),
    ("gsp", {"max_samples": 0}, ">= 1"),
    ("gcrd", {"tau2": 0}, "> 0"),
    ("abkd", {"axis": "rows"}, "teacher, student, pairs"),
    ("abkd", {"dissimilarity": "mean"}, "node, regression, regressor, pooled"),
    ("stride", {"structure": "kd"}, "gcrd, lsp, gsp"),
]


@pytest.mark.parametrize(("method", "hyperparameters", "allowed"), REFUSED)
def test_refusals_name_the_allowed_values(method: str, hyperparameters: dict[str, object], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed) as error:
        methods.create(method, teacher=TEACHER, student=STUDENT, **hyperparameters)
    assert method in str(error.value)


# Variants: what a class fixes, no configuration sets.


VARIANTS = [name for name in methods.available() if methods.load(name).fixed]


def test_variants_are_found() -> None:
    assert {"abkd-pooled", "abkd-regression", "stride-embedding", "stride-structure"} <= set(VARIANTS)


@pytest.mark.parametrize("method", VARIANTS)
def test_what_a_variant_fixes_cannot_be_set(method: str) -> None:
    """Not even to the value that it has."""
    fixed = methods.load(method).fixed
    assert not set(fixed) & set(methods.defaults(method))
    for key, value in fixed.items():
        with pytest.raises(ValueError, match=f"this variant fixes '{key}' to {value!r}") as error:
            methods.create(method, teacher=TEACHER, student=STUDENT, **{key: value})
        told, allowed = str(error.value).split("; allowed: ")
        assert told.startswith(f"{method}: ")
        assert allowed.split(", ") == list(methods.defaults(method))


def test_what_a_variant_fixes_cannot_be_set_in_a_composition() -> None:
    with pytest.raises(ValueError, match=r"^abkd-pooled: this variant fixes 'dissimilarity' to 'pooled'"):
        methods.create("kd+abkd-pooled", teacher=TEACHER, student=STUDENT, **{"abkd-pooled": {"dissimilarity": "node"}})
    assert "dissimilarity" not in methods.defaults("kd+abkd-pooled")["abkd-pooled"]
    assert "dissimilarity" in methods.defaults("kd+abkd")["abkd"]


def test_a_variant_is_its_base_with_these_values() -> None:
    for name in VARIANTS:
        cls = methods.load(name)
        made = methods.create(name, teacher=TEACHER, student=STUDENT)
        torch.manual_seed(0)
        first = methods.create(name, teacher=TEACHER, student=STUDENT).state_dict()
        torch.manual_seed(0)
        second = cls.__bases__[0](TEACHER, STUDENT, **cls.fixed).state_dict()  # type: ignore[call-arg]
        assert type(made) is cls
        assert list(first) == list(second)
        assert all(torch.equal(first[key], second[key]) for key in first)


VARIANT = '''"""A variant."""
from abkd.abkd import AttentionBasedKD

class Mine(AttentionBasedKD, {fixed}):
    """abkd otherwise."""
    title = "Mine"
'''


def test_a_variant_of_what_is_not_there_is_refused(added: Callable[..., str]) -> None:
    with pytest.raises(
        ValueError,
        match=r"mine: fixes 'axes', which is no hyperparameter \(did you mean 'axis'\?\); allowed: dim, beta",
    ):
        registry.load(added("mine.py", VARIANT.format(fixed="axes='student'")))


def test_a_file_without_a_method_is_refused(added: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match=r"^\S*/methods/mine.py must define exactly one Method, found 0"):
        registry.load(added("mine.py", "from abkd.abkd import AttentionBasedKD\n"))


def test_a_composition_has_no_class() -> None:
    with pytest.raises(ValueError, match=r"'kd\+gcrd' composes 2 methods; name one of: kd, gcrd"):
        methods.load("kd+gcrd")


# Composition


def test_composition_sums_its_parts() -> None:
    parts = {"kd": {"alpha": 0.8}, "gcrd": {"beta": 0.05, "projection": 16}}
    s, t = make_signals(12, STUDENT, 1), make_signals(12, TEACHER, 2)

    def batch() -> Batch:
        return make_batch(labels=[0] * 12)

    torch.manual_seed(0)
    both = methods.create("kd+gcrd", teacher=TEACHER, student=STUDENT, **parts)
    torch.manual_seed(0)
    alone = {n: methods.create(n, teacher=TEACHER, student=STUDENT, **p) for n, p in parts.items()}
    terms = both(s, t, batch())
    assert sorted(terms) == ["gcrd.gcrd", "kd.kd"]
    for name, method in alone.items():
        assert terms[f"{name}.{name}"].item() == method(s, t, batch())[name].item()
    assert both.ce_weight == pytest.approx(0.2)
    assert len(list(both.parameters())) == len(list(alone["gcrd"].parameters()))


def test_composition_of_one_kind_keeps_its_memory_apart() -> None:
    made = methods.create("abkd+stride+lsp", teacher=TEACHER, student=STUDENT)
    batch = make_batch(labels=[0] * 12, edge_index=[[0, 1, 2], [1, 2, 1]])
    terms = made(make_signals(12, STUDENT, 1), make_signals(12, TEACHER, 2), batch)
    assert {"abkd.alignment", "stride.structure", "lsp.lsp"} <= set(terms)
    assert set(made.trace()) == {"abkd.attention", "stride.attention"}


def test_composition_refuses_bare_hyperparameters() -> None:
    with pytest.raises(ValueError, match="kd, gcrd"):
        methods.create("kd+gcrd", teacher=TEACHER, student=STUDENT, alpha=0.5)
    with pytest.raises(ValueError, match="twice"):
        methods.create("kd+kd", teacher=TEACHER, student=STUDENT)


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("Supervised", {"supervised"}),
        ("Controls", {"label-smoothing", "longer", "self", "shuffled", "tempered", "virtual-teacher"}),
        ("KD + distillation", {"kd+gcrd", "glnn+abkd"}),
        ("Distillation", {"kd", "hard-targets", "abkd", "glnn", "kd+label-smoothing", "fitnet+gcrd"}),
    ],
)
def test_methods_stand_in_groups(group, members):
    assert {methods.describe(method)["group"] for method in members} == {group}
    known = {method for method in methods.available() if methods.describe(method)["group"] == group}
    assert known <= members or group == "Distillation"


def test_every_method_is_described_with_its_source():
    for method in [*methods.available(), "kd+gcrd"]:
        told = methods.describe(method)
        assert len(told["citations"]) == len(told["bibtex"])
        for key, entry in zip(told["citations"], told["bibtex"], strict=True):
            assert entry.startswith("@")
            assert entry.split("{", 1)[1].startswith(f"{key},")
            assert entry.count("{") == entry.count("}")
