"""Molecules, features and nearest neighbours that `ace-sim` and `ace-het` share.

The arrays are bit for bit the same on every machine: similarities are compared as quotients of exact integers, and
the SVD is made of exact integers and one rounding far above the last bits (`principal_features`).
"""

from __future__ import annotations

import numpy as np

from workflow.datasets.parts import moleculeace
from workflow.datasets.parts.csr import symmetric_csr

DIMENSIONS = 128
NEIGHBOURS = 8
MINI_MOLECULES = 8_000
# Fixed point of the singular vectors: 2^-10 against components of about 2^-5.
DIRECTION_STEPS = 1024
BLOCK_ROWS = 512


def selection(mini: bool) -> tuple[tuple[str, ...], np.ndarray]:
    """SMILES and labels [n] of the molecules of one target, or of the mini version's share of them."""
    smiles, labels = moleculeace.read().of_one_target()
    if not mini:
        return smiles, labels
    chosen = moleculeace.stratified(labels, MINI_MOLECULES)
    return tuple(smiles[i] for i in chosen), labels[chosen]


def similarity_graph(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric CSR adjacency of every molecule with its nearest neighbours (`nearest`)."""
    neighbours = nearest(bits, NEIGHBOURS)
    ends = np.repeat(np.arange(len(bits)), neighbours.shape[1])
    return symmetric_csr(ends, neighbours.reshape(-1), len(bits))


def nearest(bits: np.ndarray, k: int) -> np.ndarray:
    """The k most similar other rows of each row by Tanimoto, |a and b| / |a or b|; equals by lower index.

    Counts of bits are exact in float32. Two different quotients of integers up to 2,048 differ by more than a float32's
    last bit and division rounds correctly, so that float32 orders them as exact fractions would.

    Args:
        bits: [n, b] zeros and ones, no empty row, b <= 1024.

    Returns:
        [n, k] int64, ascending within a row.
    """
    rows = bits.astype(np.float32)
    sizes = rows.sum(axis=1)
    found = np.empty((len(rows), k), np.int64)
    for begin in range(0, len(rows), BLOCK_ROWS):
        block = slice(begin, min(begin + BLOCK_ROWS, len(rows)))
        common = rows[block] @ rows.T
        similarity = sizes[block, None] + sizes
        similarity -= common
        np.divide(common, similarity, out=similarity)
        own = np.arange(block.start, block.stop)
        similarity[own - begin, own] = -1.0
        bound = np.partition(similarity, -k, axis=1)[:, -k]
        row, column = np.nonzero(similarity >= bound[:, None])
        order = np.lexsort((column, -similarity[row, column], row))
        row, column = row[order], column[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        found[block] = column[rank < k].reshape(-1, k)
    found.sort(axis=1)
    return found


def principal_directions(bits: np.ndarray, dimensions: int) -> np.ndarray:
    """The leading right singular vectors [b, dimensions] float64 of `bits` (uncentred), largest component positive.

    They are the eigenvectors of the Gram matrix, whose entries are exact integers, so that threads and BLAS libraries
    differ only within `eigh`.
    """
    gram = np.zeros((bits.shape[1], bits.shape[1]))
    for begin in range(0, len(bits), BLOCK_ROWS):
        block = bits[begin : begin + BLOCK_ROWS].astype(np.float64)
        gram += block.T @ block
    directions = np.linalg.eigh(gram)[1][:, ::-1][:, :dimensions]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(dimensions)]
    signed: np.ndarray = directions * np.sign(largest)
    return signed


def principal_features(bits: np.ndarray) -> np.ndarray:
    """Truncated SVD [n, 128] float32 of `bits`, the same on every machine.

    The directions are rounded to a fixed point of 2^-10; what follows is exact in integers. Rounding the 1024 x 128
    directions instead of the n x 128 features leaves few values that could fall on the other side of a rounding
    bound. Between threads and OpenBLAS kernels the directions move by 2e-13 (smallest gap of neighbouring eigenvalues
    1.05, largest eigenvalue 3.4e5), while no component lies nearer than 3e-9 to a bound; a test holds both apart.
    """
    directions = np.rint(principal_directions(bits, DIMENSIONS) * DIRECTION_STEPS)
    features = np.empty((len(bits), DIMENSIONS), np.float32)
    for begin in range(0, len(bits), BLOCK_ROWS):
        block = bits[begin : begin + BLOCK_ROWS].astype(np.float64)
        features[begin : begin + BLOCK_ROWS] = (block @ directions) / DIRECTION_STEPS
    return features
