"""`abkd-bench methods`: lists the methods with what can be set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import methods
from methods import plugins, registry
from methods.listing import ANY_ERROR, told
from workflow.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="folders of your own, whose methods are listed with them"
    )


def call(arguments: argparse.Namespace) -> None:
    """Prints one line per method: id, title, year, reference, and the hyperparameters that can be set.

    Raises:
        UserError: a folder cannot be used.
        SystemExit: exit code 1, where a file cannot be loaded, or two have one id; each has one line on standard error,
            after the others.
    """
    try:
        plugins.use(arguments.folders, Path())
    except ValueError as error:
        raise UserError(str(error)) from error
    broken = [f"error: {line}" for line in methods.clashes().values()]
    for name in methods.available():
        if name in methods.clashes():
            continue
        try:
            about = methods.describe(name)
            options = ", ".join(f"{key}={value}" for key, value in methods.defaults(name).items())
            line = f"{name:18} {about['title']} ({about['year']}, {about['citations'][0]})  {options}"
        except ANY_ERROR as error:
            broken.append(f"error: {told(error, registry.file(name))}")
        else:
            print(line)
    if broken:
        sys.exit("\n".join(broken))
