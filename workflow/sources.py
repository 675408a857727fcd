"""Which source files a result rests on, found by following imports: a changed file runs anew just what it concerns.

Modules that are looked up by a name in a configuration (networks, methods, loaders of data) are imported by nobody, so
that a new one concerns nothing that is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import methods
from workflow.files import code_digest

ROOT = Path(__file__).resolve().parent.parent
TRAINING = (
    "workflow.training",
    "workflow.models",
    "workflow.datasets.parts.csr",
    "workflow.task",
    "methods.sparse",
    "reports.metrics",
)
DATA = ("workflow.datasets", "workflow.task")
METHODS = ("abkd", "baselines")
CATALOGUE = "workflow.catalog"
"""Facts, which preparation only checks: it fails where they disagree with the data."""


def of_data(loader: str) -> str:
    """Digest of what prepares a dataset: its loader with all that this imports."""
    return _digest((f"workflow.datasets.{loader}", "workflow.task"), DATA)


def of_training(*models: str) -> str:
    """Digest of the training loop and of these networks."""
    return _digest(("workflow.training.block", *_networks(models)), TRAINING)


def of_measuring(*models: str) -> str:
    """The same of what sizes and times them."""
    return _digest(("workflow.training.measuring", *_networks(models)), TRAINING)


@cache
def of_method(identity: str) -> str:
    """Digest of a method, or of all parts of a composition, with what they import and what all methods share."""
    shared = sorted(path for path in (ROOT / "methods").glob("*.py") if path.stem != "testing")
    return code_digest((*shared, *sorted(files(tuple(methods.modules(identity)), METHODS))))


def _networks(models: tuple[str, ...]) -> Iterator[str]:
    return (f"workflow.models.architectures.{model}" for model in sorted(set(models)))


@cache
def _digest(roots: tuple[str, ...], within: tuple[str, ...]) -> str:
    return code_digest(sorted(files(roots, within)))


def files(roots: tuple[str, ...], within: tuple[str, ...]) -> list[Path]:
    """The files of some modules and of all that they import, directly or not, below these packages or modules."""
    found: dict[str, Path] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        below = any(name == place or name.startswith(f"{place}.") for place in within)
        if name in found or name == CATALOGUE or not below or not path.is_file():
            continue
        found[name] = path
        waiting += _imports(path)
    return list(found.values())


@cache
def _imports(path: Path) -> list[str]:
    """Modules that a file names in its imports, wherever they stand; what is no module is told by having no file."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names
