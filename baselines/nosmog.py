"""NOSMOG: Tian, Zhang, Guo, Zhang and Chawla, ICLR 2023; soft targets, relations, and features under attack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from baselines.nosmog_gram import GramMatching
from methods.contract import Batch, Shape, Signals
from methods.pairing import at_least, logits_of, share, whole
from methods.spaces import LogRange
from methods.vocabulary import Kind, Objective


class NoiseRobust(GramMatching):
    """alpha * (KL + adversarial * KL at x + delta) + beta * the relational term of `nosmog-gram`.

    KL is that of softmax(z_T) from softmax(z_S), a mean over rows. delta climbs it by projected gradients: it starts
    uniform within +-radius, and each of `steps` steps goes by radius / 4 along the sign of its gradient and then back
    into +-radius. The student is asked `steps` + 1 times more in a step. Made for students without edges; others may
    have it too. Their position encodings are inputs of a student, not a loss: `positions` of a network.

    Departure. The authors' script takes a step of its own for the second view; here all terms share one.

    Args:
        alpha: weight of the soft targets, in [0, 1]; the labels weigh 1 - alpha. Default 1 (Tian et al.).
        adversarial: weight of the second view. Default 0.1 (the same).
        radius: of delta, > 0. Default 0.01; published 0.001 to 0.1 by dataset.
        steps: of the attack. Default 5 (the same).
        beta: weight of the relational term, as in `nosmog-gram`.
    """

    title = "NOSMOG"
    uses_view = True
    depends_on_order = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {
        "alpha": (0.5, 0.9, 1.0),
        "radius": LogRange(0.001, 0.1),
        "beta": LogRange(0.01, 100),
    }

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 1.0,
        adversarial: float = 0.1,
        radius: float = 0.01,
        steps: int = 5,
        beta: float = 1.0,
    ) -> None:
        super().__init__(teacher, student, beta=beta)
        share(self, alpha=alpha)
        at_least(self, 0, adversarial=adversarial)
        at_least(self, 0, above=True, radius=radius)
        whole(self, steps=steps)
        self.alpha, self.adversarial, self.radius, self.steps = alpha, adversarial, radius, steps
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        terms = super().forward(student, teacher, batch)
        return {"kd": self.alpha * self._divergence(student, teacher), **terms}

    def view(
        self,
        features: Sequence[Tensor],
        answer: Callable[[Sequence[Tensor]], Signals],
        teacher: Signals,
        batch: Batch,
    ) -> dict[str, Tensor]:
        attack = [(2 * _uniform(x, batch.generator) - 1) * self.radius for x in features]
        for _ in range(self.steps):
            attack = [delta.requires_grad_() for delta in attack]
            reached = self._divergence(answer(_sums(features, attack)), teacher)
            slopes = torch.autograd.grad(reached, attack, allow_unused=True, materialize_grads=True)
            moved = [d.detach() + self.radius / 4 * g.sign() for d, g in zip(attack, slopes, strict=True)]
            attack = [delta.clamp(-self.radius, self.radius) for delta in moved]
        reached = self._divergence(answer(_sums(features, attack)), teacher)
        return {"adversarial": self.alpha * self.adversarial * reached}

    def _divergence(self, student: Signals, teacher: Signals) -> Tensor:
        z_student, z_teacher = logits_of(self, student, teacher)
        of_student, of_teacher = (functional.log_softmax(z, 1) for z in (z_student, z_teacher))
        return functional.kl_div(of_student, of_teacher, reduction="batchmean", log_target=True)


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def _sums(features: Sequence[Tensor], attack: Sequence[Tensor]) -> list[Tensor]:
    return [x + delta for x, delta in zip(features, attack, strict=True)]
