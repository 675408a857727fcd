"""Position encodings: columns beside the features that say where in the graph a node stands (NOSMOG, ICLR 2023).

A network of homogeneous node tasks asks for them by the option `positions`. DeepWalk factorises, in closed form (NetMF:
Qiu et al., WSDM 2018, theorem 1 and algorithm 4), the logarithm of

    M = vol / T * sum_{r=1..T} (D^-1 A)^r D^-1 = vol * D^-1/2 U h(L) U' D^-1/2,   h(l) = 1/T sum_{r=1..T} l^r,

where U and L are eigenvectors and eigenvalues of D^-1/2 A D^-1/2. The logarithm asks for all pairs of nodes. Here M
itself is factorised, without its stationary part (eigenvalue 1 in every connected component; in a connected graph all
of its entries are 1, whose logarithm is 0): row i is d_i^-1/2 times row i of the leading columns of U h(L)^1/2. Memory
grows with nodes and edges. No walk is drawn, and nothing is trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy
from scipy.sparse import csr_array, diags_array
from threadpoolctl import threadpool_limits

from methods.vocabulary import Kind
from workflow import scratch, sources
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.files import digest, replacing
from workflow.specs import POSITIONS, Network
from workflow.task import Task
from workflow.variants import INDUCTIVE

WINDOW = 10
"""T, the steps of a walk that count as near: DeepWalk's window in NetMF's experiments."""

SMALL = 256
"""Nodes up to which all eigenvectors are computed: ARPACK wants some more than it is asked for."""
TOLERANCE = 1e-6
"""Relative, of an eigenvalue: what float32 can tell."""


def columns_of(network: Network) -> int:
    """Columns of encodings that a network reads; 0 for none.

    Raises:
        UserError: not a whole number of at least 1.
    """
    wanted = network.get(POSITIONS, 0)
    if POSITIONS in network and (type(wanted) is not int or wanted < 1):
        raise UserError(f"{POSITIONS}: {wanted!r}; allowed: whole numbers >= 1")
    return int(wanted)


def widened(facts: Facts, network: Network) -> Facts:
    """The facts of a dataset as a network reads it. Raises UserError where the kind of task has no encodings."""
    columns = columns_of(network)
    if columns and facts.kind != Kind.NODE:
        raise UserError(f"{POSITIONS}: for node tasks on homogeneous graphs; this dataset is {facts.kind}")
    return replace(facts, features=facts.features + columns) if columns else facts


def added(task: Task, network: Network, folder: Path) -> Task:
    """A task with the encodings that a network reads behind its features; the fingerprint, which decides them, stays.

    Args:
        folder: of the prepared task, where encodings are kept once they are made.
    """
    columns = columns_of(network)
    if not columns:
        return task
    own = task.arrays["features"]
    features = scratch.empty((len(own), own.shape[1] + columns)).numpy()
    features[:, : own.shape[1]] = own
    features[:, own.shape[1] :] = kept(task, columns, folder)
    return replace(task, arrays={**task.arrays, "features": features})


def kept(task: Task, columns: int, folder: Path) -> np.ndarray:
    """`encodings` from the file that is named by all that they rest on; made where there is none."""
    rests_on = [task.fingerprint, columns, sources.digest("positions"), np.__version__, scipy.__version__]
    if task.info.get(INDUCTIVE):  # of a task that is drawn per seed, each has other nodes that are not seen
        rests_on.append(hashlib.sha256(np.sort(task.split("test")).tobytes()).hexdigest())
    file = folder / POSITIONS / f"{columns}-{digest(rests_on)}.npy"
    with suppress(OSError, ValueError):  # none yet, or not whole
        found: np.ndarray = np.load(file, allow_pickle=False)
        if found.shape == (len(task.labels), columns):
            return found
    made = encodings(task, columns)
    with suppress(OSError), replacing(file) as temporary:  # a folder that cannot be written costs time alone
        np.save(temporary, made, allow_pickle=False)
    return made


def encodings(task: Task, columns: int) -> np.ndarray:
    """[n, columns] float32 encodings of all nodes, from the edges that are seen in training; direction does not count.

    As a whole they are scaled to the mean squared length of the features' rows, so that neither outweighs the other. In
    an inductive task a test node has the mean of its neighbours' encodings, of those that training sees, as in NOSMOG.
    A node without such an edge has zeros, and so have columns that the graph is too small for.

    They are computed on one thread, whatever the machine offers: sums that are split among threads round otherwise, and
    no file of encodings says among how many.
    """
    import scipy.sparse.linalg  # noqa: F401 (scipy's own BLAS can be limited only once it is loaded)

    with threadpool_limits(1, user_api="blas"):
        return _encodings(task, columns)


def _encodings(task: Task, columns: int) -> np.ndarray:
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    nodes = len(pointers) - 1
    edges = csr_array((np.ones(len(sources)), sources, pointers), shape=(nodes, nodes))
    if not task.info["symmetric"]:
        edges = (edges + edges.T).astype(bool).astype(float)
    absent = np.zeros(nodes, bool)
    if task.info.get(INDUCTIVE):
        absent[task.split("test")] = True
    seen = np.flatnonzero(~absent)
    found = np.zeros((nodes, columns))
    found[seen] = _factor(edges[seen][:, seen], columns)
    length = np.linalg.norm(found)
    if length:
        found *= np.linalg.norm(task.arrays["features"][seen]) / length
    if absent.any():
        around = edges[absent][:, seen]
        found[absent] = (around @ found[seen]) / np.maximum(around.sum(1), 1)[:, None]
    return found.astype(np.float32)


def _factor(edges: csr_array, columns: int) -> np.ndarray:
    """[n, columns] the leading columns of D^-1/2 U h(L)^1/2 without the stationary part; signs are fixed."""
    from scipy.sparse.csgraph import connected_components  # here, for it takes a quarter of a second of a job's start

    nodes = edges.shape[0]
    found = np.zeros((nodes, columns))
    wanted = min(columns, nodes - 1)
    if wanted < 1 or not edges.nnz:
        return found
    degrees = edges.sum(1)
    inverse = np.divide(1, np.sqrt(degrees), out=np.zeros(nodes), where=degrees > 0)
    normal = diags_array(inverse) @ edges @ diags_array(inverse)
    parts, part = connected_components(edges, directed=False)
    total = np.maximum(np.bincount(part, weights=degrees, minlength=parts), 1)
    # One row per component: its eigenvector of eigenvalue 1, the roots of the degrees.
    stationary = csr_array((np.sqrt(degrees / total[part]), (part, np.arange(nodes))), shape=(parts, nodes))

    def product(x: np.ndarray) -> np.ndarray:
        left: np.ndarray = normal @ x - stationary.T @ (stationary @ x)
        return left

    values, vectors = _leading(product, nodes, wanted)
    largest = vectors[np.abs(vectors).argmax(0), np.arange(wanted)]
    filtered = np.mean([values**step for step in range(1, WINDOW + 1)], axis=0)
    # A negative eigenvalue's filter is negative, which no square is.
    weights = np.sqrt(np.where(values > TOLERANCE, filtered, 0))
    found[:, :wanted] = inverse[:, None] * vectors * np.where(largest < 0, -weights, weights)
    return found


def _leading(product: Callable[[np.ndarray], np.ndarray], size: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues [k] of a symmetric matrix, descending, and their vectors [size, k]."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # as above

    if size <= SMALL or 4 * wanted > size:
        values, vectors = np.linalg.eigh(product(np.eye(size)))
    else:
        operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
        start, room = np.random.default_rng(0).standard_normal(size), max(4 * wanted, 64)
        values, vectors = eigsh(operator, k=wanted, which="LA", v0=start, ncv=room, tol=TOLERANCE)
    return values[: -wanted - 1 : -1], vectors[:, : -wanted - 1 : -1]
