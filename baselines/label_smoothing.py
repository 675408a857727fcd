"""Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

A control without a teacher: what of logit KD is regularisation of the targets (Yuan et al., CVPR 2020).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from baselines.parts.labelled import mean_over_known
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import logits_of, share
from methods.vocabulary import Objective


class LabelSmoothing(Method):
    """(1 - epsilon) CE(labels) + epsilon CE(uniform), both over the labelled rows alone.

    By objective, with z [n, C]:

    - multiclass: the second term is the mean over labelled rows of -mean_c log softmax(z)_c.
    - binary: the mean over measured entries of the binary cross-entropy of sigmoid(z) with 1/2.

    Args:
        epsilon: share of the target that all classes get alike, in [0, 1]. Default 0.1 (Szegedy et al. 2016).
    """

    title = "Label smoothing"
    year = 2016
    citation = "szegedy2016rethinking"
    control = True
    uses_teacher = False
    objectives = frozenset({Objective.MULTICLASS, Objective.BINARY})
    search_space = {"epsilon": (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}

    def __init__(self, teacher: Shape, student: Shape, *, epsilon: float = 0.1) -> None:
        super().__init__(teacher, student)
        share(self, epsilon=epsilon)
        self.epsilon = epsilon
        self.ce_weight = 1 - epsilon

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z, _ = logits_of(self, student, teacher)
        if batch.objective == Objective.BINARY:
            entropy = -(functional.logsigmoid(z) + functional.logsigmoid(-z)) / 2
        else:
            entropy = -functional.log_softmax(z, 1)
        return {"smoothing": mean_over_known(entropy, batch, self.epsilon)}
