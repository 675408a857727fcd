"""A configuration whose method, network and dataset lie outside of the repository: the plan, digests and commits."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from methods import plugins
from workflow import catalog, identity, prepared, sources
from workflow.config import complete
from workflow.errors import UserError
from workflow.plan import build
from workflow.run import Run
from workflow.schemas.configuration import Configuration
from workflow.specs import CellSpec
from workflow.steps import new
from workflow.training import provenance
from workflow.yaml_files import whole

CONFIG: dict[str, Any] = {
    "title": "Mine",
    "plugins": ["lab"],
    "seeds": 2,
    "models": {"big": {"model": "mine", "layers": 3, "width": 32}, "small": {"model": "mine"}},
    "methods": {"kd": None, "mine": {"beta": 2.0}},
    "experiments": [{"dataset": "mine", "teachers": ["big"], "students": [{"model": "small", "widths": [4]}]}],
}
CELL = "mine/big/smallx4/mine"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one of each kind, all called `mine`."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")
    for kind in new.KINDS:
        new.write(kind, "mine", tmp_path / "lab")
    plugins.use([], tmp_path)
    return tmp_path / "lab"


def read(lab: Path, **changes: Any) -> Configuration:
    return complete({**CONFIG, **changes}, str(lab.parent / "mine.yaml"))


def digests(spec: CellSpec) -> tuple[str, ...]:
    sources._digest.cache_clear()
    return (
        identity.code(spec),
        sources.digest("plan"),
        sources.digest("loss", "baselines.mine"),
        prepared.code_of("mine"),
    )


def test_all_three_are_planned_and_their_files_are_what_a_training_rests_on(lab: Path) -> None:
    plan = build(read(lab), "mine.yaml")
    cell, kd = plan.cells[CELL], plan.cells["mine/big/smallx4/kd"]
    assert cell.hyperparameters == {"beta": 2.0}
    assert {file.relative_to(lab).as_posix() for file in identity.plugged(cell)} == {
        "methods/mine.py",
        "networks/mine.py",
        "datasets/mine.py",
    }
    assert lab / "methods/mine.py" not in identity.plugged(kd)


@pytest.mark.parametrize(("kind", "changed"), [("methods", {0, 1, 2}), ("networks", {0, 1}), ("datasets", {1, 3})])
def test_a_changed_file_changes_the_digests_of_what_rests_on_it(kind: str, changed: set[int], lab: Path) -> None:
    cell = build(read(lab), "mine.yaml").cells[CELL]
    before = digests(cell)
    with (lab / kind / "mine.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    after = digests(cell)
    assert {place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]} == changed


def test_shared_parts_are_followed(lab: Path) -> None:
    (lab / "methods" / "mine_parts").mkdir()
    shared = lab / "methods" / "mine_parts" / "shared.py"
    shared.write_text("FACTOR = 2.0\n")
    method = lab / "methods" / "mine.py"
    method.write_text(
        method.read_text().replace("\nclass", "\nfrom baselines.mine_parts.shared import FACTOR\n\nclass")
    )
    assert shared in identity.plugged(build(read(lab), "mine.yaml").cells[CELL])


def git(folder: Path, *arguments: str) -> None:
    user = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *user, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_row_names_the_commit_of_the_plugins_that_it_rests_on(lab: Path) -> None:
    cell = build(read(lab), "mine.yaml").cells[CELL]

    def told() -> str:
        return provenance.commit(identity.plugged(cell)).removeprefix(f"{provenance.commit()} lab@")

    assert told() == "unknown"
    git(lab, "init")
    git(lab, "add", "networks", "datasets")
    git(lab, "commit", "-m", "x")
    assert told().endswith("+")  # a file that git does not know
    git(lab, "add", ".")
    git(lab, "commit", "-m", "y")
    assert len(told()) == 12
    (lab / "methods" / "mine.py").write_text("")
    assert told().endswith("+")
    assert provenance.commit([]) == provenance.commit()


def test_folders_are_added_and_seen_from_the_including_file(lab: Path) -> None:
    (lab.parent / "base.yaml").write_text("plugins: [lab, theirs]\ntitle: Base\n")
    (lab.parent / "deeper").mkdir()
    found = whole({"include": "../base.yaml", "plugins": ["own"]}, lab.parent / "deeper" / "mine.yaml")
    assert found == {"title": "Base", "plugins": ["../lab", "theirs", "own"]}


@pytest.mark.parametrize(
    ("plugged", "told"),
    [
        (["gone"], r"mine.yaml: plugins\[0\]: .*/gone: there is no such folder"),
        ("lab", r"mine.yaml: plugins: must be a list"),
        ([], r"mine.yaml: methods.mine: unknown method 'mine'"),
    ],
)
def test_a_mistake_is_one_line(plugged: object, told: str, lab: Path) -> None:
    with pytest.raises(UserError, match=told) as raised:
        read(lab, plugins=plugged)
    assert "\n" not in str(raised.value)


def test_a_broken_file_is_named_where_it_is_wanted_and_nowhere_else(lab: Path) -> None:
    for kind in plugins.KINDS:
        (lab / kind / "broken.py").write_text("import no_such_module\n")
    assert CELL in build(read(lab), "mine.yaml").cells
    experiment = CONFIG["experiments"][0]
    told = rf"{lab}/{{}}/broken.py:1: ModuleNotFoundError: No module named 'no_such_module'"
    with pytest.raises(UserError, match=told.format("datasets")):
        read(lab, experiments=[{**experiment, "dataset": "broken"}])
    with pytest.raises(UserError, match=told.format("networks")):
        build(read(lab, models={**CONFIG["models"], "big": {"model": "broken"}}), "mine.yaml")
    with pytest.raises(UserError, match=told.format("methods")):
        build(read(lab, methods={**CONFIG["methods"], "broken": None}), "mine.yaml")


def test_an_id_of_the_repositorys_is_not_taken_over(lab: Path) -> None:
    text = (lab / "datasets" / "mine.py").read_text()
    (lab / "datasets" / "mine.py").write_text(text.replace('"mine": Facts', '"cora": Facts'))
    plugins.use([str(lab)], Path())
    assert catalog.loader("cora") == "planetoid"
    assert catalog.broken() == [f"{lab}/datasets/mine.py: NAMES: cora: is a dataset of planetoid.py already"]


TAKEN = {"methods": ("kd", "baselines/kd.py"), "networks": ("gcn", "workflow/models/architectures/gcn.py")}


@pytest.mark.parametrize("kind", TAKEN)
def test_an_id_that_is_taken_is_told_where_it_is_used_and_hides_no_other(kind: str, lab: Path) -> None:
    name, ours = TAKEN[kind]
    (lab / kind / f"{name}.py").write_text("")
    others = {"methods": {"mine": None, "supervised": None}, "reference": "mine"}
    assert CELL in build(read(lab, **others), "mine.yaml").cells
    big = {**CONFIG["models"], "big": {"model": "gcn", "layers": 3, "width": 32}}
    used = {"methods": {}, "networks": {**others, "models": big}}[kind]
    with pytest.raises(
        UserError, match=rf"mine.yaml: [^ ]*: two files [^\n]* '{name}': {ours} and {lab}/.*/{name}.py$"
    ):
        read(lab, **used)


def test_a_family_of_datasets_of_a_name_that_is_taken_is_left_out(lab: Path, tmp_path: Path) -> None:
    """Of the repository's, or of another folder's: then neither is known, for it could be either."""
    theirs = tmp_path / "theirs"
    for folder, stem in ((lab, "tu"), (theirs, "mine")):
        (folder / "datasets").mkdir(parents=True, exist_ok=True)
        (folder / "datasets" / f"{stem}.py").write_text((lab / "datasets" / "mine.py").read_text())
    new.write("dataset", "other", theirs)
    told = rf"two files have the name 'mine': {lab}/datasets/mine.py and {theirs}/datasets/mine.py"
    with pytest.raises(UserError, match=rf"unknown dataset 'mine'.*; left out: {told}"):
        read(lab, plugins=["lab", "theirs"])
    assert "mutag" in catalog.available() and "other" in catalog.available()
    assert f"two files have the name 'tu': workflow/datasets/tu.py and {lab}/datasets/tu.py" in catalog.broken()


def test_a_loader_of_ones_own_may_name_its_keys_of_data(lab: Path) -> None:
    file = lab / "datasets" / "mine.py"
    file.write_text(file.read_text().replace("SETTINGS = ()", 'SETTINGS = ("my_root",)'))
    config = read(lab, data={"my_root": "/raw/mine", "tu_root": "/raw/tu"})
    run = Run(config, str(lab.parent / "mine.yaml"))
    assert run.data_settings("mine") == {"my_root": "/raw/mine"}
    with pytest.raises(UserError, match=r"mine.yaml: data.my_rot: unknown key \(did you mean 'my_root'\?\); .*tu_root"):
        read(lab, data={"my_rot": "/raw/mine"})
    with pytest.raises(UserError, match=r"mine.yaml: data.my_root: must be a string, not 3"):
        read(lab, data={"my_root": 3})
