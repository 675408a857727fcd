"""What a source file imports, and what of it computes: all but docstrings, comments on lines of their own, blank lines.

A digest of the latter stays where words alone have changed, and is the same under every version of Python.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Statements:
    """Of one Python file.

    Attributes:
        imports: wherever they stand.
        computing: the text that computes; all of it where it cannot be parsed. Comments behind a statement stay, as
            does its layout: to tell them apart takes tokens, which differ by version.
    """

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    computing: bytes


def statements(path: Path) -> Statements:
    """Of a Python file; parsed once by a process while its content is the same."""
    return _statements(path.read_bytes())


@cache
def _statements(whole: bytes) -> Statements:
    try:
        text = whole.decode("utf-8-sig")
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # another encoding, or no Python: who imports it is told
        return Statements((), whole)
    lines = [line.encode() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    imports: list[ast.Import | ast.ImportFrom] = []
    words: list[ast.Constant] = []
    inside: set[int] = set()
    """Lines that begin within a string, from 0."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import() | ast.ImportFrom():
                imports.append(node)
            case ast.Expr(value=ast.Constant(value=str()) as word):
                words.append(word)
            case ast.JoinedStr() | ast.Constant():  # what stands within an f-string has other places before Python 3.12
                inside.update(range(node.lineno, node.end_lineno or node.lineno))
            case _:
                waiting += ast.iter_child_nodes(node)
    for word in sorted(words, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, last = word.lineno - 1, (word.end_lineno or word.lineno) - 1
        rest = lines[first][: word.col_offset] + lines[last][word.end_col_offset :]
        lines[first : last + 1] = [rest, *[b""] * (last - first)]
    kept = (line for at, line in enumerate(lines) if at in inside or _computes(line))
    return Statements(tuple(imports), b"\n".join(kept))


def _computes(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")
