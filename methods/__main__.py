"""`python -m methods` lists the methods; `python -m methods check ID` runs the contract's checks on one of them."""

from __future__ import annotations

import argparse
import io
import sys

import methods
from methods import registry
from methods.listing import ANY_ERROR, told


def list_methods() -> None:
    """Prints one line per method: id, title, year, reference, and the hyperparameters that can be set.

    Raises:
        SystemExit: exit code 1, where a file cannot be loaded; it has one line on standard error, after the others.
    """
    try:
        available = methods.available()
    except ValueError as error:  # two files of one id
        sys.exit(f"error: {error}")
    broken = []
    for name in available:
        try:
            about = methods.describe(name)
            options = ", ".join(f"{key}={value}" for key, value in methods.defaults(name).items())
            print(f"{name:18} {about['title']} ({about['year']}, {about['citations'][0]})  {options}")
        except ANY_ERROR as error:
            broken.append(_told(name, error))
    if broken:
        sys.exit("\n".join(broken))


def check(method: str) -> None:
    """Runs the contract's checks on one method and says that it keeps the contract.

    Raises:
        SystemExit: with one line, where the id is unknown or its file cannot be loaded; with one for every rule that is
            broken.
    """
    try:
        registry.file(method)
    except ValueError as error:
        sys.exit(f"error: {error}")
    try:
        from methods.testing import faults

        found = faults(method)
    except ANY_ERROR as error:
        sys.exit(_told(method, error))
    if found:
        sys.exit("\n".join(f"error: {fault}" for fault in found))
    print(f"{method} keeps the contract")


def _told(method: str, error: BaseException) -> str:
    return f"error: {told(error, registry.file(method))}"


def main() -> None:
    """The command line: `list` (also without an action) or `check ID`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a title may hold characters that the terminal lacks
    parser = argparse.ArgumentParser(prog="python -m methods", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="{list,check}")
    actions.add_parser("list", help="all methods, one per line")
    actions.add_parser("check", help="the contract's checks").add_argument("id", help="the method to check")
    arguments = parser.parse_args()
    if arguments.action == "check":
        check(arguments.id)
    else:
        list_methods()


if __name__ == "__main__":
    main()
