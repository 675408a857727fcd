"""Which files a result rests on."""

from __future__ import annotations

import pytest

from tests.workflow.samples import ROOT
from workflow import sources
from workflow.models.listing import available as available_models


def files_of(work: str, *names: str) -> set[str]:
    """Files that an entry of the table follows, relative to the root."""
    entry = sources.RESTS_ON[work]
    begin = [root.format(name) for root in entry.modules for name in (names if "{}" in root else ("",))]
    return {path.relative_to(ROOT).as_posix() for path in sources.files(begin, entry.within)}


def test_a_training_rests_on_what_it_imports():
    found = files_of("training", "gcn")
    assert {
        "workflow/training/feeds/heterogeneous.py",
        "workflow/models/parts/constant.py",
        "workflow/models/parts/layerwise.py",
        "workflow/datasets/parts/csr.py",
        "workflow/task.py",
        "methods/sparse.py",
    } <= found
    others = ("models/architectures/rgcn.py", "training/measuring.py", "datasets/ace_sim.py")
    assert not {f"workflow/{name}" for name in others} & found
    assert sources.digest("training", "gcn") != sources.digest("training", "sage")


def test_a_task_rests_on_its_loader():
    found = files_of("data", "ace_het")
    parts = {f"workflow/datasets/parts/{name}.py" for name in ("similarity", "csr", "moleculeace")}
    assert parts | {"workflow/datasets/ace_het.py", "workflow/task.py"} <= found
    assert not {"workflow/catalog.py", "workflow/datasets/planetoid.py"} & found


@pytest.mark.parametrize("work", ["training", "measuring"])
def test_no_numbers_come_from_a_file_that_is_not_watched(work):
    """Beyond what is watched, teachers and measurements import what computes nothing of theirs."""
    entry = sources.RESTS_ON[work]
    begin = [root.format(name) for root in entry.modules for name in available_models()]
    watched = set(sources.files(begin, entry.within))
    others = set(sources.files(begin, sources.PACKAGES)) - watched
    assert ROOT / "methods/sparse.py" in watched
    assert {path.relative_to(ROOT).as_posix() for path in others} <= {
        "workflow/arrays.py",  # checks that change nothing
        "workflow/datasets/parts/blocks.py",  # how preparation sorts edges
        *(f"workflow/{name}.py" for name in ("errors", "files", "config", "sources", "statements", "specs", "catalog")),
        *(f"methods/{name}.py" for name in ("listing", "plugins", "vocabulary", "registry", "composition", "spaces")),
        *(f"methods/{name}.py" for name in ("spelling", "terms", "__init__")),  # words of messages
        *(
            f"workflow/{name}.py" for name in ("identity", "environment", "__init__")
        ),  # names of folders; how a job is started
        "workflow/unwatched.py",  # what is refused
        "workflow/sealed.py",  # what was edited
        "methods/contract.py",  # what a method and its signals are
        *(f"reports/{name}.py" for name in ("rows", "files", "printing", "terminal", "__init__")),
        "workflow/datasets/__init__.py",
        "workflow/datasets/parts/__init__.py",
    }


def test_a_method_rests_on_the_methods_that_it_imports(monkeypatch, tmp_path):
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "mine.py").write_text("from baselines.kd import Logits\nfrom . import shared\n")
    for name in ("kd", "shared", "at"):
        (tmp_path / "baselines" / f"{name}.py").write_text("from .deep import x\n" if name == "shared" else "")
    (tmp_path / "baselines" / "deep.py").write_text("")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    found = sources.files(("baselines.mine",), ("baselines",))
    assert sorted(path.stem for path in found) == ["deep", "kd", "mine", "shared"]


def test_an_import_counts_wherever_it_stands(monkeypatch, tmp_path):
    places = {
        "plain": "import baselines.plain",
        "inner": "def f():\n    from baselines.inner import x",
        "owned": "class A:\n    async def f(self):\n        from baselines import owned",
        "tried": "try:\n    import baselines.tried\nexcept ImportError:\n    pass",
        "caught": "try:\n    pass\nexcept ImportError:\n    import baselines.caught",
        "atlast": "try:\n    pass\nfinally:\n    import baselines.atlast",
        "otherwise": "for _ in ():\n    pass\nelse:\n    import baselines.otherwise",
        "opened": "with open('x'):\n    import baselines.opened",
        "matched": "match 1:\n    case 1:\n        import baselines.matched",
        "shorthand": "x = (lambda: 1) if True else 2\nif x: import baselines.shorthand",
    }
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "mine.py").write_text("\n".join(places.values()))
    for name in places:
        (tmp_path / "baselines" / f"{name}.py").write_text("")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    assert {path.stem for path in sources.files(("baselines.mine",), ("baselines",))} == {"mine", *places}


def test_a_method_rests_on_the_contract_and_no_other_method():
    found = files_of("method", "baselines.kd")
    assert {"baselines/kd.py", "methods/contract.py", "methods/pairing.py", "methods/registry.py"} <= found
    assert not {"baselines/gcrd.py", "methods/testing.py", "methods/edges.py"} & found


def test_a_tuned_value_rests_on_the_loss_alone():
    found = files_of("loss", "abkd.stride")
    assert {"abkd/stride.py", "abkd/abkd.py", "abkd/parts/structure.py", "methods/pairing.py"} <= found
    others = files_of("method", "abkd.stride") - found
    computes_nothing = ("__init__", "composition", "contract", "listing", "plugins", "registry", "spaces", "spelling")
    computes_nothing += ("terms", "vocabulary")
    assert others <= {f"methods/{name}.py" for name in computes_nothing}


def test_every_file_of_the_code_concerns_a_report_or_a_job():
    """Nothing that a job could import is missing from the fork server's own digest."""
    everything = set(sources.RESTS_ON["server"].files)
    for entry in sources.RESTS_ON.values():
        assert {place.split(".")[0] for place in (*entry.modules, *entry.within) if "{}" not in place} <= everything


def test_collecting_rests_on_what_reads_the_rows():
    read = {f"workflow/{name}.py" for name in ("steps/collect", "ledger", "sealed", "training/records")}
    assert files_of("collect") == read | {"reports/rows.py"}
