"""What messages say of a slip of the pen: the name that may be meant, and the number that YAML reads as a text."""

from __future__ import annotations

import ast
import difflib
import math
import re
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LONGEST = 16
"""Letters of a number as a message writes it; one of more has an exponent."""
WHOLE = 2**53
"""Below this, a whole number is exact as a float."""


def near(word: str, allowed: Iterable[str]) -> str:
    """The name most like a word, whatever its capitals; "" where none is."""
    by_letters = {name.casefold(): name for name in allowed}
    found = difflib.get_close_matches(word.casefold(), by_letters, n=1)
    return by_letters[found[0]] if found else ""


def suggest(word: str, allowed: Iterable[str]) -> str:
    """` (did you mean 'NAME'?)`, or nothing."""
    name = near(word, allowed)
    return f" (did you mean '{name}'?)" if name else ""


def article(word: str) -> str:
    """`an IndexError`, `a ValueError`."""
    return f"{'an' if word[:1].lower() in [*'aeiou'] else 'a'} {word}"


def number_in(text: object) -> int | float | None:
    """The number that a text spells, a whole one where it can be; None for anything else."""
    if not isinstance(text, str) or len(text) > 2 * LONGEST or not NUMBER.fullmatch(text):
        return None
    value = float(text)
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < WHOLE else value


def numbered(value: Any) -> tuple[Any, list[str]]:
    """A value with a number in place of each text that spells one, wherever it stands; and these texts."""
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        parts = {key: numbered(value[key]) for key in keys}
        texts = [text for _, found in parts.values() for text in found]
        changed = {key: part for key, (part, _) in parts.items()}
        return (changed if isinstance(value, dict) else [*changed.values()]), texts
    number = number_in(value)
    return (value, []) if number is None else (number, [value])


def as_number(text: str) -> str:
    """How to write the number that a text spells: ` ('1e-3' is a text in YAML; write 0.001 or 1.0e-3)`."""
    number = number_in(text)
    plain = str(number) if isinstance(number, int) else format(Decimal(text).normalize(), "f")
    mantissa, _, exponent = f"{Decimal(text):e}".partition("e")
    # YAML reads an exponent only behind a point and with a sign.
    scientific = f"{mantissa}{'' if '.' in mantissa else '.0'}e{int(exponent):+d}"
    forms = [plain] if len(plain) <= LONGEST else []
    if not forms or (isinstance(number, float) and "e" in text.lower()):
        forms.append(scientific)
    return f" ({text!r} is a text in YAML; write {' or '.join(forms)})"


def strays_of_class(cls: type, contract: type) -> Iterator[str]:
    """A sentence for each public attribute that is nearly one of the contract's, is none of it, and is never read.

    Args:
        contract: a base class; its public names are what counts.
    """
    own = [each for each in cls.__mro__ if each not in contract.__mro__]
    trees = {each: _tree(Path(str(sys.modules[each.__module__].__file__))) for each in own}
    names = [name for each in own for name in vars(each)]
    for each, tree in trees.items():
        names += [name for node in _classes(tree, each.__name__) for name in _stored(node)]
    known = {*vars(contract), *contract.__annotations__}
    # What a base of the contract has, a class may change as it likes.
    names = [name for name in names if not hasattr(contract, name)]
    yield from _strays(names, known, trees.values())


def strays_of_file(path: Path, contract: Iterable[str]) -> Iterator[str]:
    """The same of what a file's module defines."""
    tree = _tree(path)
    assigned = [part for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for part in ast.walk(node)]
    names = [part.id for part in assigned if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
    names += [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    yield from _strays(names, contract, [tree])


def _strays(names: Iterable[str], contract: Iterable[str], trees: Iterable[ast.Module]) -> Iterator[str]:
    known = {name for name in contract if not name.startswith("_")}
    used = {word for tree in trees for word in _read(tree)}
    for name in dict.fromkeys(names):
        if not name.startswith("_") and name not in known | used and (hint := suggest(name, known)):
            yield f"{name} is no attribute of the contract{hint}"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _classes(tree: ast.Module, name: str) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]


def _stored(tree: ast.AST) -> list[str]:
    """The attributes that are set of any object, as in `self.ce_weight = 0.5`."""
    return [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]


def _read(tree: ast.AST) -> Iterator[str]:
    """The names that are read, as a variable, an attribute or a text such as that of `getattr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
