"""Variant of ABKD (Ahluwalia et al. 2023): how much of a teacher layer a student layer explains, by least squares."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class RegressedAlignment(AttentionBasedKD, dissimilarity="regression"):
    """abkd with D_ij = 2 - 2 R2_ij, R2_ij the share of T_i's variance that the best linear map of S_j explains.

    The student's projection is solved for at every step instead of trained, for each pair of layers its own, and the
    teacher's values are its leading principal components instead of random directions: the alignment has no heads.
    """

    title = "ABKD regression"
