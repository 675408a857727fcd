"""Ablation of ABKD: all teacher layers against the student's last."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class ManyToOneAlignment(AttentionBasedKD, axis="student", student_layers="last"):
    """abkd on the pairs (i, last): attention chooses among the teacher's layers (softmax over i)."""

    title = "ABKD many-to-one"
