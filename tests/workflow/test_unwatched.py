"""Code that no digest follows is refused, wherever a method, network or dataset takes it from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import methods
from methods import listing
from tests.workflow.test_plugins import lab, read  # noqa: F401 (a fixture)
from workflow import unwatched
from workflow.errors import UserError
from workflow.plan import build
from workflow.steps import check

KINDS = {"methods": "methods.mine", "networks": "models: mine", "datasets": r"experiments\[0\].dataset"}


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A module on the path, and no trace of a test's modules behind it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mylab_loss.py").write_text("W = 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("mylab", "baselines.", "workflow.models.architectures.mine", "workflow.datasets.mine")):
            del sys.modules[name]
            listing.BROUGHT.pop(name, None)


def begins(file: Path, line: str) -> None:
    """Puts a line before the first class or function of a file."""
    file.write_text(file.read_text().replace("\n\n\n", f"\n\n{line}\n\n\n", 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_from_elsewhere_is_refused_when_planning(kind: str, lab: Path) -> None:  # noqa: F811
    begins(lab / kind / "mine.py", "from mylab_loss import W")
    with pytest.raises(UserError, match=rf"^mine.yaml: {KINDS[kind]}: imports mylab_loss \(.*/mylab_loss.py\)") as told:
        build(read(lab), "mine.yaml")
    assert "\n" not in str(told.value)


def test_it_is_refused_where_another_file_has_loaded_it_before(lab: Path) -> None:  # noqa: F811
    import mylab_loss  # noqa: F401

    begins(lab / "methods" / "mine.py", "from mylab_loss import W")
    with pytest.raises(UserError, match=r"methods\.mine: imports mylab_loss"):
        build(read(lab), "mine.yaml")


@pytest.mark.parametrize(
    "line",
    [
        'import importlib; W = importlib.import_module("baselines.mylab_parts.helper").W',
        'import sys; sys.path.insert(0, __file__.replace("mine.py", "mylab_parts")); import mylab_helper',
    ],
)
def test_a_file_beside_it_that_no_import_names_is_refused(line: str, lab: Path) -> None:  # noqa: F811
    (lab / "methods" / "mylab_parts").mkdir()
    for name in ("helper.py", "mylab_helper.py"):
        (lab / "methods" / "mylab_parts" / name).write_text("W = 1.0\n")
    begins(lab / "methods" / "mine.py", line)
    with pytest.raises(UserError, match=r"methods.mine: imports [a-z_.]*helper \(.*/lab/methods/mylab_parts/"):
        build(read(lab), "mine.yaml")


def test_what_is_followed_is_not_refused_nor_what_is_installed(lab: Path) -> None:  # noqa: F811
    parts = lab / "methods" / "mylab_parts"
    parts.mkdir()
    (parts / "__init__.py").write_text("import colorsys\n")
    (parts / "shared.py").write_text("import yaml, snakemake, torch_geometric.nn\nW = 1.0\n")
    begins(lab / "methods" / "mine.py", "from baselines.mylab_parts.shared import W")
    assert build(read(lab), "mine.yaml").cells


def test_a_check_tells_it_too(lab: Path) -> None:  # noqa: F811
    begins(lab / "methods" / "mine.py", "from mylab_loss import W")
    found = {(kind, faults[0].split(" (")[0] if faults else "") for kind, _, faults in check.judged(str(lab))}
    assert found == {("method", "mine: imports mylab_loss"), ("network", ""), ("dataset", "")}


def test_of_all_shipped_methods_none_is() -> None:
    for method in methods.available():
        methods.load(method)
        assert not list(unwatched.told({"method": methods.modules(method)})), method


def test_the_step_itself_is_not_what_it_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process beside it, of OGB's readers, loads it once more."""
    main = sys.modules["workflow.steps.check"]
    monkeypatch.setitem(sys.modules, "__mp_main__", main)
    assert list(unwatched.told({"data": ["ace_sim"]}, ["__mp_main__"])) == []
