"""Ablation of ABKD (Ahluwalia et al. 2023): one softmax over all pairs of layers."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class PairsAxisAlignment(AttentionBasedKD, axis="pairs"):
    """abkd with A = softmax over all pairs (i, j) of q_i . k_j / sqrt(d): one unit of attention in all."""

    title = "ABKD pairs axis"
