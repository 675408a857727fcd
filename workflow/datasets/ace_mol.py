"""`ace-mol`: is this molecule potent? Graph-level prediction in the shape of ogbg-mol*, 30 tasks at once.

The 35,633 molecules of MoleculeACE as `ogb.utils.smiles2graph` makes them (9 atom and 3 bond columns). Task t: is
pKi or pEC50 at target t at least 7 (100 nM)? NaN where it was not measured: 1.4 measurements per molecule on average.
Scaffold split. `ace-mol-mini`: 3,000 of the molecules, taken by a hash of their SMILES.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import graphs, moleculeace
from workflow.task import Task

POTENT = 100.0  # nM: pKi or pEC50 of 7
MINI_MOLECULES = 3_000

_SHARED: dict[str, Any] = {
    "kind": Kind.GRAPH,
    "objective": Objective.BINARY,
    "metric": "rocauc",
    "outputs": len(moleculeace.TARGETS),
    "features": len(graphs.VOCABULARY),
    "info": graphs.molecule_info(),
    "embedded": True,
    "memory_mb": 2000,
}
NAMES = {
    "ace-mol": Facts(title="ACE molecules", **_SHARED),
    "ace-mol-mini": Facts(title="ACE molecules (mini)", **_SHARED),
}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError where the wheel is missing or not whole; `settings` are not used."""
    from ogb.utils import smiles2graph

    measured = moleculeace.read()
    count = MINI_MOLECULES if name.endswith("-mini") else len(measured.smiles)
    smiles, nanomolar = measured.smiles[:count], measured.nanomolar[:count]
    _, scaffolds = moleculeace.fingerprints_and_scaffolds(smiles)
    with moleculeace.quiet_rdkit():
        molecules = [smiles2graph(text) for text in smiles]
    return Task(
        name=name,
        kind=Kind.GRAPH,
        objective=Objective.BINARY,
        metric="rocauc",
        outputs=len(moleculeace.TARGETS),
        arrays={
            **graphs.join_graphs(molecules),
            "labels": np.where(np.isnan(nanomolar), np.nan, nanomolar <= POTENT).astype(np.float32),
            **moleculeace.scaffold_split(scaffolds),
        },
        info=graphs.molecule_info(),
    )
