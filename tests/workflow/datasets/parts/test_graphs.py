"""Vocabularies of molecular graphs."""

from __future__ import annotations

from workflow.datasets.parts import graphs


def test_vocabularies_are_ogbs() -> None:
    from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims

    assert list(graphs.VOCABULARY) == get_atom_feature_dims()
    assert list(graphs.EDGE_VOCABULARY) == get_bond_feature_dims()
