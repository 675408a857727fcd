"""What of a source file computes."""

from __future__ import annotations

import io
import token
import tokenize
from pathlib import Path

import pytest

from tests.workflow.samples import ROOT
from workflow import sources
from workflow.statements import statements

CODE = '''"""Module."""

from math import pi

LIMIT = 3
"""What it is."""


class Loss:
    """Doc."""

    text = """first
# no comment

last"""

    def value(self, x):
        """Doc
        of two lines."""
        # a comment
        name = f"""{x}
# of {pi}"""
        return x * 2  # behind
'''
WORDS = {
    "module": ('"""Module."""', '"""Another, of\n\nthree lines."""'),
    "none": ('"""Module."""\n', ""),
    "attribute": ("What it is", "What it was"),
    "class": ('    """Doc."""', '    "Words"'),
    "function": ("of two lines", "of two\n        or three lines"),
    "comment": ("# a comment", "# another\n\n        # and a second"),
    "blank": ("LIMIT = 3\n", "\n   \nLIMIT = 3\n"),
    "line ends": ("\n", "\r\n"),
}
CHANGES = {
    "number": ("x * 2", "x * 3"),
    "name": ("def value", "def values"),
    "comment in a string": ("# no comment\n", ""),
    "blank line in a string": ("\n\nlast", "\nlast"),
    "comment in a formatted string": ("# of", "#  of"),
    "string that is a value": ('LIMIT = 3\n"""What it is."""', 'LIMIT = """What it is."""'),
    "indented": ("        return", "    return"),
    "commented out": ("        return", "        # return"),
}


def of(text: str, folder: Path) -> bytes:
    file = folder / "some.py"
    file.write_bytes(text.encode())
    return statements(file).computing


@pytest.mark.parametrize("change", WORDS)
def test_words_do_not_count(change, tmp_path):
    assert CODE.replace(*WORDS[change]) != CODE
    assert of(CODE.replace(*WORDS[change]), tmp_path) == of(CODE, tmp_path)


@pytest.mark.parametrize("change", CHANGES)
def test_what_computes_counts(change, tmp_path):
    assert CODE.replace(*CHANGES[change]) != CODE
    assert of(CODE.replace(*CHANGES[change]), tmp_path) != of(CODE, tmp_path)


@pytest.mark.parametrize("line", ["'a'; x = 1; 'b'", "def f(): 'doc'; return 1", "if x: '''a\n b'''; y = 'c'"])
def test_statements_beside_a_string_stay(line, tmp_path):
    bare = "".join(of(line, tmp_path).decode().split())
    assert bare == {"'": ";x=1;", "d": "deff():;return1", "i": "ifx:;y='c'"}[line[0]]


@pytest.mark.parametrize(
    "content", [b"x = (\n# no end\n", b"# \xe9\nx = 1\n", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"x\0"]
)
def test_what_cannot_be_parsed_counts_whole(content, tmp_path):
    file = tmp_path / "some.py"
    file.write_bytes(content)
    assert statements(file).computing == content


SPACE = {token.NEWLINE, token.NL, token.INDENT, token.DEDENT, token.COMMENT, token.ENDMARKER}


def tokens(text: str) -> list[str]:
    """Of a file, without comments and without strings that fill a statement: slow, and sure of what a string is."""
    found = list(tokenize.generate_tokens(io.StringIO(text).readline))
    meant = [each for each in found if each.type not in (token.NL, token.COMMENT)]
    kept = []
    for at, each in enumerate(meant):
        begins = at == 0 or meant[at - 1].type in (token.NEWLINE, token.INDENT, token.DEDENT)
        alone = each.type == token.STRING and begins and meant[at + 1].type in (token.NEWLINE, token.ENDMARKER)
        if each.type not in SPACE and not alone:
            kept.append(each.string)
    return kept


def test_no_token_of_the_project_is_lost():
    files = [path for package in sources.PACKAGES for path in ROOT.joinpath(package).rglob("*.py")]
    assert len(files) > 200
    for file in files:
        assert tokens(statements(file).computing.decode()) == tokens(file.read_text(encoding="utf-8")), file


def test_a_better_docstring_trains_nothing_anew(monkeypatch, tmp_path):
    for name, text in {"mine": '"""Words."""\nfrom baselines.part import x\n', "part": "x = 1\n"}.items():
        (tmp_path / "baselines").mkdir(exist_ok=True)
        (tmp_path / "baselines" / f"{name}.py").write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path)

    def digest() -> str:
        sources._digest.cache_clear()
        return sources.digest("loss", "baselines.mine")

    before = digest()
    (tmp_path / "baselines" / "mine.py").write_text('"""Better words."""\n\n# Why.\nfrom baselines.part import x\n')
    assert digest() == before
    (tmp_path / "baselines" / "part.py").write_text("x = 2\n")
    assert digest() != before
    sources._digest.cache_clear()
