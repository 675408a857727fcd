"""The one way in which a mistake of the user's is told: a single line, exit code 1, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps


class UserError(Exception):
    """What is wrong, where (file and key), and what is allowed, in one line."""


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wraps the `main()` of a command-line module so that a UserError ends it with one line."""

    @wraps(main)
    def run() -> None:
        try:
            main()
        except UserError as error:
            sys.exit(f"error: {error}")

    return run
