"""`ace-het`: the molecules of `ace-sim` as a heterogeneous graph in the shape of ogbn-mag.

Node types: molecules with features (128 dimensions, as in `ace-sim`); scaffolds and fragments without, for which a
model learns embeddings, as it does for the authors, fields and institutions of ogbn-mag.

scaffold
    Bemis and Murcko's graph framework: rings and what links them, every atom a carbon, every bond single. The split
    is by scaffolds WITH their atoms, which never join the parts; frameworks do.
fragment
    pieces between the bonds that BRICS would cut (Degen et al. 2008, doi:10.1002/cmdc.200800178), stereochemistry
    and BRICS labels dropped.

Only scaffolds and fragments of at least 3 molecules are nodes; the rest could pass no message worth having and would
be most of the embeddings. Relations: molecule-similar-molecule (symmetrised nearest neighbours), molecule-has-
scaffold, molecule-contains-fragment, and the reverses of the last two. Label = target, split as in `ace-sim`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts import moleculeace, similarity
from workflow.datasets.parts.csr import both_ways, relation
from workflow.task import Task

FEWEST_MOLECULES = 3
RELATIONS = (
    "fragment/rev_contains/molecule",
    "molecule/contains/fragment",
    "molecule/has/scaffold",
    "molecule/similar/molecule",
    "scaffold/rev_has/molecule",
)


def _info(molecules: int, scaffolds: int, fragments: int) -> dict[str, Any]:
    return {
        "target": "molecule",
        "counts": {"molecule": molecules, "scaffold": scaffolds, "fragment": fragments},
        "features": {"molecule": similarity.DIMENSIONS},
        "relations": list(RELATIONS),
    }


def _facts(title: str, molecules: int, scaffolds: int, fragments: int) -> Facts:
    info = _info(molecules, scaffolds, fragments)
    outputs = len(moleculeace.TARGETS)
    return Facts(
        Kind.HETEROGENEOUS,
        Objective.MULTICLASS,
        "accuracy",
        outputs,
        similarity.DIMENSIONS,
        title,
        info=info,
        embedded=True,
        memory_mb=2000,
    )


NAMES = {
    "ace-het": _facts("ACE heterogeneous", 26_126, 1_906, 2_376),
    "ace-het-mini": _facts("ACE heterogeneous (mini)", 8_012, 740, 1_209),
}


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError where the wheel is missing or not whole; `settings` are not used."""
    smiles, labels = similarity.selection(name.endswith("-mini"))
    bits, scaffolds = moleculeace.fingerprints_and_scaffolds(smiles)
    has, num_scaffolds = incidence([[framework] if framework else [] for framework in frameworks(scaffolds)])
    contains, num_fragments = incidence(fragments(smiles))
    arrays = {
        "labels": labels,
        "features/molecule": similarity.principal_features(bits),
        **relation("molecule/similar/molecule", similarity.similarity_graph(bits)),
        **both_ways("molecule", "has", "scaffold", has, (len(smiles), num_scaffolds)),
        **both_ways("molecule", "contains", "fragment", contains, (len(smiles), num_fragments)),
        **moleculeace.scaffold_split(scaffolds),
    }
    info = _info(len(smiles), num_scaffolds, num_fragments)
    return Task(name, Kind.HETEROGENEOUS, Objective.MULTICLASS, "accuracy", len(moleculeace.TARGETS), arrays, info)


def incidence(parts: Iterable[Iterable[str]]) -> tuple[np.ndarray, int]:
    """Edges [2, E] int64 from molecules to the parts that at least 3 molecules have, and the number of these parts.

    Parts are numbered in the order of their first molecule and, within a molecule, of being listed.
    """
    members: dict[str, list[int]] = {}
    for molecule, own in enumerate(parts):
        for part in dict.fromkeys(own):
            members.setdefault(part, []).append(molecule)
    kept = [molecules for molecules in members.values() if len(molecules) >= FEWEST_MOLECULES]
    edges = [(molecule, part) for part, molecules in enumerate(kept) for molecule in molecules]
    return np.array(edges, np.int64).reshape(-1, 2).T, len(kept)


def frameworks(scaffolds: Sequence[str]) -> list[str]:
    """The graph framework of each Bemis-Murcko scaffold; empty where that is."""
    from rdkit import Chem
    from rdkit.Chem.Scaffolds.MurckoScaffold import MakeScaffoldGeneric

    known = {"": ""}
    with moleculeace.quiet_rdkit():
        for scaffold in dict.fromkeys(scaffolds):
            if scaffold:
                generic = MakeScaffoldGeneric(Chem.MolFromSmiles(scaffold))
                known[scaffold] = Chem.MolToSmiles(generic, isomericSmiles=False)
    return [known[scaffold] for scaffold in scaffolds]


def fragments(smiles: Sequence[str]) -> Iterator[list[str]]:
    """For each molecule its BRICS pieces, in the order of their atoms in its SMILES, with `*` where it was cut."""
    from rdkit import Chem
    from rdkit.Chem.rdmolops import FragmentOnBRICSBonds

    with moleculeace.quiet_rdkit():
        for text in smiles:
            # Atoms of pieces are what they were in the molecule, which was sanitised.
            pieces = Chem.GetMolFrags(FragmentOnBRICSBonds(Chem.MolFromSmiles(text)), asMols=True, sanitizeFrags=False)
            yield [Chem.MolToSmiles(piece, isomericSmiles=False) for piece in pieces]
