"""Ablation of STRIDE: structure alone."""

from __future__ import annotations

from abkd.stride import StructureAndEmbedding


class StructureAlone(StructureAndEmbedding, beta=0.0, axis="teacher"):
    """stride without the embeddings' dissimilarity D (beta 0): attention weighs R_ij alone."""

    title = "STRIDE structure"
