"""The house rules that no linter knows: sizes, names, and who may import whose private things."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCTION = ("methods", "abkd", "baselines", "workflow", "reports")
FILES = sorted(path for folder in (*PRODUCTION, "tests") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def length(node: ast.FunctionDef) -> int:
    """Lines of a function from its `def` on, docstring and arguments included."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_no_file_is_longer_than_a_reader_can_keep_in_mind():
    long = {name_of(path): n for path in FILES if (n := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert not long, f"more than {LONGEST_FILE} lines"


def test_no_production_function_is_too_long():
    paths = [path for path in FILES if name_of(path).split("/")[0] in PRODUCTION]
    long = {f"{name_of(p)}:{f.name}": n for p in paths for f in functions(p) if (n := length(f)) > LONGEST_FUNCTION}
    assert not long, f"more than {LONGEST_FUNCTION} lines"


def test_no_file_hides_behind_an_underscore():
    hidden = [name_of(path) for path in FILES if path.stem.startswith("_") and not path.stem.startswith("__")]
    assert not hidden, "shared parts belong into a folder `parts`"


def test_nothing_is_called_utils():
    assert not [name_of(path) for path in FILES if path.stem in ("utils", "util", "helpers", "misc")]


@pytest.mark.parametrize("package", PRODUCTION)
def test_private_names_stay_in_their_file(package):
    """No module takes a name that begins with an underscore from another one of this project."""
    found = []
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PRODUCTION:
                found += [f"{name_of(path)}: {alias.name}" for alias in node.names if alias.name.startswith("_")]
    assert not found


def test_every_folder_says_what_it_holds():
    packages = [path for path in FILES if path.name == "__init__.py"]
    assert all(ast.get_docstring(ast.parse(path.read_text())) for path in packages)
    folders = {path.parent for path in FILES}
    assert not {name_of(folder) for folder in folders if not (folder / "__init__.py").exists()}
