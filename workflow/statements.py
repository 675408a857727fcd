"""What of a source file computes: all but docstrings, comments on lines of their own and blank lines.

A digest of it stays where words alone have changed, and is the same under every version of Python.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


def computing(path: Path) -> bytes:
    """The part of a Python file that computes; all of any other file, and of one that cannot be parsed.

    Comments behind a statement stay, as does its layout: to tell them apart takes tokens, which differ by version.
    """
    whole = path.read_bytes()
    return _computing(whole) if path.suffix == ".py" else whole


@cache
def _computing(whole: bytes) -> bytes:
    try:
        text = whole.decode("utf-8-sig")
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # another encoding, or no Python: who imports it is told
        return whole
    lines = [line.encode() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    words, inside = _strings(tree)
    for node in words:
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rest = lines[first][: node.col_offset] + lines[last][node.end_col_offset :]
        lines[first : last + 1] = [rest, *[b""] * (last - first)]
    return b"\n".join(line for at, line in enumerate(lines) if at in inside or _computes(line))


def _strings(tree: ast.Module) -> tuple[list[ast.Constant], set[int]]:
    """Strings that are statements, the last one first, and the lines that begin within another string, from 0."""
    words: list[ast.Constant] = []
    inside: set[int] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as text):
                words.append(text)
            case ast.JoinedStr() | ast.Constant():  # what stands within an f-string has other places before Python 3.12
                inside.update(range(node.lineno, node.end_lineno or node.lineno))
            case _:
                waiting += ast.iter_child_nodes(node)
    return sorted(words, key=lambda node: (node.lineno, node.col_offset), reverse=True), inside


def _computes(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")
