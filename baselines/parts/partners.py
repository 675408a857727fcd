"""Which layers of two networks of different depth belong together."""

from __future__ import annotations


def partner(layer: int, of: int, among: int) -> int:
    """The layer, of `among`, at the same relative depth as `layer`, of `of`, both counted from 0; last meets last."""
    return -(-(layer + 1) * among // of) - 1
