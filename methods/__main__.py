"""`python -m methods` lists the methods; `python -m methods check ID` runs the contract's checks on one of them."""

from __future__ import annotations

import argparse
import sys

import methods


def list_methods() -> None:
    """Prints one line per method: id, title, year, reference, and the hyperparameters that can be set.

    Raises:
        SystemExit: with one line, where a method's file cannot be loaded.
    """
    for name in methods.available():
        _load(name)
        about = methods.describe(name)
        options = ", ".join(f"{key}={value}" for key, value in methods.defaults(name).items())
        print(f"{name:18} {about['title']} ({about['year']}, {about['citations'][0]})  {options}")


def check(method: str) -> None:
    """Runs the contract's checks on one method and says that it keeps the contract.

    Raises:
        SystemExit: with one line, where the id is unknown, its file cannot be loaded, or a rule is broken.
    """
    _load(method)
    from methods.testing import check_contract

    try:
        check_contract(method)
    except AssertionError as error:
        sys.exit(f"error: {error}")
    print(f"{method} keeps the contract")


def _load(method: str) -> None:
    try:
        methods.load(method)
    except ValueError as error:
        sys.exit(f"error: {error}")
    except Exception as error:  # whatever a new file may raise on its import
        sys.exit(f"error: {method}: {type(error).__name__}: {error}")


def main() -> None:
    """The command line: `list` (also without an action) or `check ID`."""
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
