"""The one way in which a mistake of the user's is told: a single line, exit code 1, no traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from reports.terminal import tolerate, unread


class UserError(Exception):
    """What is wrong, where (file and key), and what is allowed, in one line."""


@contextmanager
def reported() -> Iterator[None]:
    """What `reports`, which knows no UserError, refuses in one line is told as one."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error


DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}
"""What a disk can have that is nobody's mistake and no result."""


def broken_disk(error: OSError) -> UserError | None:
    """What to tell where the disk is full or cannot be written; whatever was under way is to be done again."""
    if error.errno not in DISK:
        return None
    return UserError(f"{error.filename or 'disk'}: {error.strerror}; nothing half-written counts: run again")


WRONG_PATH = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""What a path that was named by mistake ends in."""


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wraps the `main()` of a command-line module so that a UserError ends it with one line.

    What it prints may hold characters that the terminal lacks, and end in a pipe that nobody reads, as in `| head`.
    """

    @wraps(main)
    def run() -> None:
        tolerate()
        try:
            main()
        except UserError as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            if isinstance(error, BrokenPipeError) and unread("\n"):  # it may have been another pipe
                sys.exit(1)
            if told := broken_disk(error):
                sys.exit(f"error: {told}")
            if isinstance(error, WRONG_PATH) or error.errno == errno.ENAMETOOLONG:
                where, what = error.filename, error.strerror or str(error)
                sys.exit(f"error: {' '.join((f'{where}: {what}' if where else what).split())}")
            raise
        finally:
            unread()  # before Python's own end, whose complaint nobody could catch

    return run
