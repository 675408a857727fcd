"""Ablation of ABKD (Ahluwalia et al. 2023): without the shared trainable basis P."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class UnsharedAlignment(AttentionBasedKD, basis=False, gamma=0.0):
    """abkd with P = I: the loss is beta * <A, D>, with a projection of each layer's own and no penalty."""

    title = "ABKD no P"
