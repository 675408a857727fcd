"""Ablation of ABKD: without the shared trainable basis P."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class UnsharedAlignment(AttentionBasedKD, basis=False, gamma=0.0):
    """abkd with P = I: each layer keeps its own projection, nothing is shared and nothing penalised."""

    title = "ABKD no P"
