"""Items made in a thread while the ones before are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")

AHEAD = 2
"""Items that wait, at most."""


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; what making them raises is raised here.

    The thread ends with the items, or when the iterator is closed. It never runs ahead of the last item, so that a
    random stream that makes them stands where it would without a thread once all are used.
    """
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(AHEAD)
    closed = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None]) -> None:
        while not closed.is_set():
            try:
                return made.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put((item, None))
                if closed.is_set():
                    return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))

    thread = threading.Thread(target=make, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            assert item is not None
            yield item
            del item  # or it would be held while the next one is awaited
    finally:
        closed.set()
        thread.join()
