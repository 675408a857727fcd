"""Graph-less neural networks (GLNN): Zhang, Liu, Sun and Shah, ICLR 2022."""

from __future__ import annotations

from baselines.kd import SoftTargets


class GraphLess(SoftTargets, alpha=1.0, temperature=1.0):
    """kd with alpha 1 and tau 1: KL(softmax(z_T) || softmax(z_S)) alone, the published loss at its default lambda 0.

    GLNN is this loss, an MLP as the student, and all observed nodes distilled: the last two are settings of an
    experiment. The authors' code takes two steps of Adam in an epoch, one on the cross-entropy and one on the
    divergence; at lambda 0 the first has no gradient and only lets the weights decay and the moments fade:
    `glnn-two-steps` has it.
    """

    title = "GLNN"
    year = 2022
    citation = "zhang2022graphless"
