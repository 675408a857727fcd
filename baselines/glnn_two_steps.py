"""Graph-less neural networks (GLNN) by the schedule of their code: Zhang, Liu, Sun and Shah, ICLR 2022."""

from __future__ import annotations

from baselines.kd import SoftTargets
from methods.contract import Shape
from methods.pairing import share


class TwoSteps(SoftTargets):
    """A step of the optimizer on lamb * CE(labels), then one on (1 - lamb) * KL(softmax(z_T) || softmax(z_S)).

    The same two losses as of `kd` with alpha = 1 - lamb and tau = 1, but the student is asked again between the two
    steps. Under Adam the sum would be another method: each step is as long as the learning rate, whatever its loss
    weighs. At lamb 0 the first step has no gradient; it lets the weights decay, moves them by Adam's first moments, and
    fades both moments. An MLP as the student and all observed nodes distilled are settings of an experiment.

    Departures. In mini-batches the two steps alternate, where the authors go through all labelled batches and then
    through all others. Batch norm, which their networks of small graphs lack, sees all rows in both steps.

    Args:
        lamb: their lambda, the weight of the labels, in [0, 1]. Default 0 (Zhang et al.).
    """

    title = "GLNN (two steps)"
    year = 2022
    citation = "zhang2022graphless"
    labels_apart = True
    search_space = {"lamb": (0.0, 0.1, 0.3, 0.5)}

    def __init__(self, teacher: Shape, student: Shape, *, lamb: float = 0.0) -> None:
        share(self, lamb=lamb)
        super().__init__(teacher, student, alpha=1 - lamb, temperature=1.0)
