"""`ace-sim`: whose ligand is it? Molecules joined to the most similar ones, classified by their protein target.

26,126 molecules of MoleculeACE measured on one target only; 30 classes. Features: truncated SVD, 128 dimensions, of
1024-bit Morgan fingerprints. Edges: the 8 nearest neighbours by Tanimoto similarity, symmetrised. Scaffold split.
`ace-sim-mini`: the same of about 8,000 molecules, of each target the same share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import moleculeace, similarity
from workflow.task import Task

_INFO = {"symmetric": True}
_SHARED: dict[str, Any] = {
    "kind": Kind.NODE,
    "objective": Objective.MULTICLASS,
    "metric": "accuracy",
    "outputs": len(moleculeace.TARGETS),
    "features": similarity.DIMENSIONS,
    "info": _INFO,
    "embedded": True,
    "memory_mb": 2000,
}
NAMES = {
    "ace-sim": Facts(title="ACE similarity", **_SHARED),
    "ace-sim-mini": Facts(title="ACE similarity (mini)", **_SHARED),
}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError where the wheel is missing or not whole; `settings` are not used."""
    smiles, labels = similarity.selection(name.endswith("-mini"))
    bits, scaffolds = moleculeace.fingerprints_and_scaffolds(smiles)
    pointers, sources = similarity.similarity_graph(bits)
    return Task(
        name=name,
        kind=Kind.NODE,
        objective=Objective.MULTICLASS,
        metric="accuracy",
        outputs=len(moleculeace.TARGETS),
        arrays={
            "features": similarity.principal_features(bits),
            "labels": labels,
            "pointers": pointers,
            "sources": sources,
            **moleculeace.scaffold_split(scaffolds),
        },
        info=dict(_INFO),
    )
