"""What the rules are told."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from methods import plugins
from reports.settings import Settings
from tests.workflow.samples import GOOD, ROOT, change
from workflow import catalog, identity, references, reporting, sources
from workflow import plan as planning
from workflow.config import complete
from workflow.errors import UserError
from workflow.files import from_here
from workflow.models.listing import available as available_models
from workflow.run import Run
from workflow.steps import new


def test_a_folder_of_raw_files_concerns_its_own_loader():
    run = Run.__new__(Run)
    run.config = complete(change("data", {"ogb_root": "here", "planetoid_root": "there"}), "x.yaml")
    assert run.data_settings("ace-sim") == {}
    assert run.data_settings("cora") == {"planetoid_root": "there"}
    assert run.data_settings("ogbg-molhiv") == run.data_settings("ogbn-mag") == {"ogb_root": "here"}


def test_titles_tell_variants_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(complete(GOOD, "x.yaml"), "x.yaml")
    assert reporting.titles(run.config, run.plan)["gcrd-cold"].title == "G-CRD (cold)"
    told = Settings.parse(run.report_settings)
    assert (told.group("supervised"), told.group("gcrd-cold")) == ("Supervised", "Distillation")
    assert any(each.method == "kd" and "temperature" in each.values for each in told.hyperparameters)
    assert len(told.hyperparameters) == len(run.plan.cells)
    assert all(network.layers and network.citations for network in told.networks.values())
    assert all(told.data_citations.values())
    assert {"kipf2017gcn"} <= set(told.bibliography)


def test_other_titles_are_printed_and_train_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = Run(complete(GOOD, "x.yaml"), "x.yaml")
    titles = {"kd": "Soft targets", "ace-sim-mini": "Molecules"}
    run = Run(complete(GOOD | {"report": {"titles": titles}}, "x.yaml"), "x.yaml")
    told = Settings.parse(run.report_settings)
    assert (told.method_title("kd"), told.dataset_title("ace-sim-mini")) == ("Soft targets", "Molecules")
    assert told.method_title("supervised") == Settings.parse(plain.report_settings).method_title("supervised")
    assert run.all_blocks == plain.all_blocks


def test_every_dataset_and_network_of_this_repository_has_a_source():
    for name in [*available_models(), *{catalog.loader(dataset) for dataset in catalog.available()}]:
        assert references.of([name]), name


def test_a_mistake_ends_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("seeds: 0\n")
    with pytest.raises(SystemExit, match=r"^error: x.yaml: seeds: must be at least 1, not 0$"):
        Run.of(change("seeds", 0), "x.yaml")
    (tmp_path / "x.yaml").write_text("seeds: 0\nseeds: 1\n")
    with pytest.raises(SystemExit, match=r"^error: x.yaml: not valid YAML: 'seeds' is given twice"):
        Run.of(GOOD, "x.yaml")


def test_a_name_that_makes_no_path_is_refused():
    with pytest.raises(UserError, match=r"^config/my run \(2\).yaml: the name of a configuration's file holds"):
        Run(complete(GOOD, "x.yaml"), "config/my run (2).yaml")


def test_run_without_torch():
    """Snakemake itself must start quickly."""
    code = (
        "import sys; from workflow.run import Run; from workflow.config import load;"
        "r = Run(load('config/smoke.yaml'), 'config/smoke.yaml'); r.all_blocks; r.config_file; r.report_settings;"
        "heavy = {'torch', 'ogb', 'torch_geometric', 'pandas', 'rdkit', 'scipy', 'jsonschema'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, with plans made in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "cached", lambda *told: (planning.build(*told), Path("plan.json")))
    return tmp_path


def run_of(path: str = "title", value: object = "A test") -> Run:
    return Run(complete(change(path, value), "x.yaml"), "x.yaml")


def keys(run: Run, method: str) -> list[str]:
    return [key for key, cell in run.plan.cells.items() if cell.method == method]


def test_another_hyperparameter_is_another_folder(here):
    """Whatever Snakemake remembers: `--rerun-triggers mtime`, or a `.snakemake` that was not copied along."""
    before, after = run_of(), run_of("methods/kd", {"temperature": 8})
    for method in ("supervised", "kd", "gcrd-cold"):
        for key in keys(before, method):
            assert (before.folder(key) == after.folder(key)) == (method != "kd")


def test_another_teacher_is_another_folder_of_every_student(here):
    """Of the floor, too: its agreement with the teacher is another one."""
    before, after = (
        run_of(),
        run_of("models/big", {"model": "gcn", "layers": 3, "width": 64, "training": {"epochs": 9}}),
    )
    assert before.folder("ace-sim-mini/big") != after.folder("ace-sim-mini/big")
    for method in ("supervised", "kd"):
        for key in keys(before, method):
            assert before.folder(key) != after.folder(key)


@pytest.mark.parametrize(("work", "moved"), [("training", {"supervised", "kd", "gcrd-cold"}), ("method", {"kd"})])
def test_other_code_is_another_folder(here, monkeypatch, work, moved):
    before = run_of()
    old = {key: before.folder(key) for key in before.plan.cells}
    real = sources.digest
    monkeypatch.setattr(
        sources, "digest", lambda *a: real(*a) + "x" * (a[0] == work and (work == "training" or a[1].endswith(".kd")))
    )
    after = run_of()
    for method in ("supervised", "kd", "gcrd-cold"):
        for key in keys(before, method):
            assert (old[key] != after.folder(key)) == (method in moved)


@pytest.fixture
def upgrade(monkeypatch):
    """Gives installed packages another version."""
    real = importlib.metadata.version

    def another(*packages):
        monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9" if name in packages else real(name))
        identity._version.cache_clear()

    yield another
    identity._version.cache_clear()


@pytest.mark.parametrize("package", ["torch", "numpy", "scipy", "scikit-learn"])
def test_another_version_of_what_computes_is_another_folder(here, upgrade, package):
    before = run_of()
    old = {key: before.folder(key) for key in before.plan.cells}
    upgrade(package)
    after = run_of()
    assert not {after.folder(key) for key in old} & set(old.values())


def test_another_version_of_what_a_method_imports_is_another_folder_of_it_alone(here, upgrade, monkeypatch):
    monkeypatch.setenv(plugins.VARIABLE, "[]")
    file = new.write("method", "mine", here / "lab")
    begin, future, rest = file.read_text().partition("from __future__ import annotations\n")
    assert future
    file.write_text(f"{begin}{future}import jinja2\n{rest}")

    def folders():
        run = Run(
            complete({**GOOD, "plugins": [str(here / "lab")], "methods": {"kd": None, "mine": None}}, "x.yaml"),
            "x.yaml",
        )
        return [run.folder(keys(run, method)[0]) for method in ("kd", "mine")]

    before = folders()
    upgrade("jinja2", "Jinja2", "tqdm", "pydantic")
    kd, mine = folders()
    assert kd == before[0] and mine != before[1]


def test_another_version_of_networkx_is_another_folder_only_where_it_finds_clusters(here, upgrade):
    models = {"big": {"model": "gine", "layers": 3, "width": 32}, "small": {"model": "gine", "layers": 2}}
    students = [{"model": "small", "widths": [8]}]
    changes = {
        "models": models,
        "methods": {"kd": None, "mugsi": None},
        "experiments": [{"dataset": "ace-mol-mini", "teachers": ["big"], "students": students}],
    }

    def folders():
        run = Run(complete({**GOOD, **changes}, "x.yaml"), "x.yaml")
        return [run.folder(keys(run, method)[0]) for method in ("kd", "mugsi")]

    before = folders()
    assert folders() == before
    upgrade("networkx")
    kd, mugsi = folders()
    assert kd == before[0] and mugsi != before[1]


def test_threads_and_titles(here):
    before = run_of()
    assert run_of("title", "Another").all_blocks == before.all_blocks
    key = keys(before, "kd")[0]
    two = Run(complete({**GOOD, "threads": 2}, "x.yaml"), "x.yaml")
    assert two.folder(key) != before.folder(key)


def test_measurements_of_other_networks_are_other_files(here):
    before, after = run_of(), run_of("models/small", {"model": "gcn", "dropout": 0.7})
    assert before.all_measurements != after.all_measurements


def test_every_cell_waits_for_its_teacher(here):
    """The floor, too: it is compared with it."""
    run = run_of()

    class Wildcards:
        variant, teacher, seeds = "ace-sim-mini", "big", "0-1"
        student = keys(run, "kd")[0].split("/")[2]

    for method in ("supervised", "kd"):
        Wildcards.method = method
        assert len(run.teacher_blocks(Wildcards)) == 1


def test_a_kept_file_is_renewed_only_by_a_change(here):
    """Its time of writing decides whether the page is made anew: `make reproduce`, then `snakemake`, redoes nothing."""
    first = run_of()
    written = [(file, Path(file).stat().st_mtime_ns) for file in (first.config_file, first.settings_file)]
    again = run_of()
    assert [(file, Path(file).stat().st_mtime_ns) for file in (again.config_file, again.settings_file)] == written
    Path(again.config_file).unlink()
    before = Path(run_of().config_file).read_text()
    Path(again.config_file).unlink()
    assert Path(run_of().config_file).read_text() != before, "Snakemake would take it for unchanged"
    other = run_of("title", "Another")
    assert Path(other.settings_file).stat().st_mtime_ns > written[1][1]


def test_a_path_is_the_same_from_wherever_it_was_given(here):
    assert from_here("config/x.yaml") == from_here(str(here / "config" / "x.yaml")) == "config/x.yaml"
    assert from_here("/elsewhere/x.yaml") == "/elsewhere/x.yaml"


def test_one_snakemake_at_a_time_works_on_a_run(here):
    code = (
        "from workflow.run import Run; from workflow.config import complete; from tests.workflow.samples import GOOD;"
        "run = Run(complete(GOOD, 'x.yaml'), 'x.yaml'); run.lock(); print('in', flush=True); input()"
    )

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    first = start()
    assert first.stdout.readline() == "in\n"
    second = start()
    _, told = second.communicate(timeout=60)
    assert second.returncode == 1
    assert told == f"error: results/x: process {first.pid} works on this run; wait for its end\n"
    first.kill()
    first.communicate()
    third = start()
    assert third.stdout.readline() == "in\n", "the lock outlives its process"
    file = Path(run_of().config_file)
    before = file.read_text()
    assert run_of("title", "Another").config_file == str(file)
    assert file.read_text() == before, "a look at another configuration changes what a running one reads"
    beside = run_of()
    third.kill()
    third.communicate()
    with pytest.raises(
        SystemExit, match=r"^error: results/x: another process worked on this run while it was planned; s"
    ):
        beside.lock()
    beside.unlock()
    alone = run_of()
    alone.lock()
    alone.unlock()


def test_memory_grows_with_attempts_and_ends_with_the_machine(here):
    run = run_of()
    base = run.memory_mb("ace-sim-mini")
    assert [run.memory_mb("ace-sim-mini", attempt) for attempt in (1, 2, 3)] == [base, 2 * base, 4 * base]
    assert run.memory_mb("ogbn-products", 3, most=8000) == 8000
