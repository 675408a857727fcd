"""Draws among numbered items that are the same on every machine and with every version of numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from workflow.errors import UserError
from workflow.task import SPLITS


def ranks(draw: str, items: np.ndarray) -> np.ndarray:
    """[k] numbers of items -> [k] uint64: the one with the smallest is drawn first, whichever others there are.

    Args:
        draw: names the draw; another text is another order.
    """
    hashes = (hashlib.sha256(f"{draw} {item}".encode()).digest() for item in items.tolist())
    return np.array([int.from_bytes(found[:8], "big") for found in hashes], np.uint64)


def ordered(draw: str, items: np.ndarray) -> np.ndarray:
    """[k] numbers of items in the order in which they are drawn."""
    return items[np.argsort(ranks(draw, items), kind="stable")]


def by_class(order: np.ndarray, labels: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """[k] ids as they are drawn -> one more set than `counts`, each ascending: so many of each class, and the rest.

    A class with fewer fills the sets in their order.

    Args:
        labels: [n] classes of all items.
    """
    members = [order[labels[order] == label] for label in np.unique(labels[order])]
    cut = [np.split(found, np.cumsum(counts)) for found in members]
    return [np.sort(np.concatenate(found)) for found in zip(*cut, strict=True)]


def three_parts(
    order: np.ndarray, labels: np.ndarray, classes: Iterable[int], train: int, valid: int, told: tuple[str, str]
) -> dict[str, np.ndarray]:
    """The split of a task: so many of each class for training and for validation, the rest for testing.

    Args:
        order: [k] ids as they are drawn.
        labels: [n] classes of all items.
        classes: that must be there.
        told: what a message names, and what it counts.

    Raises:
        UserError: a class has too few for all three.
    """
    for label in classes:
        if (count := int((labels[order] == label).sum())) <= train + valid:
            needs = f"{train} are for training, {valid} for validation, and the rest for testing"
            raise UserError(f"{told[0]}: class {label} has {count} {told[1]}, but {needs}")
    return {f"split/{part}": ids for part, ids in zip(SPLITS, by_class(order, labels, (train, valid)), strict=True)}
