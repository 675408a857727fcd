"""Ablation of STRIDE (Ahluwalia et al., version 2): structure alone."""

from __future__ import annotations

from abkd.stride import StructureAndEmbedding


class StructureAlone(StructureAndEmbedding, beta=0.0, axis="teacher"):
    """stride without the embeddings' dissimilarity D (beta 0): the loss is structure_weight <A, R>."""

    title = "STRIDE structure"
