"""Draws among numbered items that are the same on every machine and with every version of numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def ranks(draw: str, items: np.ndarray) -> np.ndarray:
    """[k] numbers of items -> [k] uint64: the one with the smallest is drawn first, whichever others there are.

    Args:
        draw: names the draw; another text is another order.
    """
    hashes = (hashlib.sha256(f"{draw} {item}".encode()).digest() for item in items.tolist())
    return np.array([int.from_bytes(found[:8], "big") for found in hashes], np.uint64)


def by_class(order: np.ndarray, labels: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """[k] ids as they are drawn -> one more set than `counts`, each ascending: so many of each class, and the rest.

    A class with fewer fills the sets in their order.

    Args:
        labels: [n] classes of all items.
    """
    members = [order[labels[order] == label] for label in np.unique(labels[order])]
    cut = [np.split(found, np.cumsum(counts)) for found in members]
    return [np.sort(np.concatenate(found)) for found in zip(*cut, strict=True)]
