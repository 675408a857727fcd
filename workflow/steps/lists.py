"""`abkd-bench methods`, `networks` and `datasets`: what there is, with what can be set."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import methods as registered
from methods import plugins, registry
from methods.listing import ANY_ERROR, told
from workflow import catalog
from workflow.errors import UserError
from workflow.models import listing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="folders of your own, which are listed with them")


def methods(arguments: argparse.Namespace) -> None:
    """Prints one line per method: id, title, year, reference, and the hyperparameters that can be set.

    Raises:
        UserError: a folder cannot be used.
        SystemExit: exit code 1, where a file cannot be loaded, or two have one id; each has one line on standard error,
            after the others. So do the lists below.
    """
    _use(arguments.folders)

    def line(name: str) -> str:
        about = registered.describe(name)
        source = f"({about['year']}, {about['citations'][0]})"
        return f"{name:18} {about['title']} {source}  {_options(registered.defaults(name))}"

    _print(registered.available(), registered.clashes(), line, registry.file)


def networks(arguments: argparse.Namespace) -> None:
    """Prints one line per network: id, kinds of task, and its options, which the docstring of its file explains."""
    from workflow.models import model  # imports torch

    _use(arguments.folders)

    def line(name: str) -> str:
        cls = model.load(name)
        return f"{name:16} {', '.join(sorted(cls.kinds))}: {_title(cls)}  {_options(model.options(cls))}"

    _print(listing.available(), listing.clashes(), line, lambda name: listing.files()[name])


def datasets(arguments: argparse.Namespace) -> None:
    """Prints one line per dataset: id, title, task, metric, size of the answer, and where its data come from."""
    _use(arguments.folders)

    def line(name: str) -> str:
        facts = catalog.facts(name)
        outputs = f"{facts.outputs} output{'s' if facts.outputs > 1 else ''}"
        task = f"{facts.kind}, {facts.objective}, {outputs}, {facts.metric}"
        root = next((f", or data.{key}" for key in catalog.settings(name)), "")
        return f"{name:24} {facts.title}: {task}; {'embedded' if facts.embedded else f'downloaded{root}'}"

    _print(catalog.available(), {}, line, lambda name: catalog.files()[catalog.loader(name)], catalog.broken())


def _use(folders: list[str]) -> None:
    try:
        plugins.use(folders, Path())
    except ValueError as error:
        raise UserError(str(error)) from error


def _print(
    names: Iterable[str],
    clashes: Mapping[str, str],
    line: Callable[[str], str],
    file: Callable[[str], Path],
    broken: Iterable[str] = (),
) -> None:
    """A line for each name; what cannot be listed ends the program after the others."""
    faults = [f"error: {text}" for text in (*clashes.values(), *broken)]
    for name in names:
        if name in clashes:
            continue
        try:
            text = line(name)
        except UserError as error:
            faults.append(f"error: {error}")
        except ANY_ERROR as error:
            faults.append(f"error: {told(error, file(name))}")
        else:
            print(text)
    if faults:
        sys.exit("\n".join(faults))


def _options(defaults: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in defaults.items())


def _title(cls: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]
