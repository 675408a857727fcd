"""Printing on a terminal that knows fewer characters than the page does."""

from __future__ import annotations

import codecs
import io
import os
import sys

PLAIN = {"×": "x", "→": "->", "±": "+-", "−": "-", "—": "-", "–": "-", "≥": ">=", "≤": "<=", "…": "...", "\u202f": " "}


def tolerate() -> None:
    """From now on standard output and error spell out, in ASCII, what their encoding lacks: `33x`, or `?`."""
    codecs.register_error("plain", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def unread(rest: str = "") -> bool:
    """Whether nobody reads standard output any more; what is left of it goes nowhere then.

    Args:
        rest: printed to find out, where all before it may have been sent.
    """
    try:
        print(end=rest, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end
