"""Steps that a thread draws ahead."""

from __future__ import annotations

from itertools import islice

import pytest

from workflow.training.feeds.prefetch import prefetched


def test_prefetched_items_come_in_order_and_their_errors_too():
    assert list(prefetched(iter(range(10)))) == list(range(10))

    def broken():
        yield 1
        raise ValueError("broken")

    items = prefetched(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_a_closed_prefetcher_stops_making():
    made = []

    def endless():
        k = 0
        while True:
            made.append(k)
            yield k
            k += 1

    items = prefetched(endless())
    assert list(islice(items, 3)) == [0, 1, 2]
    items.close()
    count = len(made)
    assert count < 10
    assert len(made) == count
