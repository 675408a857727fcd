"""Compressed sparse rows of more edges than are sorted in memory: by blocks of targets, through a file. Numpy alone.

One pass over the edges counts those of each range of targets, a second writes an 8-byte key per edge to the place of
its block in a file, and each block is sorted by itself. Memory grows by a block and by 8 bytes a target; the edges and
the result may be mapped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from workflow.arrays import beyond

Pair = tuple[np.ndarray, np.ndarray]
"""Sources and targets [E]."""

CHUNK = 2**22
"""Edges that are read at once."""
BLOCK = 2**24
"""Edges that are sorted at once, but for a range of targets that has more."""
RANGES = 2**14
"""Ranges of targets, of which blocks are made."""


@dataclass(frozen=True)
class Edges:
    """Edges in parts that memory holds.

    Attributes:
        pairs: read one after the other.
        loops: whether an edge from a node to itself counts.
    """

    pairs: Sequence[Pair]
    num_sources: int
    num_targets: int
    loops: bool = True

    def __iter__(self) -> Iterator[Pair]:
        """Raises ValueError for an edge beyond the node counts."""
        for sources, targets in self.pairs:
            for start in range(0, len(sources), CHUNK):
                found = sources[start : start + CHUNK], targets[start : start + CHUNK]
                check(*found, self.num_sources, self.num_targets)
                proper = slice(None) if self.loops else found[0] != found[1]
                yield found[0][proper], found[1][proper]


def check(sources: np.ndarray, targets: np.ndarray, num_sources: int, num_targets: int) -> None:
    """Raises ValueError for an edge beyond the node counts."""
    for end, nodes, count in (("source", sources, num_sources), ("target", targets, num_targets)):
        if (wrong := beyond(nodes, count)) is not None:
            raise ValueError(f"an edge names node {wrong} as its {end}, but there are {count}, numbered from 0")


def keys_of(sources: np.ndarray, targets: np.ndarray, num_sources: int) -> np.ndarray:
    """One number [E] int64 per edge, whose order is that by target, then by source."""
    keys = targets.astype(np.int64)
    keys *= num_sources
    keys += sources
    return keys


def rows_of(keys: np.ndarray, first: int, end: int, num_sources: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorts the keys of the edges into the targets from `first` to below `end`, in place, and drops duplicates.

    Returns:
        pointers [end - first + 1] int64; sources [E] int32, ascending within a target.
    """
    keys.sort()
    if len(keys):
        new = np.empty(len(keys), bool)
        new[0] = True
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        if not new.all():
            keys = keys[new]
    pointers = np.searchsorted(keys, np.arange(first, end + 1, dtype=np.int64) * num_sources)
    keys %= max(num_sources, 1)
    return pointers, keys.astype(np.int32)


def through_a_file(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """What `rows_of` gives for all targets; the sources are mapped from an unnamed file in TMPDIR.

    Raises:
        ValueError: an edge beyond the node counts.
    """
    width = max(-(-edges.num_targets // RANGES), 1)
    counts = np.zeros(RANGES, np.int64)
    for _, targets in edges:
        counts += np.bincount(targets // width, minlength=RANGES)
    begins = _begins(counts)
    with tempfile.TemporaryFile() as keys, tempfile.TemporaryFile() as found:
        sizes = np.add.reduceat(counts, begins)
        _scatter(edges, keys, np.repeat(np.arange(len(begins)), np.diff([*begins, RANGES])), width, sizes)
        pointers = np.zeros(edges.num_targets + 1, np.int64)
        ends = np.minimum(np.array([*begins[1:], RANGES]) * width, edges.num_targets)
        total, first = 0, 0
        keys.seek(0)
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True):
            rows, sources = rows_of(np.fromfile(keys, np.int64, size), first, end, edges.num_sources)
            pointers[first : end + 1] = rows + total
            sources.tofile(found)
            total, first = total + len(sources), end
        found.flush()
        # A plain array: nobody can name the file.
        mapped = np.asarray(np.memmap(found, np.int32, "r", shape=(total,))) if total else np.empty(0, np.int32)
    return pointers, mapped


def _begins(counts: np.ndarray) -> list[int]:
    """The first range of every block: as many ranges as have no more than BLOCK edges, but at least one."""
    total = np.cumsum(counts)
    begins = [0]
    while True:
        before = total[begins[-1] - 1] if begins[-1] else 0
        begin = max(int(np.searchsorted(total, before + BLOCK, "right")), begins[-1] + 1)
        if begin >= len(counts):
            return begins
        begins.append(begin)


def _scatter(edges: Edges, file: IO[bytes], block_of: np.ndarray, width: int, sizes: np.ndarray) -> None:
    """Writes the key of every edge to its block's place.

    Args:
        block_of: [RANGES] number of the block of each range of `width` targets.
        sizes: edges of each block.
    """
    places = (np.cumsum(sizes) - sizes).tolist()
    block_of = block_of.astype(np.uint16)  # whose sort takes linear time
    for sources, targets in edges:
        blocks = block_of[targets // width]
        keys = keys_of(sources, targets, edges.num_sources)[np.argsort(blocks, kind="stable")]
        start = 0
        for block, size in enumerate(np.bincount(blocks).tolist()):
            file.seek(8 * places[block])
            keys[start : start + size].tofile(file)
            places[block] += size
            start += size
