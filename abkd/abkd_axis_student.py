"""Ablation of ABKD (Ahluwalia et al. 2023): the attention's softmax runs over the teacher layers."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class StudentAxisAlignment(AttentionBasedKD, axis="student"):
    """abkd with A_ij = softmax over i of q_i . k_j / sqrt(d): one unit of attention per student layer."""

    title = "ABKD student axis"
