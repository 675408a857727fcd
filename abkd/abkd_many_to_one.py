"""Ablation of ABKD (Ahluwalia et al. 2023): all teacher layers against the student's last."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class ManyToOneAlignment(AttentionBasedKD, axis="student", student_layers="last"):
    """abkd on the pairs (i, last): A_i = softmax over i, attention chooses among the teacher's layers."""

    title = "ABKD many-to-one"
