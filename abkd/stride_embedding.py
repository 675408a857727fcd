"""Ablation of STRIDE (Ahluwalia et al., version 2): embeddings alone."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class EmbeddingAlone(AttentionBasedKD, axis="teacher", dissimilarity="node"):
    """stride without its structural term: attention weighs D_ij alone, which is abkd with the node dissimilarity.

    Its default `dim` is abkd's, a quarter of the teacher's widest layer, and not the 64 of stride.
    """

    title = "STRIDE embedding"
    year = 2025
