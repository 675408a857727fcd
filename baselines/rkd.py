"""Relational knowledge distillation: Park, Kim, Lu and Cho, CVPR 2019."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import pairwise, prepare
from methods.pairing import at_least, last_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import BLOCK_ELEMENTS, blocks, streamed_sum


class Relational(Method):
    """distance * mean_nm H(psi_D) + angle * mean_nml H(psi_A), with H the Huber loss between student and teacher.

    psi_D(n, m) = ||h[n] - h[m]|| / mu, mu the mean of the positive distances; psi_A(n, m, l) = cosine of the angle at m
    between n and l. Means run over all pairs and triplets of the sampled nodes (degenerate ones count as 0 in both
    networks), as in the authors' code. Angles are walked by blocks of m, from inner products. No heads.

    Args:
        distance, angle: weights. Defaults 25 and 50 (Park et al., classification).
        max_samples: nodes drawn at each step where the batch has more; the cost of angles is cubic. Default 128.
    """

    title = "RKD"
    year = 2019
    citation = "park2019relational"
    uses_hidden = True
    search_space = {"distance": LogRange(0.5, 500), "angle": LogRange(0.5, 500)}

    def __init__(
        self, teacher: Shape, student: Shape, *, distance: float = 25.0, angle: float = 50.0, max_samples: int = 128
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, distance=distance, angle=angle)
        whole(self, max_samples=max_samples)
        self.distance, self.angle = distance, angle
        self.max_samples = max_samples

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
        of_student, of_teacher = _Relations.of(h_student), _Relations.of(h_teacher)
        distances = functional.smooth_l1_loss(of_student.distances, of_teacher.distances)

        rows = max(len(h_student), 1)
        limit = BLOCK_ELEMENTS.get(h_student.device.type, 2**18)
        slices = blocks(len(h_student), rows**2, h_student.device, max(1, limit // rows**2))
        per_vertex = [x for side in (of_student, of_teacher) for x in (side.gram, side.squares, side.inverse)]
        total = streamed_sum(_angle_error, slices, per_vertex, [of_student.gram, of_teacher.gram])
        return {"distance": self.distance * distances, "angle": self.angle * total / rows**3}


class _Relations(NamedTuple):
    """What distances and angles between the rows of one network are made of.

    Attributes:
        distances: [m, m] psi_D.
        gram: [m, m] inner products of the rows, after their mean is removed.
        squares: [m] squared lengths of these rows.
        inverse: [m, m] one over the distances.
    """

    distances: Tensor
    gram: Tensor
    squares: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, h: Tensor) -> _Relations:
        centred = prepare(h, "l2")
        distance = pairwise(centred, centred, "l2")
        return cls(_relative(distance), centred @ centred.T, centred.square().sum(1), _inverse(distance))


def _relative(distance: Tensor) -> Tensor:
    """Distances over the mean of those that are positive."""
    mean = distance.sum() / (distance > 0).sum().clamp(min=1)
    return distance / torch.where(mean > 0, mean, 1)


def _inverse(distance: Tensor) -> Tensor:
    """1 / distance; 0 for rows that coincide, which have no direction."""
    apart = distance > 0
    return apart / torch.where(apart, distance, 1)


def _angle_error(
    rows: slice,
    student_rows: Tensor,
    student_squares: Tensor,
    student_inverse: Tensor,
    teacher_rows: Tensor,
    teacher_squares: Tensor,
    teacher_inverse: Tensor,
    student_gram: Tensor,
    teacher_gram: Tensor,
) -> Tensor:
    """Huber loss of all angles whose vertices are in the block; all but both Gram matrices are the block's own rows."""
    of_student = _angles(student_rows, student_squares, student_inverse, student_gram)
    of_teacher = _angles(teacher_rows, teacher_squares, teacher_inverse, teacher_gram)
    return functional.smooth_l1_loss(of_student, of_teacher, reduction="sum")


def _angles(own: Tensor, square: Tensor, inverse: Tensor, gram: Tensor) -> Tensor:
    """[b, m, m] psi_A(n, m, l) for the b vertices m of a block, whose rows of the Gram matrix are `own`."""
    products = gram - own[:, :, None] - own[:, None, :] + square[:, None, None]
    return products * inverse[:, :, None] * inverse[:, None, :]
