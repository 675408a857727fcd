"""A limit on the time of a block of code, whatever that code does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 5.0
"""Time after which a block that swallowed the error gets it again."""


class TimeLimitError(BaseException):
    """The block took longer than it may; not an `Exception`, so that no `except Exception` inside it swallows it."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Ends a block by an error, at the next Python instruction after its time is up.

    Signals reach the main thread alone: in another thread, as with None, nothing is limited. Not to be nested.

    Args:
        seconds: more than 0, or None.

    Raises:
        TimeLimitError: inside the block, again and again until it is left.
        ValueError: the limit is not positive.
    """
    if seconds is not None and seconds <= 0:
        raise ValueError(f"a time limit must be more than 0 s, not {seconds:g} s")
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # once more, for a signal that came while the timer was being stopped
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
