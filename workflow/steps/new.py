"""`abkd-bench new`: one whole file for a method, a network or a dataset of one's own, to be changed."""

from __future__ import annotations

import argparse
import keyword
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import methods
from methods import plugins
from methods.listing import shown
from workflow import catalog
from workflow.errors import UserError
from workflow.files import write_text
from workflow.models import listing

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
KINDS = {
    "method": ("methods", plugins.ROOT / "baselines"),
    "network": ("networks", listing.FOLDER),
    "dataset": ("datasets", catalog.FOLDER),
}
"""Kind -> folder of a plug-in, and of the repository."""
TAKEN: dict[str, Callable[[], list[str]]] = {
    "method": methods.available,
    "network": listing.available,
    "dataset": lambda: [*catalog.available(), *(stem.replace("_", "-") for stem in catalog.files())],
}
NAME = r"[a-z][a-z0-9]*([-_][a-z0-9]+)*"


def write(kind: str, name: str, into: Path | None) -> Path:
    """Writes the file of a method, network or dataset, and returns where.

    Args:
        into: a plug-in's folder, which is made where it is not there; None for the repository's own.

    Raises:
        UserError: the name cannot be an id or is taken, or there is such a file.
    """
    if not re.fullmatch(NAME, name) or len(name) > 40:
        raise UserError(f"{name}: a name has small letters and digits, with - between words, at most 40")
    stem, identity = re.sub("-", "_", name), re.sub("_", "-", name)
    if keyword.iskeyword(stem):
        raise UserError(f"{name}: is a word of Python's own")
    below, own = KINDS[kind]
    file = (into / below if into else own) / f"{stem}.py"
    if file.exists():
        raise UserError(f"{shown(file)}: is there already")
    try:
        plugins.use(
            [str(into.resolve())] if into and any((into / each).is_dir() for each in plugins.KINDS) else [], Path()
        )
        taken = TAKEN[kind]()
    except ValueError as error:
        raise UserError(str(error)) from error
    if (stem if kind == "network" else identity) in taken:
        raise UserError(f"{name}: there is a {kind} of this name")
    write_text(file, _text(kind, stem, identity))
    return file


def _text(kind: str, stem: str, identity: str) -> str:
    """The template with its name replaced."""
    words = stem.split("_")
    title = " ".join(words).capitalize()
    year = str(date.today().year)
    text = (TEMPLATES / f"{kind}.py").read_text(encoding="utf-8")
    for placeholder, value in (
        ("class Template", f"class {''.join(word.capitalize() for word in words)}"),
        ("template2026", f"{''.join(words)}{year}"),
        ("2026", year),
        ("Template", title),
        ("TEMPLATE", title),
        ('"template"', f'"{identity}"'),
    ):
        text = text.replace(placeholder, value)
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("name", help="its id, such as my-idea")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="a folder of your own, outside of the repository")


def call(arguments: argparse.Namespace) -> None:
    """Writes the file, and says what comes next. Raises UserError."""
    file = write(arguments.kind, arguments.name, arguments.into)
    print(file if arguments.into else shown(file))
    print(f"check it:             abkd-bench check {file if arguments.into else arguments.name}")
    if arguments.into:
        print(f"in a configuration:   plugins: [{arguments.into.resolve()}]")
