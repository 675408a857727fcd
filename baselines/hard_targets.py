"""The teacher's classes as labels: Lee, "Pseudo-Label", ICML 2013 workshop; soft targets whose temperature goes to 0.

What soft targets say beyond the teacher's class is the difference to KD. Touvron et al. (ICML 2021, arXiv 2012.12877,
equation 3) distil so from another network with alpha 1/2, "hard-label distillation".
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, share
from methods.spaces import LogRange
from methods.vocabulary import Objective


class HardTargets(Method):
    """alpha * tau^2 * CE(argmax z_T, softmax(z_S / tau)), a mean over rows; CE weight 1 - alpha.

    KD's term (Hinton et al. 2015) where the teacher's own temperature has gone to zero and the student's has not. With
    binary targets, each task of each row has the class z_T > 0 and the mean is over rows and tasks.

    Args:
        alpha: weight of the teacher, in [0, 1]. Default 0.9, KD's.
        temperature: tau > 0, of the student alone. Default 1, at which the term is that of pseudo-labels.
    """

    title = "Hard targets"
    year = 2013
    citation = "lee2013pseudo"
    objectives = frozenset({Objective.MULTICLASS, Objective.BINARY})
    search_space = {"alpha": (0.3, 0.5, 0.8, 0.9, 1.0), "temperature": LogRange(0.2, 5)}

    def __init__(self, teacher: Shape, student: Shape, *, alpha: float = 0.9, temperature: float = 1.0) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha)
        at_least(self, 0, above=True, temperature=temperature)
        self.alpha = alpha
        self.temperature = temperature
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        z = z_student / self.temperature
        if batch.objective == Objective.BINARY:
            targets = batch.memo(self, "targets", lambda: (z_teacher > 0).to(z.dtype))
            entropy = functional.binary_cross_entropy_with_logits(z, targets, reduction="sum") / max(z.numel(), 1)
        else:
            targets = batch.memo(self, "targets", lambda: z_teacher.argmax(1))
            entropy = functional.cross_entropy(z, targets, reduction="sum") / max(len(z), 1)
        return {"hard": self.alpha * self.temperature**2 * entropy}
