"""Ablation of ABKD: the teacher's last layer against all of the student's."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class OneToManyAlignment(AttentionBasedKD, axis="teacher", teacher_layers="last"):
    """abkd on the pairs (last, j): attention chooses among the student's layers (softmax over j)."""

    title = "ABKD one-to-many"
