"""The contract of a knowledge-distillation (KD) method, and the registry that finds every method on disk.

Importing this package does not import torch, so that the Snakefile can list methods cheaply.
"""

from methods.registry import (
    available,
    clashes,
    create,
    defaults,
    describe,
    epochs_factor,
    exchanged,
    labels_apart,
    load,
    modules,
    own_size,
    parts,
    search_space,
    skip,
    taught,
    teacher_extras,
    uses_edges,
)

__all__ = [
    "available",
    "clashes",
    "create",
    "defaults",
    "describe",
    "epochs_factor",
    "exchanged",
    "labels_apart",
    "load",
    "modules",
    "own_size",
    "parts",
    "search_space",
    "skip",
    "taught",
    "teacher_extras",
    "uses_edges",
]
