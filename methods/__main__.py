"""`python -m methods` lists the methods; `python -m methods check ID` runs the contract's checks on one of them."""

from __future__ import annotations

import argparse
import sys

import methods


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m methods", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["list", "check"], default="list")
    parser.add_argument("id", nargs="?", help="the method to check")
    arguments = parser.parse_args()
    if arguments.action == "list":
        for name in methods.available():
            about = methods.describe(name)
            options = ", ".join(f"{key}={value}" for key, value in methods.defaults(name).items())
            print(f"{name:18} {about['title']} ({about['year']}, {about['citations'][0]})  {options}")
        return
    if arguments.id not in methods.available():
        sys.exit(f"error: unknown method '{arguments.id}'; allowed: {', '.join(methods.available())}")
    from methods.testing import check_contract

    try:
        check_contract(arguments.id)
    except AssertionError as error:
        sys.exit(f"error: {error}")
    print(f"{arguments.id} keeps the contract")


if __name__ == "__main__":
    main()
