"""Which source files a result rests on, so that a changed file runs anew just what it concerns.

`RESTS_ON` is the one table of it: plan, rules, jobs and the fork server ask `digest`. Most entries follow imports, and
of what they follow only what computes counts (`workflow.statements`): a better docstring trains nothing anew.
What a configuration names (networks, methods, datasets) is imported by nobody, so that a new file concerns nothing that
is there. Imports no torch.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import methods
from methods import plugins
from methods.listing import modules
from workflow.files import code_digest
from workflow.statements import statements

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("workflow", "methods", "abkd", "baselines", "reports")
COMPUTED = (
    "workflow.training",
    "workflow.models",
    "workflow.datasets.parts.csr",
    "workflow.task",
    "workflow.variants",
    "workflow.draws",
    "workflow.moving",
    "workflow.scratch",
    "methods.gpu",
    "methods.segments",
    "methods.sparse",
    "methods.triton_kernels",
    "reports.metrics",
    "reports.variants",
)
"""Where the numbers of a training come from, but for its method."""
LOSSES = (
    "abkd",
    "baselines",
    "methods.edges",
    "methods.gpu",
    "methods.kernels",
    "methods.pairing",
    "methods.reversal",
    "methods.segments",
    "methods.sparse",
    "methods.streaming",
    "methods.triton_kernels",
)
"""Where the value of a loss comes from."""


@dataclass(frozen=True)
class Sources:
    """The files of some modules and of all that they import, directly or not, within some packages or modules.

    Attributes:
        modules: where to begin; `{}` stands for the names that `digest` is given, `PACKAGE.*` for every module that a
            listing of its folder finds.
        within: what is followed.
        files: more files, and folders with all that is in them; nothing in there is followed.
    """

    modules: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


RESTS_ON = {
    # Facts of a dataset (workflow.catalog) are only checked in preparation, which fails where they disagree.
    "data": Sources(
        ("workflow.datasets.{}", "workflow.variants"),
        ("workflow.datasets", "workflow.task", "workflow.arrays", "workflow.draws"),
    ),
    "training": Sources(("workflow.training.block", "workflow.models.architectures.{}"), COMPUTED),
    "measuring": Sources(("workflow.training.measuring", "workflow.models.architectures.{}"), COMPUTED),
    "positions": Sources(("workflow.models.positions",), ("workflow.models.positions",)),
    "method": Sources(
        ("{}", "methods.contract", "methods.registry", "methods.composition"), ("methods", "abkd", "baselines")
    ),
    # What a tuned value rests on beside data, networks and trainings: the loss with its search space.
    "loss": Sources(("{}",), LOSSES),
    "plan": Sources(
        ("workflow.plan", "workflow.datasets.*", "workflow.models.architectures.*", "abkd.*", "baselines.*"), PACKAGES
    ),
    "collect": Sources(
        ("workflow.steps.collect",),
        ("workflow.steps.collect", "workflow.ledger", "workflow.sealed", "workflow.training.records", "reports.rows"),
    ),
    "tune": Sources(
        ("workflow.steps.tune",),
        (
            "workflow.steps.tune",
            "workflow.choices",
            "workflow.earlier",
            "workflow.tuned",
            "workflow.tuning",
            "workflow.ledger",
            "workflow.sealed",
            "workflow.training.records",
            "reports.rows",
        ),
    ),
    "report": Sources(("workflow.steps.report",), ("workflow.steps.report",), ("reports",)),
    # Asked by every job, so that nothing is followed.
    "server": Sources(files=PACKAGES),
}


def digest(work: str, *names: str) -> str:
    """Digest of the files that a kind of work rests on.

    Args:
        work: a key of RESTS_ON.
        names: of the networks, dataset family or method modules that take part.
    """
    return _digest(work, names, plugins.active())


@cache
def _digest(work: str, names: tuple[str, ...], active: tuple[Path, ...]) -> str:
    total = hashlib.sha256()
    for path in sorted(followed(work, *names)):
        total.update(statements(path).computing)
    total.update(code_digest(ROOT / place for place in RESTS_ON[work].files).encode())
    return total.hexdigest()[:16]


def followed(work: str, *names: str) -> list[Path]:
    """The files that a kind of work rests on by its imports."""
    sources = RESTS_ON[work]
    begin = [root.format(name) for root in sources.modules for name in (names if "{}" in root else ("",))]
    return files(begin, sources.within)


def imported(work: str, *names: str) -> set[str]:
    """What those files import from elsewhere, but for Python's own: packages by their names."""
    return set(_imported(work, names, plugins.active()))


@cache
def _imported(work: str, names: tuple[str, ...], active: tuple[Path, ...]) -> frozenset[str]:
    roots = {name.partition(".")[0] for path in followed(work, *names) for name in named(path)}
    here = {*PACKAGES, *(folder.name for folder in active), ""}
    return frozenset(roots - here - sys.stdlib_module_names)


def of_method(identity: str) -> str:
    """Digest of a method, or of all parts of a composition."""
    return digest("method", *methods.modules(identity))


def files(begin: Iterable[str], within: tuple[str, ...]) -> list[Path]:
    """The files of some modules and of all that they import below these packages or modules, or in a plug-in."""
    found: dict[str, Path] = {}
    waiting = list(begin)
    within = (*within, *(folder.name for folder in plugins.active()))
    while waiting:
        name = waiting.pop()
        if name.endswith(".*"):
            package = name.removesuffix(".*")
            folders = (ROOT.joinpath(*package.split(".")), *plugins.folders(package))
            waiting += [f"{package}.{stem}" for folder in folders for stem in modules(folder)]
            continue
        below = any(name == place or name.startswith(f"{place}.") for place in within)
        if name not in found and below and (path := _file(name)):
            found[name] = path
            waiting += named(path)
            above = name.rpartition(".")[0]
            if _plugged(path) and _plugged(_file(above)):
                waiting.append(above)  # its __init__.py runs first
    return list(found.values())


def named(path: Path) -> list[str]:
    """Modules that a file names in its imports, and names in them that may be modules."""
    return _imports(path, plugins.package_of(path))


def _plugged(path: Path | None) -> bool:
    return path is not None and any(path.is_relative_to(folder) for folder in plugins.active())


def _file(name: str) -> Path | None:
    """The file of a module or package; what is neither has none."""
    places = [ROOT.joinpath(*name.split("."))]
    for package, folder in plugins.places():
        if name.startswith(f"{package}."):
            places.append(folder.joinpath(*name.removeprefix(f"{package}.").split(".")))
    # What an installed package holds beside the files that can be named.
    first, *rest = name.split(".")
    places += [plugin.joinpath(*rest) for plugin in plugins.active() if plugin.name == first]
    candidates = (path for place in places for path in (place.with_suffix(".py"), place / "__init__.py"))
    return next((path for path in candidates if path.is_file()), None)


@cache
def _imports(path: Path, plugged: str | None) -> list[str]:
    """Modules that a file names in its imports, wherever they stand; what is no module is told by having no file.

    Args:
        plugged: the package that the file belongs to, where it lies in a plug-in.
    """
    here = (*plugged.split("."), path.name) if plugged else _place(path)
    names = []
    for node in statements(path).imports:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        else:
            package = here[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names


def _place(path: Path) -> tuple[str, ...]:
    """Of a file of the repository, or of an installed package that is a plug-in."""
    root = next((plugin.parent for plugin in plugins.active() if path.is_relative_to(plugin)), ROOT)
    return path.relative_to(root).parts
