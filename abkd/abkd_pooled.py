"""Ablation of ABKD (Ahluwalia et al. 2023): layers are compared by their means over the nodes."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class PooledAlignment(AttentionBasedKD, dissimilarity="pooled"):
    """abkd with D_ij = squared distance of the L2-normalised projected means, which a head can make vanish."""

    title = "ABKD pooled"
