"""What the README, CONTRIBUTING.md and docs/add-a-method.md show works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import methods
from methods import plugins
from methods.cases import cases
from methods.contract import Shape
from methods.testing import faults
from reports.comparisons import COLUMNS
from reports.rows import ATTENTION_COLUMNS, CURVE_COLUMNS, MEASUREMENT_COLUMNS, RUN_COLUMNS, TERM_COLUMNS
from tests.shipped import shipped
from workflow.config import complete, load
from workflow.yaml_files import whole

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs" / "add-a-method.md").read_text()


def block(text: str, language: str) -> str:
    """The first piece of code in a page."""
    found: str = re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)[0]
    return found


METHOD = block(TUTORIAL, "python")


def test_every_column_of_a_run_is_explained() -> None:
    page = (ROOT / "docs" / "runs.md").read_text().partition("## The files of a run")[2].partition("## Progress")[0]
    known = set(re.findall(r"`(\w+)`", page))
    for columns in (RUN_COLUMNS, MEASUREMENT_COLUMNS, COLUMNS, CURVE_COLUMNS, TERM_COLUMNS, ATTENTION_COLUMNS):
        assert set(columns) <= known


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts the tutorial's file, perhaps changed, where the tutorial has it, and takes its folder into use."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")

    def write(text: str = METHOD) -> Path:
        (tmp_path / "lab" / "methods").mkdir(parents=True)
        (tmp_path / "lab" / "methods" / "smooth_hints.py").write_text(text)
        plugins.use(["lab"], tmp_path)
        return tmp_path / "lab"

    return write


def test_the_tutorials_method_keeps_the_contract(written) -> None:
    written()
    assert faults("smooth-hints") == []


def test_the_tutorials_method_is_its_equation(written) -> None:
    written()
    teacher, student = Shape((6, 7), 5), Shape((4, 3), 5)
    method = methods.create("smooth-hints", teacher=teacher, student=student, beta=3.0, warm_up=10).double()
    case = next(cases(5))
    s, t, batch = case.signals(student, 1), case.signals(teacher, 2), case.batch()
    batch.epoch = 4
    total = 0.0
    for i in range(case.rows):
        around = [i, *(int(j) for j, to in case.edge_index.T if to == i)]
        mean = sum(t.hidden[-1][j] for j in around) / len(around)
        total += (method.project(s.hidden[-1][i]) - mean).square().sum().item() / 7
    assert method(s, t, batch)["hints"].item() == pytest.approx(3.0 * 4 / 10 * total / case.rows)


FAULTS = {
    "forgets `uses_hidden`": ("    uses_hidden = True\n", ""),
    "forgets `uses_epoch`": ("    uses_epoch = True\n", ""),
    "sums where it should take a mean": (
        "self.project(h_student)[rows], smooth[rows])",
        "self.project(h_student)[rows], smooth[rows], reduction='sum')",
    ),
    "forgets to detach the teacher": ("neighbourhood_mean(h_teacher", "neighbourhood_mean(teacher.last"),
    "has a head that is not used": (
        "mse_loss(self.project(h_student)[rows], smooth[rows])",
        "mse_loss(h_student[rows].sum(1), smooth[rows].sum(1))",
    ),
    "compares states of two widths": ("self.project(h_student)[rows]", "h_student[rows]"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_check_says_what_the_tutorial_promises(fault: str, written) -> None:
    (promised,) = re.findall(rf"^\| {re.escape(fault)} \| `(.*)` \|$", TUTORIAL, flags=re.M)
    old, instead = FAULTS[fault]
    assert old in METHOD
    written(METHOD.replace(old, instead))
    start = promised.split(" [")[0].split("...")[0].strip()
    assert any(start in line for line in faults("smooth-hints")), faults("smooth-hints")


@pytest.mark.parametrize("number", [0, 1])
def test_the_tutorials_configurations_are_whole(written, number: int) -> None:
    lab = written()
    where = ROOT / "config" / "smooth.yaml"
    stated = yaml.safe_load(
        re.findall(r"```yaml\n(.*?)```", TUTORIAL, flags=re.S)[number].replace("../../lab", str(lab))
    )
    config = complete(whole(stated, where), str(where))
    assert {"supervised", "kd", "fitnet", "smooth-hints"} <= set(config.methods)
    assert config.method("smooth-hints").hyperparameters == [{"beta": 2.0}, {}][number]
    if config.tune:
        quick = load(ROOT / "config" / "quick.yaml").tune
        assert quick is not None
        assert config.tune == quick.model_copy(update={"methods": [*(quick.methods or ()), "smooth-hints"]})


def test_a_loss_can_be_used_from_outside() -> None:
    known = {
        "labels": torch.tensor([0, 1, 2]),
        "edge_index": torch.tensor([[0, 1], [1, 2]]),
        **{f"{who}_logits": torch.randn(3, 10) for who in ("student", "teacher")},
        **{f"{who}_hidden": torch.randn(3, width) for who, width in (("student", 8), ("teacher", 64))},
    }
    exec(block((ROOT / "CONTRIBUTING.md").read_text(), "python"), known)
    assert list(known["terms"]) == ["kd"]


def test_every_shipped_method_is_in_the_readme() -> None:
    table = README.split("## Methods")[1].split("### Add")[0]
    rows = re.findall(r"^\| (`.*?) \|.*?\| (`.*?) \|", table, flags=re.M)
    names = [name for cells in rows for cell in cells for name in re.findall(r"`([a-z0-9*-]+)`", cell)]
    for name in names:
        assert any(re.fullmatch(name.replace("*", ".*"), method) for method in methods.available()), name
    for method in shipped():
        assert any(re.fullmatch(name.replace("*", ".*"), method) for name in names), method


def test_a_private_method_is_not_asked_for_an_entry(written) -> None:
    written()
    assert set(methods.available()) - set(shipped()) == {"smooth-hints"}
